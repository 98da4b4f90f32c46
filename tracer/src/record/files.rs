//! Opening files that hold secrets, in folders that others may write to.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, ErrorKind},
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _},
    path::Path,
};

use anyhow::{Context as _, Result, bail, ensure};
use nix::{
    errno::Errno,
    fcntl::{Flock, FlockArg, OFlag},
};

/// What a recording tells of a host is its owner's business.
const PRIVATE: u32 = 0o600;

/// Creates a file that was not there.
pub(crate) fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create_new(true)
        .mode(PRIVATE)
        .open(path)
}

/// Opens or creates a file to write a recording to, locked against other recorders. It may be one
/// that has been there: then it is a regular file, and what it holds is for the caller to judge.
pub(super) fn open_locked(path: &Path) -> Result<Flock<File>> {
    let file = match open_existing(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => create(path),
        other => other,
    };
    let file = file.map_err(explain)?;
    ensure!(file.metadata()?.is_file(), "it is no regular file");
    let file = lock(file)?;
    // It may have been renamed by another recorder before it was locked.
    ensure!(is_at(&file, path), TAKEN);
    file.set_permissions(fs::Permissions::from_mode(PRIVATE))
        .context("make it private")?;
    Ok(file)
}

/// Creates a file to write a recording to.
pub(super) fn create_locked(path: &Path) -> Result<Flock<File>> {
    lock(create(path)?)
}

const TAKEN: &str = "another bridgetrace is recording into it";

fn open_existing(path: &Path) -> io::Result<File> {
    // Not through a link somebody put there, and without waiting for whoever reads from a pipe.
    let flags = OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK;
    OpenOptions::new()
        .read(true)
        .write(true)
        .custom_flags(flags.bits())
        .open(path)
}

fn explain(error: io::Error) -> anyhow::Error {
    if error.raw_os_error() == Some(Errno::ELOOP as i32) {
        anyhow::anyhow!("it is a symbolic link; name the file itself")
    } else {
        error.into()
    }
}

fn lock(file: File) -> Result<Flock<File>> {
    match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
        Ok(file) => Ok(file),
        Err((_, Errno::EWOULDBLOCK)) => bail!(TAKEN),
        Err((_, error)) => Err(error).context("lock it"),
    }
}

fn is_at(file: &File, path: &Path) -> bool {
    let identity = |it: fs::Metadata| (it.dev(), it.ino());
    let there = fs::symlink_metadata(path).map(identity).ok();
    there.is_some() && there == file.metadata().map(identity).ok()
}
