//! Reads the kernel half's counters: exact packets lost, and events that did not get through.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    os::fd::{AsFd, AsRawFd},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};
use aya::maps::{HashMap as BpfHashMap, Map, MapData, PerCpuArray};
use tracer_common::{Hook, LostKey, LostPackets, Stat};
use tracer_core::input::{Counter, HookLoss};

use super::batch;

/// As aya wants them, which removes entries only.
type RawKey = [u8; size_of::<LostKey>()];
type RawPackets = [u64; size_of::<LostPackets>() / 8];

/// Totals of one hook.
pub(crate) struct Totals {
    /// Events put into the ring buffer.
    pub(crate) emitted: u64,
    /// What did not get through.
    pub(crate) lost: HookLoss,
}

/// A remote that lost nothing for this long is forgotten: the map must not fill up over months.
const MEMORY: Duration = Duration::from_secs(3600);

/// The `LOST` map, and what it said last and when.
pub(crate) struct LostCounters {
    map: Map,
    /// By a hash: tens of thousands are compared each second of a flood.
    said: HashMap<LostKey, (LostPackets, Instant)>,
}

impl LostCounters {
    pub(crate) fn new(map: Map) -> Self {
        Self {
            map,
            said: HashMap::new(),
        }
    }

    fn read(&self) -> Result<Vec<(LostKey, LostPackets)>> {
        let Map::HashMap(map) = &self.map else {
            bail!("the map of lost packets is of another type");
        };
        // SAFETY: these are what the kernel half declares the map with.
        let entries = unsafe { batch::entries(map.fd().as_fd()) };
        entries.context("read the map of lost packets")
    }

    fn forget(&mut self, key: LostKey) -> Result<()> {
        let mut map = BpfHashMap::<_, RawKey, RawPackets>::try_from(&mut self.map)?;
        let removed = map.remove(&zerocopy::transmute!(key));
        removed.context("forget a remote that lost nothing for long")
    }

    /// Entries that changed since the last call. One that was forgotten comes
    /// a last time with nothing in it.
    pub(crate) fn changed(&mut self) -> Result<Vec<Counter>> {
        let mut changed = Vec::new();
        let mut stale = Vec::new();
        let now = Instant::now();
        for (key, total) in self.read()? {
            match self.said.get(&key) {
                Some((said, at)) if *said == total => {
                    if now.duration_since(*at) > MEMORY {
                        stale.push(key);
                    }
                }
                _ => {
                    self.said.insert(key, (total, now));
                    changed.push(counter(key, total));
                }
            }
        }
        for key in stale {
            self.forget(key)?;
            self.said.remove(&key);
            changed.push(counter(key, LostPackets::default()));
        }
        changed.sort_by_key(|c| (c.netns, c.ifindex, c.remote, c.way));
        Ok(changed)
    }
}

fn counter(key: LostKey, packets: LostPackets) -> Counter {
    let dropped = (0_u8..)
        .zip(packets.dropped)
        .filter(|(_, count)| *count > 0)
        .collect();
    Counter {
        netns: key.netns,
        ifindex: key.ifindex,
        remote: address(key.remote),
        way: key.way,
        unresolved: packets.unresolved,
        dropped,
        misrouted: packets.misrouted,
        delivered: packets.delivered,
        retransmitted: packets.retransmitted,
    }
}

fn address(bytes: [u8; 16]) -> IpAddr {
    Ipv6Addr::from(bytes).to_canonical()
}

/// The `STATS` map.
pub(crate) struct Stats(pub(crate) PerCpuArray<MapData, u64>);

impl Stats {
    /// Totals of `hook`, without [`HookLoss::skipped`].
    pub(crate) fn totals(&self, hook: Hook) -> Result<Totals> {
        Ok(Totals {
            emitted: self.sum(Stat::Emitted.index(hook))?,
            lost: HookLoss {
                hook: hook.tracepoint().to_owned(),
                rejected: self.sum(Stat::Rejected.index(hook))?,
                uncounted: self.sum(Stat::Uncounted.index(hook))?,
                ..HookLoss::default()
            },
        })
    }

    fn sum(&self, index: u32) -> Result<u64> {
        let values = self.0.get(&index, 0).context("read the hook statistics")?;
        Ok(values.iter().sum())
    }
}

/// Runs of a program the kernel skipped, from `/proc/self/fdinfo` (since 5.12; 0 before).
/// <https://elixir.bootlin.com/linux/v6.18/source/kernel/bpf/syscall.c#L2461>
pub(crate) fn recursion_misses(program: impl AsFd) -> u64 {
    let path = format!("/proc/self/fdinfo/{}", program.as_fd().as_raw_fd());
    std::fs::read_to_string(path).map_or(0, |text| parse_misses(&text))
}

fn parse_misses(fdinfo: &str) -> u64 {
    fdinfo
        .lines()
        .find_map(|line| line.strip_prefix("recursion_misses:"))
        .and_then(|value| value.trim().parse().ok())
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn misses_are_read_from_fdinfo() {
        assert_eq!(parse_misses("prog_id:\t7\nrecursion_misses:\t42\n"), 42);
        assert_eq!(parse_misses("prog_id:\t7\n"), 0);
    }

    #[test]
    fn a_counter_keeps_only_reasons_that_occurred() {
        let key = LostKey {
            netns: 1,
            ifindex: 2,
            remote: tracer_common::v4_mapped([172, 22, 10, 119]),
            way: 3,
        };
        let mut packets = LostPackets {
            unresolved: 3,
            misrouted: 5,
            ..LostPackets::default()
        };
        packets.dropped[1] = 2;
        let counter = counter(key, packets);
        assert_eq!(counter.remote.to_string(), "172.22.10.119");
        assert_eq!(counter.dropped, BTreeMap::from([(1, 2)]));
        assert_eq!((counter.way, counter.misrouted), (3, 5));
    }
}
