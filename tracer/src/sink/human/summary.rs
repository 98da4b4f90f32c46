//! What a single look came to: whether all is well, what that is worth, and what comes next.

use tracer_core::{finding::UnusedNetwork, input::DaemonStatus, summary::Summary, time::Timestamp};

use super::{
    layout::{Fields as _, Page},
    numbers::{listed, number},
    style::Look,
};
use crate::sink::time;

pub(super) fn page(summary: &Summary, look: Look) -> Page {
    let mut page = Page::new(look);
    page.prose(0, &verdict(summary));
    page.field("looked", &looked(summary));
    for (endpoint, status) in &summary.daemons {
        match status {
            DaemonStatus::Reachable(info) => {
                page.field("docker", &format!("{} at {endpoint}", info.version));
            }
            DaemonStatus::Unreachable(cause) => {
                page.field("docker", &format!("cannot be asked at {endpoint}: {cause}"));
            }
        }
    }
    if let Some(pools) = summary.pools {
        let text = format!(
            "{} of {} subnets taken, {} free",
            pools.used, pools.total, pools.free
        );
        page.field("pools", &text);
    }
    if !summary.next_subnets.is_empty() {
        let next: Vec<String> = summary
            .next_subnets
            .iter()
            .map(ToString::to_string)
            .collect();
        let sure = if summary.next_is_sure {
            "will"
        } else {
            "will likely"
        };
        page.field("next", &format!("networks {sure} get {}", next.join(", ")));
    }
    if summary.next_possible.len() > 1 {
        let all = summary.next_possible.len() as u64 + summary.next_possible_more;
        let any = listed(&summary.next_possible, all, ToString::to_string);
        page.field("first", &format!("any of {any}"));
    }
    if !summary.unused.is_empty() {
        let all = summary.unused.len() as u64;
        let unused = listed(&summary.unused, all, |network| unused(network, summary.at));
        page.field("unused", &format!("{unused}; idle networks are no ghosts"));
    }
    for unseen in &summary.unseen {
        page.field("unseen", unseen);
    }
    page.blank();
    page
}

/// A network and how long nobody has used it.
fn unused(network: &UnusedNetwork, now: Timestamp) -> String {
    match network.since {
        Some(since) => format!("{} for {}", network.name, time::span(now.since(since))),
        None => network.name.clone(),
    }
}

fn verdict(summary: &Summary) -> String {
    let silent = |status: &DaemonStatus| matches!(status, DaemonStatus::Unreachable(_));
    let blind = summary.daemons.iter().any(|(_, status)| silent(status));
    match summary.findings {
        0 if blind || !summary.unseen.is_empty() => {
            "Nothing was found, in what could be looked at.".to_owned()
        }
        0 => "Clean: nothing was found.".to_owned(),
        _ => format!(
            "{}: {}, {}.",
            number(summary.findings, "finding"),
            number(summary.overlaps, "overlap"),
            number(summary.ghosts, "ghost")
        ),
    }
}

fn looked(summary: &Summary) -> String {
    format!(
        "at {}, {}, {} and {}",
        number(summary.networks, "docker network"),
        number(summary.bridges, "bridge"),
        number(summary.routes, "route"),
        number(summary.peers, "peer"),
    )
}
