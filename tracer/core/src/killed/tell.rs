//! A kill in words.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::{
    finding::{
        CiJob, Evidence, EvidenceKind, Finding, Killing, Kind, Left, Particulars, Party, Phase,
    },
    input::Process,
    time::Timestamp,
    world::{
        World,
        kills::{By, Kill},
        processes::Role,
    },
};

use super::judge::{SI_KERNEL, SIGINT, SIGKILL, SIGTERM};

/// What only passes a signal on: who is behind it is told as well.
const MESSENGERS: [&str; 8] = [
    "kill", "pkill", "killall", "timeout", "sh", "bash", "dash", "sudo",
];

/// The finding about a kill.
pub(super) fn finding(world: &World, kill: &Kill, left: &Left, now: Timestamp) -> Finding {
    let netns = world.netns_ref(kill.netns);
    let (_, number, code) = kill.signals.last().copied().unwrap_or((now, 0, 0));
    let killing = Killing {
        number,
        name: signal_name(number),
        code: code_name(code),
        sender: kill.by.party().cloned(),
        target: kill.target.clone(),
        role: kill.role,
        project: kill.project.clone(),
        left: left.clone(),
    };
    Finding {
        start: kill.start,
        process: Some(Process {
            pid: kill.target.pid,
            name: kill.target.name.clone(),
        }),
        ci: job(world, kill),
        evidence: pieces(kill),
        particulars: Some(Particulars::Signal(Box::new(killing))),
        ..Finding::new(
            Kind::ProcessKilled,
            kill.id.clone(),
            netns,
            sentence(kill),
            now,
        )
    }
}

/// The job that was killed; where it was none, whose process did it.
fn job(world: &World, kill: &Kill) -> Option<CiJob> {
    let killer = || {
        let party = kill.by.party()?;
        let job = world.job_of_party(party)?;
        Some(CiJob {
            known_by: job.known_by + ", which sent the signal",
            ..job
        })
    };
    let own = world.job_of_party(&kill.target);
    own.or_else(|| world.job_of_netns(kill.netns))
        .or_else(killer)
}

/// The end of a finding that told of things left behind.
pub(super) fn over(told: &Finding, now: Timestamp) -> Finding {
    let name = told
        .process
        .as_ref()
        .map(|it| format!("{} (pid {})", it.name, it.pid));
    let mut finding = Finding {
        phase: Phase::Resolved,
        at: now,
        end: Some(now),
        reason: format!(
            "What {} left behind is gone, or in use again.",
            name.unwrap_or_default()
        ),
        ..told.clone()
    };
    if let Some(Particulars::Signal(killing)) = &mut finding.particulars {
        killing.left = Left::default();
    }
    finding
}

/// Every signal of a kill.
pub(crate) fn pieces(kill: &Kill) -> Vec<Evidence> {
    let signals = kill.signals.iter();
    signals.map(|signal| piece(kill, *signal)).collect()
}

fn piece(kill: &Kill, (at, number, code): (Timestamp, u32, i32)) -> Evidence {
    let sender = match &kill.by {
        By::Process(party) => format!("from {}", named(party)),
        By::EndOf(party) => format!("at the end of {}", named(party)),
        By::Kernel => "from the kernel".to_owned(),
    };
    let text = format!(
        "{} {sender} to {}",
        signal_name(number),
        named(&kill.target)
    );
    Evidence {
        kind: EvidenceKind::Signal,
        at,
        detail: BTreeMap::from([
            ("text", Value::from(text)),
            ("signal", signal_name(number).into()),
            ("code", code_name(code).into()),
        ]),
    }
}

/// What happened, in one sentence.
pub(crate) fn sentence(kill: &Kill) -> String {
    let target = &kill.target;
    let mut about = vec![format!("pid {}", target.pid)];
    about.extend(kill.project.as_ref().map(|name| format!("project {name}")));
    let folder = target.directory.as_ref().filter(|_| kill.role.is_client());
    about.extend(folder.map(|folder| format!("in {folder}")));
    let who = format!("{} ({})", program(kill), about.join(", "));
    let by = match &kill.by {
        By::Process(party) => format!(" from {}", sender(party)),
        By::Kernel => " from the kernel, as when memory runs out".to_owned(),
        By::EndOf(party) => format!(", because {} ended", named(party)),
    };
    format!("{who} {}{by}.", deed(kill))
}

/// What the signals did to it.
fn deed(kill: &Kill) -> String {
    let sent = |number| kill.signals.iter().find(|(_, it, _)| *it == number);
    let first = sent(SIGTERM).or_else(|| sent(SIGINT));
    match (first, sent(SIGKILL)) {
        (None, Some(_)) => "was killed by SIGKILL".to_owned(),
        (Some((at, first, _)), Some((then, ..))) => format!(
            "was told to end by {} and killed {} later by SIGKILL",
            signal_name(*first),
            seconds(then.since(*at))
        ),
        (Some((_, number, _)), None) => format!("was told to end by {}", signal_name(*number)),
        (None, None) => "got a signal".to_owned(),
    }
}

fn seconds(nanos: u64) -> String {
    let tenths = nanos.div_ceil(100_000_000);
    format!("{}.{} s", tenths / 10, tenths % 10)
}

/// What the target goes by: an interpreter's name says nothing.
fn program(kill: &Kill) -> &str {
    match kill.role {
        Role::Compose if kill.target.name.starts_with("python") => "docker-compose",
        _ => &kill.target.name,
    }
}

fn named(party: &Party) -> String {
    format!("{} (pid {})", party.name, party.pid)
}

/// The sender, and on whose behalf, where it is only a messenger.
fn sender(party: &Party) -> String {
    let is_messenger = |name: &str| MESSENGERS.contains(&name);
    let master = party
        .ancestry
        .iter()
        .find(|parent| !is_messenger(&parent.name))
        .filter(|_| is_messenger(&party.name));
    match master {
        Some(master) => format!(
            "{}, started by {} (pid {})",
            named(party),
            master.name,
            master.pid
        ),
        None => named(party),
    }
}

pub(crate) fn signal_name(number: u32) -> &'static str {
    match number {
        SIGINT => "SIGINT",
        SIGKILL => "SIGKILL",
        SIGTERM => "SIGTERM",
        _ => "a signal",
    }
}

/// Names of `si_code` (`include/uapi/asm-generic/siginfo.h`).
fn code_name(code: i32) -> String {
    match code {
        0 => "SI_USER".to_owned(),
        -1 => "SI_QUEUE".to_owned(),
        -6 => "SI_TKILL".to_owned(),
        SI_KERNEL => "SI_KERNEL".to_owned(),
        other => other.to_string(),
    }
}
