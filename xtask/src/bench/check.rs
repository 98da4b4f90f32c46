//! How long `bridgetrace check` takes on a busy host: 1,000 routes, 30 networks of a real dockerd and 500
//! containers, one running in each network and the others made and not started, as jobs leave them.
//! From before the fork to the end of the process.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use bridgetrace_lab::docker::BUSYBOX;
use bridgetrace_lab::dockerd::Options;
use bridgetrace_lab::{Dockerd, Topology, Tracer};
use serde_json::json;

use super::context::Context;
use super::row::Row;
use super::spread::{Spread, short};
use crate::{interrupt, sh};

const ROUTES: usize = 1_000;
const NETWORKS: usize = 30;
const CONTAINERS: usize = 500;
/// Of a look that hangs.
const SOON: Duration = Duration::from_secs(60);

/// Milliseconds.
const TARGET: f64 = 2_000.0;

pub(super) fn measure(context: &Context) -> Result<Vec<Row>> {
    let lab = Topology::new()?;
    lab.srv.ip(&routes())?;
    // Thirty networks beside docker0 are all that the built-in pools have.
    let daemon = Dockerd::start_with(&lab.srv, Options::new().arg("--iptables=false"))?;
    sh::say(format!(
        "making {NETWORKS} networks and {CONTAINERS} containers"
    ));
    daemon.import_busybox()?;
    fill(&daemon)?;
    let looks = (0..context.times(3, 20)).map(|_| look(&context.binary, &lab, &daemon));
    let times = Spread::new(looks.collect::<Result<_>>()?).context("no look")?;
    let what = format!("check: {ROUTES} routes, {NETWORKS} networks, {CONTAINERS} containers");
    let row = Row::new(what, format!("{times} ms"))
        .target(format!("worst <= {TARGET} ms"), times.max() <= TARGET)
        .note(format!(
            "{} looks, the worst took {} ms; {NETWORKS} of the containers run, one in each network.",
            times.all().len(),
            short(times.max())
        ))
        .raw(json!({"ms": times.all()}));
    Ok(vec![row])
}

/// To everywhere but where docker's pools and the lab are.
fn routes() -> String {
    let third = |number: usize| format!("{}.{}", number / 250, number % 250);
    (0..ROUTES)
        .map(|number| format!("route add 100.{}.0/24 via 172.42.10.1\n", third(number)))
        .collect()
}

/// As many networks as there are left, and containers spread over them.
fn fill(daemon: &Dockerd) -> Result<()> {
    for network in 0..NETWORKS {
        interrupt::check()?;
        daemon.docker(&["network", "create", &format!("net{network}")])?;
    }
    for container in 0..CONTAINERS {
        interrupt::check()?;
        let verb = if container < NETWORKS {
            "run"
        } else {
            "create"
        };
        let network = format!("--network=net{}", container % NETWORKS);
        let mut words = vec![verb, &network, "--init"];
        words.extend((verb == "run").then_some("--detach"));
        words.extend([BUSYBOX, "sleep", "3600"]);
        daemon.docker(&words)?;
    }
    let all = daemon.docker(&["ps", "--all", "--quiet"])?;
    ensure!(all.lines().count() == CONTAINERS, "containers are missing");
    Ok(())
}

/// Milliseconds.
fn look(binary: &Path, lab: &Topology, daemon: &Dockerd) -> Result<f64> {
    interrupt::check()?;
    let endpoint = daemon.endpoint();
    let words = ["check", "--format", "jsonl", "--docker-host", &endpoint];
    let begin = Instant::now();
    let mut check = Tracer::start_program(&lab.srv, binary, &words, &[])?;
    check.wait_exit(SOON)?;
    let took = begin.elapsed();
    let lines = check.values()?;
    let last = lines.last().context("not even a summary")?;
    let seen = &last["bridgetrace"]["check"];
    ensure!(
        seen["networks"] == NETWORKS + 1 && seen.get("unseen").is_none(),
        "not everything was looked at: {last}"
    );
    Ok(took.as_secs_f64() * 1e3)
}
