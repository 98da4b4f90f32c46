//! Who made what was left behind, in words: the command, whose it was, where it worked, and in which control
//! group.

use crate::{finding::Party, input::ProcessInfo, world::processes::concealed};

/// Characters of a command line that are told.
const COMMAND: usize = 256;

/// A client that was seen.
pub(super) fn of(process: &ProcessInfo) -> String {
    words(
        (&process.name, process.pid),
        &concealed(&process.arguments),
        [
            ("by", process.user.as_deref()),
            ("in", process.directory.as_deref()),
            ("control group", process.cgroup.as_deref()),
        ],
    )
}

/// A client that was killed. Its command line holds no secrets any more.
pub(super) fn of_party(party: &Party) -> String {
    words(
        (&party.name, party.pid),
        &party.arguments,
        [
            ("by", party.user.as_deref()),
            ("in", party.directory.as_deref()),
            ("control group", party.cgroup.as_deref()),
        ],
    )
}

fn words((name, pid): (&str, u32), command: &[String], more: [(&str, Option<&str>); 3]) -> String {
    let command: String = command.join(" ").chars().take(COMMAND).collect();
    let mut text = match command.is_empty() {
        true => format!("{name} (pid {pid})"),
        false => format!("{command} (pid {pid})"),
    };
    for (what, value) in more {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            text += &format!(", {what} {value}");
        }
    }
    text
}
