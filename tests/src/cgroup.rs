//! Control groups of containers: the only trace of a killed daemon that outlives its
//! namespaces, because nothing but `rmdir` removes them.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::wait_for;

const ROOT: &str = "/sys/fs/cgroup";

/// Every hierarchy: the unified one, and one folder per controller of version 1.
fn hierarchies() -> Vec<PathBuf> {
    let mut found = folders(Path::new(ROOT));
    found.push(PathBuf::from(ROOT));
    found
}

fn folders(path: &Path) -> Vec<PathBuf> {
    fs::read_dir(path)
        .into_iter()
        .flatten()
        .filter_map(Result::ok)
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
        .map(|entry| entry.path())
        .collect()
}

/// The names of all top-level groups.
pub(crate) fn all() -> Vec<String> {
    hierarchies()
        .iter()
        .flat_map(|hierarchy| folders(hierarchy))
        .filter_map(|path| path.file_name()?.to_str().map(str::to_owned))
        .collect()
}

/// Removes the top-level group `name` from every hierarchy, with all groups below.
pub(crate) fn remove(name: &str) {
    for group in hierarchies().iter().map(|hierarchy| hierarchy.join(name)) {
        // A group stays busy until the kernel has buried its last process.
        let removed = wait_for("the group to be empty", Duration::from_secs(5), || {
            remove_tree(&group);
            (!group.exists()).then_some(())
        });
        if let Err(error) = removed {
            eprintln!("lab: {} stays behind: {error}", group.display());
        }
    }
}

fn remove_tree(group: &Path) {
    for child in folders(group) {
        remove_tree(&child);
    }
    fs::remove_dir(group).ok();
}
