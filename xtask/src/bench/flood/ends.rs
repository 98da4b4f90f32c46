//! Who floods: a server that answers 10,000 clients, whether they asked just now or not.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, UdpSocket};
use std::os::fd::AsRawFd as _;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{scope, sleep};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, ensure};
use bridgetrace_lab::Topology;
use bridgetrace_lab::topology::SRV;
use nix::libc::in_pktinfo;
use nix::sys::socket::{ControlMessage, MsgFlags, SockaddrIn, sendmsg, setsockopt, sockopt};

pub(super) const REMOTES: u16 = 10_000;
/// Where the clients' addresses begin; all of the network that will cover them.
const FIRST: Ipv4Addr = Ipv4Addr::new(172, 22, 64, 0);
pub(super) const CLIENTS: &str = "172.22.64.0/18";
const SERVICE: SocketAddrV4 = SocketAddrV4::new(SRV, 7022);
pub(super) const SENDERS: usize = 2;
/// Datagrams under way count against the sender's buffer.
const BUFFER: usize = 1 << 29;
/// From one client's question to the next one's: all have asked after four seconds, and the answers have the machine.
const PACE: Duration = Duration::from_micros(400);
/// The questions of so much time are asked at once.
const BURST: Duration = Duration::from_millis(20);

/// The sockets of the server and of the clients.
pub(super) struct Ends {
    server: UdpSocket,
    clients: UdpSocket,
}

impl Ends {
    pub(super) fn open(lab: &Topology) -> Result<Self> {
        let server = lab.srv.enter(|| UdpSocket::bind(SERVICE))??;
        setsockopt(&server, sockopt::SndBufForce, &BUFFER).context("SO_SNDBUFFORCE")?;
        let every = (Ipv4Addr::UNSPECIFIED, 4000);
        let clients = lab.pc.enter(|| UdpSocket::bind(every))??;
        Ok(Self { server, clients })
    }

    /// Asks and answers for as long as somebody looks on; returns how many answers the kernel took.
    pub(super) fn pour<T>(&self, look: impl FnOnce(&AtomicU64) -> Result<T>) -> Result<(u64, T)> {
        let (stop, sent) = (AtomicBool::new(false), AtomicU64::new(0));
        let (seen, asked) = scope(|scope| {
            let asked = scope.spawn(|| ask(&self.clients, &stop));
            for sender in 0..SENDERS {
                let (stop, sent) = (&stop, &sent);
                scope.spawn(move || answer(&self.server, sender, stop, sent));
            }
            let seen = look(&sent);
            stop.store(true, Ordering::Relaxed);
            (seen, asked.join())
        });
        let (seen, asked) = (seen?, asked.map_err(|_| anyhow!("the clients panicked"))?);
        ensure!(asked >= REMOTES.into(), "only {asked} clients asked");
        Ok((sent.into_inner(), seen))
    }
}

fn client(number: u16) -> Ipv4Addr {
    Ipv4Addr::from(u32::from(FIRST) + 1 + u32::from(number))
}

/// The clients ask in turn, at a pace that does not depend on how long this thread waits for a processor;
/// returns how many questions there were.
fn ask(socket: &UdpSocket, stop: &AtomicBool) -> u32 {
    let (begin, mut asked) = (Instant::now(), 0);
    for number in (0..REMOTES).cycle() {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        question(socket, number);
        asked += 1;
        let ahead = (begin + PACE * asked).saturating_duration_since(Instant::now());
        if ahead >= BURST {
            sleep(ahead);
        }
    }
    asked
}

fn question(socket: &UdpSocket, number: u16) {
    let source = in_pktinfo {
        ipi_ifindex: 0,
        ipi_spec_dst: nix::libc::in_addr {
            s_addr: u32::from(client(number)).to_be(),
        },
        ipi_addr: nix::libc::in_addr { s_addr: 0 },
    };
    let text = [std::io::IoSlice::new(b"?")];
    let from = [ControlMessage::Ipv4PacketInfo(&source)];
    let to = SockaddrIn::from(SERVICE);
    // A full queue on the way loses a question; the next one comes.
    let _ = sendmsg(
        socket.as_raw_fd(),
        &text,
        &from,
        MsgFlags::empty(),
        Some(&to),
    );
}

/// Sends answers to every other client; counts those that the kernel took.
fn answer(socket: &UdpSocket, sender: usize, stop: &AtomicBool, sent: &AtomicU64) {
    let clients = (0..REMOTES).skip(sender).step_by(SENDERS);
    let clients: Vec<SocketAddr> = clients
        .map(|number| (client(number), 4000).into())
        .collect();
    for batch in clients.chunks(100).cycle() {
        if stop.load(Ordering::Relaxed) {
            return;
        }
        let taken = batch.iter().filter(|to| socket.send_to(b"!", to).is_ok());
        sent.fetch_add(taken.count() as u64, Ordering::Relaxed);
    }
}
