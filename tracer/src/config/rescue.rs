//! What concerns rescues.

use std::io::stdout;

use anyhow::Result;

use crate::{cli::Rescue, rescue::Plan, sink::human::Look};

use super::endpoints;

/// Resolves what was typed to rescue an address.
pub(crate) fn rescue_plan(rescue: &Rescue) -> Result<Plan> {
    let (endpoints, told) = endpoints(&rescue.docker.docker_host)?;
    Ok(Plan {
        address: rescue.address,
        hold: rescue.hold,
        keep: rescue.keep,
        yes: rescue.yes,
        dry_run: rescue.dry_run,
        without_docker: rescue.without_docker,
        endpoints,
        told,
        look: Look::of(&stdout()),
    })
}
