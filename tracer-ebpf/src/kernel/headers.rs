//! A packet's headers, copied from its bytes.

use tracer_common::{Flow, v4_mapped};

use super::{IPPROTO_ICMP, IPPROTO_ICMPV6, IPPROTO_TCP, IPPROTO_UDP, probe};

/// `NEXTHDR_FRAGMENT` (RFC 8200 §4.5).
const FRAGMENT: u8 = 44;
/// EtherType of the protocol an ARP packet asks for, and the operation "request" (RFC 826).
const ARP_IPV4: [u8; 2] = [0x08, 0x00];
const ARP_REQUEST: [u8; 2] = [0, 1];

/// Parses the IPv4 header at `ip` and what bridgetrace needs of the layer above.
#[inline(always)]
pub(super) fn parse4(ip: *const u8) -> Option<Flow> {
    let header: [u8; 20] = probe(ip)?;
    if header[0] >> 4 != 4 {
        return None;
    }
    let mut flow = Flow {
        saddr: v4_mapped([header[12], header[13], header[14], header[15]]),
        daddr: v4_mapped([header[16], header[17], header[18], header[19]]),
        proto: header[9],
        ..Flow::default()
    };
    // Only the first fragment carries the next header (RFC 791 §3.2).
    if u16::from_be_bytes([header[6], header[7]]) & 0x1fff == 0 {
        parse_l4(ip.wrapping_add((header[0] & 0x0f) as usize * 4), &mut flow);
    }
    Some(flow)
}

/// As [`parse4`] for IPv6 (RFC 8200 §3). Of the extension headers only a fragment's is looked behind.
#[inline(always)]
pub(super) fn parse6(ip: *const u8) -> Option<Flow> {
    let start: [u8; 8] = probe(ip)?;
    if start[0] >> 4 != 6 {
        return None;
    }
    let mut flow = Flow {
        saddr: probe(ip.wrapping_add(8))?,
        daddr: probe(ip.wrapping_add(24))?,
        proto: start[6],
        ..Flow::default()
    };
    let mut l4 = ip.wrapping_add(40);
    if flow.proto == FRAGMENT {
        let fragment: [u8; 8] = probe(l4)?;
        flow.proto = fragment[0];
        if u16::from_be_bytes([fragment[2], fragment[3]]) & 0xfff8 != 0 {
            return Some(flow);
        }
        l4 = l4.wrapping_add(8);
    }
    parse_l4(l4, &mut flow);
    Some(flow)
}

#[inline(always)]
fn parse_l4(l4: *const u8, flow: &mut Flow) {
    match flow.proto {
        IPPROTO_TCP | IPPROTO_UDP => {
            let Some(ports) = probe::<[u8; 4]>(l4) else {
                return;
            };
            flow.sport = u16::from_be_bytes([ports[0], ports[1]]);
            flow.dport = u16::from_be_bytes([ports[2], ports[3]]);
            if flow.proto == IPPROTO_TCP {
                flow.tcp_flags = probe(l4.wrapping_add(13)).unwrap_or(0);
            }
        }
        IPPROTO_ICMP | IPPROTO_ICMPV6 => flow.icmp_type = probe(l4).unwrap_or(0),
        _ => {}
    }
}

/// Whose IPv4 address the ARP request at `arp` asks for: 8 bytes say what is asked, then come the
/// two addresses of the asker, 6 and 4 bytes, and of the asked (RFC 826).
#[inline(always)]
pub(super) fn arp_target(arp: *const u8) -> Option<[u8; 4]> {
    let start: [u8; 8] = probe(arp)?;
    if [start[2], start[3]] != ARP_IPV4 || [start[6], start[7]] != ARP_REQUEST {
        return None;
    }
    probe(arp.wrapping_add(24))
}
