//! One block: its header and a zstd frame.

use zstd::{
    bulk::{Compressor, Decompressor},
    zstd_safe::CParameter,
};

use crate::header::Header;

/// Of zstd's levels the usual one: a flood of events is packed faster than it can come.
const LEVEL: i32 = 3;

/// Packs texts.
pub(crate) struct Packer(Compressor<'static>);

impl Packer {
    pub(crate) fn new() -> std::io::Result<Self> {
        let mut compressor = Compressor::new(LEVEL)?;
        // `zstdcat` finds damage, too.
        compressor.set_parameter(CParameter::ChecksumFlag(true))?;
        Ok(Self(compressor))
    }

    /// `text` as a frame.
    pub(crate) fn pack(&mut self, text: &[u8]) -> std::io::Result<Vec<u8>> {
        self.0.compress(text)
    }
}

/// The text in the frame of a block, whose checksum has been found to be right. No more is ever
/// unpacked than the header says.
pub(crate) fn unpack(header: &Header, frame: &[u8]) -> std::io::Result<Vec<u8>> {
    let text = Decompressor::new()?.decompress(frame, header.text as usize)?;
    if text.len() == header.text as usize {
        Ok(text)
    } else {
        Err(std::io::ErrorKind::InvalidData.into())
    }
}
