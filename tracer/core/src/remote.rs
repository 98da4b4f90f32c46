//! One victim of an outage, and how much it lost.

use std::array::from_fn;

use tracer_common::{DropReason, Way};

use crate::{input::Counter, time::Timestamp};

/// Packets seen dying, by the reason's number: a flood has ten thousand remotes, and reads all of them each second.
type Deaths = [u64; DropReason::ENTRIES];

/// What the hook that told of a lost packet counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measure {
    /// Packets that met the unresolved neighbour.
    Unresolved,
    /// Packets that died for this reason.
    Dropped(DropReason),
    /// Lookups that led to somebody else.
    Misrouted,
}

/// The kernel's totals of one remote.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Totals {
    /// Packets that met the unresolved neighbour.
    unresolved: u64,
    dropped: Deaths,
    /// Replies routed to somebody else.
    misrouted: u64,
    /// Packets that reached somebody else.
    delivered: u64,
    /// Segments sent again.
    retransmitted: u64,
}

impl From<&Counter> for Totals {
    fn from(counter: &Counter) -> Self {
        let mut dropped = Deaths::default();
        for (number, count) in &counter.dropped {
            if let Some(reason) = DropReason::from_u8(*number) {
                dropped[reason as usize] = *count;
            }
        }
        Self {
            unresolved: counter.unresolved,
            dropped,
            misrouted: counter.misrouted,
            delivered: counter.delivered,
            retransmitted: counter.retransmitted,
        }
    }
}

impl Totals {
    fn is_zero(&self) -> bool {
        *self == Self::default()
    }

    fn of(&mut self, measure: Measure) -> &mut u64 {
        match measure {
            Measure::Unresolved => &mut self.unresolved,
            Measure::Dropped(reason) => &mut self.dropped[reason as usize],
            Measure::Misrouted => &mut self.misrouted,
        }
    }

    /// Joins two readings, number by number.
    fn join(&self, other: &Self, how: impl Fn(u64, u64) -> u64) -> Self {
        Self {
            unresolved: how(self.unresolved, other.unresolved),
            dropped: from_fn(|number| how(self.dropped[number], other.dropped[number])),
            misrouted: how(self.misrouted, other.misrouted),
            delivered: how(self.delivered, other.delivered),
            retransmitted: how(self.retransmitted, other.retransmitted),
        }
    }
}

/// Somebody whose packets are lost.
#[derive(Clone, Debug)]
pub struct Remote {
    way: Way,
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
    /// First lost packet since it answered last.
    pub since: Timestamp,
    /// When a packet was seen leaving by another device.
    pub healed: Option<Timestamp>,
    /// It answered on the bridge after all: nothing to it is lost there any more.
    pub answered: bool,
    /// Its packets are lost in another way now.
    pub superseded: bool,
}

impl Remote {
    /// Begins with what the kernel had `counted` before the incident. `before` its first packet that was told of,
    /// `measure` had counted so many: more than that if packets were lost that nobody was told of, as in a flood,
    /// and then these are of the incident, too.
    pub(crate) fn new(way: Way, measure: Measure, before: u64, counted: Option<&Counter>) -> Self {
        let mut base = counted.map(Totals::from).unwrap_or_default();
        let mut now = base.clone();
        *base.of(measure) = before.min(*base.of(measure));
        *now.of(measure) = before.max(*now.of(measure));
        Self {
            way,
            now,
            base,
            carried: Totals::default(),
            seen: 0,
            deaths: Deaths::default(),
            since: Timestamp(0),
            healed: None,
            answered: false,
            superseded: false,
        }
    }

    /// A packet was lost, after `before` others; packets may be told of out of order.
    pub(crate) fn lose(&mut self, measure: Measure, before: u64) {
        let base = self.base.of(measure);
        *base = before.min(*base);
        self.seen += 1;
        self.healed = None;
        self.answered = false;
        self.superseded = false;
    }

    /// A packet was seen dying.
    pub(crate) fn see_death(&mut self, reason: DropReason) {
        self.deaths[reason as usize] += 1;
    }

    /// Takes the kernel's totals; whether they brought anything. All 0 means that the kernel half
    /// forgot a remote long silent and will count from 0 again.
    pub(crate) fn count(&mut self, counter: &Counter) -> bool {
        let read = Totals::from(counter);
        if read.is_zero() {
            self.carried = self.totals();
            self.base = Totals::default();
            self.now = Totals::default();
            return false;
        }
        // Totals never fall: an older reading that arrives late changes nothing.
        let now = read.join(&self.now, u64::max);
        let news = now != self.now;
        self.now = now;
        news
    }

    /// Packets lost. One that waits for the neighbour dies there, as NEIGH_FAILED or NEIGH_QUEUEFULL (over
    /// IPv6 for no reason given), and is counted already; those that died for another reason never
    /// got to wait, as with NEIGH_DEAD.
    pub(crate) fn packets(&self) -> u64 {
        let totals = self.totals();
        let drops = |met: bool| -> u64 {
            let reasons = DropReason::ALL.into_iter();
            let counted = reasons.filter(|reason| met || !follows_the_neighbour(*reason));
            counted.map(|reason| self.died(&totals, reason)).sum()
        };
        match self.way {
            Way::Sent => totals.unresolved.max(self.seen) + drops(false),
            Way::Forwarded | Way::Arriving => drops(true).max(self.seen),
            Way::Misdelivered => totals.misrouted.max(totals.delivered).max(self.seen),
        }
    }

    /// Packets that died for this reason.
    pub(crate) fn drops(&self, reason: DropReason) -> u64 {
        self.died(&self.totals(), reason)
    }

    fn died(&self, totals: &Totals, reason: DropReason) -> u64 {
        let number = reason as usize;
        totals.dropped[number].max(self.deaths[number])
    }

    /// TCP segments sent again.
    pub(crate) fn retransmitted(&self) -> u64 {
        self.totals().retransmitted
    }

    /// What the kernel counted since the incident began.
    fn totals(&self) -> Totals {
        let since = self.now.join(&self.base, u64::saturating_sub);
        self.carried.join(&since, |carried, since| carried + since)
    }
}

/// Sets what a counter has of `measure` to no less than this.
pub(crate) fn raise(counter: &mut Counter, measure: Measure, least: u64) {
    let count = match measure {
        Measure::Unresolved => &mut counter.unresolved,
        Measure::Dropped(reason) => counter.dropped.entry(reason as u8).or_insert(0),
        Measure::Misrouted => &mut counter.misrouted,
    };
    *count = least.max(*count);
}

/// Packets lost of a remote of which nothing was counted before.
pub(crate) fn lost(counter: &Counter) -> u64 {
    let Some(way) = Way::from_u32(counter.way) else {
        return 0;
    };
    let mut remote = Remote::new(way, Measure::Unresolved, 0, None);
    remote.count(counter);
    remote.packets()
}

/// Whether a packet that dies for this reason waited for the unresolved neighbour before.
const fn follows_the_neighbour(reason: DropReason) -> bool {
    matches!(
        reason,
        DropReason::NeighFailed | DropReason::NeighQueueFull | DropReason::NotSpecified
    )
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
        let mut remote = Remote::new(
            Way::Sent,
            Measure::Unresolved,
            100,
            Some(&counter(100, 100)),
        );
        remote.lose(Measure::Unresolved, 100);
        assert_eq!(remote.packets(), 1);
        remote.count(&counter(130, 110));
        assert_eq!(
            (remote.packets(), remote.drops(DropReason::NeighFailed)),
            (30, 10)
        );
    }

    #[test]
    fn what_was_lost_before_the_first_event_that_came_through_is_counted() {
        let mut remote = Remote::new(Way::Sent, Measure::Unresolved, 150, Some(&counter(100, 0)));
        remote.lose(Measure::Unresolved, 150);
        remote.count(&counter(170, 0));
        assert_eq!(remote.packets(), 70);
    }

    #[test]
    fn a_kernel_half_that_forgot_goes_on_from_where_it_was() {
        let mut remote = Remote::new(Way::Sent, Measure::Unresolved, 0, None);
        remote.lose(Measure::Unresolved, 0);
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
    fn a_packet_that_met_a_dead_entry_is_one_more() {
        let mut remote = Remote::new(Way::Sent, Measure::Unresolved, 0, None);
        let mut read = counter(3, 3);
        read.dropped.insert(DropReason::NeighDead as u8, 2);
        remote.count(&read);
        assert_eq!(remote.packets(), 5);
    }

    #[test]
    fn packets_told_of_out_of_order_are_all_counted() {
        let mut remote = Remote::new(Way::Sent, Measure::Unresolved, 7, Some(&counter(7, 0)));
        remote.lose(Measure::Unresolved, 7);
        remote.lose(Measure::Unresolved, 5);
        remote.count(&counter(10, 0));
        assert_eq!(remote.packets(), 5);
    }

    #[test]
    fn forwarded_packets_are_counted_where_they_die() {
        let measure = Measure::Dropped(DropReason::NeighFailed);
        let mut remote = Remote::new(Way::Forwarded, measure, 2, Some(&counter(0, 2)));
        remote.lose(measure, 2);
        remote.see_death(DropReason::NeighFailed);
        remote.count(&counter(0, 7));
        assert_eq!(remote.packets(), 5);
    }

    #[test]
    fn what_is_misdelivered_is_counted_by_the_larger_number() {
        let mut remote = Remote::new(Way::Misdelivered, Measure::Misrouted, 0, None);
        remote.lose(Measure::Misrouted, 0);
        let read = Counter {
            misrouted: 3,
            delivered: 9,
            ..counter(0, 0)
        };
        remote.count(&read);
        assert_eq!(remote.packets(), 9);
    }

    #[test]
    fn an_old_reading_changes_nothing() {
        let mut remote = Remote::new(Way::Sent, Measure::Unresolved, 0, None);
        remote.count(&counter(50, 0));
        assert!(!remote.count(&counter(40, 0)));
        assert_eq!(remote.packets(), 50);
    }
}
