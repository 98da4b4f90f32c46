//! Control groups by inode number, as the kernel half names them.

use std::{
    collections::VecDeque,
    fs,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

/// Where the unified hierarchy is mounted: alone, or beside those of old.
const MOUNTS: [&str; 2] = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"];
/// Groups looked at. A host with a thousand containers has some three thousand.
const MOST: usize = 16_384;

/// Path of the control group with this inode number in the unified hierarchy; none for the root,
/// which is no group of anybody's.
pub(super) fn path(inode: u64) -> Option<String> {
    let mut mounts = MOUNTS.iter().map(Path::new);
    let root = mounts.find(|mount| mount.join("cgroup.controllers").exists())?;
    let group = find(root, inode)?;
    let path = group.strip_prefix(root).ok()?;
    Some(format!("/{}", path.display())).filter(|path| path != "/")
}

fn find(root: &Path, inode: u64) -> Option<PathBuf> {
    let mut waiting = VecDeque::from([root.to_owned()]);
    for _ in 0..MOST {
        let group = waiting.pop_front()?;
        if fs::metadata(&group).is_ok_and(|found| found.ino() == inode) {
            return Some(group);
        }
        let entries = fs::read_dir(&group).into_iter().flatten().flatten();
        let folders = entries.filter(|entry| entry.file_type().is_ok_and(|it| it.is_dir()));
        waiting.extend(folders.map(|entry| entry.path()));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_found_by_its_number() {
        let root = std::env::temp_dir().join(format!("bridgetrace-group-{}", std::process::id()));
        let group = root.join("system.slice/docker.service");
        fs::create_dir_all(&group).unwrap();
        let inode = fs::metadata(&group).unwrap().ino();
        assert_eq!(find(&root, inode), Some(group));
        assert_eq!(find(&root, u64::MAX), None);
        fs::remove_dir_all(&root).unwrap();
    }
}
