//! `bridgetrace.daemon`: a docker daemon that a finding is about.

use serde::Serialize;
use tracer_core::{finding, input};

use self::life::Life;

mod life;

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Daemon<'a> {
    /// Where it is to be reached.
    endpoint: &'a str,
    /// Why it cannot be asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<&'static str>,
    /// What to do about it, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    remedy: Option<&'a str>,
    /// The mount that hides its certificates.
    #[serde(skip_serializing_if = "Option::is_none")]
    mount: Option<Mount<'a>>,
    /// How it was away.
    #[serde(flatten)]
    life: Option<Life<'a>>,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Mount<'a> {
    /// Where it is mounted, as the process sees it that it concerns.
    point: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    source: &'a str,
    /// The part of that file system which is mounted.
    #[serde(skip_serializing_if = "str::is_empty")]
    root: &'a str,
    fs_type: &'a str,
    /// Names of the files in it; the first few.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    files: Vec<&'a str>,
}

impl<'a> Daemon<'a> {
    pub(super) fn unreachable(trouble: &'a finding::DaemonTrouble) -> Self {
        Self {
            endpoint: &trouble.endpoint,
            cause: Some(trouble.cause.name()),
            remedy: trouble.remedy.as_deref(),
            mount: trouble.mount.as_ref().map(Mount::new),
            life: None,
        }
    }

    pub(super) fn was_away(story: &'a finding::DaemonStory) -> Self {
        Self {
            endpoint: &story.endpoint,
            cause: None,
            remedy: None,
            mount: None,
            life: Some(Life::new(story)),
        }
    }
}

impl<'a> Mount<'a> {
    fn new(mount: &'a input::Mount) -> Self {
        Self {
            point: &mount.point,
            source: &mount.source,
            root: &mount.root,
            fs_type: &mount.fs_type,
            files: mount.files.iter().map(String::as_str).collect(),
        }
    }
}
