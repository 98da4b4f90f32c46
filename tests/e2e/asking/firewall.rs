//! Docker's rules in the server's firewall: what they drop, and how to let everything through.

use anyhow::{Context, Result};
use bridgetrace_lab::Netns;

/// Packets that docker dropped because they were on their way from one of its networks to another.
pub(super) fn isolated(srv: &Netns) -> Result<u64> {
    let chain = "DOCKER-ISOLATION-STAGE-2";
    let rules = srv.run(&["iptables", "-nvxL", chain])?;
    let drops = rules.lines().filter(|rule| rule.contains(" DROP "));
    drops
        .map(|rule| {
            let packets = rule.split_whitespace().next().context("an empty rule")?;
            packets.parse::<u64>().context(rule.to_owned())
        })
        .sum()
}

/// Lets docker's networks talk to each other.
pub(super) fn open(srv: &Netns) -> Result<()> {
    srv.run(&["iptables", "-I", "DOCKER-USER", "-j", "ACCEPT"])
        .map(drop)
}
