//! One event and what the world says of it: the questions the rules ask.

use crate::{
    decode::KernelEvent,
    finding::Packet,
    input::{DockerEndpoint, DockerNetwork, LandmarkRole, Link},
    time::Timestamp,
    world::{World, bridge, namespace::Namespace, rival},
};

const ICMP: u8 = 1;
/// Echo, router solicitation, timestamp, information and address mask requests (RFC 792, 950, 1256).
const ICMP_REQUESTS: [u8; 5] = [8, 10, 13, 15, 17];
const ICMPV6_ECHO_REQUEST: u8 = 128;
const TCP: u8 = 6;
/// `SYN` without `ACK` opens a connection (RFC 9293 §3.1).
const SYN: u8 = 0x02;
const ACK: u8 = 0x10;
/// First port of Linux's default `ip_local_port_range`: below it, somebody chose the port.
const EPHEMERAL: u16 = 32_768;

/// An event to be judged.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Subject<'a> {
    /// The state of the host.
    pub(crate) world: &'a World,
    /// Where it happened.
    pub(crate) namespace: &'a Namespace,
    /// The bridge the packet was routed into.
    pub(crate) bridge: &'a Link,
    /// The docker network behind it, with its daemon's endpoint.
    pub(crate) network: Option<(&'a str, &'a DockerNetwork)>,
    /// The event.
    pub(crate) event: &'a KernelEvent,
    /// Its packet.
    pub(crate) packet: Packet,
    /// When it happened: the packet is judged by the world of its moment.
    pub(crate) at: Timestamp,
}

impl<'a> Subject<'a> {
    /// The interface that has the packet's source address, if this host has it.
    pub(crate) fn own_address(&self) -> Option<u32> {
        self.namespace.own_address(self.packet.source)
    }

    /// Whether the remote's packets came in by another device than the bridge.
    pub(crate) fn came_in_elsewhere(&self) -> bool {
        // What comes in by a bridge in a VRF is looked up as if it had come in by that.
        self.event
            .elsewhere()
            .is_some_and(|ifindex| self.bridge.master != Some(ifindex))
    }

    /// Whether they came in by a bridge that does not lead out, or by a device that is gone, as the
    /// bridge of a network that was made anew is.
    pub(crate) fn came_in_by_containers(&self) -> bool {
        self.event
            .ingress
            .is_some_and(|ifindex| self.leads_to_containers(ifindex))
    }

    /// Whether nothing but containers can be behind the interface.
    pub(crate) fn leads_to_containers(&self, ifindex: u32) -> bool {
        bridge::leads_to_containers(self.namespace, ifindex)
    }

    /// Whether the packet answers somebody.
    pub(crate) fn is_reply(&self) -> bool {
        is_reply(self.packet, self.event.tcp_flags)
    }

    /// Whether the packet asks: it opens a connection, or is an echo request.
    pub(crate) fn opens(&self) -> bool {
        opens(self.packet, self.event.tcp_flags)
    }

    /// Whether the packet accepts a TCP connection, as nobody does unasked.
    pub(crate) fn accepts(&self) -> bool {
        let both = SYN | ACK;
        self.packet.proto == TCP && self.event.tcp_flags & both == both
    }

    /// Whether the packet belongs to a TCP connection that both sides agreed on: the remote spoke.
    pub(crate) fn is_established(&self) -> bool {
        self.packet.proto == TCP && self.event.tcp_flags & (SYN | ACK) == ACK
    }

    /// The container of the bridge's network that has the remote's address now.
    pub(crate) fn endpoint(&self) -> Option<&'a DockerEndpoint> {
        self.network?.1.endpoint_at(self.event.remote)
    }

    /// Whether somebody on the bridge has the remote's address now.
    pub(crate) fn is_inhabited(&self) -> bool {
        self.endpoint().is_some()
            || self
                .namespace
                .is_answering(self.bridge.ifindex, self.event.remote)
    }

    /// Whether a container has the remote's address, or had it a short while ago.
    pub(crate) fn was_a_container(&self) -> bool {
        let known = |(daemon, network): (&str, &DockerNetwork)| {
            let docker = &self.world.docker;
            docker.endpoint_known(self.at, daemon, network, self.event.remote)
        };
        self.namespace
            .was_alive(self.bridge.ifindex, self.event.remote)
            || self.network.is_some_and(known)
    }

    /// Whether a container has the remote's address on another bridge, whose route to the same
    /// prefix loses against this one's.
    pub(crate) fn is_cut_off_by_a_rival(&self) -> bool {
        let (netns, bridge) = (self.event.netns, self.bridge.ifindex);
        let (remote, ingress) = (self.event.remote, self.event.ingress);
        rival::of(self.world, netns, bridge, remote, ingress).is_some()
    }

    /// Whether the remote is configured as somebody outside. A name for it is not enough: people name
    /// their containers in `/etc/hosts`, too.
    pub(crate) fn is_configured(&self) -> bool {
        let (socket, remote) = (self.event.socket_inode, self.event.remote);
        let landmark = self.world.landmark_for(self.event.netns, socket, remote);
        landmark.is_some_and(|landmark| !matches!(landmark.role, LandmarkRole::Host(_)))
    }
}

/// Whether a packet answers somebody: ICMP other than an echo request, a TCP segment that does not open a
/// connection, a datagram from a port somebody chose.
pub(super) fn is_reply(packet: Packet, tcp_flags: u8) -> bool {
    // A client's end of a connection has the ephemeral port. (Of two such ends neither tells over
    // UDP: traceroute asks that way.)
    let serves = |(sport, dport)| sport < EPHEMERAL || packet.proto == TCP && dport >= EPHEMERAL;
    let answers = packet.icmp_type.is_some() || packet.ports.is_some_and(serves);
    answers && !opens(packet, tcp_flags)
}

/// Whether a packet can be no answer: it opens a TCP connection, or is an ICMP echo request.
fn opens(packet: Packet, tcp_flags: u8) -> bool {
    match packet.icmp_type {
        Some(icmp_type) if packet.proto == ICMP => ICMP_REQUESTS.contains(&icmp_type),
        Some(icmp_type) => icmp_type == ICMPV6_ECHO_REQUEST,
        None => packet.proto == TCP && tcp_flags & (SYN | ACK) == SYN,
    }
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
        let tcp = |sport, dport| packet(6, Some((sport, dport)), None);
        let icmp = |proto, icmp_type| packet(proto, None, Some(icmp_type));
        for (what, packet, flags, reply) in [
            ("SYN-ACK of sshd", tcp(22, 43848), SYN | ACK, true),
            ("data of sshd", tcp(22, 43848), ACK, true),
            ("a connection this host opens", tcp(40000, 443), SYN, false),
            (
                "data on a connection it opened",
                tcp(40000, 443),
                ACK,
                false,
            ),
            (
                "a reset between two high ports",
                tcp(50000, 43848),
                ACK,
                true,
            ),
            ("echo reply", icmp(1, 0), 0, true),
            ("echo request", icmp(1, 8), 0, false),
            ("echo reply over IPv6", icmp(58, 129), 0, true),
            ("echo request over IPv6", icmp(58, 128), 0, false),
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
}
