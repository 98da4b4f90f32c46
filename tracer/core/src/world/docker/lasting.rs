//! A list that is told anew, whole, whenever it changes: since when each thing has been in it.

use std::collections::BTreeSet;

use crate::time::Timestamp;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Lasting<T>(Vec<(T, Timestamp)>);

impl<T> Default for Lasting<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T: Clone + PartialEq> Lasting<T> {
    /// Takes in the list as it is by now.
    pub(super) fn set(&mut self, at: Timestamp, found: &[T]) {
        let before = std::mem::take(&mut self.0);
        let since = |thing: &T| {
            let known = before.iter().find(|(known, _)| known == thing);
            known.map_or(at, |(_, since)| *since)
        };
        self.0 = found.iter().map(|it| (it.clone(), since(it))).collect();
    }

    /// Each thing, and since when it has been there.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&T, Timestamp)> {
        self.0.iter().map(|(thing, since)| (thing, *since))
    }

    /// The lists that lead to this one, so that each thing is known since it was.
    pub(super) fn as_it_grew(&self) -> impl Iterator<Item = (Timestamp, Vec<T>)> {
        let times: BTreeSet<Timestamp> = self.iter().map(|(_, since)| since).collect();
        times.into_iter().map(|at| {
            let known = self.iter().filter(|(_, since)| *since <= at);
            (at, known.map(|(thing, _)| thing.clone()).collect())
        })
    }
}
