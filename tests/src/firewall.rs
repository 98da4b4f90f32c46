//! What a namespace's firewall counts.

use anyhow::{Context as _, Result, ensure};

use crate::Netns;

/// Packets that the `DROP` rules of a chain took. `tool` is `iptables` or `ip6tables`; without such a rule it is an error.
pub fn dropped(netns: &Netns, tool: &str, table: &str, chain: &str) -> Result<u64> {
    let text = netns.run(&[tool, "-t", table, "-nvxL", chain])?;
    // Two lines of heading; packets, bytes, target of each rule.
    let rules = text.lines().skip(2).filter_map(|rule| {
        let mut columns = rule.split_whitespace();
        let packets = columns.next()?;
        (columns.nth(1)? == "DROP").then(|| packets.parse::<u64>().context(rule.to_owned()))
    });
    let each = rules.collect::<Result<Vec<_>>>()?;
    ensure!(!each.is_empty(), "no rule of {chain} drops: {text}");
    Ok(each.iter().sum())
}
