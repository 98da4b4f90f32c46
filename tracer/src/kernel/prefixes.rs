//! Tells the kernel half which addresses may lie inside a bridge's subnet, so that it remembers
//! only packets that come in from there.
//!
//! The filters are those of all namespaces together: what passes is remembered by namespace, and judged
//! by the namespace's own routes. So a bridge of one namespace costs another, at worst, a few more slots
//! written for packets from the same prefix; it decides nothing.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result};
use aya::maps::{Array, MapData};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use tracer_common::{PREFIX_WORDS, PrefixBit, prefix4, prefix6};

type Map = Array<MapData, Words>;
type Words = [u64; PREFIX_WORDS as usize];

/// The filters of the kernel half, and what they were told last.
pub(super) struct Prefixes {
    v4: Map,
    v6: Map,
    told: BTreeSet<IpNet>,
}

impl Prefixes {
    pub(super) const fn new(v4: Map, v6: Map) -> Self {
        Self {
            v4,
            v6,
            told: BTreeSet::new(),
        }
    }

    /// Lets the filters pass exactly what `wanted` touches.
    pub(super) fn set(&mut self, wanted: BTreeSet<IpNet>) -> Result<()> {
        if self.told == wanted {
            return Ok(());
        }
        write(&mut self.v4, words4(&self.told), words4(&wanted))?;
        write(&mut self.v6, words6(&self.told), words6(&wanted))?;
        let all: Vec<String> = wanted.iter().map(IpNet::to_string).collect();
        log::debug!("who comes in is remembered in {}", all.join(" "));
        self.told = wanted;
        Ok(())
    }
}

/// The filter is one value, a global of the kernel half; a lookup meanwhile finds each word old or new.
fn write(map: &mut Map, old: Words, new: Words) -> Result<()> {
    if old == new {
        return Ok(());
    }
    map.set(0, new, 0).context("write the bridges' prefixes")
}

fn words4(prefixes: &BTreeSet<IpNet>) -> Words {
    let v4 = |prefix: &IpNet| match prefix {
        IpNet::V4(prefix) => Some(*prefix),
        IpNet::V6(_) => None,
    };
    words(prefixes.iter().filter_map(v4).flat_map(bits4))
}

fn words6(prefixes: &BTreeSet<IpNet>) -> Words {
    // Every interface has a link-local route, and nobody replies beyond it.
    let v6 = |prefix: &IpNet| match prefix {
        IpNet::V6(prefix) => (!prefix.addr().is_unicast_link_local()).then_some(*prefix),
        IpNet::V4(_) => None,
    };
    words(prefixes.iter().filter_map(v6).flat_map(bits6))
}

fn words(bits: impl Iterator<Item = PrefixBit>) -> Words {
    bits.fold([0; PREFIX_WORDS as usize], |mut words, bit| {
        words[bit.word() as usize] |= bit.mask();
        words
    })
}

/// The bits of every /16 the prefix touches.
fn bits4(prefix: Ipv4Net) -> impl Iterator<Item = PrefixBit> {
    let first = u32::from(prefix.network()) >> 16;
    let last = u32::from(prefix.broadcast()) >> 16;
    (first..=last).map(|sixteen| prefix4((sixteen << 16).to_be_bytes()))
}

/// The bits of every /32 the prefix touches, at most 65,536: a prefix shorter than /16 touches as
/// many as any /16 inside it.
fn bits6(prefix: Ipv6Net) -> impl Iterator<Item = PrefixBit> {
    let network = u128::from(prefix.network());
    let last = 1_u128 << 32_u8.saturating_sub(prefix.prefix_len()).min(16);
    (0..last).map(move |thirty_two| prefix6((network | thirty_two << 96).to_be_bytes()))
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr};

    use super::*;

    fn of(prefixes: &[&str]) -> BTreeSet<IpNet> {
        prefixes.iter().map(|p| p.parse().unwrap()).collect()
    }

    /// As the kernel half asks.
    fn passes(words: &Words, bit: PrefixBit) -> bool {
        words[bit.word() as usize] & bit.mask() != 0
    }

    #[test]
    fn every_touched_sixteen_has_its_bit() {
        let words = words4(&of(&[
            "172.22.0.0/16",
            "192.168.16.0/20",
            "10.0.0.0/14",
            "fd00::/64",
        ]));
        let passes = |ip: &str| passes(&words, prefix4(ip.parse::<Ipv4Addr>().unwrap().octets()));
        for inside in ["172.22.10.119", "192.168.17.1", "10.0.0.1", "10.3.255.255"] {
            assert!(passes(inside), "{inside}");
        }
        for outside in [
            "172.21.0.1",
            "172.23.0.1",
            "192.167.0.1",
            "10.4.0.0",
            "0.0.0.0",
        ] {
            assert!(!passes(outside), "{outside}");
        }
    }

    #[test]
    fn every_touched_ipv6_prefix_has_its_bit() {
        let words = words6(&of(&[
            "fd12:3456:789a::/64",
            "2001:db8::/31",
            "fe80::/64",
            "172.22.0.0/16",
        ]));
        let passes = |ip: &str| passes(&words, prefix6(ip.parse::<Ipv6Addr>().unwrap().octets()));
        for inside in ["fd12:3456:789a::2", "2001:db8::1", "2001:db9:ffff::1"] {
            assert!(passes(inside), "{inside}");
        }
        for outside in [
            "fd12:3457::1",
            "2001:dba::1",
            "fe80::1",
            "::",
            "2a00:1450::1",
        ] {
            assert!(!passes(outside), "{outside}");
        }
        let set: u32 = words.iter().map(|word| word.count_ones()).sum();
        assert_eq!(set, 3);
    }

    #[test]
    fn a_short_ipv6_prefix_passes_everything_it_could_touch() {
        for (prefix, bits) in [
            ("fd00::/8", 65_536),
            ("2001::/16", 65_536),
            ("2001::/20", 4096),
        ] {
            let words = words6(&of(&[prefix]));
            let set: u32 = words.iter().map(|word| word.count_ones()).sum();
            assert_eq!(set, bits, "{prefix}");
        }
    }

    #[test]
    fn any_address_inside_a_prefix_passes() {
        use proptest::prelude::*;
        proptest!(|(address: u128, len in 0_u8..=128, below: u128)| {
            let prefix = Ipv6Net::new(Ipv6Addr::from(address), len).unwrap().trunc();
            prop_assume!(!prefix.addr().is_unicast_link_local());
            let inside = u128::from(prefix.addr()) | below & u128::from(prefix.hostmask());
            let words = words6(&BTreeSet::from([IpNet::V6(prefix)]));
            prop_assert!(passes(&words, prefix6(inside.to_be_bytes())));
        });
    }
}
