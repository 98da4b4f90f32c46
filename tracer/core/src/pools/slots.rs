//! The subnets a daemon's pools are cut into, in the order of its configuration.

use std::net::IpAddr;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use crate::input::AddressPool;

use super::places::Places;

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
        let (first, last) = (prefix.network(), prefix.broadcast());
        self.between(first, last)
    }

    /// The places of subnets that share an address with those between these two of one family.
    fn between(&self, first: IpAddr, last: IpAddr) -> impl Iterator<Item = (u64, u64)> {
        let ranges = self.pools.iter();
        ranges.filter_map(move |cut| cut.range(&first, &last))
    }

    /// The places of subnets that share an address with the subnets at places `first` to `last` of
    /// one pool; of other pools too, which may overlap.
    pub(super) fn alike(&self, first: u64, last: u64) -> impl Iterator<Item = (u64, u64)> {
        let ends = self.at(first).zip(self.at(last));
        ends.into_iter()
            .flat_map(|((first, _), (last, _))| self.between(first.network(), last.broadcast()))
    }

    /// The first place from `from` to before `to` that is not in `used` and of this family.
    pub(super) fn first_free(&self, used: &Places, from: u64, to: u64, ipv6: bool) -> Option<u64> {
        let cuts = self.pools.iter().filter(|cut| cut.is_ipv6() == ipv6);
        let mut free = cuts
            .filter_map(|cut| used.first_free(from.max(cut.first), to.min(cut.first + cut.count)));
        free.next()
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
        let ipv4 = taken.filter(|prefix| matches!(prefix, IpNet::V4(_)));
        self.ipv4_len() - self.used(ipv4).count()
    }

    /// Those subnets, by place, at most `most`.
    pub(crate) fn remaining_ipv4<'a>(
        &self,
        taken: impl Iterator<Item = &'a IpNet>,
        most: usize,
    ) -> Vec<Ipv4Net> {
        let used = self.used(taken);
        let free = self
            .ipv4()
            .flat_map(|cut| used.free(cut.first, cut.first + cut.count));
        let places = free.flat_map(|(first, last)| first..=last);
        let subnets = places.filter_map(|place| self.at(place));
        let ipv4 = subnets.filter_map(|(subnet, _)| match subnet {
            IpNet::V4(subnet) => Some(subnet),
            IpNet::V6(_) => None,
        });
        ipv4.take(most).collect()
    }

    /// Places that are not free.
    pub(super) fn used<'a>(&self, taken: impl Iterator<Item = &'a IpNet>) -> Places {
        Places::new(taken.flat_map(|prefix| self.touching(prefix)).collect())
    }

    fn ipv4(&self) -> impl Iterator<Item = &Cut> {
        self.pools.iter().filter(|cut| !cut.is_ipv6())
    }

    fn cut_of(&self, place: u64) -> Option<&Cut> {
        let after = self.pools.partition_point(|cut| cut.first <= place);
        let cut = self.pools.get(after.checked_sub(1)?)?;
        (place < cut.first + cut.count).then_some(cut)
    }
}

impl Cut {
    /// First and last place of the pool's subnets that share an address with those from `first` to
    /// `last`.
    fn range(&self, first: &IpAddr, last: &IpAddr) -> Option<(u64, u64)> {
        let base = &self.pool.base;
        let (start, end) = (base.network(), base.broadcast());
        let meets = first.is_ipv6() == self.is_ipv6() && *first <= end && start <= *last;
        meets.then(|| (self.place(first.max(&start)), self.place(last.min(&end))))
    }

    /// The place of the subnet that an address of the pool is in.
    fn place(&self, address: &IpAddr) -> u64 {
        let AddressPool { base, size } = self.pool;
        let shift = u32::from(base.max_prefix_len() - size);
        let offset = bits(address) - bits(&base.network());
        // Fewer than 2^32: whatever is beyond is no subnet of the pool.
        let number = u64::try_from(offset.checked_shr(shift).unwrap_or(0));
        self.first + number.unwrap_or(self.count)
    }

    const fn is_ipv6(&self) -> bool {
        matches!(self.pool.base, IpNet::V6(_))
    }
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
