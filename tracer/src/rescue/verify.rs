//! Whether packets leave by the uplink now: the kernel's word, the next machine's, and a packet itself.

use std::{fmt, iter::once, net::IpAddr, time::Duration};

use tracer_core::rescue::Plan;

use crate::sink::human::rescue::Proof;

use super::{
    kernel::Kernel,
    neighbour::{self, Answer},
    route::{Way, look_up},
    witness::Witness,
};

/// How long a packet is waited for. Whoever is locked out and tries again sends one a second; a
/// connection that hangs may take minutes.
const PATIENCE: Duration = Duration::from_secs(3);

/// The route is there and does not help.
#[derive(Debug)]
pub(super) struct Useless(String);

impl fmt::Display for Useless {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Finds out whether the route does what it was set for; `witness` has looked out since before.
pub(super) fn verify(plan: &Plan, witness: Option<&Witness>) -> Result<Proof, Useless> {
    let useless = |error| {
        Useless(format!(
            "the kernel does not tell where packets go: {error}"
        ))
    };
    let mut kernel = Kernel::open().map_err(useless)?;
    for source in once(None).chain(plan.sources.iter().copied().map(Some)) {
        let way = look_up(&mut kernel, plan.address, source).map_err(useless)?;
        if (way.device, way.gateway) != (plan.uplink, plan.expected.gateway) {
            return Err(Useless(elsewhere(plan, source, way)));
        }
    }
    let next = plan.expected.gateway.unwrap_or(plan.address);
    // Devices without addresses of their own have nobody to ask.
    let answer = neighbour::ask(&mut kernel, plan.uplink, next).unwrap_or(Answer::Unknown);
    if answer == Answer::Silent {
        let device = &plan.expected.device;
        return Err(Useless(format!("{next} does not answer on {device}")));
    }
    let seen = witness.map(|witness| witness.sees(PATIENCE).unwrap_or(false));
    Ok(Proof {
        answers: (answer == Answer::Answers).then_some(next),
        seen,
    })
}

fn elsewhere(plan: &Plan, source: Option<IpAddr>, way: Way) -> String {
    let from = source.map_or_else(String::new, |source| format!(" from {source}"));
    let via = way
        .gateway
        .map_or_else(String::new, |gateway| format!(" via {gateway}"));
    format!(
        "packets{from} to {} still do not leave by {} (but by ifindex {}{via})",
        plan.address, plan.expected.device, way.device
    )
}
