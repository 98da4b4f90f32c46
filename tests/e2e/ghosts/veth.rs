//! Interfaces that docker made for a container which never got them. (The pair is made by hand, as a
//! daemon that dies between two of its steps leaves it.)

use anyhow::{Result, bail, ensure};
use bridgetrace_lab::{Dockerd, Topology, preflight};
use serde_json::json;

use super::scene::{has_link, is_ghost, refuses, type_in, typed};
use crate::check::look::Look;
use crate::outage::stage::holds;

#[test]
fn a_pair_of_interfaces_that_nobody_took_is_told_and_removed_unless_it_is_used() -> Result<()> {
    preflight::require()?;
    let lab = Topology::new()?;
    let daemon = Dockerd::start(&lab.srv)?;
    let endpoint = daemon.client().endpoint();
    let look = || Look::at(&lab.srv, &["--docker-host", &endpoint]);
    lab.srv
        .ip("link add veth0a1b2c3 type veth peer name veth4d5e6f7\n")?;
    let found = look()?;
    found.ended(1)?;
    let [told] = found.findings.as_slice() else {
        bail!("{found:#?}");
    };
    ensure!(is_ghost(told, "orphan-veth"), "{told:#}");
    holds(
        told,
        &[
            ("bridgetrace.ghost.leftovers.0.name", json!("veth0a1b2c3")),
            ("bridgetrace.ghost.leftovers.1.name", json!("veth4d5e6f7")),
        ],
    )?;
    let command = typed(told, "command")?;
    lab.srv.ip("link set veth4d5e6f7 up\n")?;
    refuses(&lab.srv, &command)?;
    look()?.ended(0)?;
    lab.srv.ip("link set veth4d5e6f7 down\n")?;
    type_in(&lab.srv, &command)?;
    ensure!(!has_link(&lab.srv, "veth0a1b2c3"), "{command}");
    look()?.ended(0)
}
