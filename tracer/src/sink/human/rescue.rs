//! A rescue, for the operator at a console: what will be done, what it breaks, what came of it.

use std::{net::IpAddr, time::Duration};

use tracer_core::{finding::RouteRef, rescue::Plan, time::Timestamp};

use super::{
    layout::{Fields as _, Page},
    remedies::command,
    style::{self, Look},
};
use crate::sink::time;

/// What shows that packets leave by the uplink, besides the kernel's own lookup.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Proof {
    /// The next machine on the way, if it answers.
    pub(crate) answers: Option<IpAddr>,
    /// Whether a packet was seen leaving; none if nobody looked.
    pub(crate) seen: Option<bool>,
}

/// What will be done, and taken back after `hold`.
pub(crate) fn plan(plan: &Plan, hold: Option<Duration>, dry: bool, look: Look) -> String {
    let mut page = Page::new(look);
    page.prose(0, &trouble(plan));
    page.blank();
    page.field("effect", &plan.remedy.effect);
    for (number, broken) in plan.breaks.iter().enumerate() {
        page.field(if number == 0 { "breaks" } else { "" }, broken);
    }
    for (number, unsure) in plan.unsure.iter().enumerate() {
        let text = format!("whether a container has that address: {unsure}");
        page.field(if number == 0 { "unknown" } else { "" }, &text);
    }
    let end = match hold {
        Some(hold) => format!(
            "taken back after {}, also when bridgetrace is killed",
            time::wait(hold.as_secs())
        ),
        None => "kept until somebody takes it back, or the host is booted again".to_owned(),
    };
    page.field("until", &end);
    page.blank();
    command(&mut page, &plan.remedy.command);
    page.blank();
    if dry {
        page.prose(0, "A dry run: nothing was changed.");
    }
    page.into_text()
}

fn trouble(plan: &Plan) -> String {
    let network = plan.network.as_ref();
    let network = network.map_or_else(String::new, |it| format!(" of network {}", it.name));
    format!(
        "Packets to {} are routed into the bridge {} ({}){network}; they should leave by {}.",
        plan.address,
        plan.bridge,
        plan.taken.prefix,
        way(&plan.expected)
    )
}

/// The route is set and helps. `end`: when it is taken back, and the pid of the process that does it.
pub(crate) fn applied(
    plan: &Plan,
    proof: &Proof,
    end: Option<(Timestamp, u32)>,
    now: Timestamp,
    look: Look,
) -> String {
    let mut page = Page::new(look);
    let device = &plan.expected.device;
    let text = format!("packets to {} leave by {device}", plan.address);
    page.headline(&time::clock(now), style::APPLIED, &text);
    let lookup = format!("the kernel's own lookup answers {}", way(&plan.expected));
    page.field("proof", &lookup);
    if let Some(next) = proof.answers {
        page.field("", &format!("{next} answers on {device}"));
    }
    match proof.seen {
        Some(true) => page.field("", &format!("a packet to it was seen leaving by {device}")),
        Some(false) => page.field("", "no packet to it was sent meanwhile"),
        None => {}
    }
    if let Some((at, guard)) = end {
        let text = format!(
            "{}, then process {guard} takes it back, whatever becomes of this one",
            time::date_and_clock(at)
        );
        page.field("until", &text);
        page.field("keys", "Ctrl-C takes it back now, k and Enter keep it");
    }
    page.blank();
    page.into_text()
}

/// The time that is left, in a line that is written over.
pub(crate) fn left(seconds: u64) -> String {
    let left = time::wait(seconds);
    format!("{left:>12} left; k and Enter keep it, Ctrl-C takes it back now")
}

/// The route stays.
pub(crate) fn kept(plan: &Plan, now: Timestamp, look: Look) -> String {
    let mut page = Page::new(look);
    let text = format!(
        "the route to {} stays until the host is booted again; to take it back:",
        plan.address
    );
    page.headline(&time::clock(now), style::KEPT, &text);
    command(&mut page, &plan.remedy.undo);
    page.into_text()
}

/// The route is not there any more; `gone`: somebody else took it away before.
pub(crate) fn ended(plan: &Plan, gone: bool, now: Timestamp, look: Look) -> String {
    let mut page = Page::new(look);
    let (address, bridge) = (plan.address, &plan.bridge);
    let text = if gone {
        format!("the route to {address} was gone already")
    } else {
        format!("packets to {address} take their former way again, into {bridge}")
    };
    page.headline(&time::clock(now), style::ENDED, &text);
    page.into_text()
}

/// An earlier rescue holds; the pid of its guard, and the time that is left.
pub(crate) fn held(
    address: IpAddr,
    route: &RouteRef,
    guard: Option<(u32, Duration)>,
    look: Look,
) -> String {
    let mut page = Page::new(look);
    let text = format!(
        "{address} is rescued already: packets leave by {}.",
        way(route)
    );
    page.prose(0, &text);
    let end = match guard {
        Some((pid, left)) => format!(
            "taken back in {} by process {pid}; now: kill {pid}",
            time::wait(left.as_secs())
        ),
        None => "kept: nobody takes it back".to_owned(),
    };
    page.field("until", &end);
    page.into_text()
}

/// No bridge takes the packets.
pub(crate) fn elsewhere(address: IpAddr, route: Option<&RouteRef>, look: Look) -> String {
    let mut page = Page::new(look);
    let way = route.map_or_else(
        || "this host has no route to it".to_owned(),
        |route| {
            format!(
                "packets leave by {}, by the route to {}",
                way(route),
                route.prefix
            )
        },
    );
    let text = format!("Nothing to rescue: no bridge takes packets to {address}; {way}.");
    page.prose(0, &text);
    page.into_text()
}

fn way(route: &RouteRef) -> String {
    match route.gateway {
        Some(gateway) => format!("{} via {gateway}", route.device),
        None => route.device.clone(),
    }
}

#[cfg(test)]
mod tests {
    use tracer_core::finding::Remedy;

    use super::*;

    fn hostile() -> Plan {
        let evil = "\u{1b}[2Jbr\u{202e}".to_owned();
        let route = |prefix: &str, device: &str| RouteRef {
            prefix: prefix.parse().expect("prefix"),
            gateway: None,
            device: device.to_owned(),
            table: 254,
        };
        Plan {
            address: "172.22.10.119".parse().expect("address"),
            bridge: evil.clone(),
            inside: 8,
            network: None,
            taken: route("172.22.0.0/16", &evil),
            expected: route("0.0.0.0/0", "eno8303"),
            uplink: 2,
            sources: Vec::new(),
            remedy: Remedy {
                id: "host-route",
                command: "ip route add 172.22.10.119/32 dev eno8303".to_owned(),
                undo: "ip route del 172.22.10.119/32 dev eno8303".to_owned(),
                effect: "packets leave by eno8303 again".to_owned(),
                risk: String::new(),
            },
            breaks: vec![evil.clone(), evil.clone()],
            unsure: vec![evil],
        }
    }

    #[test]
    fn names_from_outside_do_nothing_to_the_terminal() {
        let (plan_made, at) = (hostile(), Timestamp(0));
        let proof = Proof {
            answers: None,
            seen: Some(false),
        };
        let (look, address) = (Look::PLAIN, plan_made.address);
        let end = Some((at, 7));
        for page in [
            plan(&plan_made, Some(Duration::from_secs(600)), true, look),
            applied(&plan_made, &proof, end, at, look),
            kept(&plan_made, at, look),
            ended(&plan_made, false, at, look),
            held(address, &plan_made.taken, Some((7, Duration::ZERO)), look),
            elsewhere(address, Some(&plan_made.taken), look),
        ] {
            let shown = page
                .chars()
                .all(|c| c == '\n' || c.is_ascii_graphic() || c == ' ');
            assert!(shown, "{page:?}");
            assert!(page.lines().all(|line| line.len() < 80), "{page}");
        }
    }
}
