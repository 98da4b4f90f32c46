//! What stands before each block: enough to check it, to skip it, and to know what is missing
//! when it cannot be read.
//!
//! It is a skippable frame of zstd (RFC 8878, 3.1.2), so that other tools read a recording as the
//! zstd file it is.

use tracer_core::time::Timestamp;
use zerocopy::{
    FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned,
    little_endian::{U16, U32, U64},
};

use crate::{MAX_INPUTS, MAX_TEXT, VERSION};

/// `Magic_Number` of our skippable frames. Its byte 0x18 never occurs in JSON, so that no recorded
/// text looks like a header.
pub const SKIPPABLE: u32 = 0x184D_2A5B;
/// What tells them from those of other programs.
pub const MAGIC: [u8; 12] = *b"bridgetrace\n";
/// Bytes of a header, the skippable frame's own included.
pub const SIZE: usize = size_of::<Wire>();
/// Where [`MAGIC`] stands in a header.
pub const MAGIC_AT: usize = 8;

/// Bytes before the content of a skippable frame.
const FRAME_START: usize = 8;
/// The checksum is the last field in every version, over all that stands before it.
const CRC: usize = 4;
/// A header of any version is no longer than this.
const MAX_SIZE: usize = 4096;

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct Wire {
    skippable: U32,
    /// Bytes that follow in the skippable frame.
    length: U32,
    magic: [u8; 12],
    version: U16,
    kind: U16,
    run: U64,
    number: U64,
    first: U64,
    last: U64,
    inputs: U32,
    text: U32,
    frame: U32,
    frame_crc: U32,
    crc: U32,
}

/// What a block holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Inputs as they came.
    Inputs,
    /// The state of the host, as inputs that lead to it.
    Snapshot,
    /// Something a later version of bridgetrace knows; it can be left out.
    Other(u16),
}

/// The header of one block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// What it holds.
    pub kind: Kind,
    /// Random number of the run that was recorded.
    pub run: u64,
    /// Number of its first input within the run, from 0; of a snapshot, that of the input which
    /// follows.
    pub number: u64,
    /// Earliest time in it.
    pub first: Timestamp,
    /// Latest time in it.
    pub last: Timestamp,
    /// Inputs in it.
    pub inputs: u32,
    /// Bytes of the text.
    pub text: u32,
    /// Bytes of the zstd frame, which follows the header.
    pub frame: u32,
    /// Its CRC-32.
    pub frame_crc: u32,
}

/// What bytes may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parsed {
    /// A header.
    Header(Header),
    /// A whole header of a version this bridgetrace does not know.
    Newer(u16),
    /// No header, or a damaged one.
    Other,
}

impl Header {
    /// As bytes.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; SIZE] {
        let length = SIZE - FRAME_START;
        let mut wire = Wire {
            skippable: SKIPPABLE.into(),
            length: u32::try_from(length).unwrap_or(u32::MAX).into(),
            magic: MAGIC,
            version: VERSION.into(),
            kind: self.kind.number().into(),
            run: self.run.into(),
            number: self.number.into(),
            first: self.first.0.into(),
            last: self.last.0.into(),
            inputs: self.inputs.into(),
            text: self.text.into(),
            frame: self.frame.into(),
            frame_crc: self.frame_crc.into(),
            crc: 0.into(),
        };
        let crc = crc32fast::hash(&wire.as_bytes()[..SIZE - CRC]);
        wire.crc = crc.into();
        let mut bytes = [0; SIZE];
        bytes.copy_from_slice(wire.as_bytes());
        bytes
    }

    /// What `bytes` begin with.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Parsed {
        let Some(version) = version(bytes) else {
            return Parsed::Other;
        };
        if version > VERSION {
            return Parsed::Newer(version);
        }
        let header = Wire::read_from_prefix(bytes).map(|(wire, _)| Self::of(&wire));
        match header {
            Ok(header) if header.is_sane() => Parsed::Header(header),
            _ => Parsed::Other,
        }
    }

    fn of(wire: &Wire) -> Self {
        Self {
            kind: Kind::of(wire.kind.get()),
            run: wire.run.get(),
            number: wire.number.get(),
            first: Timestamp(wire.first.get()),
            last: Timestamp(wire.last.get()),
            inputs: wire.inputs.get(),
            text: wire.text.get(),
            frame: wire.frame.get(),
            frame_crc: wire.frame_crc.get(),
        }
    }

    /// Whether nothing in it asks for more than a block may have, and its time goes forth.
    fn is_sane(&self) -> bool {
        // A frame of what cannot be compressed is a little longer than its text.
        let longest = MAX_TEXT + MAX_TEXT / 128 + 1024;
        self.text as usize <= MAX_TEXT
            && self.frame as usize <= longest
            && self.inputs <= MAX_INPUTS
            && self.number.checked_add(u64::from(self.inputs)).is_some()
            && self.first <= self.last
    }
}

impl Kind {
    const fn number(self) -> u16 {
        match self {
            Self::Inputs => 0,
            Self::Snapshot => 1,
            Self::Other(number) => number,
        }
    }

    const fn of(number: u16) -> Self {
        match number {
            0 => Self::Inputs,
            1 => Self::Snapshot,
            other => Self::Other(other),
        }
    }
}

/// The version, if `bytes` begin with a whole header of whatever version.
fn version(bytes: &[u8]) -> Option<u16> {
    let field = |at: usize| {
        bytes
            .get(at..at + 4)
            .and_then(|it| U32::read_from_bytes(it).ok())
    };
    let ours =
        field(0)?.get() == SKIPPABLE && bytes.get(MAGIC_AT..MAGIC_AT + MAGIC.len())? == MAGIC;
    let size = FRAME_START + usize::try_from(field(4)?.get()).ok()?;
    if !ours || !(SIZE..=MAX_SIZE).contains(&size) {
        return None;
    }
    let crc = field(size - CRC)?.get();
    let version = U16::read_from_prefix(bytes.get(MAGIC_AT + MAGIC.len()..)?).ok()?;
    (crc == crc32fast::hash(bytes.get(..size - CRC)?)).then_some(version.0.get())
}
