//! `reply-blackhole`: a reply of this host to a remote that came in by another device is routed
//! into a bridge where nobody has that address.

use crate::{
    decode::KernelEvent,
    finding::{EvidenceKind, Packet, Verdict},
    input::{DockerNetwork, Link},
    time::Timestamp,
    world::{World, bridge, namespace::Namespace},
};

const ICMP_ECHO_REQUEST: u8 = 8;
const IPPROTO_TCP: u8 = 6;
/// `SYN` without `ACK` opens a connection (RFC 9293 §3.1).
const SYN: u8 = 0x02;
const ACK: u8 = 0x10;
/// First port of Linux's default `ip_local_port_range`: below it, somebody chose the port.
const EPHEMERAL: u16 = 32_768;

/// What the rule says of a packet that met an unresolved neighbour on a bridge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judgement {
    /// A reply, lost.
    Lost,
    /// Looks like a lost reply, but a container may be what is missing: why.
    Excused(&'static str),
    /// Something that needs no words: why.
    Silent(&'static str),
}

/// Judges one event of the neighbour slow path.
#[must_use]
pub fn judge(
    world: &World,
    namespace: &Namespace,
    event: &KernelEvent,
    at: Timestamp,
) -> Judgement {
    let Some(link) = namespace.link(event.ifindex) else {
        return Judgement::Silent("the bridge is gone");
    };
    if !bridge::can_swallow(namespace, link) {
        return Judgement::Silent("the bridge leads out of the host");
    }
    let Some(packet) = event.packet else {
        return Judgement::Silent("the packet is not known");
    };
    // The kernel half leaves forwarded packets out by their skb; what is left is checked by source.
    let Some(own) = namespace.own_address(packet.source) else {
        return Judgement::Silent("forwarded, not sent by this host");
    };
    if event.ingress == Some(event.ifindex) {
        return Judgement::Excused("the remote spoke from this very bridge a moment ago");
    }
    if came_in_elsewhere(event) {
        return if came_in_by_containers(namespace, event)
            && was_a_container(world, namespace, event, link, at)
        {
            Judgement::Excused("a container asked by another network than it is answered by")
        } else {
            Judgement::Lost
        };
    }
    if !is_reply(packet, event.tcp_flags) {
        return Judgement::Silent("not a reply");
    }
    if own == event.ifindex {
        return Judgement::Excused("the bridge's own address talks to its own subnet");
    }
    if was_a_container(world, namespace, event, link, at) {
        return Judgement::Excused("a container had the address a short while ago");
    }
    Judgement::Lost
}

/// Whether the remote's packets came in by another device than the bridge.
#[must_use]
pub fn came_in_elsewhere(event: &KernelEvent) -> bool {
    event
        .ingress
        .is_some_and(|ifindex| ifindex != event.ifindex)
}

/// Whether the remote's packets came in by a bridge that does not lead out, or by a device that is
/// gone, as the bridge of a network that was made anew is.
fn came_in_by_containers(namespace: &Namespace, event: &KernelEvent) -> bool {
    let leads_nowhere = |link: &Link| bridge::can_swallow(namespace, link);
    event
        .ingress
        .is_some_and(|ifindex| namespace.link(ifindex).is_none_or(leads_nowhere))
}

/// Whether the event could be a lost reply, whatever its namespace looks like.
#[must_use]
pub fn could_be_lost(event: &KernelEvent) -> bool {
    came_in_elsewhere(event)
        || event
            .packet
            .is_some_and(|packet| is_reply(packet, event.tcp_flags))
}

/// How sure the evidence makes us. `blind`: something that could excuse the bridge cannot be asked.
#[must_use]
pub fn verdict(has: impl Fn(EvidenceKind) -> bool, blind: bool) -> Verdict {
    let nobody_there = has(EvidenceKind::NeighbourFailed) && has(EvidenceKind::Drop);
    if has(EvidenceKind::IngressAsymmetry) || nobody_there {
        Verdict::Confirmed
    } else if blind {
        Verdict::Inconclusive
    } else {
        Verdict::Suspected
    }
}

/// Whether a packet answers somebody: ICMP other than an echo request, a TCP segment that does not open a
/// connection, a datagram from a port somebody chose.
fn is_reply(packet: Packet, tcp_flags: u8) -> bool {
    if let Some(icmp_type) = packet.icmp_type {
        return icmp_type != ICMP_ECHO_REQUEST;
    }
    let Some((sport, dport)) = packet.ports else {
        return false;
    };
    let opens = packet.proto == IPPROTO_TCP && tcp_flags & (SYN | ACK) == SYN;
    // A client's end of a connection has the ephemeral port.
    !opens && (sport < EPHEMERAL || dport >= EPHEMERAL)
}

fn was_a_container(
    world: &World,
    namespace: &Namespace,
    event: &KernelEvent,
    link: &Link,
    at: Timestamp,
) -> bool {
    let known = |(daemon, network): (&str, &DockerNetwork)| {
        world
            .docker
            .endpoint_known(at, daemon, network, event.remote)
    };
    namespace.was_alive(event.ifindex, event.remote)
        || world
            .docker
            .network_of_bridge(event.netns, &link.name)
            .is_some_and(known)
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;

    fn packet(proto: u8, ports: Option<(u16, u16)>, icmp_type: Option<u8>) -> Packet {
        Packet {
            source: IpAddr::from([172, 42, 10, 112]),
            destination: IpAddr::from([172, 22, 10, 119]),
            proto,
            ports,
            icmp_type,
        }
    }

    #[test]
    fn replies_are_told_from_requests() {
        for (what, packet, flags, reply) in [
            (
                "SYN-ACK of sshd",
                packet(6, Some((22, 43848)), None),
                SYN | ACK,
                true,
            ),
            (
                "data of sshd",
                packet(6, Some((22, 43848)), None),
                ACK,
                true,
            ),
            (
                "a connection this host opens",
                packet(6, Some((40000, 443)), None),
                SYN,
                false,
            ),
            (
                "data on a connection it opened",
                packet(6, Some((40000, 443)), None),
                ACK,
                false,
            ),
            (
                "a reset between two high ports",
                packet(6, Some((50000, 43848)), None),
                ACK,
                true,
            ),
            ("echo reply", packet(1, None, Some(0)), 0, true),
            ("echo request", packet(1, None, Some(8)), 0, false),
            (
                "a name server's answer",
                packet(17, Some((53, 40000)), None),
                0,
                true,
            ),
            ("a DNS query", packet(17, Some((40000, 53)), None), 0, false),
            ("a protocol without ports", packet(47, None, None), 0, false),
        ] {
            assert_eq!(is_reply(packet, flags), reply, "{what}");
        }
    }

    #[test]
    fn a_verdict_needs_proof() {
        let with = |kinds: &'static [EvidenceKind]| move |kind| kinds.contains(&kind);
        use EvidenceKind::{Drop, IngressAsymmetry, NeighbourFailed, RouteIntoBridge};
        assert_eq!(verdict(with(&[RouteIntoBridge]), false), Verdict::Suspected);
        assert_eq!(
            verdict(with(&[RouteIntoBridge]), true),
            Verdict::Inconclusive
        );
        assert_eq!(verdict(with(&[NeighbourFailed]), false), Verdict::Suspected);
        assert_eq!(
            verdict(with(&[NeighbourFailed, Drop]), true),
            Verdict::Confirmed
        );
        assert_eq!(verdict(with(&[IngressAsymmetry]), true), Verdict::Confirmed);
    }
}
