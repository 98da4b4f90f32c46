//! The files a recording is written to: FILE, and the segments before it, which are dropped whole.
//!
//! A full FILE is renamed to FILE.N, with the next higher N: one rename, so that a crash at any
//! moment leaves every block under some name.

use std::{
    fs::{self, File},
    io::{self, ErrorKind, Read as _, Seek as _, SeekFrom, Write as _},
    path::PathBuf,
    time::Duration,
};

use anyhow::{Context as _, Result, bail, ensure};
use nix::fcntl::Flock;
use tracer_core::time::Timestamp;
use tracer_record::{
    compose::Block,
    header::{MAGIC, MAGIC_AT, SKIPPABLE},
    scan::{Found, Scan},
};

use super::{
    Plan, files, numbered,
    open::{first_time, folder, numbers},
};

/// Of the size and the age that are kept, the share of one segment: what is dropped at once.
const SHARE: u32 = 8;
/// Zeros beyond this are no first block that was on its way, bytes.
const UNFINISHED: u64 = 1 << 20;

/// The files of one recording.
pub(super) struct Segments {
    path: PathBuf,
    active: Flock<File>,
    /// Bytes of whole blocks in it.
    length: u64,
    /// Of these, the state of the host it begins with.
    base: u64,
    /// Its earliest time.
    since: Option<Timestamp>,
    /// Those before, oldest first.
    old: Vec<Old>,
    size: u64,
    age: Option<Duration>,
}

/// A segment that is written no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Old {
    number: u64,
    length: u64,
    /// Its earliest time.
    since: Timestamp,
}

impl Segments {
    /// Opens a recording, new or to be continued.
    pub(super) fn open(plan: &Plan) -> Result<Self> {
        let path = plan.file.clone();
        let what = || format!("record to {}", path.display());
        let mut active = files::open_locked(&path).with_context(what)?;
        let (length, since) = whole(&active).with_context(what)?;
        let torn = active.metadata()?.len() - length;
        if torn > 0 {
            log::warn!(
                "{}: {torn} bytes of an unfinished block are cut off",
                path.display()
            );
        }
        active.set_len(length).with_context(what)?;
        active.seek(SeekFrom::Start(length)).with_context(what)?;
        let old = numbers(&path)?.into_iter().filter_map(|number| {
            let file = File::open(numbered(&path, number)).ok()?;
            let length = file.metadata().ok()?.len();
            // What is no recording is not ours.
            let since = first_time(&file)?;
            Some(Old {
                number,
                length,
                since,
            })
        });
        Ok(Self {
            old: old.collect(),
            path,
            active,
            length,
            base: 0,
            since,
            size: plan.size,
            age: plan.age,
        })
    }

    /// Appends a block; what was written of one that does not fit is taken back.
    pub(super) fn write(&mut self, block: &Block) -> io::Result<()> {
        self.make_room(block.bytes.len() as u64)?;
        if let Err(error) = self.active.write_all(&block.bytes) {
            // If this fails, too, whoever reads finds the next whole block.
            let _ = self.active.set_len(self.length);
            let _ = self.active.seek(SeekFrom::Start(self.length));
            return Err(error);
        }
        self.length += block.bytes.len() as u64;
        self.since.get_or_insert(block.header.first);
        Ok(())
    }

    /// Whether nothing stands in the present segment.
    pub(super) fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// What has been written survives a power cut from now on.
    pub(super) fn sync(&self) -> io::Result<()> {
        self.active.sync_data()
    }

    /// Whether the next block belongs into a new segment.
    pub(super) fn is_full(&self, now: Timestamp) -> bool {
        let share = self.age.map(|age| age / SHARE);
        let age = |since| Duration::from_nanos(now.since(since));
        let old = share
            .zip(self.since)
            .is_some_and(|(share, since)| age(since) >= share);
        old || self.length - self.base >= self.size / u64::from(SHARE)
    }

    /// Begins a new segment. On failure the present one goes on.
    pub(super) fn rotate(&mut self, now: Timestamp) -> Result<()> {
        let number = numbers(&self.path)?.last().map_or(1, |last| last + 1);
        let before = numbered(&self.path, number);
        fs::rename(&self.path, &before)?;
        let created = files::create_locked(&self.path);
        if created.is_err() {
            fs::rename(&before, &self.path)?;
        }
        self.active = created?;
        self.old.push(Old {
            number,
            length: std::mem::take(&mut self.length),
            since: self.since.take().unwrap_or(now),
        });
        self.base = 0;
        self.drop_aged(now);
        // The names survive a power cut, too.
        File::open(folder(&self.path))?.sync_all()?;
        Ok(())
    }

    /// What has been written so far is the state of the host the segment begins with.
    pub(super) const fn end_of_snapshot(&mut self) {
        self.base = self.length;
    }

    /// Fails when the present segment alone would become too large: the state of the host, with which the
    /// next one begins, has not come yet.
    fn make_room(&mut self, bytes: u64) -> io::Result<()> {
        let total = |this: &Self| this.old.iter().map(|old| old.length).sum::<u64>() + this.length;
        while !self.old.is_empty() && total(self) + bytes > self.size {
            self.drop_oldest();
        }
        if total(self) + bytes > self.size {
            let full = "there is no more room within --max-size";
            return Err(io::Error::new(ErrorKind::QuotaExceeded, full));
        }
        Ok(())
    }

    /// A segment ends where the next one begins.
    fn drop_aged(&mut self, now: Timestamp) {
        let Some(age) = self.age else { return };
        let aged = |end: Timestamp| Duration::from_nanos(now.since(end)) > age;
        while self.old.get(1).is_some_and(|next| aged(next.since)) {
            self.drop_oldest();
        }
    }

    fn drop_oldest(&mut self) {
        let path = numbered(&self.path, self.old.remove(0).number);
        if let Err(error) = fs::remove_file(&path) {
            log::warn!("cannot drop {}: {error}", path.display());
        }
    }
}

/// Bytes up to the end of the last whole block, and the earliest time. An empty file is a recording
/// in which nothing stands yet.
fn whole(file: &File) -> Result<(u64, Option<Timestamp>)> {
    let mut scan = Scan::headers(file)?;
    let (mut end, mut since) = (0, None);
    while let Some(found) = scan.find()? {
        match found {
            Found::Block { header, .. } => {
                end = scan.position();
                since.get_or_insert(header.first);
            }
            Found::Newer(version) => {
                bail!("a later bridgetrace wrote it (format {version}); name another file")
            }
            Found::Damaged(_) => {}
        }
    }
    ensure!(
        scan.length() == 0 || end > 0 || is_unfinished(file)?,
        "it is no recording, and is left as it is; name another file"
    );
    Ok((end, since))
}

/// Whether a file without a whole block is what a power cut leaves of the first block of a segment: as
/// much of it as was written, or zeros where that was on its way.
fn is_unfinished(mut file: &File) -> io::Result<bool> {
    let mut begin = [0; MAGIC_AT + MAGIC.len()];
    file.seek(SeekFrom::Start(0))?;
    let mut there = Vec::new();
    file.take(UNFINISHED).read_to_end(&mut there)?;
    begin[..4].copy_from_slice(&SKIPPABLE.to_le_bytes());
    begin[MAGIC_AT..].copy_from_slice(&MAGIC);
    // Between the two stands a length.
    let fits =
        |(place, byte): (usize, &u8)| (4..MAGIC_AT).contains(&place) || begin[place] == *byte;
    let begins = there.iter().take(begin.len()).enumerate().all(fits);
    let is_all = file.metadata()?.len() == there.len() as u64;
    Ok(begins || is_all && there.iter().all(|byte| *byte == 0))
}

#[cfg(test)]
mod tests;
