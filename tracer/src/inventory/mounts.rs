//! What is mounted where, as another process sees it.
//!
//! Reads `/proc` and folders of containers, so it may block: call it off the runtime.

mod parse;

use std::{fs, os::unix::fs::MetadataExt as _, path::Path};

use nix::fcntl::OFlag;
use tracer_core::input::Mount;

use self::parse::Entry;
use super::files::Root;

/// More files than a folder of certificates has.
const FILES: usize = 8;
/// Longer than any list of mounts.
const MAX_LIST: u64 = 1 << 20;

/// The mount that the folder of process `pid` is, or that lies directly above or in it: whoever
/// mounted that decides what is in the folder.
pub(super) fn covering(pid: u32, folder: &Path) -> Option<Mount> {
    let list = Root::own().ok()?;
    let list = list
        .read(&format!("/proc/{pid}/mountinfo"), MAX_LIST)
        .ok()?;
    let entry = hiding(&list, folder)?;
    Some(Mount {
        files: names(pid, folder),
        point: entry.point,
        source: entry.source,
        root: entry.root,
        fs_type: entry.fs_type,
    })
}

/// Network namespaces that files keep alive, as process `pid` sees them: inode number and file.
pub(super) fn namespaces(pid: u32) -> Vec<(u32, String)> {
    let list = Root::own().and_then(|own| own.read(&format!("/proc/{pid}/mountinfo"), MAX_LIST));
    let list = list.unwrap_or_default();
    let mounts = list.lines().filter_map(parse::entry);
    let kept = mounts.filter(|entry| entry.fs_type == "nsfs");
    let namespaces = kept.filter_map(|entry| {
        let inum = entry.root.strip_prefix("net:[")?.strip_suffix(']')?;
        Some((inum.parse().ok()?, entry.point))
    });
    namespaces.collect()
}

/// The cure of a folder that another mount hides.
pub(super) fn cure(point: &str) -> String {
    format!(
        "what is mounted on {point} hides the files that dind writes there: keep that folder for the \
         daemon (an emptyDir that both containers mount), and mount a registry's ca.pem elsewhere, \
         e.g. at /etc/docker/certs.d/REGISTRY/ca.crt"
    )
}

/// The latest of several mounts on the same place hides the others.
fn hiding(list: &str, folder: &Path) -> Option<Entry> {
    let entries: Vec<Entry> = list.lines().filter_map(parse::entry).collect();
    let at = |wanted: &dyn Fn(&Path) -> bool| {
        let found = |entry: &&Entry| wanted(Path::new(&entry.point));
        entries.iter().rfind(found).cloned()
    };
    let above = folder.parent().filter(|above| above.parent().is_some());
    at(&|point| point == folder)
        .or_else(|| at(&|point| point.parent() == Some(folder)))
        .or_else(|| at(&|point| Some(point) == above))
}

/// The first few names in the folder, as that process sees it.
fn names(pid: u32, folder: &Path) -> Vec<String> {
    use std::os::fd::AsRawFd as _;
    let open = || {
        let root = Root::of_process(pid).ok()?;
        let flags = OFlag::O_PATH | OFlag::O_DIRECTORY;
        let folder = root.open(folder.to_str()?, flags).ok()?;
        fs::read_dir(format!("/proc/self/fd/{}", folder.as_raw_fd())).ok()
    };
    let names = open().into_iter().flatten().flatten();
    let mut names: Vec<String> = names
        .filter_map(|entry| entry.file_name().into_string().ok())
        // Kubernetes' own links in a volume.
        .filter(|name| !name.starts_with(".."))
        .take(FILES * 8)
        .collect();
    names.sort();
    names.truncate(FILES);
    names
}

/// Inode number of the mount namespace a process is in.
pub(super) fn namespace(pid: u32) -> Option<u64> {
    let file = fs::metadata(format!("/proc/{pid}/ns/mnt")).ok()?;
    Some(file.ino())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of a build container whose secret hides what dind writes, and of the pod's shared folder.
    const BUILD: &str = "\
1204 1187 0:397 / / rw,relatime master:512 - overlay overlay rw,lowerdir=/l/A:/l/B,upperdir=/u,workdir=/w
1230 1204 259:1 /var/lib/kubelet/pods/7b/volumes/kubernetes.io~empty-dir/certs /certs rw,relatime - ext4 /dev/nvme0n1p1 rw
1231 1230 0:382 / /certs/client ro,relatime - tmpfs tmpfs ro,size=65536k
1232 1204 0:383 / /var/run/secrets/kubernetes.io/serviceaccount ro,relatime - tmpfs tmpfs ro
";

    #[test]
    fn the_mount_on_the_folder_hides_what_is_above_it() {
        let found = hiding(BUILD, Path::new("/certs/client")).expect("a mount");
        assert_eq!(
            (found.point.as_str(), found.source.as_str()),
            ("/certs/client", "tmpfs")
        );
        let server = hiding(BUILD, Path::new("/certs/server")).expect("a mount");
        assert_eq!(server.point, "/certs");
        assert!(server.root.ends_with("empty-dir/certs"));
        assert!(hiding(BUILD, Path::new("/root/.docker")).is_none());
        assert!(hiding(BUILD, Path::new("/certs")).is_some());
    }

    #[test]
    fn a_single_file_may_be_a_mount_and_the_last_mount_wins() {
        let file = "90 80 0:5 /ca.crt /certs/client/ca.pem ro - tmpfs tmpfs ro\n";
        let found = hiding(file, Path::new("/certs/client")).expect("a mount");
        assert_eq!(found.root, "/ca.crt");
        let twice = "1 0 0:1 / /c rw - ext4 /dev/a rw\n2 1 0:2 / /c rw - tmpfs b rw\n";
        let found = hiding(twice, Path::new("/c")).expect("a mount");
        assert_eq!(found.source, "b");
    }

    #[test]
    fn a_process_that_is_gone_has_no_mounts() {
        assert!(covering(u32::MAX, Path::new("/proc")).is_none());
        let own = covering(std::process::id(), Path::new("/proc")).expect("proc");
        assert_eq!(own.fs_type, "proc");
    }
}
