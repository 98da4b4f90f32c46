//! What a namespace's firewall counts.

use anyhow::{Context as _, Result, ensure};

use crate::Netns;

/// Packets that the `DROP` rules of a chain took. `tool` is `iptables` or `ip6tables`; without such a rule it is an error.
pub fn dropped(netns: &Netns, tool: &str, table: &str, chain: &str) -> Result<u64> {
    let text = netns.run(&[tool, "-t", table, "-nvxL", chain])?;
    let packets = |rule: &str| {
        let first = rule.split_whitespace().next();
        first
            .context("an empty rule")?
            .parse::<u64>()
            .context(rule.to_owned())
    };
    let rules = text.lines().filter(|rule| rule.contains(" DROP "));
    let each = rules.map(packets).collect::<Result<Vec<_>>>()?;
    ensure!(!each.is_empty(), "no rule of {chain} drops: {text}");
    Ok(each.iter().sum())
}
