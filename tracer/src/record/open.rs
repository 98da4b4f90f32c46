//! The files of a recording, for reading.

use std::{
    fs::{self, File},
    io::{self, ErrorKind},
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, bail, ensure};
use tracer_core::time::Timestamp;
use tracer_record::{
    play::Unplayable,
    scan::{Found, Scan},
};

use super::numbered;

/// One file of a recording.
#[derive(Debug)]
pub(crate) struct Segment {
    /// Its name.
    pub(crate) path: PathBuf,
    /// The file.
    pub(crate) file: File,
}

/// From when to when a recording goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    /// Earliest time in it.
    pub(crate) first: Timestamp,
    /// Latest time in it.
    pub(crate) last: Timestamp,
}

/// Opens all files of a recording, oldest first: FILE.1, FILE.2, … and FILE.
///
/// It may be being written: the file that is written to is opened first, so that one that is
/// renamed meanwhile is found twice rather than not at all.
pub(crate) fn open(path: &Path) -> Result<Vec<Segment>> {
    let active = match File::open(path) {
        Ok(file) => Some(file),
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        Err(error) => return Err(error).with_context(|| format!("open {}", path.display())),
    };
    let mut segments = Vec::new();
    for number in numbers(path)? {
        let path = numbered(path, number);
        match File::open(&path) {
            Ok(file) => segments.push(Segment { path, file }),
            // The oldest were dropped meanwhile.
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error).with_context(|| format!("open {}", path.display())),
        }
    }
    if let Some(file) = active {
        let identity = identity(&file)?;
        segments.retain(|segment| self::identity(&segment.file).ok() != Some(identity));
        let path = path.to_owned();
        segments.push(Segment { path, file });
    }
    ensure!(!segments.is_empty(), "{}: no such file", path.display());
    for Segment { path, file } in &segments {
        ensure!(
            file.metadata()?.is_file(),
            "{} is no regular file",
            path.display()
        );
    }
    Ok(segments)
}

/// From when to when, by the headers alone.
pub(crate) fn survey(path: &Path, segments: &[Segment]) -> Result<Span> {
    let mut span: Option<Span> = None;
    for segment in segments {
        let mut scan = Scan::headers(&segment.file)?;
        while let Some(found) = scan.find()? {
            let header = match found {
                Found::Block { header, .. } => header,
                Found::Newer(version) => bail!(unplayable(path, Unplayable::Newer(version))),
                Found::Damaged(_) => continue,
            };
            let known = span.unwrap_or(Span {
                first: header.first,
                last: header.last,
            });
            span = Some(Span {
                first: known.first.min(header.first),
                last: known.last.max(header.last),
            });
        }
    }
    span.with_context(|| format!("{} is no recording of bridgetrace", path.display()))
}

/// The earliest time of a segment, if it is one.
pub(crate) fn first_time(file: &File) -> Option<Timestamp> {
    let mut scan = Scan::headers(file).ok()?;
    loop {
        match scan.find().ok()?? {
            Found::Block { header, .. } => return Some(header.first),
            Found::Damaged(_) => {}
            Found::Newer(_) => return None,
        }
    }
}

/// Why the recording at `path` cannot be played, in one line.
pub(crate) fn unplayable(path: &Path, error: Unplayable) -> anyhow::Error {
    anyhow::Error::from(error).context(format!("replay {}", path.display()))
}

/// Numbers of the segments that are written no more, in order.
pub(super) fn numbers(file: &Path) -> io::Result<Vec<u64>> {
    let Some(name) = file.file_name() else {
        return Ok(Vec::new());
    };
    let entries = match fs::read_dir(folder(file)) {
        // It is opened next, and that error is the clearer one.
        Err(_) => return Ok(Vec::new()),
        Ok(entries) => entries,
    };
    let mut numbers = Vec::new();
    for entry in entries {
        let entry = entry?.file_name();
        let rest = entry
            .as_encoded_bytes()
            .strip_prefix(name.as_encoded_bytes());
        let digits = rest.and_then(|rest| rest.strip_prefix(b"."));
        numbers.extend(digits.and_then(number));
    }
    numbers.sort_unstable();
    Ok(numbers)
}

/// Where a file is.
pub(super) fn folder(file: &Path) -> &Path {
    match file.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// As [`numbered`] writes them, and nothing else.
fn number(digits: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(digits).ok()?;
    let number: u64 = text.parse().ok()?;
    (number.to_string() == text).then_some(number)
}

fn identity(file: &File) -> io::Result<(u64, u64)> {
    file.metadata().map(|it| (it.dev(), it.ino()))
}
