//! A single look at the host, without tracing.

use std::{collections::BTreeSet, time::Duration};

use anyhow::Result;
use tokio::{
    sync::mpsc::{self, Receiver},
    task::spawn_blocking,
    time::{Instant, sleep, sleep_until},
};
use tracer_core::{
    Core,
    finding::{Finding, GhostClass, Leftover, Particulars},
    input::{Body, Cause, Daemon, DaemonStatus, Input, NetChange, Session, Unreachable},
};

use crate::{
    config::{Audience, CheckPlan},
    inventory::{
        clock,
        docker::{Depth, Endpoint},
        processes::Processes,
        sockets,
    },
};

use super::{QUEUE, event_loop, output::Output, sources, stop::Stop};

/// How long a source may take before the look goes on without it. A daemon answers within a tenth of
/// a second, one with hundreds of containers within one.
const PATIENCE: Duration = Duration::from_secs(5);

/// Between two looks at what seems to be left behind: docker takes a moment to make or to remove something.
const PASSING: Duration = Duration::from_millis(500);
/// The same where a container has just gone from its network or its namespace: a loaded daemon takes seconds.
const GOING: Duration = Duration::from_secs(3);

/// How the look went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Everything was looked at, and nothing is wrong.
    Clean,
    /// Everything was looked at.
    Findings,
    /// Something that was to be looked at could not be; there may be findings all the same.
    Unseen,
}

/// Looks once and says what is wrong.
pub(crate) fn check(plan: &CheckPlan) -> Result<Verdict> {
    let runtime = event_loop()?;
    let verdict = runtime.block_on(async {
        let mut stop = Stop::listen()?;
        tokio::select! {
            biased;
            () = stop.wanted() => Ok(Verdict::Unseen),
            verdict = look(plan) => verdict,
        }
    });
    // A read of another process' files may never come back: the end does not wait for it.
    runtime.shutdown_background();
    verdict
}

async fn look(plan: &CheckPlan) -> Result<Verdict> {
    let session = Session {
        protected: plan.protected.clone(),
        daemons: plan.told.clone(),
        ..sources::session(Vec::new())?
    };
    let mut output = Output::new(Audience::Reader(plan.output), &session)?;
    let (mut core, mut awaited) = gather(&plan.endpoints, session.clone()).await?;
    let first = ghosts(&core);
    if !first.is_empty() {
        let is_going = first.iter().any(Left::is_going);
        sleep(if is_going { GOING } else { PASSING }).await;
        (core, awaited) = gather(&plan.endpoints, session).await?;
    }
    name_owners(&mut core).await?;
    let now = clock::now();
    let mut findings = core.check(now);
    findings.retain(|it| left(it).is_none_or(|left| first.contains(&left)));
    for finding in &findings {
        output.finding(finding)?;
    }
    let mut summary = core.summary(&findings, now);
    let missing = awaited.missing();
    summary
        .unseen
        .extend(missing.iter().map(|what| (*what).to_owned()));
    output.summary(&summary)?;
    output.finish().await?;
    Ok(if !missing.is_empty() || is_blind(plan, &core) {
        Verdict::Unseen
    } else if findings.is_empty() {
        Verdict::Clean
    } else {
        Verdict::Findings
    })
}

/// What seems to be left behind: the finding's id, and of what may just be going, which things it names. A
/// project's things may change their state between two looks, and are left behind all the same.
#[derive(Clone, Debug, PartialEq)]
struct Left {
    id: String,
    class: GhostClass,
    things: Vec<Leftover>,
}

impl Left {
    /// Whether a container that goes in good order looks like this for a moment.
    fn is_going(&self) -> bool {
        matches!(
            self.class,
            GhostClass::PhantomEndpoint | GhostClass::OrphanNamespace
        )
    }
}

fn left(finding: &Finding) -> Option<Left> {
    let Some(Particulars::Ghost(ghost)) = &finding.particulars else {
        return None;
    };
    let mut left = Left {
        id: finding.id.clone(),
        class: ghost.class,
        things: Vec::new(),
    };
    if left.is_going() {
        left.things.clone_from(&ghost.leftovers);
    }
    Some(left)
}

/// Docker, the kernel and `/proc` are asked one after the other: what was made or removed meanwhile seems to
/// be left behind. Only what does so a second time, with the same things in it, is.
fn ghosts(core: &Core) -> Vec<Left> {
    let findings = core.check(clock::now());
    findings.iter().filter_map(left).collect()
}

/// Reads the state of the host once; `told` are the endpoints that somebody named.
pub(crate) async fn look_once(endpoints: &[Endpoint], told: &[String]) -> Result<Core> {
    let session = Session {
        daemons: told.to_vec(),
        ..sources::session(Vec::new())?
    };
    Ok(gather(endpoints, session).await?.0)
}

/// Reads everything once; and what has not come in time.
pub(super) async fn gather(endpoints: &[Endpoint], session: Session) -> Result<(Core, Awaited)> {
    let (sender, mut inputs) = mpsc::channel(QUEUE);
    // Kept to the end: whoever listens for questions is asked no more when it is dropped.
    let inventory = sources::start_inventory(endpoints, Depth::Whole, &sender)?;
    let _processes = Processes::watch(sender, &inventory.pulse);
    let mut core = Core::default();
    let mut awaited = Awaited::new(session.netns, endpoints);
    observe(&mut core, &clock::stamp(Body::Session(session)))?;
    settle(&mut core, &mut inputs, &mut awaited).await?;
    awaited.note_silence(&mut core)?;
    Ok((core, awaited))
}

/// Finds out who holds the connections that findings tell of.
async fn name_owners(core: &mut Core) -> Result<()> {
    let findings = core.check(clock::now());
    let sockets: BTreeSet<u64> = findings
        .iter()
        .flat_map(Finding::nameless_sockets)
        .collect();
    if sockets.is_empty() {
        return Ok(());
    }
    let owners = spawn_blocking(move || sockets::owners(&sockets)).await?;
    for owner in owners {
        observe(core, &clock::stamp(owner))?;
    }
    Ok(())
}

/// Takes inputs in until each source has said everything, or its time is over.
async fn settle(
    core: &mut Core,
    inputs: &mut Receiver<Input>,
    awaited: &mut Awaited,
) -> Result<()> {
    let deadline = Instant::now() + PATIENCE;
    while !awaited.is_over() {
        tokio::select! {
            Some(input) = inputs.recv() => {
                awaited.take(&input.body);
                observe(core, &input)?;
            }
            () = sleep_until(deadline) => break,
        }
    }
    Ok(())
}

/// What is true now matters, not how it came to be: what the core says on the way is of no interest.
fn observe(core: &mut Core, input: &Input) -> Result<()> {
    if log::log_enabled!(log::Level::Trace) {
        log::trace!("input {}", serde_json::to_string(input)?);
    }
    core.observe(input);
    Ok(())
}

/// Whether a daemon that should be there could not be asked. Without docker there is no socket where
/// it would be.
fn is_blind(plan: &CheckPlan, core: &Core) -> bool {
    let mut daemons = core.world().docker.daemons();
    let silent = daemons.any(|(_, status)| matches!(status, DaemonStatus::Unreachable(_)));
    silent && (!plan.told.is_empty() || plan.endpoints.iter().any(Endpoint::is_there))
}

/// Who has not said everything yet.
pub(super) struct Awaited {
    netns: u32,
    sources: BTreeSet<Source>,
    daemons: BTreeSet<String>,
}

/// What is read besides daemons.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Source {
    /// The namespace's links and routes.
    Routes,
    Peers,
    Landmarks,
    Sidecars,
    Jobs,
    /// Namespaces whose containers are gone.
    Sandboxes,
}

impl Source {
    const ALL: [Self; 6] = [
        Self::Routes,
        Self::Peers,
        Self::Landmarks,
        Self::Sidecars,
        Self::Jobs,
        Self::Sandboxes,
    ];

    /// What to say when it has not come.
    const fn missing(self) -> &'static str {
        match self {
            Self::Routes => "links and routes were not read in time",
            Self::Peers => "connections and logins were not read in time",
            Self::Landmarks => "nameservers and hosts were not read in time",
            Self::Sidecars => "daemons beside jobs were not looked for in time",
            Self::Jobs => "processes of jobs were not looked for in time",
            Self::Sandboxes => "namespaces left by containers were not looked for in time",
        }
    }
}

impl Awaited {
    fn new(netns: u32, endpoints: &[Endpoint]) -> Self {
        Self {
            netns,
            sources: Source::ALL.into(),
            daemons: endpoints.iter().map(Endpoint::to_string).collect(),
        }
    }

    fn take(&mut self, body: &Body) {
        match body {
            Body::Net {
                netns,
                change: NetChange::Synced,
            } if *netns == self.netns => self.said(Source::Routes),
            Body::Landmarks(_) => self.said(Source::Landmarks),
            Body::Peers { netns, .. } if *netns == self.netns => self.said(Source::Peers),
            Body::Sidecars(_) => self.said(Source::Sidecars),
            Body::JobProcesses(_) => self.said(Source::Jobs),
            Body::EmptySandboxes(_) => self.said(Source::Sandboxes),
            Body::DockerListing { daemon, .. } => drop(self.daemons.remove(daemon)),
            Body::Daemon(Daemon {
                endpoint,
                status: DaemonStatus::Unreachable(_),
            }) => drop(self.daemons.remove(endpoint)),
            _ => {}
        }
    }

    fn said(&mut self, source: Source) {
        self.sources.remove(&source);
    }

    /// What has not come, each a plain sentence. Daemons speak for themselves.
    pub(super) fn missing(&self) -> Vec<&'static str> {
        self.sources.iter().map(|source| source.missing()).collect()
    }

    /// Whether the links and routes of this namespace were read.
    pub(super) fn has_routes(&self) -> bool {
        !self.sources.contains(&Source::Routes)
    }

    fn is_over(&self) -> bool {
        self.sources.is_empty() && self.daemons.is_empty()
    }

    /// A daemon that has not said anything by now is one that cannot be asked.
    fn note_silence(&self, core: &mut Core) -> Result<()> {
        for endpoint in self.daemons.clone() {
            let cause = format!("it has not answered within {} s", PATIENCE.as_secs());
            let status = DaemonStatus::Unreachable(Unreachable::new(Cause::NoAnswer, cause));
            observe(
                core,
                &clock::stamp(Body::Daemon(Daemon { endpoint, status })),
            )?;
        }
        Ok(())
    }
}
