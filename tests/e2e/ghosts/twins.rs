//! A daemon that forgot a network makes another one with the same subnet: docker does not mind, the kernel has
//! two equal routes, and the older one wins.

use anyhow::{Context, Result, ensure};
use bridgetrace_lab::docker::bridge_name;
use bridgetrace_lab::{Dockerd, Service, Topology, preflight};
use serde_json::json;

use super::scene::{has_link, is_ghost, type_in, typed};
use crate::check::look::Look;
use crate::outage::stage::{evidence, holds};

const SUBNET: &str = "10.201.1.0/24";

#[test]
fn a_subnet_that_a_forgotten_bridge_still_has_is_told_and_freed_by_the_printed_command()
-> Result<()> {
    preflight::require()?;
    let lab = Topology::new()?;
    let mut daemon = Dockerd::start(&lab.srv)?;
    let old = bridge_name(&daemon.create_network("apps", &[SUBNET])?);
    let forgetful = daemon.options().data_root("amnesia");
    daemon.restart_with(forgetful)?;
    daemon.import_busybox()?;
    let new = bridge_name(&daemon.create_network("apps", &[SUBNET])?);
    let web = Service::idle("web").network("apps").run(&daemon)?;
    let address = web.address("apps")?.to_string();
    let reaches = || {
        lab.srv
            .run(&["ping", "-c", "1", "-W", "2", &address])
            .is_ok()
    };
    ensure!(!reaches(), "the old route does not win");

    // By two endpoints, which are one daemon: it is told of once.
    let link = daemon.directory().join("link.sock");
    std::os::unix::fs::symlink(daemon.socket(), &link).context("link to the socket")?;
    let endpoint = daemon.client().endpoint();
    let other = format!("unix://{}", link.display());
    let endpoints = ["--docker-host", &other, "--docker-host", &endpoint];
    let look = || Look::at(&lab.srv, &endpoints);
    let found = look()?;
    found.ended(1)?;
    let [told] = found.findings.as_slice() else {
        anyhow::bail!("{found:#?}");
    };
    ensure!(is_ghost(told, "duplicate-subnet"), "{told:#}");
    holds(
        told,
        &[
            ("bridgetrace.bridge.name", json!(old)),
            ("bridgetrace.ghost.holds", json!([SUBNET])),
            ("bridgetrace.ghost.leftovers.0.name", json!(old)),
        ],
    )?;
    ensure!(evidence(told).contains(&"duplicate-route"), "{told:#}");
    let reason = told["event"]["reason"].as_str().unwrap_or_default();
    ensure!(
        reason.contains(&format!("the route of {old} wins")),
        "{reason}"
    );

    let command = typed(told, "command")?;
    type_in(&lab.srv, &command)?;
    ensure!(
        !has_link(&lab.srv, &old) && has_link(&lab.srv, &new),
        "{command}"
    );
    ensure!(reaches(), "the container is not reached after\n{command}");
    look()?.ended(0)
}
