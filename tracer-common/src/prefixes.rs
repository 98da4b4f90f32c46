//! The filter that tells in one load whether a packet may come from inside a bridge's subnet: a
//! bit for each group of addresses. Both halves must agree on which bit that is.

/// Words of a filter; it has 65,536 bits.
pub const PREFIX_WORDS: u32 = 65_536 / u64::BITS;

/// A place in the filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PrefixBit(u16);

impl PrefixBit {
    /// Index of the word, below [`PREFIX_WORDS`].
    #[inline(always)]
    #[must_use]
    pub const fn word(self) -> u32 {
        self.0 as u32 / u64::BITS
    }

    /// The bit within the word.
    #[inline(always)]
    #[must_use]
    pub const fn mask(self) -> u64 {
        1 << (self.0 as u32 % u64::BITS)
    }
}

/// The bit of an IPv4 address, network byte order: each /16 has its own.
#[inline(always)]
#[must_use]
pub const fn prefix4(addr: [u8; 4]) -> PrefixBit {
    PrefixBit(u16::from_be_bytes([addr[0], addr[1]]))
}

/// The bit of an IPv6 address, network byte order: that of its first 32 bits, the upper half of
/// them XORed with the lower half. So each /32 has a bit, which it shares with 65,535 others; all
/// of a /16 have different ones, and a shorter prefix touches every bit.
#[inline(always)]
#[must_use]
#[expect(
    clippy::cast_possible_truncation,
    reason = "of the word, the lower half"
)]
pub const fn prefix6(addr: [u8; 16]) -> PrefixBit {
    // By the word, as the kernel half loads it.
    let word = u32::from_ne_bytes([addr[0], addr[1], addr[2], addr[3]]);
    PrefixBit(u16::from_be((word ^ word >> 16) as u16))
}
