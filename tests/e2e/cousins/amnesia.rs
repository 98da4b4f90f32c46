//! The stage of a daemon that lost its state and made its network again.

use std::net::IpAddr;

use anyhow::{Result, ensure};
use bridgetrace_lab::scenario::{self, APPS, Loss};
use bridgetrace_lab::{Container, Dockerd, Service, Topology, preflight};
use serde_json::{Value, json};

use super::scene::reason;
use crate::outage::stage::{Stage, detail, holds, trace};

const SUBNET: &str = "10.201.1.0/24";

/// A network made twice, and a container on the bridge whose route loses.
pub(super) struct Twice {
    pub(super) stage: Stage,
    pub(super) loss: Loss,
    pub(super) container: Container,
    pub(super) address: IpAddr,
}

impl Twice {
    pub(super) fn raise(container: &Service) -> Result<Self> {
        preflight::require()?;
        let lab = Topology::new()?;
        let mut daemon = Dockerd::start(&lab.srv)?;
        let loss = scenario::lose_state(&mut daemon, APPS, SUBNET)?;
        daemon.import_busybox()?;
        let container = container.clone().network(APPS).run(&daemon)?;
        let address = container.address(APPS)?;
        let tracer = trace(&lab.srv, &daemon, &[])?;
        let stage = Stage {
            lab,
            daemon,
            tracer,
        };
        Ok(Self {
            stage,
            loss,
            container,
            address,
        })
    }
}

/// One container on a bridge that loses against the one of before.
pub(super) fn is_cut_off(
    finding: &Value,
    loss: &Loss,
    container: &Container,
    address: IpAddr,
) -> Result<()> {
    for (key, wanted) in [
        ("prefix", SUBNET),
        ("wins", &loss.orphan),
        ("loses", &loss.successor),
    ] {
        let found = detail(finding, "duplicate-route", key)?;
        ensure!(found == wanted, "{key} is {found} in\n{finding:#}");
    }
    holds(
        finding,
        &[
            ("destination.ip", json!(address)),
            ("container.id", json!(container.id())),
            ("container.name", json!(container.name())),
            ("bridgetrace.bridge.name", json!(loss.orphan)),
            ("bridgetrace.route.prefix", json!(SUBNET)),
            ("bridgetrace.route.device", json!(loss.orphan)),
            ("bridgetrace.counts.remotes", json!(1)),
        ],
    )?;
    let reason = reason(finding)?;
    let said = format!(
        "container {} with that address is on {}",
        container.name(),
        loss.successor
    );
    ensure!(reason.contains(&said), "no {said:?} in {reason:?}");
    Ok(())
}

pub(super) fn should_have_used(finding: &Value, loss: &Loss) -> Result<()> {
    holds(
        finding,
        &[
            ("bridgetrace.expected_route.prefix", json!(SUBNET)),
            ("bridgetrace.expected_route.device", json!(loss.successor)),
        ],
    )
}
