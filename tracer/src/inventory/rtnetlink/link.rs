//! Links, read attribute by attribute.
//!
//! The full decoder refuses a whole message for one attribute it cannot read, and a name that
//! is no UTF-8 is enough: whoever may create a bridge could hide it that way.

use netlink_packet_core::{NlasIterator, parse_u32};
use tracer_core::input::{Link, NetChange, Peer};

use super::convert::{RTM_DELLINK, RTM_NEWLINK};

/// Length of `struct ifinfomsg`.
const HEADER: usize = 16;
const IFF_UP: u32 = 1;
const IFF_LOWER_UP: u32 = 1 << 16;
const IFLA_IFNAME: u16 = 3;
/// Of a veth: ifindex of the other end.
const IFLA_LINK: u16 = 5;
const IFLA_MASTER: u16 = 10;
const IFLA_LINKINFO: u16 = 18;
const IFLA_INFO_KIND: u16 = 1;
/// Namespace of the other end, if it is another one.
/// <https://elixir.bootlin.com/linux/v6.18/A/ident/IFLA_LINK_NETNSID>
const IFLA_LINK_NETNSID: u16 = 37;

/// A link message as a change. Those of other families than `AF_UNSPEC` are about a link's part
/// in something: a port that leaves a bridge is announced as an `AF_BRIDGE` "deletion".
pub(super) fn change(kind: u16, payload: &[u8]) -> Option<NetChange> {
    let (header, attributes) = payload.split_at_checked(HEADER)?;
    let family = *header.first()?;
    let ifindex = word(header, 4)?;
    match kind {
        RTM_NEWLINK if family == 0 => {
            Some(NetChange::Link(link(ifindex, word(header, 8)?, attributes)))
        }
        RTM_DELLINK if family == 0 => Some(NetChange::LinkGone(ifindex)),
        _ => None,
    }
}

fn link(ifindex: u32, flags: u32, attributes: &[u8]) -> Link {
    let mut link = Link {
        ifindex,
        up: flags & IFF_UP != 0,
        carrier: flags & IFF_LOWER_UP != 0,
        ..Link::default()
    };
    let (mut peer, mut nsid) = (None, None);
    for (kind, value) in each(attributes) {
        match kind {
            IFLA_LINK => peer = parse_u32(value).ok(),
            IFLA_LINK_NETNSID => nsid = parse_u32(value).ok().map(u32::cast_signed),
            IFLA_IFNAME => link.name = text(value),
            IFLA_MASTER => link.master = parse_u32(value).ok().filter(|master| *master != 0),
            IFLA_LINKINFO => link.kind = info_kind(value),
            _ => {}
        }
    }
    // Of a VLAN or tunnel it is the device below.
    let is_veth = link.kind.as_deref() == Some("veth");
    link.peer = peer
        .filter(|_| is_veth)
        .map(|ifindex| Peer { ifindex, nsid });
    link
}

fn info_kind(info: &[u8]) -> Option<String> {
    each(info)
        .find(|(kind, _)| *kind == IFLA_INFO_KIND)
        .map(|(_, value)| text(value))
}

/// Attributes up to the first that is malformed.
fn each(attributes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    NlasIterator::new(attributes)
        .map_while(Result::ok)
        .filter_map(|attribute| {
            let inner = attribute.into_inner();
            let value = inner.get(4..usize::from(attribute.length()))?;
            Some((attribute.kind(), value))
        })
}

fn text(value: &[u8]) -> String {
    let end = value
        .iter()
        .position(|byte| *byte == 0)
        .unwrap_or(value.len());
    String::from_utf8_lossy(value.get(..end).unwrap_or(value)).into_owned()
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    bytes
        .get(at..)?
        .first_chunk()
        .map(|word| u32::from_ne_bytes(*word))
}
