//! Subnets that docker may give to the next networks, and whom they would cover.
//!
//! Those that cover somebody in use are told one by one. A wide route, as of a VPN, overlaps many of them
//! in the same way: these are told together.

use std::collections::BTreeMap;

use ipnet::IpNet;

use crate::finding::{Covered, Finding, Role};

use super::{super::Situation, cover, subjects::Subject, tell};

/// By daemon and the routes they overlap: the first of them and how many there are.
type Alike<'a> = BTreeMap<(&'a str, Vec<IpNet>), (&'a Subject<'a>, Vec<Covered>, usize)>;

pub(super) fn find(situation: Situation<'_>, slots: &[Subject<'_>]) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut alike = Alike::new();
    for slot in slots {
        let with = cover::all(situation, slot);
        if with.iter().any(|it| it.role != Role::Route) {
            found.extend(tell(situation, slot, slot.id(), with, 0));
        } else if !with.is_empty() {
            let routes = with.iter().map(|it| it.prefix).collect();
            let daemon = slot.slot.as_deref().unwrap_or_default();
            let known = alike.entry((daemon, routes)).or_insert((slot, with, 0));
            known.2 += 1;
        }
    }
    let together = alike.into_values();
    found.extend(
        together
            .filter_map(|(slot, with, count)| tell(situation, slot, slot.id(), with, count - 1)),
    );
    found
}
