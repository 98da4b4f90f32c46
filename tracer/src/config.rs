//! The command line resolved: every default filled in, every value checked.

mod recording;
mod rescue;

use std::{io::stdout, path::PathBuf, time::Duration};

use anyhow::Result;
use ipnet::IpNet;

use crate::{
    cli::{Check, Doctor, Format, Record, Top, Trace},
    inventory::docker::{Daemons, Endpoint, Environment},
    record,
    sink::human::Look,
    top::terminal,
};

pub(crate) use self::{
    recording::{dump_plan, replay_plan, report_plan},
    rescue::rescue_plan,
};

use self::recording::keep;

/// What a live trace will do.
#[derive(Debug)]
pub(crate) struct Plan {
    /// Who is told.
    pub(crate) audience: Audience,
    /// What to record.
    pub(crate) record: Option<record::Plan>,
    /// When to stop by itself.
    pub(crate) duration: Option<Duration>,
    /// Daemons to ask.
    pub(crate) endpoints: Vec<Endpoint>,
    /// Those of them that were named by somebody, not merely by default.
    pub(crate) told: Vec<String>,
    /// Whether the kernel half logs.
    pub(crate) kernel_log: bool,
}

/// Who is told what is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Audience {
    /// Nobody: only a recording is wanted.
    Nobody,
    /// Whoever reads standard output.
    Reader(Output),
    /// Somebody in front of such a terminal, who has keys.
    Viewer(Look),
}

/// What will be shown on a screen.
#[derive(Debug)]
pub(crate) enum TopPlan {
    /// This host.
    Live(Box<Plan>),
    /// A recording, on such a terminal.
    Recorded(PathBuf, Look),
}

/// What a single look will do.
#[derive(Debug)]
pub(crate) struct CheckPlan {
    /// What to print.
    pub(crate) output: Output,
    /// Daemons to ask.
    pub(crate) endpoints: Vec<Endpoint>,
    /// Those of them that were named by somebody: that they are not there is worth knowing.
    pub(crate) told: Vec<String>,
    /// Who must stay reachable.
    pub(crate) protected: Vec<IpNet>,
}

/// What a trial of everything will ask.
#[derive(Debug)]
pub(crate) struct DoctorPlan {
    /// Daemons to ask.
    pub(crate) endpoints: Vec<Endpoint>,
    /// Those of them that were named by somebody.
    pub(crate) told: Vec<String>,
}

/// What to print.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Output {
    /// For people, on such a terminal.
    Human(Look),
    /// JSON Lines.
    JsonLines,
}

impl Plan {
    /// Resolves what was typed.
    pub(crate) fn resolve(trace: &Trace) -> Result<Self> {
        let (endpoints, told) = endpoints(&trace.docker.docker_host)?;
        Ok(Self {
            audience: Audience::Reader(Output::of(trace.format)),
            record: trace.record.as_deref().map(|file| keep(file, &trace.keep)),
            duration: trace.duration,
            endpoints,
            told,
            kernel_log: trace.verbose >= 2,
        })
    }

    /// Resolves what was typed to record only.
    pub(crate) fn resolve_record(record: &Record) -> Result<Self> {
        let (endpoints, told) = endpoints(&record.docker.docker_host)?;
        Ok(Self {
            audience: Audience::Nobody,
            record: Some(keep(&record.file, &record.keep)),
            duration: record.duration,
            endpoints,
            told,
            kernel_log: record.verbose >= 2,
        })
    }
}

impl TopPlan {
    /// Resolves what was typed, and fails without a terminal before anything is loaded.
    pub(crate) fn resolve(top: &Top) -> Result<Self> {
        terminal::require()?;
        let mut look = Look::of(&stdout());
        look.colour &= terminal::has_colours();
        if let Some(file) = &top.file {
            return Ok(Self::Recorded(file.clone(), look));
        }
        let (endpoints, told) = endpoints(&top.docker.docker_host)?;
        Ok(Self::Live(Box::new(Plan {
            audience: Audience::Viewer(look),
            record: None,
            duration: None,
            endpoints,
            told,
            kernel_log: top.verbose >= 2,
        })))
    }
}

impl CheckPlan {
    /// Resolves what was typed.
    pub(crate) fn resolve(check: &Check) -> Result<Self> {
        let (endpoints, told) = endpoints(&check.docker.docker_host)?;
        Ok(Self {
            output: Output::of(check.format),
            endpoints,
            told,
            protected: check.peer.clone(),
        })
    }
}

impl DoctorPlan {
    /// Resolves what was typed.
    pub(crate) fn resolve(doctor: &Doctor) -> Result<Self> {
        let (endpoints, told) = endpoints(&doctor.docker_host)?;
        Ok(Self { endpoints, told })
    }
}

impl Output {
    fn of(format: Format) -> Self {
        match format {
            Format::Human => Self::Human(Look::of(&stdout())),
            Format::Jsonl => Self::JsonLines,
        }
    }
}

/// Where to ask, and which of these somebody named.
fn endpoints(given: &[String]) -> Result<(Vec<Endpoint>, Vec<String>)> {
    let Daemons { endpoints, named } = Environment::own().daemons(given)?;
    let told = endpoints.iter().filter(|_| named);
    let told = told.map(Endpoint::to_string).collect();
    Ok((endpoints, told))
}

/// What the log says. People read what is watched on standard output; JSON Lines leave that to
/// the log, so there it says a little more by default.
pub(crate) const fn log_level(verbose: u8, format: Format) -> log::LevelFilter {
    match (verbose, format) {
        (0, Format::Human) => log::LevelFilter::Warn,
        (0 | 1, _) => log::LevelFilter::Info,
        (2, _) => log::LevelFilter::Debug,
        _ => log::LevelFilter::Trace,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_daemon_named_twice_is_asked_once() {
        let twice = [
            "unix:///run/a.sock".to_owned(),
            "unix:///run/a.sock".to_owned(),
        ];
        assert_eq!(endpoints(&twice).unwrap().0.len(), 1);
    }

    #[test]
    fn a_bad_endpoint_is_an_error_before_anything_is_loaded() {
        assert!(endpoints(&["nonsense".to_owned()]).is_err());
    }
}
