//! Places of subnets that are not free, as ranges: what is taken may cover millions of them.

/// Ranges of places, both ends included: in order, and with something free between any two.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Places(Vec<(u64, u64)>);

impl Places {
    pub(super) fn new(mut ranges: Vec<(u64, u64)>) -> Self {
        ranges.sort_unstable();
        let mut joined: Vec<(u64, u64)> = Vec::new();
        for (first, last) in ranges {
            match joined.last_mut() {
                Some(previous) if first <= previous.1.saturating_add(1) => {
                    previous.1 = previous.1.max(last);
                }
                _ => joined.push((first, last)),
            }
        }
        Self(joined)
    }

    pub(super) fn add(&mut self, ranges: impl Iterator<Item = (u64, u64)>) {
        let mut all = std::mem::take(&mut self.0);
        all.extend(ranges);
        *self = Self::new(all);
    }

    /// How many places there are.
    pub(super) fn count(&self) -> u64 {
        self.0.iter().map(|(first, last)| last - first + 1).sum()
    }

    /// The first free place from `from` to before `to`.
    pub(super) fn first_free(&self, from: u64, to: u64) -> Option<u64> {
        let place = self.last_of(from).map_or(from, |last| last + 1);
        (place < to).then_some(place)
    }

    /// The last place of the range that the place is in, if it is in one.
    pub(super) fn last_of(&self, place: u64) -> Option<u64> {
        let (first, last) = *self.0.get(self.range_from(place))?;
        (first <= place).then_some(last)
    }

    /// The free places from `from` to before `to`, as ranges.
    pub(super) fn free(&self, from: u64, to: u64) -> impl Iterator<Item = (u64, u64)> {
        let mut next = from;
        std::iter::from_fn(move || {
            let first = self.first_free(next, to)?;
            let used = self.0.get(self.range_from(first));
            let last = used.map_or(to, |(used, _)| to.min(*used)) - 1;
            next = last + 1;
            Some((first, last))
        })
    }

    /// Which range is the first that does not end before the place.
    fn range_from(&self, place: u64) -> usize {
        self.0.partition_point(|(_, last)| *last < place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_meets_is_one_range() {
        let places = Places::new(vec![(9, 9), (0, 1), (2, 3), (3, 5), (4, 4)]);
        assert_eq!(places, Places(vec![(0, 5), (9, 9)]));
        assert_eq!(places.count(), 7);
    }

    #[test]
    fn free_places_are_found_between() {
        let places = Places::new(vec![(0, 5), (9, 9)]);
        assert_eq!(places.first_free(0, 20), Some(6));
        assert_eq!(places.first_free(9, 20), Some(10));
        assert_eq!(places.first_free(0, 6), None);
        assert_eq!((places.last_of(3), places.last_of(6)), (Some(5), None));
        let free: Vec<_> = places.free(2, 12).collect();
        assert_eq!(free, [(6, 8), (10, 11)]);
    }
}
