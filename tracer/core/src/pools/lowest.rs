//! The allocator of engines since 27: the first gap in the pools.
//!
//! A port of the engine's own walk, its odd corners included: a short prefix followed by a longer
//! one within it hides what the short one covers.
//! <https://github.com/moby/moby/blob/v28.5.2/libnetwork/ipams/defaultipam/address_space.go#L137>

use ipnet::{IpNet, Ipv4Net};

use crate::input::AddressPool;

use super::{Slots, Taken};

/// The subnet that the next network gets, if any is left.
pub(super) fn pick(slots: &Slots, taken: &Taken) -> Option<IpNet> {
    let mut pools = slots.pools().filter_map(Pool::of);
    let mut pool = pools.next()?;
    // The prefix before the current one, if it left room in the pool.
    let mut previous: Option<Ipv4Net> = None;
    let merged = merged(taken);
    let mut merged = merged.iter();
    let mut current = merged.next();
    while let Some(used) = current {
        match pool.meet(previous, used) {
            Step::Pick(subnet) => return Some(subnet.into()),
            Step::NextPool { past } => {
                previous = None;
                pool = pools.next()?;
                if past {
                    current = merged.next();
                }
            }
            Step::NextPrefix { partial } => {
                previous = partial.then_some(*used);
                current = merged.next();
            }
        }
    }
    if let Some(previous) = previous {
        match pool.after(&previous) {
            Some(subnet) => return Some(subnet.into()),
            None => pool = pools.next()?,
        }
    }
    Some(pool.first()?.into())
}

/// Everything taken, by address, shorter first.
fn merged(taken: &Taken) -> Vec<Ipv4Net> {
    let ipv4 = |prefix: &IpNet| match prefix {
        IpNet::V4(net) => Some(*net),
        IpNet::V6(_) => None,
    };
    let mut merged: Vec<Ipv4Net> = taken.all().filter_map(ipv4).collect();
    merged.sort_by_key(|net| (net.addr(), net.prefix_len()));
    merged
}

/// What a taken prefix means for a pool.
enum Step {
    Pick(Ipv4Net),
    NextPool { past: bool },
    NextPrefix { partial: bool },
}

/// A pool and the length of the prefixes it is cut into.
struct Pool {
    base: Ipv4Net,
    size: u8,
}

impl Pool {
    fn of(pool: &AddressPool) -> Option<Self> {
        match pool.base {
            IpNet::V4(base) => Some(Self {
                base,
                size: pool.size,
            }),
            IpNet::V6(_) => None,
        }
    }

    fn meet(&self, previous: Option<Ipv4Net>, used: &Ipv4Net) -> Step {
        if self.base.contains(used) || used.contains(&self.base) {
            return self.meet_inside(previous, used);
        }
        if let Some(previous) = previous {
            let next = self.after(&previous);
            return next.map_or(Step::NextPool { past: false }, Step::Pick);
        }
        match self.first() {
            Some(first) if self.base.addr() < used.addr() => Step::Pick(first),
            _ => Step::NextPrefix { partial: false },
        }
    }

    fn meet_inside(&self, previous: Option<Ipv4Net>, used: &Ipv4Net) -> Step {
        if used.prefix_len() <= self.base.prefix_len() {
            return Step::NextPool { past: false };
        }
        let gap = match previous {
            None => self.first(),
            Some(previous) => prefix_after(&previous, self.size),
        };
        if let Some(gap) = gap.filter(|gap| self.fits_between(gap, used)) {
            return Step::Pick(gap);
        }
        if used.broadcast() == self.base.broadcast() {
            return Step::NextPool { past: true };
        }
        Step::NextPrefix { partial: true }
    }

    /// Whether a subnet that starts at `gap` ends before `used` begins.
    fn fits_between(&self, gap: &Ipv4Net, used: &Ipv4Net) -> bool {
        let shift = u32::from(32 - self.size);
        let start = |net: &Ipv4Net| net.addr().to_bits().checked_shr(shift).unwrap_or(0);
        gap.addr() <= used.addr() && start(gap) < start(used)
    }

    fn first(&self) -> Option<Ipv4Net> {
        Ipv4Net::new(self.base.network(), self.size).ok()
    }

    /// The subnet after a prefix, if it is still in the pool.
    fn after(&self, previous: &Ipv4Net) -> Option<Ipv4Net> {
        let next = prefix_after(previous, self.size)?;
        let inside = self.base.contains(&next) || next.contains(&self.base);
        inside.then_some(next)
    }
}

/// The prefix of `size` right after `previous`; `None` beyond the last address.
fn prefix_after(previous: &Ipv4Net, size: u8) -> Option<Ipv4Net> {
    let step = u32::from(32 - previous.prefix_len().min(size));
    let one = 1_u32.checked_shl(step).unwrap_or(0);
    let address = previous.addr().to_bits().wrapping_add(one);
    let next = Ipv4Net::new(address.into(), size).ok()?.trunc();
    (address != 0).then_some(next)
}
