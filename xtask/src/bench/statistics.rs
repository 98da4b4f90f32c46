//! What a handful of times says.

use std::time::Duration;

/// Times of one kind, sorted. Never empty.
#[derive(Debug)]
pub(super) struct Times(Vec<Duration>);

impl Times {
    /// `None` without a single time.
    pub(super) fn new(mut times: Vec<Duration>) -> Option<Self> {
        times.sort_unstable();
        (!times.is_empty()).then_some(Self(times))
    }

    /// All of them, the shortest first.
    pub(super) fn all(&self) -> &[Duration] {
        &self.0
    }

    /// The shortest.
    pub(super) fn min(&self) -> Duration {
        self.percentile(0)
    }

    /// Half of the times are as short as this.
    pub(super) fn median(&self) -> Duration {
        self.percentile(50)
    }

    /// The longest.
    pub(super) fn max(&self) -> Duration {
        self.percentile(100)
    }

    /// The nearest rank: a time that was really measured, not a mean of two.
    pub(super) fn percentile(&self, percent: usize) -> Duration {
        let rank = (self.0.len() * percent).div_ceil(100);
        self.0[rank.saturating_sub(1)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(milliseconds: impl IntoIterator<Item = u64>) -> Times {
        Times::new(
            milliseconds
                .into_iter()
                .map(Duration::from_millis)
                .collect(),
        )
        .unwrap()
    }

    #[test]
    fn ranks_are_the_nearest() {
        let hundred = times((1..=100).rev());
        let ranks = [0, 50, 90, 99, 100].map(|percent| hundred.percentile(percent).as_millis());
        assert_eq!(ranks, [1, 50, 90, 99, 100]);
        assert_eq!(times([3, 1, 2]).median(), Duration::from_millis(2));
    }

    #[test]
    fn the_worst_of_a_few_is_their_99th_percentile() {
        let few = times(1..=50);
        assert_eq!(few.percentile(99), few.max());
        let one = times([7]);
        assert_eq!(
            (one.min(), one.median(), one.max()),
            (one.max(), one.max(), one.min())
        );
    }

    #[test]
    fn nothing_has_no_median() {
        assert!(Times::new(Vec::new()).is_none());
    }
}
