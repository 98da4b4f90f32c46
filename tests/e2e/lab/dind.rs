//! A daemon inside a container swallows the container's replies, out of the host's sight.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use bridgetrace_lab::dind::{Job, Options};
use bridgetrace_lab::docker::bridge_name;
use bridgetrace_lab::topology::{PC, SRV};
use bridgetrace_lab::wait_for;
use bridgetrace_lab::{Dind, Dockerd, Service, Topology, WorldDump, peers, preflight, scenario};

const SOON: Duration = Duration::from_secs(10);
const MOMENT: Duration = Duration::from_millis(500);
const FROM: SocketAddr = SocketAddr::new(IpAddr::V4(PC), 0);
const PUBLISHED: SocketAddr = SocketAddr::new(IpAddr::V4(SRV), 8007);

/// A dind whose port 7 is published as 8007, lived through by `body`.
fn play(body: impl FnOnce(&Topology, &Dockerd, &Dind) -> Result<()>) -> Result<()> {
    preflight::require()?;
    let lab = Topology::new()?;
    let daemon = Dockerd::start(&lab.srv)?;
    let world = WorldDump::new(&lab.namespaces(), Some(&daemon));
    world.on_error(|| {
        let dind = Dind::start_with(&daemon, &options())?;
        body(&lab, &daemon, &dind).with_context(|| dind.log_tail(20))
    })
}

fn options() -> Options {
    let job = Job {
        id: "4711".to_owned(),
        url: "https://gitlab.example/group/project/-/jobs/4711".to_owned(),
        pipeline: "815".to_owned(),
        project: "42".to_owned(),
    };
    Options::new()
        .name("runner-abc-docker-0")
        .job(&job)
        .publish(PUBLISHED.port(), 7)
}

#[test]
fn an_inner_network_swallows_the_replies_of_its_container() -> Result<()> {
    play(|lab, _, dind| {
        dind.serve_echo(7)?;
        let mut held = peers::connect(&lab.pc, FROM, PUBLISHED)?;
        peers::echo(&mut held, b"before", SOON)?;
        let id = scenario::collide(dind)?;
        let inside = dind.container().netns()?;
        let route = inside.run(&["ip", "route", "get", &PC.to_string()])?;
        ensure!(route.contains(&bridge_name(&id)), "{route}");
        ensure!(peers::echo(&mut held, b"during", MOMENT).is_err());
        ensure!(peers::connect(&lab.pc, FROM, PUBLISHED).is_err());
        ensure!(peers::reachable(&lab.pc, SRV)?, "the host suffers as well");
        let links = lab.srv.run(&["ip", "link"])?;
        ensure!(!links.contains(&bridge_name(&id)), "{links}");
        let entry = inside.run(&["ip", "neighbour", "show", "to", &PC.to_string()])?;
        ensure!(
            entry.contains(&bridge_name(&id)),
            "not lost inside: {entry:?}"
        );
        dind.remove_network(scenario::COLLIDING)?;
        let connect = || peers::connect(&lab.pc, FROM, PUBLISHED).ok();
        wait_for("new connections", SOON, connect).map(drop)
    })
}

#[test]
fn the_inner_daemon_runs_containers_of_its_own() -> Result<()> {
    play(|lab, daemon, dind| {
        dind.import_busybox()?;
        dind.create_network("inner", &["10.203.0.0/24"])?;
        let place = Ipv4Addr::new(10, 203, 0, 9);
        let echo = Service::echo("echo", 9)
            .network("inner")
            .ip(place)
            .publish(7, 9);
        let echo = echo.run(dind)?;
        ensure!(echo.netns()?.inum() != dind.container().netns()?.inum());
        let mut stream = peers::connect(&lab.pc, FROM, PUBLISHED)?;
        peers::echo(&mut stream, b"through two daemons", SOON)?;
        ensure!(
            !daemon
                .docker(&["ps", "--quiet", "--no-trunc"])?
                .contains(echo.id())
        );
        Ok(())
    })
}

#[test]
fn the_outer_container_says_whose_job_it_is_and_where_its_daemon_listens() -> Result<()> {
    play(|_, daemon, dind| {
        let label = "--filter=label=com.gitlab.gitlab-runner.job.id=4711";
        let names = daemon.docker(&["ps", "--format={{.Names}}", label])?;
        ensure!(names == "runner-abc-docker-0", "{names}");
        let endpoint = format!("unix://{}", dind.socket_through_proc()?.display());
        let id = "--format={{.ID}}";
        let through_proc = daemon.docker(&["--host", &endpoint, "info", id])?;
        ensure!(through_proc == dind.run(&["info", id])?);
        ensure!(through_proc != daemon.docker(&["info", id])?);
        Ok(())
    })
}

#[test]
fn nothing_is_left_of_it_even_if_the_outer_daemon_ends_first() -> Result<()> {
    preflight::require()?;
    let lab = Topology::new()?;
    let mut daemon = Dockerd::start(&lab.srv)?;
    let dind = Dind::start(&daemon)?;
    dind.import_busybox()?;
    Service::idle("inner").run(&dind)?;
    let home = dind
        .socket()
        .ancestors()
        .nth(2)
        .context("no home")?
        .to_owned();
    let name = home.file_name().context("no name")?.to_owned();
    let groups = || {
        let hierarchies = fs::read_dir("/sys/fs/cgroup")
            .into_iter()
            .flatten()
            .flatten();
        let mut groups = hierarchies.map(|hierarchy| hierarchy.path().join(&name));
        groups.find(|group| group.exists())
    };
    ensure!(home.is_dir() && groups().is_some());
    daemon.kill()?;
    drop(dind);
    ensure!(!home.exists(), "{} is left", home.display());
    ensure!(groups().is_none(), "{:?} is left", groups());
    Ok(())
}
