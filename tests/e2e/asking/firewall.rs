//! Docker's rules in the server's firewall: what they drop, and how to let everything through.

use anyhow::Result;
use bridgetrace_lab::{Netns, firewall::dropped};

/// Packets that docker dropped because they were on their way from one of its networks to another.
pub(super) fn isolated(srv: &Netns) -> Result<u64> {
    dropped(srv, "iptables", "filter", "DOCKER-ISOLATION-STAGE-2")
}

/// Lets docker's networks talk to each other.
pub(super) fn open(srv: &Netns) -> Result<()> {
    srv.run(&["iptables", "-I", "DOCKER-USER", "-j", "ACCEPT"])
        .map(drop)
}
