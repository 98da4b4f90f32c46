//! `subnet-overlap`: a network covers somebody who is in use from here, and nothing need be lost yet.

mod cover;
mod slots;
mod subjects;
mod words;

use std::net::IpAddr;

use crate::{
    describe::network_ref,
    finding::{
        Bridge, Covered, Evidence, EvidenceKind, Finding, Kind, Overlap, Particulars, Role,
        RouteRef, Verdict,
    },
    incident::Place,
    input::RouteKind,
    remedy::{self, Case},
    world::{
        bridge,
        fib::{self, FlowKey},
    },
};

use self::subjects::Subject;

use super::{Purpose, Situation};

/// Whoever is covered is named up to this number; the rest is counted.
const NAMED: usize = 16;

pub(super) fn find(situation: Situation<'_>) -> Vec<Finding> {
    let networks = subjects::all(situation);
    let slots = match situation.purpose {
        Purpose::Check => subjects::slots(situation),
        Purpose::Watch => Vec::new(),
    };
    let found = networks
        .iter()
        .filter_map(|subject| look(situation, subject));
    found.chain(slots::find(situation, &slots)).collect()
}

pub(super) fn over(told: &Finding) -> String {
    let whose = told.docker_network.as_ref().map_or_else(
        || "The bridge".to_owned(),
        |network| format!("Network {}", network.name),
    );
    format!("{whose} no longer covers anybody in use.")
}

/// The overlap of one network, if there is any.
fn look(situation: Situation<'_>, subject: &Subject<'_>) -> Option<Finding> {
    let id = subject.id();
    let told = situation.told.get(&id);
    // What is being lost there already is told as such.
    if told.is_none() && is_losing(situation, subject) {
        return None;
    }
    let mut with = cover::all(situation, subject);
    with.extend(still_covered(situation, subject, told, &with));
    tell(situation, subject, id, with, 0)
}

/// The finding about a network, or about a subnet and as many `others` like it, that covers somebody.
fn tell(
    situation: Situation<'_>,
    subject: &Subject<'_>,
    id: String,
    mut with: Vec<Covered>,
    others: usize,
) -> Option<Finding> {
    with.sort_by(|a, b| (a.role, a.prefix, &a.what).cmp(&(b.role, b.prefix, &b.what)));
    let prefix = subject.prefix_over(with.first()?)?;
    let more = with.len().saturating_sub(NAMED);
    with.truncate(NAMED);
    let sure = with.iter().any(|it| it.role == Role::Peer);
    let overlap = Overlap {
        prefix,
        with,
        more,
        slot: subject.slot.is_some(),
    };
    let route = subject.route_to(&overlap.with);
    let expected = expected(subject, &overlap.with);
    let reason = words::reason(subject, &overlap, others);
    let mut finding = Finding::new(
        Kind::SubnetOverlap,
        id,
        situation.world.netns_ref(subject.netns),
        reason,
        situation.now,
    );
    finding.start = subject.began().unwrap_or(situation.now);
    finding.verdict = if sure {
        Verdict::Confirmed
    } else {
        Verdict::Suspected
    };
    finding.bridge = subject.link.map(|link| Bridge {
        name: link.name.clone(),
        ifindex: link.ifindex,
        carrier: link.carrier,
        owner: subject.owner().to_owned(),
    });
    finding.docker_network = subject
        .network
        .map(|(daemon, network)| network_ref(daemon, network));
    finding.ci = situation.world.job_there(subject.netns, subject.network);
    finding.evidence = evidence(subject, &overlap);
    finding.remedies = remedies(
        situation,
        subject,
        &overlap,
        route.as_ref(),
        expected.as_ref(),
    );
    finding.route = route;
    finding.expected_route = expected;
    finding.particulars = Some(Particulars::Overlap(overlap));
    Some(finding)
}

fn is_losing(situation: Situation<'_>, subject: &Subject<'_>) -> bool {
    let place = |ifindex| Place {
        netns: subject.netns,
        ifindex,
    };
    let ifindex = subject.link.map(|link| link.ifindex);
    situation.purpose == Purpose::Watch
        && ifindex.is_some_and(|ifindex| situation.losing.contains(&place(ifindex)))
}

/// Whoever was covered before and still is: a connection that dies of it is no reason to be silent.
fn still_covered(
    situation: Situation<'_>,
    subject: &Subject<'_>,
    told: Option<&Finding>,
    now: &[Covered],
) -> Vec<Covered> {
    let before = told.and_then(|told| match &told.particulars {
        Some(Particulars::Overlap(overlap)) => Some(&overlap.with),
        _ => None,
    });
    let known = |it: &&Covered| {
        now.iter()
            .any(|other| (other.role, other.prefix) == (it.role, it.prefix))
    };
    let still = |it: &&Covered| {
        let single = it.prefix.prefix_len() == it.prefix.max_prefix_len();
        single && cover::is_cut_off(situation, subject, it.prefix.addr())
    };
    let before = before.into_iter().flatten();
    before
        .filter(|it| it.role != Role::Route && !known(it) && still(it))
        .cloned()
        .collect()
}

/// Addresses, of one family, that a route of their own would help.
fn addresses(with: &[Covered]) -> Vec<IpAddr> {
    let single = |it: &&Covered| {
        it.prefix.prefix_len() == it.prefix.max_prefix_len() && it.role != Role::Route
    };
    let mut addresses: Vec<IpAddr> = with
        .iter()
        .filter(single)
        .map(|it| it.prefix.addr())
        .collect();
    let is_ipv6 = addresses.first().is_some_and(IpAddr::is_ipv6);
    addresses.retain(|address| address.is_ipv6() == is_ipv6);
    addresses.dedup();
    addresses
}

/// The way to whoever is covered first, were no bridge there to swallow packets.
fn expected(subject: &Subject<'_>, with: &[Covered]) -> Option<RouteRef> {
    let swallows =
        |ifindex| subject.device == ifindex || bridge::swallows(subject.namespace, ifindex);
    let key = FlowKey::to(with.first()?.prefix.addr());
    fib::lookup(&subject.routed, key, swallows).map(|answer| answer.route)
}

fn remedies(
    situation: Situation<'_>,
    subject: &Subject<'_>,
    overlap: &Overlap,
    route: Option<&RouteRef>,
    expected: Option<&RouteRef>,
) -> Vec<crate::finding::Remedy> {
    let victims = addresses(&overlap.with);
    let case = Case {
        world: situation.world,
        netns: subject.netns,
        victims: &victims,
        route,
        expected,
        network: subject.network,
        // Whether containers run on it now has nothing to do with it.
        bridge: None,
        inhabitant: None,
        rival: false,
    };
    subject.slot.as_ref().map_or_else(
        || remedy::remedies(&case),
        |daemon| remedy::before_the_next(&case, daemon),
    )
}

/// When the network came, if that was seen.
fn evidence(subject: &Subject<'_>, overlap: &Overlap) -> Vec<Evidence> {
    let appeared = subject.appeared().map(|at| {
        let text = format!("{} came, with a route to {}", subject.name, overlap.prefix);
        Evidence {
            kind: EvidenceKind::LinkChange,
            at,
            detail: [("text", text.into())].into(),
        }
    });
    appeared.into_iter().collect()
}

/// Whether packets take the route.
const fn leads_somewhere(kind: RouteKind) -> bool {
    matches!(kind, RouteKind::Unicast | RouteKind::Drop)
}

#[cfg(test)]
mod tests;
