//! One victim of an outage, and how much it lost.

use std::collections::BTreeMap;

use tracer_common::DropReason;

use crate::{input::Counter, time::Timestamp};

/// Packets seen dying, by reason.
type Deaths = BTreeMap<DropReason, u64>;

/// The kernel's totals of one remote.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Totals {
    /// Packets that met the unresolved neighbour.
    unresolved: u64,
    dropped: Deaths,
}

impl From<&Counter> for Totals {
    fn from(counter: &Counter) -> Self {
        let known = |(number, count): (&u8, &u64)| Some((DropReason::from_u8(*number)?, *count));
        Self {
            unresolved: counter.unresolved,
            dropped: counter.dropped.iter().filter_map(known).collect(),
        }
    }
}

impl Totals {
    fn is_zero(&self) -> bool {
        *self == Self::default()
    }

    /// Totals never fall: an older reading that arrives late changes nothing.
    fn raise_to(&mut self, other: &Self) {
        self.unresolved = self.unresolved.max(other.unresolved);
        for (reason, count) in &other.dropped {
            let own = self.dropped.entry(*reason).or_insert(0);
            *own = (*own).max(*count);
        }
    }
}

/// Somebody whose packets are lost.
#[derive(Clone, Debug, Default)]
pub struct Remote {
    /// Totals before the incident began: not ours to count.
    base: Totals,
    /// Totals now.
    now: Totals,
    /// Counted before the kernel half began anew at 0, see [`Self::count`].
    carried: Totals,
    /// Lost packets seen as events: known before the counters are read.
    seen: u64,
    /// The same for packets seen dying.
    deaths: Deaths,
    /// When a packet was seen leaving by another device.
    pub healed: Option<Timestamp>,
    /// It answered on the bridge after all: nothing to it is lost there any more.
    pub answered: bool,
}

impl Remote {
    /// Begins after `before` packets were lost to it earlier. Deaths are told apart from earlier
    /// ones by what the kernel had `counted` when it was asked last.
    pub(crate) fn new(before: u64, counted: Option<&Counter>) -> Self {
        let counted = counted.map(Totals::from).unwrap_or_default();
        let base = Totals {
            unresolved: before,
            dropped: counted.dropped.clone(),
        };
        let mut now = base.clone();
        now.raise_to(&counted);
        Self {
            base,
            now,
            ..Self::default()
        }
    }

    /// A packet was lost, after `before` others; packets may be told of out of order.
    pub(crate) fn lose(&mut self, before: u64) {
        self.base.unresolved = self.base.unresolved.min(before);
        self.seen += 1;
        self.healed = None;
        self.answered = false;
    }

    /// A packet was seen dying.
    pub(crate) fn see_death(&mut self, reason: DropReason) {
        *self.deaths.entry(reason).or_insert(0) += 1;
    }

    /// Takes the kernel's totals; whether they brought anything. All 0 means that the kernel half
    /// forgot a remote long silent and will count from 0 again.
    pub(crate) fn count(&mut self, counter: &Counter) -> bool {
        let mut now = Totals::from(counter);
        if now.is_zero() {
            self.carried = Totals {
                unresolved: self.carried.unresolved + self.since(|t| t.unresolved),
                dropped: DropReason::ALL
                    .map(|reason| (reason, self.dropped(reason)))
                    .into(),
            };
            self.base = Totals::default();
            self.now = Totals::default();
            return false;
        }
        now.raise_to(&self.now);
        let news = now != self.now;
        self.now = now;
        news
    }

    /// Packets lost. One that met the neighbour dies there, as NEIGH_FAILED or NEIGH_QUEUEFULL, and
    /// is counted already; those that died for another reason never met it.
    pub(crate) fn packets(&self) -> u64 {
        let met = self.carried.unresolved + self.since(|totals| totals.unresolved);
        let others = DropReason::ALL.into_iter().filter(|reason| {
            !matches!(reason, DropReason::NeighFailed | DropReason::NeighQueueFull)
        });
        met.max(self.seen) + others.map(|reason| self.drops(reason)).sum::<u64>()
    }

    /// Packets that died for this reason.
    pub(crate) fn drops(&self, reason: DropReason) -> u64 {
        self.dropped(reason).max(of(&self.deaths, reason))
    }

    fn dropped(&self, reason: DropReason) -> u64 {
        of(&self.carried.dropped, reason) + self.since(|totals| of(&totals.dropped, reason))
    }

    fn since(&self, part: impl Fn(&Totals) -> u64) -> u64 {
        part(&self.now).saturating_sub(part(&self.base))
    }
}

fn of(deaths: &Deaths, reason: DropReason) -> u64 {
    deaths.get(&reason).copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counter(unresolved: u64, failed: u64) -> Counter {
        Counter {
            unresolved,
            dropped: if failed > 0 {
                [(1, failed)].into()
            } else {
                [].into()
            },
            ..Counter::zero(1, 3, [172, 22, 10, 119].into())
        }
    }

    #[test]
    fn what_was_lost_before_is_not_counted() {
        let mut remote = Remote::new(100, Some(&counter(100, 100)));
        remote.lose(100);
        assert_eq!(remote.packets(), 1);
        remote.count(&counter(130, 110));
        assert_eq!(
            (remote.packets(), remote.drops(DropReason::NeighFailed)),
            (30, 10)
        );
    }

    #[test]
    fn a_kernel_half_that_forgot_goes_on_from_where_it_was() {
        let mut remote = Remote::new(0, None);
        remote.lose(0);
        remote.count(&counter(1000, 900));
        remote.count(&counter(0, 0));
        assert_eq!(remote.packets(), 1000);
        remote.count(&counter(400, 100));
        assert_eq!(
            (remote.packets(), remote.drops(DropReason::NeighFailed)),
            (1400, 1000)
        );
    }

    #[test]
    fn packets_told_of_out_of_order_are_all_counted() {
        let mut remote = Remote::new(7, None);
        remote.lose(7);
        remote.lose(5);
        remote.count(&counter(10, 0));
        assert_eq!(remote.packets(), 5);
    }

    #[test]
    fn an_old_reading_changes_nothing() {
        let mut remote = Remote::new(0, None);
        remote.count(&counter(50, 0));
        assert!(!remote.count(&counter(40, 0)));
        assert_eq!(remote.packets(), 50);
    }
}
