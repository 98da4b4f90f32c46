//! Small files of this host and of other processes, which may see other files by the same names.
//!
//! Reading may take for ever (a container may serve its files itself, by FUSE): call it off the
//! runtime, and wait for it no longer than the answer is worth.

use std::{
    fs::File,
    io::{self, ErrorKind, Read as _},
    os::fd::{AsFd as _, OwnedFd},
    path::{Path, PathBuf},
};

use nix::{
    errno::Errno,
    fcntl::{OFlag, OpenHow, ResolveFlag, openat2},
    sys::stat::fstat,
};

/// How often a path is tried while somebody moves its directories.
const ATTEMPTS: u32 = 3;

/// A root directory. Symbolic links are followed as those who live below it see them: none leads
/// out.
pub(super) struct Root(OwnedFd);

impl Root {
    /// The one this process has.
    pub(super) fn own() -> io::Result<Self> {
        Self::at(Path::new("/"))
    }

    /// The one another process has.
    pub(super) fn of_process(pid: u32) -> io::Result<Self> {
        Self::at(&PathBuf::from(format!("/proc/{pid}/root")))
    }

    pub(super) fn at(path: &Path) -> io::Result<Self> {
        File::open(path).map(|folder| Self(folder.into()))
    }

    /// Opens a file.
    pub(super) fn open(&self, path: &str, flags: OFlag) -> io::Result<OwnedFd> {
        let flags = flags | OFlag::O_CLOEXEC;
        let resolve = ResolveFlag::RESOLVE_IN_ROOT | ResolveFlag::RESOLVE_NO_MAGICLINKS;
        let how = || OpenHow::new().flags(flags).resolve(resolve);
        let mut attempts = (0..ATTEMPTS).map(|_| openat2(self.0.as_fd(), path, how()));
        let opened = attempts.find(|opened| !matches!(opened, Err(Errno::EAGAIN)));
        Ok(opened.unwrap_or(Err(Errno::EAGAIN))?)
    }

    /// The text of a regular file, whole lines of it, up to `limit` bytes.
    pub(super) fn read(&self, path: &str, limit: u64) -> io::Result<String> {
        // Opening a FIFO would wait for a writer.
        let file = File::from(self.open(path, OFlag::O_RDONLY | OFlag::O_NONBLOCK)?);
        if !file.metadata()?.is_file() {
            return Err(ErrorKind::InvalidInput.into());
        }
        let mut bytes = Vec::new();
        file.take(limit).read_to_end(&mut bytes)?;
        if bytes.len() as u64 >= limit {
            // An address that is cut is another address.
            let whole = bytes.iter().rposition(|byte| *byte == b'\n');
            bytes.truncate(whole.map_or(0, |last| last + 1));
        }
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }
}

/// Device and inode number: the same file by whatever name.
pub(super) fn identity(file: &OwnedFd) -> Option<(u64, u64)> {
    let status = fstat(file).ok()?;
    Some((status.st_dev, status.st_ino))
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::symlink};

    use super::*;

    fn folder(name: &str) -> PathBuf {
        let name = format!("bridgetrace-files-{name}-{}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(folder.join("etc")).expect("folder");
        folder
    }

    #[test]
    fn links_do_not_lead_out_of_the_root() {
        let folder = folder("links");
        fs::write(folder.join("inside"), "inside\n").expect("file");
        symlink("/inside", folder.join("etc/absolute")).expect("link");
        symlink("../../../inside", folder.join("etc/up")).expect("link");
        symlink("/proc/self/root/etc/passwd", folder.join("etc/out")).expect("link");
        let root = Root::at(&folder).expect("root");
        let read = |path| root.read(path, 100).ok();
        assert_eq!(read("/etc/absolute").as_deref(), Some("inside\n"));
        assert_eq!(read("/etc/up").as_deref(), Some("inside\n"));
        assert_eq!(read("/etc/out"), None);
        assert_eq!(read("/etc"), None);
        assert_eq!(read("/absent"), None);
        fs::remove_dir_all(&folder).expect("clean up");
    }

    #[test]
    fn a_long_file_is_cut_between_lines() {
        let folder = folder("long");
        fs::write(folder.join("long"), "10.0.0.1 one\n10.0.0.2 two\n").expect("file");
        let root = Root::at(&folder).expect("root");
        assert_eq!(root.read("/long", 20).expect("text"), "10.0.0.1 one\n");
        assert_eq!(root.read("/long", 5).expect("text"), "");
        fs::remove_dir_all(&folder).expect("clean up");
    }

    #[test]
    fn another_process_is_gone() {
        assert!(Root::of_process(u32::MAX).is_err());
        let own = Root::own().expect("root").open("/", OFlag::O_PATH);
        let same = Root::of_process(std::process::id()).expect("root");
        let same = same.open("/", OFlag::O_PATH);
        let ids = [own, same].map(|fd| identity(&fd.expect("root")));
        assert_eq!(ids[0], ids[1]);
    }
}
