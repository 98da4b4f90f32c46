//! `event.*` and `message`: what happened, for machines and for people.

use std::borrow::Cow;

use serde::Serialize;
use tracer_core::finding::{Finding, Kind, Phase};

use crate::sink::{escape, time};

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Event<'a> {
    #[cfg_attr(test, schemars(extend("const" = "alert")))]
    kind: &'static str,
    category: &'static [&'static str],
    #[serde(rename = "type")]
    types: &'static [&'static str],
    /// The kind of finding, e.g. `reply-blackhole`.
    action: &'static str,
    #[cfg_attr(test, schemars(extend("enum" = ["failure", "success", "unknown"])))]
    outcome: &'static str,
    /// One plain sentence: what is lost and why.
    #[serde(skip_serializing_if = "str::is_empty")]
    reason: Cow<'a, str>,
    /// Number of this step in the run, from 1.
    sequence: u64,
    /// When the incident began.
    start: String,
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    end: Option<String>,
    module: &'static str,
    dataset: &'static str,
}

impl<'a> Event<'a> {
    pub(super) fn new(finding: &'a Finding) -> Self {
        let (types, outcome) = consequence(finding.kind);
        Self {
            kind: "alert",
            category: category(finding.kind),
            types,
            action: finding.kind.name(),
            outcome: if finding.phase == Phase::Resolved {
                "success"
            } else {
                outcome
            },
            reason: escape::visible(&finding.reason),
            sequence: finding.sequence,
            start: time::rfc3339(finding.start),
            end: finding.end.map(time::rfc3339),
            module: "bridgetrace",
            dataset: "bridgetrace.finding",
        }
    }
}

/// `event.type` and `event.outcome` while it lasts. Dropped, swallowed or handed to somebody else:
/// whom the packet was for is denied the connection, and one query finds every kind. A loss of
/// sight denied nobody anything: `info` is what ECS has for a statement about the network that is
/// neither, and its outcome is not known.
const fn consequence(kind: Kind) -> (&'static [&'static str], &'static str) {
    match kind {
        Kind::ReplyBlackhole
        | Kind::RequestBlackhole
        | Kind::ForwardBlackhole
        | Kind::Misdelivery
        | Kind::ReversePathDrop => (&["connection", "denied"], "failure"),
        Kind::ProcessKilled | Kind::DaemonRestarted | Kind::DaemonStateLost => {
            (&["change"], "success")
        }
        Kind::DaemonUnreachable => (&["info"], "failure"),
        Kind::SubnetOverlap | Kind::GhostNetwork | Kind::AddressPool | Kind::EventsLost => {
            (&["info"], "unknown")
        }
    }
}

/// `event.category`: what the finding is about.
const fn category(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::ProcessKilled => &["process"],
        Kind::DaemonRestarted | Kind::DaemonStateLost | Kind::DaemonUnreachable => &["host"],
        Kind::SubnetOverlap | Kind::AddressPool | Kind::GhostNetwork => {
            &["configuration", "network"]
        }
        _ => &["network"],
    }
}

/// The reason, where in its life the finding is, how sure it is, and the first command that fits
/// on a line.
pub(super) fn message(finding: &Finding) -> String {
    let (phase, verdict) = (finding.phase.name(), finding.verdict.name());
    let reason = finding.reason.trim_end_matches('.');
    let mut text = format!("{reason} ({phase}, {verdict}).");
    let first = finding
        .remedies
        .iter()
        .find(|remedy| !remedy.command.contains('\n'));
    if let Some(remedy) = first.filter(|_| finding.phase != Phase::Resolved) {
        text.push_str(" To type: ");
        text.push_str(&remedy.command);
    }
    escape::visible(&text).into_owned()
}
