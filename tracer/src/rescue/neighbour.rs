//! Whether somebody on a device answers for an address now.

use std::{
    io,
    net::IpAddr,
    os::fd::AsFd as _,
    time::{Duration, Instant},
};

use netlink_packet_core::{NLM_F_CREATE, NLM_F_REPLACE};
use netlink_packet_route::{
    RouteNetlinkMessage,
    neighbour::{
        NeighbourAddress, NeighbourAttribute, NeighbourFlags, NeighbourMessage, NeighbourState,
    },
};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use rtnetlink::{
    MulticastGroup,
    sys::{Socket, SocketAddr, protocols::NETLINK_ROUTE},
};
use tracer_core::input::{Neighbour, NetChange};

use crate::inventory::rtnetlink::{change_of, socket::messages};

use super::kernel::{Kernel, family};

/// The kernel asks three times, a second apart, before it gives up.
const PATIENCE: Duration = Duration::from_secs(4);
/// Of `NUD_*` (`include/uapi/linux/neighbour.h`): an answer came a short while ago.
const NUD_REACHABLE: u16 = 0x02;
const NUD_FAILED: u16 = 0x20;
/// `NUD_REACHABLE | NUD_STALE | NUD_DELAY | NUD_PROBE`: somebody had it, and packets are sent there still.
const NUD_KNOWN: u16 = 0x02 | 0x04 | 0x08 | 0x10;
/// `NUD_NOARP | NUD_PERMANENT`: nobody is ever asked.
const NUD_FIXED: u16 = 0x40 | 0x80;

/// What became of the question who has an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// Somebody has it, and said so when asked.
    Answers,
    /// Nobody answered.
    Silent,
    /// It was not told in time, or nobody is asked on such a device.
    Unknown,
}

/// Has the kernel ask who has `address` on the device. What it knows from before is no answer.
pub(super) fn ask(kernel: &mut Kernel, device: u32, address: IpAddr) -> io::Result<Answer> {
    let mut changes = Socket::new(NETLINK_ROUTE)?;
    changes.bind_auto()?;
    changes.add_membership(MulticastGroup::Neigh as u32)?;
    resolve(kernel, device, address)?;
    let known = RouteNetlinkMessage::GetNeighbour(about(device, address));
    if let RouteNetlinkMessage::NewNeighbour(known) = kernel.ask(known)? {
        let state = u16::from(known.header.state);
        if state & NUD_FIXED != 0 {
            return Ok(Answer::Unknown);
        }
        if state & NUD_KNOWN != 0 {
            probe(kernel, &known, about(device, address))?;
            let answer = wait(&changes, device, address)?;
            if answer != Answer::Silent {
                return Ok(answer);
            }
            // Only who had it was asked. Another machine may have taken it over.
            resolve(kernel, device, address)?;
        }
    }
    wait(&changes, device, address)
}

/// Has an address that is not known asked for, as for a packet to be sent there; one that is known stays
/// as it is.
fn resolve(kernel: &mut Kernel, device: u32, address: IpAddr) -> io::Result<()> {
    let mut request = about(device, address);
    // https://elixir.bootlin.com/linux/v6.18/A/ident/NTF_USE
    request.header.flags = NeighbourFlags::Use;
    let used = RouteNetlinkMessage::NewNeighbour(request);
    kernel.order(used, NLM_F_CREATE | NLM_F_REPLACE)
}

/// Has the one that is known asked at once, whether it still has the address. Packets go there meanwhile.
fn probe(
    kernel: &mut Kernel,
    known: &NeighbourMessage,
    mut request: NeighbourMessage,
) -> io::Result<()> {
    // A change without a link address keeps the one that is known; flags that are left out are cleared.
    // https://elixir.bootlin.com/linux/v6.18/A/ident/__neigh_update
    request.header.flags = known.header.flags;
    request.header.state = NeighbourState::Probe;
    kernel.order(RouteNetlinkMessage::NewNeighbour(request), 0)
}

fn wait(changes: &Socket, device: u32, address: IpAddr) -> io::Result<Answer> {
    let deadline = Instant::now() + PATIENCE;
    while is_readable(changes, deadline)? {
        let (datagram, from): (Vec<u8>, SocketAddr) = changes.recv_from_full()?;
        // Other processes may send to the group's members as well.
        let told = messages(&datagram).filter(|_| from.port_number() == 0);
        for change in told.filter_map(|it| change_of(it.kind, it.payload)) {
            let NetChange::Neighbour(Neighbour {
                ifindex,
                address: of,
                state,
                ..
            }) = change
            else {
                continue;
            };
            match (ifindex, of) == (device, address) {
                true if state & NUD_REACHABLE != 0 => return Ok(Answer::Answers),
                true if state & NUD_FAILED != 0 => return Ok(Answer::Silent),
                _ => {}
            }
        }
    }
    Ok(Answer::Unknown)
}

/// Waits until there is something to read; false once it is too late.
fn is_readable(socket: &Socket, deadline: Instant) -> io::Result<bool> {
    let left = deadline.saturating_duration_since(Instant::now());
    let left = PollTimeout::try_from(left).unwrap_or(PollTimeout::ZERO);
    let ready = poll(&mut [PollFd::new(socket.as_fd(), PollFlags::POLLIN)], left)?;
    Ok(ready > 0)
}

fn about(device: u32, address: IpAddr) -> NeighbourMessage {
    let mut message = NeighbourMessage::default();
    message.header.family = family(address);
    message.header.ifindex = device;
    let address = match address {
        IpAddr::V4(ip) => NeighbourAddress::Inet(ip),
        IpAddr::V6(ip) => NeighbourAddress::Inet6(ip),
    };
    let destination = NeighbourAttribute::Destination(address);
    message.attributes.push(destination);
    message
}
