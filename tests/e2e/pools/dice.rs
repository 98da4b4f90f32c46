//! Random choices that can be made again.

use std::env;

/// Numbers that follow from a seed (xorshift64*, good enough to choose with).
pub(super) struct Dice {
    seed: u64,
    state: u64,
}

impl Dice {
    /// `$BRIDGETRACE_SEED`, or `seed`.
    pub(super) fn new(seed: u64) -> Self {
        let named = env::var("BRIDGETRACE_SEED").ok();
        let seed = named.and_then(|seed| seed.parse().ok()).unwrap_or(seed);
        let state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        Self { seed, state }
    }

    pub(super) const fn seed(&self) -> u64 {
        self.seed
    }

    /// A number below `bound`, which is not 0.
    pub(super) fn below(&mut self, bound: usize) -> usize {
        self.state ^= self.state >> 12;
        self.state ^= self.state << 25;
        self.state ^= self.state >> 27;
        let number = self.state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33;
        usize::try_from(number).unwrap_or_default() % bound
    }

    /// True once in `times`.
    pub(super) fn once_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }
}
