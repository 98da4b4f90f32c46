//! I-1 as it happened: a compose project of one container is given the victim's subnet.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use bridgetrace_lab::docker::{BUSYBOX, bridge_name};
use bridgetrace_lab::{peers, topology::SRV, wait_until};
use serde_json::json;

use super::expect;
use super::stage::{SOON, Stage, at, holds, is_phase};

/// What compose makes of the folder `XXXX-openldap`: it knows lower case only.
const PROJECT: &str = "xxxx-openldap";
const COMPOSE: &str = "services:
  openldap:
    image: BUSYBOX
    container_name: openldap
    init: true
    command: sleep 600
    ports: ['3899:389', '6366:636']
";

/// Four networks exist, so the fifth, the project's, gets 172.22.0.0/16: the same file had
/// always worked. Then the PC pings.
#[test]
fn the_project_that_was_given_the_subnet_is_named() -> Result<()> {
    Stage::raise(&[])?.play(|stage| {
        stage.daemon.import_busybox()?;
        for number in 1..=4 {
            stage
                .daemon
                .docker(&["network", "create", &format!("earlier{number}")])?;
        }
        let directory = project(stage)?;
        stage
            .daemon
            .compose(&directory, "XXXX-openldap", &["up", "--detach"])?;
        let network = inspect(
            stage,
            &["network", "inspect", &format!("{PROJECT}_default")],
        )?;
        let container = inspect(stage, &["inspect", "openldap"])?;
        has_carrier(stage, &bridge_name(&network))?;

        peers::ping(&stage.lab.pc, SRV, 1)?;
        let opened = stage.finding(|f| is_phase(f, "opened"))?;
        holds(
            &opened,
            &[
                ("event.action", json!("reply-blackhole")),
                ("source.ip", json!("172.42.10.112")),
                ("destination.ip", json!("172.22.10.119")),
                ("network.name", json!(format!("{PROJECT}_default"))),
                ("observer.ingress.interface.name", json!("eno8303")),
                (
                    "observer.egress.interface.name",
                    json!(bridge_name(&network)),
                ),
                ("container.id", json!(container)),
                ("container.name", json!("openldap")),
                ("bridgetrace.route.prefix", json!("172.22.0.0/16")),
                ("bridgetrace.bridge.carrier", json!(true)),
                ("bridgetrace.bridge.owner", json!("docker")),
                ("bridgetrace.docker_network.id", json!(network)),
                (
                    "bridgetrace.docker_network.name",
                    json!(format!("{PROJECT}_default")),
                ),
                ("bridgetrace.docker_network.compose_project", json!(PROJECT)),
                (
                    "bridgetrace.docker_network.subnets",
                    json!(["172.22.0.0/16"]),
                ),
                (
                    "bridgetrace.docker_network.daemon",
                    json!(stage.daemon.endpoint()),
                ),
                (
                    "bridgetrace.docker_network.endpoints",
                    json!([{"container": "openldap", "ip": "172.22.0.2"}]),
                ),
                ("bridgetrace.counts.packets", json!(1)),
            ],
        )?;
        expect::should_leave_by(&opened, "eno8303")?;
        expect::proven_by(
            &opened,
            &["route-into-bridge", "ingress-asymmetry", "no-such-endpoint"],
        )?;
        let created = at(&opened, "bridgetrace.docker_network.created");
        ensure!(created.is_string(), "{created}");

        stage
            .daemon
            .compose(&directory, "XXXX-openldap", &["down", "--timeout=1"])?;
        let resolved = stage.phase(&expect::id(&opened)?, "resolved")?;
        holds(
            &resolved,
            &[("bridgetrace.docker_network.compose_project", json!(PROJECT))],
        )
    })
}

/// The project's folder, in the daemon's.
fn project(stage: &Stage) -> Result<PathBuf> {
    let directory = stage.daemon.directory().join("XXXX-openldap");
    fs::create_dir(&directory).context("create the project")?;
    let text = COMPOSE.replace("BUSYBOX", BUSYBOX);
    fs::write(directory.join("docker-compose.yml"), text)?;
    Ok(directory)
}

/// The id of what `arguments` name.
fn inspect(stage: &Stage, arguments: &[&str]) -> Result<String> {
    let format = ["--format", "{{.Id}}"];
    stage.daemon.docker(&[arguments, &format].concat())
}

/// Waits until the kernel says that somebody is connected.
fn has_carrier(stage: &Stage, bridge: &str) -> Result<()> {
    wait_until("the bridge's carrier", SOON, || {
        let link = stage.lab.srv.run(&["ip", "link", "show", bridge])?;
        Ok(link.contains("LOWER_UP"))
    })
}
