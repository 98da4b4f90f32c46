//! When the sender's socket gives up.

use crate::{
    finding::{GivesUp, Kind},
    incident::Incident,
    world::namespace::Namespace,
};

const TCP: u8 = 6;
const SYN: u8 = 0x02;
/// `TCP_RTO_MIN` and `TCP_RTO_MAX` (`include/net/tcp.h`), in tenths of a second: what
/// `tcp_model_timeout()` reckons with.
const RTO_MIN: u64 = 2;
const RTO_MAX: u64 = 1200;

/// For data on a connection of this host. (Connections that are being made give up sooner, by
/// settings that differ between kernels.)
pub(super) fn gives_up(namespace: Option<&Namespace>, incident: &Incident) -> Option<GivesUp> {
    let sent_here = matches!(incident.kind, Kind::ReplyBlackhole | Kind::RequestBlackhole);
    let data = incident.packet.proto == TCP && incident.tcp_flags & SYN == 0;
    if !(sent_here && data) {
        return None;
    }
    let retries = namespace?.sysctls()?.tcp_retries2;
    Some(GivesUp {
        after_s: timeout(retries),
        sysctl: "net.ipv4.tcp_retries2",
        value: retries,
    })
}

/// Seconds until `retries` retransmissions, each after twice the time of the one before, are over.
/// <https://elixir.bootlin.com/linux/v6.18/source/net/ipv4/tcp_timer.c#L185>
fn timeout(retries: u32) -> u64 {
    let rtos = (0..=retries).map(|n| RTO_MIN.checked_shl(n).unwrap_or(RTO_MAX).min(RTO_MAX));
    let tenths: u64 = rtos.sum();
    (tenths + 5) / 10
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_own_example() {
        // Documentation/networking/ip-sysctl.rst: 924.6 seconds for the default of 15.
        assert_eq!(timeout(15), 925);
        assert_eq!(timeout(0), 0);
        assert_eq!(timeout(8), 102);
        assert!(timeout(255) > 10_000);
    }
}
