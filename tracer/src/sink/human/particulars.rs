//! What only one kind of finding has to tell, in words.

mod ghost;
mod overlap;
mod pools;
pub(super) mod signal;

use tracer_core::finding::{DaemonTrouble, Finding, Particulars};

use super::{absence, layout::Fields};

/// The facts of its kind.
pub(super) fn field(page: &mut dyn Fields, finding: &Finding) {
    match &finding.particulars {
        None => {}
        Some(Particulars::Signal(killing)) => signal::all(page, killing),
        Some(Particulars::Daemon(trouble)) => daemon(page, trouble),
        Some(Particulars::Ghost(ghost)) => ghost::field(page, finding, ghost),
        Some(Particulars::Overlap(it)) => overlap::fields(page, it),
        Some(Particulars::Pools(it)) => pools::fields(page, it),
        Some(Particulars::DaemonLife(story)) => absence::field(page, story),
    }
}

/// A daemon that cannot be asked: what hides its certificates, and the cure.
fn daemon(page: &mut dyn Fields, trouble: &DaemonTrouble) {
    if let Some(mount) = &trouble.mount {
        let part = match mount.root.as_str() {
            "" | "/" => String::new(),
            root => format!(" (its {root})"),
        };
        let files = match mount.files.as_slice() {
            [] => "no file".to_owned(),
            files => files.join(", "),
        };
        let text = format!(
            "{} is {} of {}{part}, with {files}",
            mount.point, mount.fs_type, mount.source
        );
        page.field("mount", &text);
    }
    if let Some(remedy) = &trouble.remedy {
        page.field("cure", remedy);
    }
}

/// What is new of them.
pub(super) fn news(page: &mut dyn Fields, before: &Finding, now: &Finding) {
    let is_same = (&now.particulars, now.counts) == (&before.particulars, before.counts);
    match &now.particulars {
        Some(Particulars::Signal(killing)) => {
            signal::news(page, before.particulars.as_ref(), killing);
        }
        _ if !is_same => field(page, now),
        _ => {}
    }
}
