//! A network of the inner daemon swallows the replies of the job's own service.

use std::io::Write as _;

use anyhow::{Result, ensure};
use bridgetrace_lab::topology::SRV;
use bridgetrace_lab::{Service, peers, scenario, showcase};
use serde_json::json;

use super::expect::{names_the_network, unknown};
use super::scene::{PUBLISHED, Scene};
use crate::outage::expect;
use crate::outage::stage::{SOON, holds, is_confirmed};

/// Everything about it is told: whose namespace and job it is, whose network, and who is in it.
#[test]
fn a_new_connection_is_explained() -> Result<()> {
    let named = Scene::raise()?.play(|scene| {
        scene.dind.import_busybox()?;
        let network = scenario::collide(&scene.dind)?;
        let guest = Service::idle("guest").network(scenario::COLLIDING);
        let guest = guest.run(&scene.dind)?;
        let opened = scene.connect_and_find()?;
        scene.is_lost_inside(&opened, &network)?;
        let id = expect::id(&opened)?;
        let named = scene.line(&id, |f| names_the_network(f) && is_confirmed(f))?;
        scene.proven(&id)?;
        scene.is_lost_inside(&named, &network)?;
        scene.is_named(&named, &network)?;
        let address = guest.address(scenario::COLLIDING)?.to_string();
        let inside = json!([{"container": "guest", "ip": address}]);
        holds(
            &named,
            &[
                ("bridgetrace.docker_network.endpoints", inside),
                ("bridgetrace.bridge.carrier", json!(true)),
                ("process.name", json!("busybox")),
            ],
        )?;
        ensure!(unknown(&named).is_empty(), "{named:#}");
        ensure!(peers::reachable(&scene.stage.lab.pc, SRV)?, "the host too");
        ensure!(scene.stage.findings()?.is_empty(), "said of the host");
        Ok(named)
    })?;
    showcase::show(
        "docker in docker: a network inside a job's container",
        &named,
    )
}

/// The connection is older than the inner network.
#[test]
fn an_open_connection_is_explained() -> Result<()> {
    Scene::raise()?.play(|scene| {
        let from = (bridgetrace_lab::topology::PC, 0).into();
        let mut held = peers::connect(&scene.stage.lab.pc, from, PUBLISHED)?;
        peers::echo(&mut held, b"before", SOON)?;
        let network = scenario::collide(&scene.dind)?;
        held.write_all(b"during")?;
        let named = scene.finding(names_the_network)?;
        scene.is_named(&named, &network)?;
        let port = held.local_addr()?.port();
        holds(
            &named,
            &[
                ("event.action", json!("reply-blackhole")),
                ("destination.port", json!(port)),
            ],
        )
    })
}
