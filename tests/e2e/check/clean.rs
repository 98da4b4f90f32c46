//! Hosts on which nothing is wrong, and hosts that cannot be looked at.

use anyhow::{Result, ensure};
use bridgetrace_lab::{Dockerd, Topology, preflight};

use super::look::Look;

/// Nobody will ever listen here.
const ABSENT: &str = "unix:///nonexistent/docker.sock";

#[test]
fn a_host_in_order_is_clean_and_one_that_cannot_be_asked_is_not() -> Result<()> {
    preflight::require()?;
    let lab = Topology::new()?;
    let daemon = Dockerd::start(&lab.srv)?;
    let endpoint = daemon.client().endpoint();

    let look = Look::at(&lab.srv, &["--docker-host", &endpoint])?;
    look.ended(0)?;
    ensure!(look.findings.is_empty(), "{look:#?}");
    ensure!(look.summary["networks"] == 1, "docker0: {look:#?}");
    ensure!(
        look.summary["daemons"][0]["endpoint"] == endpoint.as_str(),
        "{look:#?}"
    );
    ensure!(
        look.summary["daemons"][0]["version"].is_string(),
        "{look:#?}"
    );

    // Somebody who names a daemon wants to know that it is not there.
    let look = Look::at(&lab.srv, &["--docker-host", ABSENT])?;
    look.ended(2)?;
    let cause = &look.summary["daemons"][0]["cause"];
    ensure!(
        cause.as_str().is_some_and(|it| it.contains("no socket")),
        "{look:#?}"
    );

    // Without docker there is nothing to ask.
    let look = Look::at(&lab.pc, &[])?;
    look.ended(0)
}
