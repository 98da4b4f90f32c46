//! The route of a rescue: set, taken back, and the kernel's word on where packets go.

use std::{io, net::IpAddr};

use netlink_packet_core::{NLM_F_CREATE, NLM_F_EXCL};
use netlink_packet_route::{
    RouteNetlinkMessage,
    route::{
        RouteAddress, RouteAttribute, RouteFlags, RouteHeader, RouteMessage, RouteProtocol,
        RouteScope, RouteType, RouteVia,
    },
};
use nix::errno::Errno;
use tracer_core::rescue::{PROTOCOL, Plan};

use super::kernel::{Kernel, family};

/// A route to one address. Only what has exactly these, and [`PROTOCOL`], is ever taken back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct HostRoute {
    pub(super) address: IpAddr,
    pub(super) gateway: Option<IpAddr>,
    /// ifindex.
    pub(super) device: u32,
    pub(super) table: u32,
}

/// Where the kernel sends a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Way {
    /// ifindex.
    pub(super) device: u32,
    pub(super) gateway: Option<IpAddr>,
}

impl HostRoute {
    pub(super) fn of(plan: &Plan) -> Self {
        Self {
            address: plan.address,
            gateway: plan.expected.gateway,
            device: plan.uplink,
            table: plan.table(),
        }
    }

    /// Sets it; fails if there is a route for exactly that.
    pub(super) fn add(&self, kernel: &mut Kernel) -> io::Result<()> {
        let request = RouteNetlinkMessage::NewRoute(self.message());
        kernel.order(request, NLM_F_CREATE | NLM_F_EXCL)
    }

    /// Takes it back; false if it was not there any more.
    pub(super) fn remove(&self, kernel: &mut Kernel) -> io::Result<bool> {
        match kernel.order(RouteNetlinkMessage::DelRoute(self.message()), 0) {
            Ok(()) => Ok(true),
            // Gone with its device, or taken away by somebody else.
            Err(error) if is_gone(&error) => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn message(&self) -> RouteMessage {
        let mut message = to(self.address);
        message.header.table = u8::try_from(self.table).unwrap_or(RouteHeader::RT_TABLE_UNSPEC);
        message.header.protocol = RouteProtocol::from(PROTOCOL);
        message.header.kind = RouteType::Unicast;
        message.header.scope = match self.gateway {
            Some(_) => RouteScope::Universe,
            None => RouteScope::Link,
        };
        let attributes = &mut message.attributes;
        attributes.push(RouteAttribute::Table(self.table));
        attributes.push(RouteAttribute::Oif(self.device));
        attributes.extend(self.gateway.map(|gateway| via(self.address, gateway)));
        message
    }
}

/// Where the kernel would send a packet to `address`, by its own lookup.
pub(super) fn look_up(
    kernel: &mut Kernel,
    address: IpAddr,
    source: Option<IpAddr>,
) -> io::Result<Way> {
    let mut message = to(address);
    message.header.flags = RouteFlags::LookupTable;
    if let Some(source) = source {
        message.header.source_prefix_length = bits(source);
        let source = RouteAttribute::Source(RouteAddress::from(source));
        message.attributes.push(source);
    }
    let answer = kernel.ask(RouteNetlinkMessage::GetRoute(message))?;
    let RouteNetlinkMessage::NewRoute(route) = answer else {
        return Err(io::ErrorKind::InvalidData.into());
    };
    way(&route).ok_or_else(|| io::Error::other("the kernel names no device"))
}

fn way(route: &RouteMessage) -> Option<Way> {
    let mut device = None;
    let mut gateway = None;
    for attribute in &route.attributes {
        match attribute {
            RouteAttribute::Oif(ifindex) => device = Some(*ifindex),
            RouteAttribute::Gateway(RouteAddress::Inet(ip))
            | RouteAttribute::Via(RouteVia::Inet(ip)) => gateway = Some(IpAddr::V4(*ip)),
            RouteAttribute::Gateway(RouteAddress::Inet6(ip))
            | RouteAttribute::Via(RouteVia::Inet6(ip)) => gateway = Some(IpAddr::V6(*ip)),
            _ => {}
        }
    }
    Some(Way {
        device: device?,
        gateway,
    })
}

/// A message about `address` alone.
fn to(address: IpAddr) -> RouteMessage {
    let mut message = RouteMessage::default();
    message.header.address_family = family(address);
    message.header.destination_prefix_length = bits(address);
    let destination = RouteAttribute::Destination(RouteAddress::from(address));
    message.attributes.push(destination);
    message
}

/// IPv4 by way of an IPv6 gateway has an attribute of its own.
fn via(address: IpAddr, gateway: IpAddr) -> RouteAttribute {
    match gateway {
        IpAddr::V6(ip) if address.is_ipv4() => RouteAttribute::Via(RouteVia::Inet6(ip)),
        _ => RouteAttribute::Gateway(RouteAddress::from(gateway)),
    }
}

const fn bits(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

fn is_gone(error: &io::Error) -> bool {
    let gone = [Errno::ESRCH, Errno::ENODEV, Errno::ENOENT];
    let number = error.raw_os_error();
    number.is_some_and(|number| gone.contains(&Errno::from_raw(number)))
}
