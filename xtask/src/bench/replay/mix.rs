//! Inputs without end, of three kinds of hosts. They begin with what the lab captured of a real one.

use std::fs;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;

use anyhow::{Context, Result};
use tracer_common::{Event, Flow, Hook, v4_mapped};
use tracer_core::input::{Body, Counter, Input, Link, Neighbour, NetChange, Route};
use tracer_core::time::{SECOND, Timestamp};
use zerocopy::{FromBytes as _, IntoBytes as _};

/// `NUD_REACHABLE`, `NUD_STALE` and `NUD_FAILED` (`include/uapi/linux/neighbour.h`).
const REACHABLE: u16 = 0x02;
const STALE: u16 = 0x04;
const FAILED: u8 = 0x20;
/// Hex digits by which one round's networks and containers are told from another's.
const DIGITS: usize = 8;
/// Remotes of the outage of many.
const REMOTES: u64 = 20_000;
/// Of these, how many lose a packet in one second.
const LOSING: u64 = 500;
/// Container addresses and foreign prefixes that come and go.
const ADDRESSES: u64 = 5_000;
const PREFIXES: u64 = 300;

/// What happens on one kind of host.
pub(super) struct Mix {
    pub(super) name: &'static str,
    opening: Vec<Input>,
    round: Box<dyn Fn(u64) -> Result<Vec<Input>>>,
}

impl Mix {
    /// Everything, from the start on.
    pub(super) fn inputs(&self) -> impl Iterator<Item = Result<Input>> {
        let rounds = (0..).flat_map(|round| match (self.round)(round) {
            Ok(inputs) => inputs.into_iter().map(Ok).collect(),
            Err(error) => vec![Err(error)],
        });
        self.opening.iter().cloned().map(Ok).chain(rounds)
    }
}

/// All mixes, made of the captured inputs in this folder.
pub(super) fn all(golden: &Path) -> Result<[Mix; 3]> {
    let read = |name: &str| {
        let path = golden.join(name);
        fs::read_to_string(&path).with_context(|| path.display().to_string())
    };
    let (compose, ping) = (read("compose.inputs.jsonl")?, read("ping.inputs.jsonl")?);
    Ok([builds(&compose)?, remotes(&ping)?, churn(&ping)?])
}

/// A build host: a compose project comes with its networks, an outage follows, all goes; then the next.
fn builds(captured: &str) -> Result<Mix> {
    let (opening, mut rest) = split(captured, |body| matches!(body, Body::DockerListing { .. }))?;
    // At the end the lab itself was taken down.
    let uplink_gone = |body: &Body| {
        matches!(
            body,
            Body::Net {
                change: NetChange::LinkGone(2),
                ..
            }
        )
    };
    let end = rest.iter().position(|input| uplink_gone(&input.body));
    rest.truncate(end.unwrap_or(rest.len()));
    let (first, last) = (rest.first(), rest.last());
    let span = first.zip(last).context("nothing was captured")?;
    let span = span.1.at.since(span.0.at) + SECOND;
    let ids = ids(&rest);
    let rest: Vec<String> = rest
        .iter()
        .map(|input| Ok(serde_json::to_string(input)?))
        .collect::<Result<_>>()?;
    let round = move |round: u64| {
        let fresh = |line: &String| -> Result<Input> {
            let renamed = ids.iter().fold(line.clone(), |line, id| {
                let new = format!("{round:0width$x}{}", &id[DIGITS..], width = DIGITS);
                line.replace(id.as_str(), &new)
            });
            let input: Input = serde_json::from_str(&renamed)?;
            let at = input.at.plus(round * span);
            Ok(Input { at, ..input })
        };
        rest.iter().map(fresh).collect()
    };
    Ok(Mix {
        name: "builds that come and go, an outage each",
        opening,
        round: Box::new(round),
    })
}

/// The first twelve digits of the id of everything that goes, by which docker names bridges, too. What
/// stays is the same in each round.
fn ids(inputs: &[Input]) -> Vec<String> {
    let id = |input: &Input| match &input.body {
        Body::DockerNetworkGone { id, .. } | Body::DockerContainerGone { id, .. } => {
            Some(id.get(..12)?.to_owned())
        }
        _ => None,
    };
    inputs.iter().filter_map(id).collect()
}

/// One outage with thousands of remotes.
fn remotes(captured: &str) -> Result<Mix> {
    let (mut opening, _) = split(captured, |body| matches!(body, Body::DockerNetwork { .. }))?;
    let is_lost = |event: &Event| event.hook == Hook::NeighSend as u8;
    let lost = opening.iter().filter_map(record).find(is_lost);
    let lost = lost.context("no lost packet")?;
    let failed = Event {
        hook: Hook::NeighTimer as u8,
        nud_state: FAILED,
        flags: 0,
        flow: Flow::default(),
        ..lost
    };
    let begin = opening.last().context("nothing was captured")?.at;
    opening.retain(|input| record(input).is_none());
    let round = move |round: u64| {
        let start = begin.plus((round + 1) * SECOND);
        let remote = |n: u64| {
            address(
                Ipv4Addr::new(172, 22, 64, 0),
                (round * LOSING + n) % REMOTES,
            )
        };
        let cycle = round * LOSING / REMOTES;
        let mut inputs = Vec::new();
        for n in 0..LOSING {
            let at = start.plus(n * SECOND / 1000);
            inputs.push(kernel(at, about(lost, remote(n), cycle)));
            inputs.push(kernel(at.plus(1000), about(failed, remote(n), cycle)));
        }
        let counter = |n| Counter {
            unresolved: cycle + 1,
            ..Counter::zero(lost.netns, lost.ifindex, IpAddr::V4(remote(n)))
        };
        let at = start.plus(SECOND / 2);
        let body = Body::Counters((0..LOSING).map(counter).collect());
        inputs.push(Input { at, body });
        inputs.push(tick(at));
        Ok(inputs)
    };
    Ok(Mix {
        name: "an outage of 20,000 remotes",
        opening,
        round: Box::new(round),
    })
}

/// A host whose containers, routes and interfaces come and go.
fn churn(captured: &str) -> Result<Mix> {
    let (mut opening, _) = split(captured, |body| matches!(body, Body::DockerListing { .. }))?;
    let last = opening.last().context("nothing was captured")?.at;
    let changes = |input: &Input| match &input.body {
        Body::Net { netns, change } => Some((*netns, change.clone())),
        _ => None,
    };
    let routes = opening.iter().filter_map(changes);
    let away = |(netns, change): (u32, NetChange)| match change {
        NetChange::Route(route) if route.nexthops.iter().any(|hop| hop.gateway.is_some()) => {
            Some((netns, route))
        }
        _ => None,
    };
    let (netns, default) = routes.filter_map(away).next().context("no default route")?;
    opening.push(tick(last));
    let round = move |round: u64| {
        let at = last.plus((round + 1) * SECOND);
        let mut changes = Vec::new();
        for n in 0..50 {
            let address = |ago: u64| neighbour(((round + 200) * 50 + n - ago * 50) % ADDRESSES, 0);
            let come = Neighbour {
                state: REACHABLE,
                ..address(0)
            };
            let stale = Neighbour {
                state: STALE,
                ..address(5)
            };
            changes.push(NetChange::Neighbour(come));
            changes.push(NetChange::Neighbour(stale));
            changes.push(NetChange::NeighbourGone(address(60)));
        }
        for n in 0..5 {
            changes.push(NetChange::Route(foreign(
                &default,
                (round * 5 + n) % PREFIXES,
            )?));
            let old = (round * 5 + n + PREFIXES / 2) % PREFIXES;
            changes.push(NetChange::RouteGone(foreign(&default, old)?));
        }
        let ifindex = u32::try_from(100 + round)?;
        changes.push(NetChange::Link(veth(ifindex)));
        changes.push(NetChange::LinkGone(ifindex.saturating_sub(20)));
        let told = |change| Input {
            at,
            body: Body::Net { netns, change },
        };
        let mut inputs: Vec<Input> = changes.into_iter().map(told).collect();
        inputs.push(tick(at));
        Ok(inputs)
    };
    Ok(Mix {
        name: "neighbours, routes and links that change",
        opening,
        round: Box::new(round),
    })
}

/// Captured inputs up to and with the first that is `last`, and the rest.
fn split(captured: &str, last: impl Fn(&Body) -> bool) -> Result<(Vec<Input>, Vec<Input>)> {
    let inputs: serde_json::Result<Vec<Input>> =
        captured.lines().map(serde_json::from_str).collect();
    let mut inputs = inputs.context("read captured inputs")?;
    let last = inputs.iter().position(|input| last(&input.body));
    let rest = inputs.split_off(last.context("an input is missing")? + 1);
    Ok((inputs, rest))
}

fn record(input: &Input) -> Option<Event> {
    match &input.body {
        Body::Kernel(bytes) => Event::read_from_bytes(bytes).ok(),
        _ => None,
    }
}

fn kernel(at: Timestamp, event: Event) -> Input {
    let body = Body::Kernel(event.as_bytes().to_vec());
    Input { at, body }
}

/// The same event about another remote, of whom so many packets were counted before.
fn about(event: Event, remote: Ipv4Addr, before: u64) -> Event {
    let mut event = Event {
        before,
        remote: v4_mapped(remote.octets()),
        ..event
    };
    if event.flow != Flow::default() {
        event.flow.daddr = event.remote;
    }
    event
}

const fn tick(at: Timestamp) -> Input {
    let body = Body::Tick;
    Input { at, body }
}

/// The address that comes so many after `first`.
fn address(first: Ipv4Addr, number: u64) -> Ipv4Addr {
    Ipv4Addr::from(u32::from(first).saturating_add(u32::try_from(number).unwrap_or(u32::MAX)))
}

/// A container on `docker0` (ifindex 3).
fn neighbour(number: u64, state: u16) -> Neighbour {
    Neighbour {
        ifindex: 3,
        address: address(Ipv4Addr::new(172, 17, 0, 2), number).into(),
        lladdr: Some("02:42:ac:11:00:02".to_owned()),
        state,
    }
}

/// The default route's way to a prefix of its own.
fn foreign(default: &Route, number: u64) -> Result<Route> {
    let base = address(Ipv4Addr::new(10, 0, 0, 0), number << 8);
    Ok(Route {
        destination: format!("{base}/24").parse()?,
        ..default.clone()
    })
}

fn veth(ifindex: u32) -> Link {
    Link {
        ifindex,
        name: format!("veth{ifindex:x}"),
        kind: Some("veth".to_owned()),
        ..Link::default()
    }
}
