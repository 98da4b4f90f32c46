//! Full dumps: what is asked for, in an order in which what refers to links comes after them.

use std::io;

use netlink_packet_core::{NLMSG_DONE, NLMSG_ERROR};
use netlink_packet_route::{
    AddressFamily, RouteNetlinkMessage,
    address::AddressMessage,
    link::{LinkAttribute, LinkExtentMask, LinkMessage},
    neighbour::NeighbourMessage,
    route::RouteMessage,
    rule::RuleMessage,
};
use nix::errno::Errno;
use tracer_core::input::{NetChange, Route};

use super::{
    convert,
    socket::{Error, Socket, messages},
};

/// `NLM_F_DUMP_INTR`: the table changed while it was dumped, entries may be missing.
const NLM_F_DUMP_INTR: u16 = 0x10;
/// Times an interrupted dump is repeated before it is taken as it is; the change stream
/// brings what it lacks on all but the busiest hosts.
const RETRIES: u32 = 20;

/// One kind of thing to dump.
#[derive(Clone, Copy, Debug)]
pub(super) struct Request {
    what: &'static str,
    message: fn(AddressFamily) -> RouteNetlinkMessage,
    family: AddressFamily,
}

impl Request {
    const fn new(
        what: &'static str,
        message: fn(AddressFamily) -> RouteNetlinkMessage,
        family: AddressFamily,
    ) -> Self {
        Self {
            what,
            message,
            family,
        }
    }
}

const ROUTES: [Request; 2] = [
    Request::new("IPv4 routes", get_routes, AddressFamily::Inet),
    Request::new("IPv6 routes", get_routes, AddressFamily::Inet6),
];

/// Everything there is.
pub(super) const EVERYTHING: [Request; 8] = [
    Request::new("links", get_links, AddressFamily::Unspec),
    Request::new("addresses", get_addresses, AddressFamily::Unspec),
    ROUTES[0],
    ROUTES[1],
    Request::new("IPv4 rules", get_rules, AddressFamily::Inet),
    Request::new("IPv6 rules", get_rules, AddressFamily::Inet6),
    Request::new("ARP entries", get_neighbours, AddressFamily::Inet),
    Request::new("IPv6 neighbours", get_neighbours, AddressFamily::Inet6),
];

/// One complete dump. A family the kernel does not have is empty.
pub(super) async fn read(socket: &mut Socket, request: Request) -> Result<Vec<NetChange>, Error> {
    for _ in 0..RETRIES {
        let (found, whole) = attempt(socket, request).await?;
        if whole {
            return Ok(found);
        }
    }
    log::warn!(
        "{} change faster than they can be read; some may be missing",
        request.what
    );
    Ok(attempt(socket, request).await?.0)
}

/// All routes of all tables.
pub(super) async fn routes(socket: &mut Socket) -> Result<Vec<Route>, Error> {
    let mut all = Vec::new();
    for request in ROUTES {
        let dumped = read(socket, request).await?;
        all.extend(dumped.into_iter().filter_map(|change| match change {
            NetChange::Route(route) => Some(route),
            _ => None,
        }));
    }
    Ok(all)
}

/// One dump, and whether the table held still.
async fn attempt(socket: &mut Socket, request: Request) -> Result<(Vec<NetChange>, bool), Error> {
    let Request {
        what,
        message,
        family,
    } = request;
    let sequence = socket.ask(what, message(family)).await?;
    let mut found = Vec::new();
    let mut whole = true;
    loop {
        let datagram = socket.receive().await?;
        for message in messages(&datagram).filter(|message| message.sequence == sequence) {
            whole &= message.flags & NLM_F_DUMP_INTR == 0;
            match message.kind {
                NLMSG_DONE => return Ok((found, whole)),
                NLMSG_ERROR => return refused(what, message.payload).map(|()| (found, whole)),
                kind => found.extend(convert::change(kind, message.payload)),
            }
        }
    }
}

/// Without IPv6, or without policy routing, there is nothing to list: that is no error.
fn refused(what: &'static str, payload: &[u8]) -> Result<(), Error> {
    let code = payload
        .first_chunk()
        .map_or(0, |code| i32::from_ne_bytes(*code));
    match Errno::from_raw(code.saturating_neg()) {
        Errno::EOPNOTSUPP | Errno::EAFNOSUPPORT => Ok(()),
        errno => Err(Error::Refused {
            what,
            cause: io::Error::from(errno),
        }),
    }
}

fn get_links(family: AddressFamily) -> RouteNetlinkMessage {
    let mut message = LinkMessage::default();
    message.header.interface_family = family;
    // Counters are most of a link's bytes and none of our business.
    message
        .attributes
        .push(LinkAttribute::ExtMask(vec![LinkExtentMask::SkipStats]));
    RouteNetlinkMessage::GetLink(message)
}

fn get_addresses(family: AddressFamily) -> RouteNetlinkMessage {
    let mut message = AddressMessage::default();
    message.header.family = family;
    RouteNetlinkMessage::GetAddress(message)
}

fn get_routes(family: AddressFamily) -> RouteNetlinkMessage {
    let mut message = RouteMessage::default();
    message.header.address_family = family;
    RouteNetlinkMessage::GetRoute(message)
}

fn get_rules(family: AddressFamily) -> RouteNetlinkMessage {
    let mut message = RuleMessage::default();
    message.header.family = family;
    RouteNetlinkMessage::GetRule(message)
}

fn get_neighbours(family: AddressFamily) -> RouteNetlinkMessage {
    let mut message = NeighbourMessage::default();
    message.header.family = family;
    RouteNetlinkMessage::GetNeighbour(message)
}
