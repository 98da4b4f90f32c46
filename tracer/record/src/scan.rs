//! Finds the blocks in whatever a disk gives back: after damage it goes on at the next header that
//! is whole.

use std::io::{self, Read, Seek, SeekFrom};

use memchr::memmem;

use crate::{
    block,
    header::{Header, MAGIC, MAGIC_AT, Parsed, SIZE},
};

/// Bytes looked through at once for the next header.
const WINDOW: usize = 64 << 10;
/// Whole headers before frames that are none: as often as this, in lengths of the file, it is read
/// anew behind them. Damage does that less than once; only a file made for it does it more often.
const PATIENCE: u64 = 4;

/// Something in a recording.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// A block.
    Block {
        /// Where its header begins.
        at: u64,
        /// Its header.
        header: Header,
        /// Its frame, checked; empty where only headers are looked at.
        frame: Vec<u8>,
    },
    /// A block of a later version of the format: the whole recording is none of ours.
    Newer(u16),
    /// Bytes that are no whole block.
    Damaged(Damage),
}

/// Bytes that are no whole block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Damage {
    /// Where they begin.
    pub at: u64,
    /// How many they are.
    pub bytes: u64,
    /// They are the last ones, and begin like a block: its writing was interrupted.
    pub cut: bool,
}

/// Goes through one file.
#[derive(Clone)]
pub struct Scan<R> {
    source: R,
    length: u64,
    at: u64,
    frames: bool,
    /// Bytes of frames that were none.
    wasted: u64,
}

impl<R: Read + Seek> Scan<R> {
    /// Begins at the start, and reads frames with their headers.
    ///
    /// # Errors
    /// The source cannot tell its length.
    pub fn new(source: R) -> io::Result<Self> {
        Self::start(source, true)
    }

    /// The same for headers alone: what is damaged within a frame is not noticed.
    ///
    /// # Errors
    /// The source cannot tell its length.
    pub fn headers(source: R) -> io::Result<Self> {
        Self::start(source, false)
    }

    fn start(mut source: R, frames: bool) -> io::Result<Self> {
        let length = source.seek(SeekFrom::End(0))?;
        Ok(Self {
            source,
            length,
            at: 0,
            frames,
            wasted: 0,
        })
    }

    /// Bytes of the whole source.
    pub const fn length(&self) -> u64 {
        self.length
    }

    /// Where the next thing begins that is found.
    pub const fn position(&self) -> u64 {
        self.at
    }

    /// The next block, or what is there in place of one.
    ///
    /// # Errors
    /// The source cannot be read.
    pub fn find(&mut self) -> io::Result<Option<Found>> {
        if self.at >= self.length {
            return Ok(None);
        }
        let start = self.at;
        let head = self.read(start, SIZE)?;
        match Header::parse(&head) {
            Parsed::Newer(version) => Ok(Some(Found::Newer(version))),
            Parsed::Header(header) => match self.frame(start, &header)? {
                Some(frame) => {
                    self.at = end(start, &header);
                    let at = start;
                    Ok(Some(Found::Block { at, header, frame }))
                }
                None => self.skip(start, true),
            },
            Parsed::Other => self.skip(start, looks_cut(&head)),
        }
    }

    /// The frame, if it is whole.
    fn frame(&mut self, at: u64, header: &Header) -> io::Result<Option<Vec<u8>>> {
        if end(at, header) > self.length {
            return Ok(None);
        }
        if !self.frames {
            return Ok(Some(Vec::new()));
        }
        let frame = self.read(at + SIZE as u64, header.frame as usize)?;
        let whole =
            frame.len() == header.frame as usize && crc32fast::hash(&frame) == header.frame_crc;
        if !whole {
            self.wasted += frame.len() as u64;
        }
        Ok(whole.then_some(frame))
    }

    /// Leaves out what is damaged. `begun`: it begins like a block.
    fn skip(&mut self, start: u64, begun: bool) -> io::Result<Option<Found>> {
        let next = if self.wasted > self.length.saturating_mul(PATIENCE) {
            None
        } else {
            self.find_header(start + 1)?
        };
        self.at = next.unwrap_or(self.length);
        Ok(Some(Found::Damaged(Damage {
            at: start,
            bytes: self.at - start,
            cut: begun && next.is_none(),
        })))
    }

    /// Where the next whole header begins, at `from` or later.
    fn find_header(&mut self, mut from: u64) -> io::Result<Option<u64>> {
        let finder = memmem::Finder::new(&MAGIC);
        while from < self.length {
            let window = self.read(from, WINDOW + SIZE)?;
            for magic in finder.find_iter(&window) {
                let Some(start) = magic.checked_sub(MAGIC_AT) else {
                    continue;
                };
                // Half a header at the end of the window is a whole one in the next.
                if !matches!(Header::parse(&window[start..]), Parsed::Other) {
                    return Ok(Some(from + start as u64));
                }
            }
            from += WINDOW as u64;
        }
        Ok(None)
    }

    /// What is there of `length` bytes.
    fn read(&mut self, at: u64, length: usize) -> io::Result<Vec<u8>> {
        let left = usize::try_from(self.length.saturating_sub(at)).unwrap_or(usize::MAX);
        self.source.seek(SeekFrom::Start(at))?;
        let mut bytes = Vec::with_capacity(length.min(left));
        self.source
            .by_ref()
            .take(length.min(left) as u64)
            .read_to_end(&mut bytes)?;
        Ok(bytes)
    }
}

/// The text of a block that [`Scan`] found.
///
/// # Errors
/// The frame is not what its header says, although its checksum is: nobody wrote that by accident.
pub fn text(header: &Header, frame: &[u8]) -> io::Result<Vec<u8>> {
    block::unpack(header, frame)
}

/// Where the block ends that begins at `start`.
fn end(start: u64, header: &Header) -> u64 {
    start
        .saturating_add(SIZE as u64)
        .saturating_add(u64::from(header.frame))
}

/// Whether there is no more of a header than its beginning.
fn looks_cut(head: &[u8]) -> bool {
    let magic = head.get(MAGIC_AT..).unwrap_or_default();
    head.len() < SIZE && MAGIC.starts_with(&magic[..magic.len().min(MAGIC.len())])
}
