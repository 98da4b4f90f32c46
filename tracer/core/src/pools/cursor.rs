//! Where a rolling allocator goes on. The daemon keeps that to itself, so it is worked out from what
//! was created and removed; where that leaves a choice, every possibility is kept, likeliest first.

use std::collections::{BTreeMap, BTreeSet};

use ipnet::IpNet;

use crate::prefix::overlaps;

use super::{Slots, Taken, rolling};

/// Possibilities kept.
const MOST: usize = 32;

/// A rolling allocator as seen from outside.
#[derive(Clone, Debug, Default)]
pub(crate) struct Cursor {
    possible: Vec<State>,
    /// It may be none of the possible ones: too little is known.
    open: bool,
    /// Networks that are there and whose subnet cannot even be guessed.
    adrift: BTreeSet<String>,
}

/// One possibility.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct State {
    cursor: u64,
    /// Networks that nobody saw the subnet of, by id: what they would have been given.
    unseen: BTreeMap<String, IpNet>,
}

/// A network that got its subnets; those it asked for itself move nothing.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Given<'a> {
    /// The subnets are known.
    Seen(&'a [IpNet]),
    /// It was gone before it could be looked at: it is assumed to have been an ordinary one, and that
    /// it was not is possible.
    Unseen(&'a str),
}

impl Cursor {
    /// A daemon that has just started, whose default bridge may have been given `bridge`.
    pub(crate) fn at_start(slots: &Slots, bridge: Option<&IpNet>) -> Self {
        let mut cursor = Self::default();
        let place = bridge.and_then(|subnet| slots.place_of(subnet));
        if let Some(place) = place {
            cursor.add(State::at(after(slots, place)));
        }
        // Nothing before the first subnet is ever freed, so the start and what follows it are one.
        if place != Some(0) {
            cursor.add(State::at(0));
        }
        cursor
    }

    /// A daemon of whose past nothing is known but that `last` may have been the last it gave.
    pub(crate) fn unknown(slots: &Slots, last: Option<&IpNet>) -> Self {
        let place = last.and_then(|subnet| slots.place_of(subnet));
        let cursor = place.map_or(0, |place| after(slots, place));
        Self {
            possible: vec![State::at(cursor)],
            open: true,
            adrift: BTreeSet::new(),
        }
    }

    /// Something happened that leaves the cursor anywhere.
    pub(crate) const fn doubt(&mut self) {
        self.open = true;
    }

    /// A network was created while `taken` was not to be had.
    pub(crate) fn made(&mut self, slots: &Slots, taken: &Taken, given: Given<'_>) {
        match given {
            Given::Seen(subnets) => {
                for subnet in subnets {
                    if let Some(place) = slots.place_of(subnet) {
                        self.seen(slots, taken, subnet, place);
                    }
                }
            }
            Given::Unseen(id) => self.unseen(slots, taken, id),
        }
        self.allow_failures(slots, taken);
    }

    /// Requests may have failed while `taken` was not to be had.
    pub(crate) fn settle(&mut self, slots: &Slots, taken: &Taken) {
        self.allow_failures(slots, taken);
    }

    /// A network is gone.
    pub(crate) fn gone(&mut self, id: &str) {
        self.adrift.remove(id);
        for state in &mut self.possible {
            state.unseen.remove(id);
        }
        let states = std::mem::take(&mut self.possible);
        states.into_iter().for_each(|state| self.add(state));
    }

    /// The possibilities: where the cursor is, and what is taken besides.
    pub(crate) fn possible(&self) -> impl Iterator<Item = (u64, Vec<IpNet>)> {
        let state = |state: &State| (state.cursor, state.unseen.values().copied().collect());
        self.possible.iter().map(state)
    }

    /// Whether it cannot be anything else.
    pub(crate) fn is_closed(&self) -> bool {
        !self.open && self.adrift.is_empty()
    }

    fn seen(&mut self, slots: &Slots, taken: &Taken, subnet: &IpNet, place: u64) {
        let ipv6 = matches!(subnet, IpNet::V6(_));
        let states = std::mem::take(&mut self.possible);
        // Only what would have led to this subnet is possible still.
        for state in &states {
            let pick = rolling::pick(slots, state.cursor, &state.taken(taken), ipv6);
            if let Some(pick) = pick.filter(|pick| pick.subnet == *subnet) {
                self.add(State {
                    cursor: pick.cursor,
                    ..state.clone()
                });
            }
        }
        if !self.is_closed() {
            // Wherever the search began, it goes on from here.
            let guessed = states.iter().flat_map(|state| state.unseen.keys());
            self.adrift.extend(guessed.cloned());
            self.open = false;
            self.add(State::at(after(slots, place)));
            if !self.adrift.is_empty() || may_have_wrapped(slots, taken) {
                self.add(State::at(0));
            }
        } else if self.possible.is_empty() {
            self.surprise(slots, states, place);
        }
    }

    /// None of the possibilities led there. Two networks made at once are told of in any order, or
    /// a request failed, which nobody tells; or this one asked for its subnet.
    fn surprise(&mut self, slots: &Slots, states: Vec<State>, place: u64) {
        let next = after(slots, place);
        for state in &states {
            self.add(State {
                cursor: next,
                ..state.clone()
            });
        }
        for state in states {
            self.add(State {
                cursor: 0,
                ..state.clone()
            });
            self.add(state);
        }
    }

    fn unseen(&mut self, slots: &Slots, taken: &Taken, id: &str) {
        if !self.is_closed() {
            self.adrift.insert(id.to_owned());
            self.open = true;
        }
        let states = std::mem::take(&mut self.possible);
        for state in &states {
            let pick = rolling::pick(slots, state.cursor, &state.taken(taken), false);
            let mut moved = state.clone();
            if let Some(pick) = pick {
                moved.cursor = pick.cursor;
                moved.unseen.insert(id.to_owned(), pick.subnet);
            }
            self.add(moved);
        }
        states.into_iter().for_each(|state| self.add(state));
    }

    /// With nothing left requests fail, and even those may move the cursor.
    fn allow_failures(&mut self, slots: &Slots, taken: &Taken) {
        for state in self.possible.clone() {
            let mut failed = state.clone();
            let taken = state.taken(taken);
            // A second failure may lead elsewhere, a third one leads back.
            for _ in 0..2 {
                let Some(cursor) = rolling::after_failure(slots, failed.cursor, &taken) else {
                    break;
                };
                failed.cursor = cursor;
                self.add(failed.clone());
            }
        }
    }

    fn add(&mut self, state: State) {
        if self.possible.contains(&state) {
            return;
        }
        if self.possible.len() < MOST {
            self.possible.push(state);
        } else {
            self.open = true;
        }
    }
}

impl State {
    const fn at(cursor: u64) -> Self {
        Self {
            cursor,
            unseen: BTreeMap::new(),
        }
    }

    fn taken(&self, taken: &Taken) -> Taken {
        let mut taken = taken.clone();
        taken.allocated.extend(self.unseen.values());
        taken
    }
}

/// Where the search goes on after the subnet at `place` was given.
fn after(slots: &Slots, place: u64) -> u64 {
    let next = place + 1;
    if next < slots.len() { next } else { 0 }
}

/// A search that comes to the last subnet does not go around if that one is free.
fn may_have_wrapped(slots: &Slots, taken: &Taken) -> bool {
    let last = slots.len().checked_sub(1).and_then(|last| slots.at(last));
    last.is_none_or(|(last, _)| taken.all().any(|used| overlaps(used, &last)))
}
