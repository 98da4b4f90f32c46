//! Whether this host can be traced, and what would not be seen. Everything said here was tried.

use std::{
    collections::BTreeMap,
    fs::OpenOptions,
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt as _,
};

use anyhow::Result;
use nix::libc::O_NONBLOCK;
use tokio::task::spawn_blocking;
use tracer_core::input::{DaemonStatus, Session};

use crate::{
    config::DoctorPlan,
    inventory::netns,
    kernel::{self, Tracer},
    sink::escape,
};

use super::{check::gather, event_loop, sources};

/// Where the kernel's log is read.
const KERNEL_LOG: &str = "/dev/kmsg";

/// What was tried, and how it went.
#[derive(Default)]
struct Report {
    text: String,
}

impl Report {
    fn works(&mut self, what: &str) {
        self.line("ok", what);
    }

    fn fails(&mut self, what: &str) {
        self.line("no", what);
    }

    fn line(&mut self, mark: &str, what: &str) {
        // Causes hold names from outside.
        self.text += &format!("  {mark}  {}\n", escape::visible(what));
    }
}

/// Tries everything a trace needs; whether this host can be traced.
pub(crate) fn doctor(plan: &DoctorPlan) -> Result<bool> {
    let runtime = event_loop()?;
    let mut report = Report::default();
    let tried = runtime.block_on(async {
        let traced = kernel(&mut report).await?;
        inventory(plan, &mut report).await?;
        anyhow::Ok(traced)
    });
    runtime.shutdown_background();
    let traced = tried?;
    namespaces(&mut report);
    kernel_log(&mut report);
    let verdict = if traced {
        "This host can be traced: sudo bridgetrace"
    } else {
        "This host cannot be traced as this user, here; without tracing there is: bridgetrace check"
    };
    let text = format!("{verdict}\n{}", report.text);
    io::stdout().write_all(text.as_bytes())?;
    Ok(traced)
}

/// Loads the programs and attaches them, for a moment.
async fn kernel(report: &mut Report) -> Result<bool> {
    match spawn_blocking(|| Tracer::start(kernel::capabilities()?, false)).await? {
        Ok(tracer) => {
            report.works("the kernel takes the programs: loaded and attached for a moment");
            for unseen in &tracer.unseen {
                report.fails(&format!("not seen: {unseen}"));
            }
            Ok(true)
        }
        Err(error) => {
            report.fails(&format!("the kernel half: {error:#}"));
            Ok(false)
        }
    }
}

/// Reads what a trace reads: links and routes, connections, daemons.
async fn inventory(plan: &DoctorPlan, report: &mut Report) -> Result<()> {
    let session = Session {
        daemons: plan.told.clone(),
        ..sources::session(Vec::new())?
    };
    let own = session.netns;
    let (core, awaited) = gather(&plan.endpoints, session).await?;
    let routes = awaited.has_routes();
    let world = core.world();
    match world.namespace(own).filter(|it| it.synced) {
        Some(namespace) if routes => report.works(&format!(
            "links and routes of this network namespace: {} routes, {} bridges",
            namespace.routes().len(),
            namespace.bridges().count()
        )),
        _ => report.fails("links and routes of this network namespace cannot be read"),
    }
    for (_, cause) in world.unreadable() {
        report.fails(&format!("links and routes: {cause}"));
    }
    let unread = world.peers(own).map(|peers| peers.unread.clone());
    match unread.as_deref() {
        Some([]) => report.works("who is connected to this host, and who logged in"),
        Some(causes) => causes.iter().for_each(|cause| report.fails(cause)),
        None => report.fails("who is connected to this host was not told in time"),
    }
    for (endpoint, status) in world.docker.daemons() {
        match status {
            DaemonStatus::Reachable(info) => {
                report.works(&format!("docker {} at {endpoint}", info.version));
            }
            DaemonStatus::Unreachable(cause) => {
                report.fails(&format!("docker at {endpoint}: {cause}"));
            }
        }
    }
    Ok(())
}

/// Enters every network namespace that processes are in: packets of containers are explained by the
/// routes in there.
fn namespaces(report: &mut Report) {
    let mut causes: BTreeMap<String, usize> = BTreeMap::new();
    let all = netns::every();
    let total = all.len();
    for entered in all.into_iter().map(netns::try_enter) {
        if let Err(error) = entered {
            *causes.entry(error.to_string()).or_default() += 1;
        }
    }
    let closed: usize = causes.values().sum();
    match causes.into_keys().next() {
        None => report.works(&format!(
            "network namespaces in use: {total}, all can be entered"
        )),
        Some(cause) => report.fails(&format!(
            "network namespaces: {closed} of {total} cannot be entered: {cause}"
        )),
    }
}

fn kernel_log(report: &mut Report) {
    let mut options = OpenOptions::new();
    match options.read(true).custom_flags(O_NONBLOCK).open(KERNEL_LOG) {
        Ok(_) => report.works(&format!("the kernel's log ({KERNEL_LOG})")),
        Err(error) => report.fails(&format!(
            "the kernel's log: {KERNEL_LOG}: {error}; root may read it, or a process with CAP_SYSLOG"
        )),
    }
}
