//! Ring-buffer bytes into typed events. Bytes are hostile: lengths are checked, integers become
//! enums through `match`, nothing panics.

use std::net::{IpAddr, Ipv6Addr};

use tracer_common::{DropReason, Event, Exec, Flow, Hook, Signal, Way, event_flags};
use zerocopy::FromBytes;

use crate::finding::Packet;

mod process;

pub use process::{Sent, Started, Who};

const IPPROTO_ICMP: u8 = 1;
const IPPROTO_TCP: u8 = 6;
const IPPROTO_UDP: u8 = 17;
const IPPROTO_ICMPV6: u8 = 58;

/// A decoded record of the ring buffer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KernelEvent {
    /// Which hook saw it.
    pub hook: Hook,
    /// Namespace, inode number.
    pub netns: u32,
    /// ifindex of the device.
    pub ifindex: u32,
    /// The neighbour or peer it is about.
    pub remote: IpAddr,
    /// The packet, if its headers could be read.
    pub packet: Option<Packet>,
    /// TCP flags of the packet.
    pub tcp_flags: u8,
    /// The route lookup that led here.
    pub lookup: Option<Lookup>,
    /// Where the remote was seen coming in just before.
    pub ingress: Option<u32>,
    /// Where a packet that is only passed on came in.
    pub forwarded_iif: Option<u32>,
    /// What died is the question who has the remote's address.
    pub arp: bool,
    /// Why the packet died ([`Hook::SkbDrop`] only).
    pub reason: Option<DropReason>,
    /// Inode of the sending socket, if it has one.
    pub socket_inode: Option<u64>,
    /// Packets of the remote that were counted before this one, where the hook counts.
    pub before: u64,
    /// Process that was current: a hint only.
    pub tgid: u32,
}

impl KernelEvent {
    /// Which way the packet was going.
    #[must_use]
    pub fn way(&self) -> Way {
        match self.hook {
            Hook::FibLookup | Hook::Fib6Lookup => Way::Misdelivered,
            Hook::SkbDrop if self.reason == Some(DropReason::IpRpFilter) => Way::Arriving,
            _ if self.forwarded_iif.is_some() => Way::Forwarded,
            _ => Way::Sent,
        }
    }

    /// Where the remote was seen coming in, if not by the bridge.
    #[must_use]
    pub fn elsewhere(&self) -> Option<u32> {
        self.ingress.filter(|ifindex| *ifindex != self.ifindex)
    }

    /// Inode of the sending socket, if a process holds it: the kernel's own, which answer pings
    /// and have no ports, belong to nobody.
    #[must_use]
    pub fn owned_socket(&self) -> Option<u64> {
        self.packet?.ports?;
        self.socket_inode
    }
}

/// The route lookup behind an event: what policy rules may have selected on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lookup {
    /// ifindex the sender is bound to, 0 if none.
    pub oif: u32,
    /// fwmark.
    pub mark: u32,
}

/// What a record of the ring buffer tells of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record {
    /// A packet.
    Packet(KernelEvent),
    /// A signal to a process.
    Signal(Sent),
    /// A program that was started.
    Exec(Started),
}

/// Why bytes are not an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecodeError {
    /// The length of no record there is.
    Length(usize),
    /// A hook number nobody knows, or one of another kind of record.
    Hook(u8),
    /// A drop reason nobody knows.
    Reason(u8),
    /// A signal to nobody.
    Target,
}

/// Decodes one record, whatever it tells of: its length tells.
///
/// # Errors
/// When the bytes are not exactly one [`Event`], [`Signal`] or [`Exec`] of its hook.
pub fn record(bytes: &[u8]) -> Result<Record, DecodeError> {
    const SIGNAL: usize = size_of::<Signal>();
    const EXEC: usize = size_of::<Exec>();
    match bytes.len() {
        SIGNAL => process::signal(bytes).map(Record::Signal),
        EXEC => process::exec(bytes).map(Record::Exec),
        _ => decode(bytes).map(Record::Packet),
    }
}

/// Leaves out of a record what it should not have held: the secrets in a command line. What goes into the
/// core goes into recordings, too.
pub fn conceal(record: &mut [u8]) {
    process::conceal(record);
}

/// Decodes one record about a packet.
///
/// # Errors
/// When the bytes are not exactly one [`Event`] of a known hook.
pub fn decode(bytes: &[u8]) -> Result<KernelEvent, DecodeError> {
    let event = Event::read_from_bytes(bytes).map_err(|_| DecodeError::Length(bytes.len()))?;
    let hook = Hook::from_u8(event.hook).ok_or(DecodeError::Hook(event.hook))?;
    let reason = match hook {
        Hook::Signal | Hook::Exec => return Err(DecodeError::Hook(event.hook)),
        Hook::SkbDrop => {
            Some(DropReason::from_u8(event.reason).ok_or(DecodeError::Reason(event.reason))?)
        }
        _ => None,
    };
    let has = |flag| event.flags & flag != 0;
    let flow = has(event_flags::FLOW).then_some(event.flow);
    Ok(KernelEvent {
        hook,
        netns: event.netns,
        ifindex: event.ifindex,
        remote: address(event.remote),
        packet: flow.map(packet),
        tcp_flags: flow.map_or(0, |flow| flow.tcp_flags),
        lookup: has(event_flags::LOOKUP).then_some(Lookup {
            oif: event.lookup.oif,
            mark: event.lookup.mark,
        }),
        ingress: has(event_flags::INGRESS).then_some(event.ingress_ifindex),
        forwarded_iif: has(event_flags::FORWARDED).then_some(event.forwarded_iif),
        arp: has(event_flags::ARP),
        reason,
        socket_inode: (event.socket_inode != 0).then_some(event.socket_inode),
        before: event.before,
        tgid: event.tgid,
    })
}

fn packet(flow: Flow) -> Packet {
    let ports = matches!(flow.proto, IPPROTO_TCP | IPPROTO_UDP).then_some((flow.sport, flow.dport));
    Packet {
        source: address(flow.saddr),
        destination: address(flow.daddr),
        proto: flow.proto,
        ports,
        icmp_type: matches!(flow.proto, IPPROTO_ICMP | IPPROTO_ICMPV6).then_some(flow.icmp_type),
    }
}

fn address(bytes: [u8; 16]) -> IpAddr {
    Ipv6Addr::from(bytes).to_canonical()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use zerocopy::IntoBytes;

    use super::*;

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let _ = decode(&bytes);
            let _ = record(&bytes);
        }

        #[test]
        fn any_event_of_the_right_length_decodes_or_names_the_bad_field(
            mut bytes in proptest::collection::vec(any::<u8>(), size_of::<Event>()),
            hook in 0_u8..16,
        ) {
            let at = std::mem::offset_of!(Event, hook);
            bytes[at] = hook;
            match decode(&bytes) {
                Ok(event) => prop_assert_eq!(event.hook as u8, hook),
                Err(DecodeError::Hook(bad)) => {
                    prop_assert_eq!(bad, hook);
                    let of_packets = Hook::from_u8(hook).is_some_and(|it| it < Hook::Signal);
                    prop_assert!(!of_packets);
                }
                Err(DecodeError::Reason(_)) => prop_assert_eq!(hook, Hook::SkbDrop as u8),
                Err(DecodeError::Length(_) | DecodeError::Target) => {
                    prop_assert!(false, "the length was right");
                }
            }
        }
    }

    #[test]
    fn a_lookup_without_its_flag_is_not_there() {
        let event = Event {
            hook: Hook::NeighSend as u8,
            ..Event::default()
        };
        let decoded = decode(event.as_bytes()).unwrap();
        assert_eq!(
            (decoded.lookup, decoded.packet, decoded.ingress),
            (None, None, None)
        );
        assert_eq!((decoded.forwarded_iif, decoded.arp), (None, false));
    }

    #[test]
    fn a_forwarded_packet_tells_where_it_came_in() {
        let event = Event {
            hook: Hook::SkbDrop as u8,
            reason: DropReason::NetfilterDrop as u8,
            flags: event_flags::FORWARDED | event_flags::LOOKUP,
            forwarded_iif: 7,
            lookup: tracer_common::Lookup {
                mark: 3,
                ..tracer_common::Lookup::default()
            },
            ..Event::default()
        };
        let decoded = decode(event.as_bytes()).unwrap();
        assert_eq!(decoded.forwarded_iif, Some(7));
        let lookup = Lookup { oif: 0, mark: 3 };
        assert_eq!(decoded.lookup, Some(lookup));
        assert_eq!(decoded.reason, Some(DropReason::NetfilterDrop));
    }
}
