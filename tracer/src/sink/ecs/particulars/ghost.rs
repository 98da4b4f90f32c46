//! `bridgetrace.ghost`: what was left behind.

use serde::Serialize;
use tracer_core::{
    finding,
    time::{SECOND, Timestamp},
};

use crate::sink::time;

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Ghost<'a> {
    /// `leftover-project`: networks of a compose project that nobody will finish or take away.
    /// `leftover-job`: what a CI runner made for a job that is over. `unknown-bridge`: a bridge of
    /// docker's that its daemon does not know. `orphan-veth`: interfaces whose container is gone.
    /// `orphan-namespace`: a network namespace whose container is gone.
    /// `phantom-endpoint`: a network lists a container that is gone. `duplicate-subnet`: two networks
    /// have one subnet. More may come.
    class: &'static str,
    /// Since when, as far as that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<String>,
    /// Seconds since then.
    #[serde(skip_serializing_if = "Option::is_none")]
    age_s: Option<u64>,
    /// Prefixes that nobody else can use as long as it is there.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    holds: Vec<String>,
    /// What is left, in the order in which it can be removed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    leftovers: Vec<Leftover<'a>>,
    /// Who made it, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    creator: Option<&'a str>,
    /// Folder its compose project was started in.
    #[serde(skip_serializing_if = "Option::is_none")]
    working_dir: Option<&'a str>,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Leftover<'a> {
    /// `network`, `container`, `veth`, `bridge`, `namespace` or `endpoint`.
    #[serde(rename = "type")]
    what: &'static str,
    #[serde(skip_serializing_if = "str::is_empty")]
    name: &'a str,
    /// Docker's id; the ifindex of an interface; the inode number of a namespace.
    #[serde(skip_serializing_if = "str::is_empty")]
    id: &'a str,
    /// What has become of it: `created`, `exited`, `down`, …
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<&'a str>,
}

impl<'a> Ghost<'a> {
    pub(super) fn new(ghost: &'a finding::Ghost, at: Timestamp) -> Self {
        Self {
            class: ghost.class.name(),
            since: ghost.since.map(time::rfc3339),
            age_s: ghost.since.map(|since| at.since(since) / SECOND),
            holds: ghost.holds.iter().map(ToString::to_string).collect(),
            leftovers: ghost.leftovers.iter().map(Leftover::new).collect(),
            creator: said(ghost.creator.as_ref()),
            working_dir: said(ghost.working_dir.as_ref()),
        }
    }
}

impl<'a> Leftover<'a> {
    fn new(left: &'a finding::Leftover) -> Self {
        Self {
            what: left.what,
            name: &left.name,
            id: &left.id,
            state: said(left.state.as_ref()),
        }
    }
}

/// An empty text says no more than none.
fn said(text: Option<&String>) -> Option<&str> {
    text.map(String::as_str).filter(|text| !text.is_empty())
}
