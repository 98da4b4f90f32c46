//! The format of recordings; `docs/recording-format.md` describes it.
//!
//! A recording is a sequence of blocks, each readable by itself: a [`header`] and a zstd frame of
//! JSON lines, one [`line`] an input. [`compose`] makes blocks of inputs, [`scan`] finds blocks in
//! whatever a disk gives back, and [`play`] makes the inputs of a run of them again and tells what
//! is missing. Nothing here touches a file, a clock or a thread.

pub mod block;
pub mod compose;
pub mod header;
pub mod line;
pub mod play;
pub mod scan;

#[cfg(test)]
#[expect(
    clippy::cast_possible_truncation,
    reason = "the tests' own numbers are small"
)]
mod tests;

/// Version of the format that is written, and the newest that is read.
pub const VERSION: u16 = 1;

/// Text of one block: bytes at most. A whole listing of a large docker host is one input, hence
/// one line.
pub const MAX_TEXT: usize = 64 << 20;

/// Inputs of one block at most: ticks are written as runs, a line each.
pub const MAX_INPUTS: u32 = 1 << 20;
