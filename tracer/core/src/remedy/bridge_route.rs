//! The bridge's own route: taken away where another bridge has the better claim, passed over while
//! no container runs on it.

use crate::finding::Remedy;

use super::{
    Case,
    enter::{enter, table},
    shell::quote,
};

/// Takes away the route that wins against the bridge on which the victims are.
pub(super) fn without_rival(case: &Case<'_>) -> Option<Remedy> {
    let (route, bridge) = (case.route?, case.bridge?);
    let other = case.expected?;
    if !case.rival {
        return None;
    }
    let enter = enter(case.world, case.netns)?;
    let device = quote(&bridge.name)?;
    let (prefix, table) = (route.prefix, table(case));
    let source = case.world.namespace(case.netns)?.addresses();
    let source = source
        .filter(|a| a.ifindex == bridge.ifindex && prefix.contains(&a.address.addr()))
        .map(|a| format!(" src {}", a.address.addr()))
        .next()
        .unwrap_or_default();
    Some(Remedy {
        id: "drop-route",
        command: format!("{enter}ip route del {prefix} dev {device}{table}"),
        undo: format!(
            "{enter}ip route prepend {prefix} dev {device} proto kernel scope link{source}{table}"
        ),
        effect: format!("packets to {prefix} reach {} at once", other.device),
        risk: format!(
            "containers that still run on {} cannot be reached from this host",
            bridge.name
        ),
    })
}

/// Lets the kernel pass over the routes of a bridge on which no container runs.
pub(super) fn without_carrier(case: &Case<'_>) -> Option<Remedy> {
    let bridge = case.bridge.filter(|bridge| !bridge.carrier)?;
    let enter = enter(case.world, case.netns)?;
    let family = if case.is_ipv6() { "ipv6" } else { "ipv4" };
    // With slashes, because a name may have dots.
    let setting = format!(
        "net/{family}/conf/{}/ignore_routes_with_linkdown",
        bridge.name
    );
    let setting = quote(&setting)?;
    Some(Remedy {
        id: "ignore-linkdown",
        command: format!("{enter}sysctl -w {setting}=1"),
        undo: format!("{enter}sysctl -w {setting}=0"),
        effect: format!(
            "the kernel passes over the routes of {} as long as no container runs on it \
             (ignore_routes_with_linkdown); gone after a reboot",
            bridge.name
        ),
        risk: "packets are swallowed again as soon as a container runs on it".to_owned(),
    })
}
