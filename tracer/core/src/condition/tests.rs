use super::*;
use crate::finding::NetnsRef;

fn state(reason: &str, packets: u64) -> Finding {
    let netns = NetnsRef {
        inum: 1,
        owner: "host".to_owned(),
        container: None,
    };
    let id = "address-pool-x".to_owned();
    let mut finding = Finding::new(
        Kind::AddressPool,
        id,
        netns,
        reason.to_owned(),
        Timestamp(0),
    );
    finding.counts.packets = packets;
    finding
}

fn at(seconds: u64) -> Timestamp {
    Timestamp(seconds * SECOND)
}

/// Reviews a world in which `found` holds; what is said, by phase and reason.
fn review(
    conditions: &mut Conditions,
    found: fn(Situation<'_>) -> Vec<Finding>,
    now: Timestamp,
) -> Vec<(Phase, String)> {
    let rule = Rule {
        kind: Kind::AddressPool,
        find: found,
        over: |_| "over".to_owned(),
    };
    let situation = Situation {
        world: &World::default(),
        now,
        purpose: Purpose::Watch,
        losing: &BTreeSet::new(),
        counters: &BTreeMap::new(),
        told: &BTreeMap::new(),
    };
    let said = conditions.review_rule(&rule, situation, &mut 0);
    assert!(said.iter().all(|finding| finding.at == now));
    said.into_iter()
        .map(|finding| (finding.phase, finding.reason))
        .collect()
}

#[test]
fn a_state_opens_once_is_updated_when_it_changes_and_ends() {
    let mut conditions = Conditions::default();
    let full = |_: Situation<'_>| vec![state("full", 0)];
    let fuller = |_: Situation<'_>| vec![state("fuller", 0)];
    let said = |phase, reason: &str| vec![(phase, reason.to_owned())];
    assert_eq!(
        review(&mut conditions, full, at(1)),
        said(Phase::Opened, "full")
    );
    assert_eq!(review(&mut conditions, full, at(2)), []);
    assert_eq!(
        review(&mut conditions, fuller, at(3)),
        said(Phase::Updated, "fuller")
    );
    assert_eq!(
        review(&mut conditions, |_| Vec::new(), at(4)),
        said(Phase::Resolved, "over")
    );
    assert_eq!(review(&mut conditions, |_| Vec::new(), at(5)), []);
}

#[test]
fn bare_numbers_are_told_rarely() {
    let mut conditions = Conditions::default();
    review(&mut conditions, |_| vec![state("full", 1)], at(1));
    assert_eq!(
        review(&mut conditions, |_| vec![state("full", 2)], at(3)),
        []
    );
    let later = review(&mut conditions, |_| vec![state("full", 3)], at(70));
    assert_eq!(later, [(Phase::Updated, "full".to_owned())]);
}
