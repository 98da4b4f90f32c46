//! The subnets a daemon's pools are cut into, in the order of its configuration.

use std::net::IpAddr;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use crate::input::AddressPool;

/// More subnets than any engine can keep a list of.
const MOST: u64 = 1 << 32;

/// What engines without `default-address-pools` use.
/// <https://github.com/moby/moby/blob/v28.5.2/libnetwork/ipamutils/utils.go#L11>
#[must_use]
pub fn defaults() -> Vec<AddressPool> {
    let pool = |address: [u8; 4], length: u8, size: u8| {
        Ipv4Net::new(address.into(), length).map(|base| AddressPool {
            base: base.into(),
            size,
        })
    };
    let pools = [
        pool([172, 17, 0, 0], 16, 16),
        pool([172, 18, 0, 0], 16, 16),
        pool([172, 19, 0, 0], 16, 16),
        pool([172, 20, 0, 0], 14, 16),
        pool([172, 24, 0, 0], 14, 16),
        pool([172, 28, 0, 0], 14, 16),
        pool([192, 168, 0, 0], 16, 20),
    ];
    pools.into_iter().flatten().collect()
}

/// Every subnet of the pools, by its place. They are not listed: a /8 has millions of them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Slots {
    pools: Vec<Cut>,
}

/// A pool and where its subnets are among all.
#[derive(Clone, Debug)]
struct Cut {
    pool: AddressPool,
    first: u64,
    count: u64,
}

impl Slots {
    /// Pools in the order in which the daemon has them. Those no engine accepts do not count.
    pub(crate) fn new(pools: &[AddressPool]) -> Self {
        let mut slots = Self::default();
        for pool in pools {
            let base = pool.base.trunc();
            let fits = base.prefix_len() <= pool.size && pool.size <= base.max_prefix_len();
            let count = 1_u64.checked_shl(u32::from(pool.size.wrapping_sub(base.prefix_len())));
            let (true, Some(count)) = (fits, count.filter(|count| *count <= MOST)) else {
                continue;
            };
            let (first, size) = (slots.len(), pool.size);
            slots.pools.push(Cut {
                pool: AddressPool { base, size },
                first,
                count,
            });
        }
        slots
    }

    /// The pools of an engine that keeps the two families apart and in order: a pool that lies
    /// in another one is dropped.
    /// <https://github.com/moby/moby/blob/v28.5.2/libnetwork/ipams/defaultipam/address_space.go#L34>
    pub(crate) fn sorted(pools: &[AddressPool]) -> Self {
        let ipv4 = |pool: &&AddressPool| matches!(pool.base, IpNet::V4(_));
        let mut pools: Vec<AddressPool> = pools.iter().filter(ipv4).cloned().collect();
        for pool in &mut pools {
            pool.base = pool.base.trunc();
        }
        pools.sort_by_key(|pool| (pool.base.addr(), pool.base.prefix_len()));
        pools.dedup_by(|longer, shorter| shorter.base.contains(&longer.base));
        Self::new(&pools)
    }

    /// The pools themselves.
    pub(crate) fn pools(&self) -> impl Iterator<Item = &AddressPool> {
        self.pools.iter().map(|cut| &cut.pool)
    }

    /// How many subnets there are, of both families.
    pub(crate) fn len(&self) -> u64 {
        self.pools
            .last()
            .map_or(0, |last| last.first.saturating_add(last.count))
    }

    /// The subnet at a place, and the first place beyond its pool.
    pub(crate) fn at(&self, place: u64) -> Option<(IpNet, u64)> {
        let cut = self.cut_of(place)?;
        let subnet = cut.pool.subnet(place - cut.first)?;
        Some((subnet, cut.first + cut.count))
    }

    /// The places of subnets that share an address with `prefix`: a range for each pool.
    pub(crate) fn touching(&self, prefix: &IpNet) -> impl Iterator<Item = (u64, u64)> {
        self.pools.iter().filter_map(move |cut| cut.range(prefix))
    }

    /// Where exactly this subnet is, if it is one.
    pub(crate) fn place_of(&self, subnet: &IpNet) -> Option<u64> {
        let found = self.touching(subnet).map(|(first, _)| first);
        found
            .into_iter()
            .find(|place| self.at(*place).is_some_and(|(slot, _)| slot == *subnet))
    }

    /// How many IPv4 subnets there are.
    pub(crate) fn ipv4_len(&self) -> u64 {
        self.ipv4().map(|cut| cut.count).sum()
    }

    /// How many IPv4 subnets share no address with any of `taken`.
    pub(crate) fn free_ipv4<'a>(&self, taken: impl Iterator<Item = &'a IpNet>) -> u64 {
        let used: u64 = self.used(taken).iter().map(|(a, b)| b - a + 1).sum();
        self.ipv4_len() - used
    }

    /// Those subnets, by place, at most `most`.
    pub(crate) fn remaining_ipv4<'a>(
        &self,
        taken: impl Iterator<Item = &'a IpNet>,
        most: usize,
    ) -> Vec<Ipv4Net> {
        let used = self.used(taken);
        let is_free = |place: &u64| {
            let next = used.partition_point(|(_, last)| last < place);
            used.get(next).is_none_or(|(first, _)| place < first)
        };
        let places = self.ipv4().flat_map(|cut| cut.first..cut.first + cut.count);
        let free = places.filter(is_free).filter_map(|place| self.at(place));
        let ipv4 = free.filter_map(|(subnet, _)| match subnet {
            IpNet::V4(subnet) => Some(subnet),
            IpNet::V6(_) => None,
        });
        ipv4.take(most).collect()
    }

    /// Places that are not free: ranges that do not touch each other, in order.
    fn used<'a>(&self, taken: impl Iterator<Item = &'a IpNet>) -> Vec<(u64, u64)> {
        let mut ranges: Vec<(u64, u64)> = taken
            .filter(|prefix| matches!(prefix, IpNet::V4(_)))
            .flat_map(|prefix| self.touching(prefix))
            .collect();
        ranges.sort_unstable();
        let mut joined: Vec<(u64, u64)> = Vec::new();
        for (first, last) in ranges {
            match joined.last_mut() {
                Some(previous) if first <= previous.1 => previous.1 = previous.1.max(last),
                _ => joined.push((first, last)),
            }
        }
        joined
    }

    fn ipv4(&self) -> impl Iterator<Item = &Cut> {
        let ipv4 = |cut: &&Cut| matches!(cut.pool.base, IpNet::V4(_));
        self.pools.iter().filter(ipv4)
    }

    fn cut_of(&self, place: u64) -> Option<&Cut> {
        let after = self.pools.partition_point(|cut| cut.first <= place);
        let cut = self.pools.get(after.checked_sub(1)?)?;
        (place < cut.first + cut.count).then_some(cut)
    }
}

impl Cut {
    /// First and last place of the pool's subnets that share an address with `prefix`.
    fn range(&self, prefix: &IpNet) -> Option<(u64, u64)> {
        let AddressPool { base, size } = self.pool;
        if base.contains(prefix) {
            let first = offset(&base, &prefix.network(), size)?;
            let last = offset(&base, &prefix.broadcast(), size)?;
            return Some((self.first + first, self.first + last));
        }
        let whole = (self.first, self.first + self.count - 1);
        prefix.contains(&base).then_some(whole)
    }
}

/// Which subnet of `size` an address of the pool is in.
fn offset(base: &IpNet, address: &IpAddr, size: u8) -> Option<u64> {
    let shift = u32::from(base.max_prefix_len() - size);
    let difference = bits(address).checked_sub(bits(&base.network()))?;
    u64::try_from(difference.checked_shr(shift).unwrap_or(0)).ok()
}

fn bits(address: &IpAddr) -> u128 {
    match address {
        IpAddr::V4(ip) => u128::from(ip.to_bits()),
        IpAddr::V6(ip) => ip.to_bits(),
    }
}

impl AddressPool {
    /// The subnet number `index` of the pool.
    fn subnet(&self, index: u64) -> Option<IpNet> {
        let shift = u32::from(self.base.max_prefix_len() - self.size);
        let offset = u128::from(index).checked_shl(shift).unwrap_or(0);
        let address = bits(&self.base.network()).checked_add(offset)?;
        match self.base {
            IpNet::V4(_) => {
                let address = u32::try_from(address).ok()?;
                Ipv4Net::new(address.into(), self.size)
                    .ok()
                    .map(IpNet::from)
            }
            IpNet::V6(_) => Ipv6Net::new(address.into(), self.size)
                .ok()
                .map(IpNet::from),
        }
    }
}
