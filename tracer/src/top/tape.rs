//! A file of a recording that can be read from several places at once: each copy has its own.

use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom},
    os::unix::fs::FileExt as _,
    sync::Arc,
};

/// A file, and where in it.
#[derive(Clone, Debug)]
pub(super) struct Tape {
    file: Arc<File>,
    at: u64,
}

impl Tape {
    /// From its beginning.
    pub(super) fn new(file: File) -> Self {
        Self {
            file: Arc::new(file),
            at: 0,
        }
    }
}

impl Read for Tape {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read_at(buffer, self.at)?;
        self.at += read as u64;
        Ok(read)
    }
}

impl Seek for Tape {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let at = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
            SeekFrom::End(by) => self.file.metadata()?.len().checked_add_signed(by),
        };
        self.at = at.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.at)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn copies_go_their_own_ways() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"0123456789").unwrap();
        let mut one = Tape::new(file);
        assert_eq!(one.seek(SeekFrom::End(-6)).unwrap(), 4);
        let mut other = one.clone();
        let mut two = [0; 2];
        one.read_exact(&mut two).unwrap();
        assert_eq!(&two, b"45");
        assert_eq!(io::read_to_string(&mut other).unwrap(), "456789");
        assert_eq!(io::read_to_string(&mut one).unwrap(), "6789");
        assert!(one.seek(SeekFrom::Current(-11)).is_err());
    }
}
