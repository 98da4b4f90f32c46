//! Which subnet docker gives the next network, and how many it has left: its allocators, modelled.
//!
//! A network without a subnet of its own gets one of the daemon's pools. Until engine 26 the picks
//! roll: the daemon remembers in memory where it stopped, and goes on from there. Since engine 27
//! the lowest free subnet is taken. Both pass over what is on a link of the host already, and over
//! nameservers, and over nothing else.

mod cursor;
mod lowest;
mod places;
mod rolling;
mod slots;

use ipnet::IpNet;

pub use self::slots::defaults;
pub(crate) use self::{
    cursor::{Cursor, Given},
    slots::Slots,
};

/// How an engine chooses among its pools.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Generation {
    /// Engines up to 26: every pick goes on from the last one.
    Rolling {
        /// Before 20.10.15 every route counted as taken, not only those on a link.
        every_route: bool,
        /// Since 24 the default bridge is given its subnet like any other network, unless it was
        /// there before the daemon.
        picks_default_bridge: bool,
    },
    /// Engines since 27: the lowest free subnet.
    Lowest,
}

impl Generation {
    /// How the engine of this version chooses; `None` if it is no version of docker, as podman's
    /// is none.
    #[must_use]
    pub fn of(version: &str) -> Option<Self> {
        let mut numbers = version
            .split(|c: char| !c.is_ascii_digit())
            .map(str::parse::<u32>);
        let mut next = || numbers.next()?.ok();
        let (major, minor, patch) = (next()?, next().unwrap_or(0), next().unwrap_or(0));
        // Docker went from 1.13 to 17.03; its pools are as they are since 18.09.
        match major {
            18..=26 => Some(Self::Rolling {
                every_route: (major, minor, patch) < (20, 10, 15),
                picks_default_bridge: major >= 24,
            }),
            27.. => Some(Self::Lowest),
            _ => None,
        }
    }

    /// What the engine says when no subnet is left.
    #[must_use]
    pub const fn exhausted(self) -> &'static str {
        match self {
            Self::Rolling { .. } => {
                "could not find an available, non-overlapping IPv4 address pool among the \
                 defaults to assign to the network"
            }
            Self::Lowest => "all predefined address pools have been fully subnetted",
        }
    }
}

/// Prefixes an allocator may not give away.
#[derive(Clone, Debug, Default)]
pub(crate) struct Taken {
    /// Subnets of networks the daemon knows.
    pub(crate) allocated: Vec<IpNet>,
    /// What the daemon looks up on the host each time: on-link routes and nameservers.
    pub(crate) reserved: Vec<IpNet>,
}

impl Taken {
    /// Everything, of whichever kind.
    pub(crate) fn all(&self) -> impl Iterator<Item = &IpNet> {
        self.allocated.iter().chain(&self.reserved)
    }
}

/// The subnets that the next networks get, first first, at most `count`. `cursor` is where a rolling
/// allocator goes on; the lowest-first one has none.
pub(crate) fn next(
    generation: Generation,
    slots: &Slots,
    cursor: u64,
    taken: &Taken,
    count: usize,
) -> Vec<IpNet> {
    let (mut taken, mut cursor) = (taken.clone(), cursor);
    let mut picked = Vec::new();
    while picked.len() < count {
        let pick = match generation {
            Generation::Lowest => lowest::pick(slots, &taken),
            Generation::Rolling { .. } => {
                let pick = rolling::pick(slots, cursor, &taken, false);
                pick.map(|pick| {
                    cursor = pick.cursor;
                    pick.subnet
                })
            }
        };
        let Some(pick) = pick else {
            break;
        };
        taken.allocated.push(pick);
        picked.push(pick);
    }
    picked
}

#[cfg(test)]
mod tests;
