//! Certificates that are hidden by a mount: another volume over the folder that the daemon fills.

use std::path::Path;

use tracer_core::input::Unreachable;

use crate::inventory::mounts;

/// The same with the mount named that the folder is in; one that lies on the folder itself is what to
/// cure.
pub(super) fn named(folder: &Path, why: Unreachable) -> Unreachable {
    let Some(mount) = mounts::covering(std::process::id(), folder) else {
        return why;
    };
    let remedy = if Path::new(&mount.point).starts_with(folder) {
        Some(mounts::cure(&mount.point))
    } else {
        why.remedy
    };
    Unreachable {
        mount: Some(Box::new(mount)),
        remedy,
        ..why
    }
}
