//! What a handful of figures says.

use std::fmt;
use std::time::Duration;

use anyhow::{Result, ensure};

/// Figures of one kind, sorted. Never empty.
#[derive(Clone, Debug)]
pub(super) struct Spread(Vec<f64>);

impl Spread {
    /// # Errors
    /// There is not a single figure.
    pub(super) fn new(mut figures: Vec<f64>) -> Result<Self> {
        ensure!(!figures.is_empty(), "nothing was measured");
        figures.sort_unstable_by(f64::total_cmp);
        Ok(Self(figures))
    }

    /// All of them, the lowest first.
    pub(super) fn all(&self) -> &[f64] {
        &self.0
    }

    /// Half of the figures are as low as this.
    pub(super) fn median(&self) -> f64 {
        self.percentile(50)
    }

    /// The highest.
    pub(super) fn max(&self) -> f64 {
        self.percentile(100)
    }

    /// The nearest rank: a figure that was really measured, not a mean of two.
    pub(super) fn percentile(&self, percent: usize) -> f64 {
        let rank = (self.0.len() * percent).div_ceil(100);
        self.0[rank.saturating_sub(1)]
    }
}

/// Median, and in brackets the span of the middle half of the figures.
impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [low, median, high] = [25, 50, 75].map(|percent| short(self.percentile(percent)));
        write!(f, "{median} ({low}..{high})")
    }
}

/// Exact below 8 PiB.
#[expect(
    clippy::cast_precision_loss,
    reason = "no file and no memory is that large"
)]
pub(super) fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

pub(super) fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// Three digits, as a rule.
pub(super) fn short(figure: f64) -> String {
    let decimals = match figure.abs() {
        size if size >= 100.0 => 0,
        size if size >= 10.0 => 1,
        _ => 2,
    };
    format!("{figure:.decimals$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spread(figures: impl IntoIterator<Item = u32>) -> Spread {
        Spread::new(figures.into_iter().map(f64::from).collect()).unwrap()
    }

    #[test]
    fn ranks_are_the_nearest() {
        let hundred = spread((1..=100).rev());
        let ranks = [0, 50, 90, 99, 100].map(|percent| short(hundred.percentile(percent)));
        assert_eq!(ranks, ["1.00", "50.0", "90.0", "99.0", "100"]);
        assert_eq!(short(spread([3, 1, 2]).median()), "2.00");
    }

    #[test]
    fn a_spread_reads_as_its_median_and_its_middle_half() {
        assert_eq!(spread(1..=4).to_string(), "2.00 (1.00..3.00)");
        assert_eq!(short(-0.126), "-0.13");
        assert_eq!(short(1234.4), "1234");
    }

    #[test]
    fn nothing_has_no_median() {
        assert!(Spread::new(Vec::new()).is_err());
    }
}
