//! A container asks somebody outside whose address lies in another network's subnet: a CI job that cannot
//! fetch what it needs.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use anyhow::{Result, ensure};
use bridgetrace_lab::dockerd::Options;
use bridgetrace_lab::peers::{self, EchoServer, NameServer};
use bridgetrace_lab::scenario::APPS;
use bridgetrace_lab::topology::LOOSE;
use bridgetrace_lab::{Container, Service, Topology, showcase, wait_until};
use serde_json::{Value, json};

use super::firewall::isolated;
use super::scene::{
    GIT, MACHINE, host_route_works, is_only_suspected, lost, raise, raise_on, says,
};
use crate::outage::expect;
use crate::outage::stage::{SOON, Stage, evidence, holds, is_phase};

const REGISTRY: SocketAddr = SocketAddr::new(IpAddr::V4(MACHINE), 443);
const URL: &str = "https://gitlab.example/shop/-/jobs/4711";

/// A job pulls from a registry, again and again.
#[test]
fn a_job_asks_its_registry() -> Result<()> {
    let opened = raise()?.play(|stage| asks(stage, REGISTRY))?;
    showcase::show(
        "a CI job asks a registry that lies in another network's subnet",
        &opened,
    )
}

/// The same with a git server.
#[test]
fn a_job_asks_its_git_server() -> Result<()> {
    raise()?.play(|stage| asks(stage, GIT)).map(drop)
}

fn asks(stage: &mut Stage, whom: SocketAddr) -> Result<Value> {
    let _server = EchoServer::start(&stage.lab.pc, whom)?;
    let job = job(stage, "exec sleep 3600")?;
    ensure!(job.connects(whom), "not reached before");
    let network = stage.collide()?;
    job.spawn(&[
        "sh",
        "-c",
        &forever(&format!("nc -w1 {} {}", whom.ip(), whom.port())),
    ])?;
    let opened = stage.finding(|f| is_phase(f, "opened"))?;
    is_the_jobs(&opened, &network, &job)?;
    holds(
        &opened,
        &[
            ("network.transport", json!("tcp")),
            ("destination.port", json!(whom.port())),
        ],
    )?;
    let dropped = [("bridgetrace.finding.verdict", json!("suspected"))];
    holds(&opened, &dropped)?;
    ensure!(evidence(&opened).contains(&"drop"), "{opened:#}");
    is_only_suspected(stage, &opened)?;
    host_route_works(stage, &opened, |_| job.connects(whom))?;
    Ok(opened)
}

/// What a job asks of docker's own resolver goes on from there to its nameserver, from the container.
#[test]
fn a_job_asks_its_nameserver() -> Result<()> {
    let opened = raise()?.play(|stage| {
        let _names = NameServer::start(&stage.lab.pc, (MACHINE, 53).into(), "192.0.2.7".parse()?)?;
        let job = job(stage, "exec sleep 3600")?;
        let resolves = || job.exec(&["nslookup", "-type=a", "gitlab.example"]).is_ok();
        ensure!(resolves(), "no names before");
        let network = stage.collide()?;
        job.spawn(&["sh", "-c", &forever("nslookup -type=a gitlab.example")])?;
        let opened = stage.finding(|f| is_phase(f, "opened"))?;
        is_the_jobs(&opened, &network, &job)?;
        holds(
            &opened,
            &[
                ("network.transport", json!("udp")),
                ("destination.port", json!(53)),
            ],
        )?;
        host_route_works(stage, &opened, |_| resolves())?;
        Ok(opened)
    })?;
    showcase::show(
        "a CI job's nameserver lies in another network's subnet",
        &opened,
    )
}

/// Who speaks on a connection that is older than the network is outside: told at once.
#[test]
fn a_job_asks_on_an_open_connection() -> Result<()> {
    let confirmed = raise()?.play(|stage| {
        let _server = EchoServer::start(&stage.lab.pc, GIT)?;
        // Speaks when it is told to, on a connection made before.
        let wait = "while [ ! -e /tmp/go ]; do usleep 20000; done";
        let (ip, port) = (GIT.ip(), GIT.port());
        let script = format!("{{ {wait}; echo during; sleep 3600; }} | nc {ip} {port}");
        let job = job(stage, &script)?;
        is_connected(&job)?;
        let network = stage.collide()?;
        job.exec(&["touch", "/tmp/go"])?;
        let opened = stage.finding(|f| is_phase(f, "opened"))?;
        is_the_jobs(&opened, &network, &job)?;
        ensure!(!says(&opened, "if it is"), "in doubt: {opened:#}");
        let confirmed = stage.confirmed(&expect::id(&opened)?)?;
        expect::proven_by(
            &confirmed,
            &["route-into-bridge", "no-such-endpoint", "drop"],
        )?;
        ensure!(isolated(&stage.lab.srv)? > 0, "docker dropped nothing");
        host_route_works(stage, &confirmed, |_| job.connects(GIT))?;
        Ok(confirmed)
    })?;
    showcase::show(
        "a CI job's open connection is older than the other network",
        &confirmed,
    )
}

/// Ten datagrams, counted by the firewall that drops them.
#[test]
fn as_many_are_lost_as_the_firewall_drops() -> Result<()> {
    raise()?.play(ten_are_lost)
}

/// The same where each packet's way back is looked up before the firewall is asked: it leads to a bridge as well.
#[test]
fn as_many_are_lost_where_the_way_back_is_looked_up() -> Result<()> {
    raise_on(Topology::builder().rp_filter(LOOSE), Options::new())?.play(ten_are_lost)
}

fn ten_are_lost(stage: &mut Stage) -> Result<()> {
    let job = job(stage, "exec sleep 3600")?;
    let network = stage.collide()?;
    let any = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
    peers::udp_send_exactly(&job.netns()?, any, (MACHINE, 514).into(), 10)?;
    ensure!(isolated(&stage.lab.srv)? == 10, "not all were dropped");
    let opened = stage.finding(|f| is_phase(f, "opened"))?;
    is_the_jobs(&opened, &network, &job)?;
    let last = stage.last_word()?;
    is_only_suspected(stage, &last)?;
    holds(
        &last,
        &[
            ("bridgetrace.counts.packets", json!(10)),
            ("bridgetrace.counts.flows", json!(1)),
        ],
    )
}

/// The container of a GitLab job, in a network of its own.
fn job(stage: &Stage, script: &str) -> Result<Container> {
    stage.daemon.create_network(APPS, &["10.201.1.0/24"])?;
    let label = |name: &str| format!("com.gitlab.gitlab-runner.{name}");
    Service::shell("job", script)
        .network(APPS)
        .arg(format!("--dns={MACHINE}"))
        .label(&label("job.id"), "4711")
        .label(&label("job.url"), URL)
        .label(&label("pipeline.id"), "815")
        .label(&label("project.id"), "42")
        .run(&stage.daemon)
}

fn forever(command: &str) -> String {
    format!("while :; do {command} </dev/null >/dev/null 2>&1; done")
}

fn is_connected(job: &Container) -> Result<()> {
    let netns = job.netns()?;
    let filter = format!("dst {}", GIT.ip());
    wait_until("the job to be connected", SOON, || {
        let open = netns.run(&["ss", "-Htn", "state", "established", &filter])?;
        Ok(!open.is_empty())
    })
}

fn is_the_jobs(finding: &Value, network: &str, job: &Container) -> Result<()> {
    lost(finding, "forward-blackhole", network, MACHINE)?;
    let who = format!("Packets of container job to {MACHINE}");
    ensure!(says(finding, &who), "not {who:?}: {finding:#}");
    holds(
        finding,
        &[
            ("source.ip", json!(job.address(APPS)?.to_string())),
            ("container.id", json!(job.id())),
            ("container.name", json!("job")),
            ("bridgetrace.ci.system", json!("gitlab")),
            ("bridgetrace.ci.job_id", json!("4711")),
            ("bridgetrace.ci.job_url", json!(URL)),
            ("bridgetrace.ci.pipeline_id", json!("815")),
            ("bridgetrace.ci.project_id", json!("42")),
        ],
    )
}
