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
    let said = said(conditions, found, now).into_iter();
    said.map(|finding| (finding.phase, finding.reason))
        .collect()
}

/// The same, by id.
fn review_ids(
    conditions: &mut Conditions,
    found: fn(Situation<'_>) -> Vec<Finding>,
    now: Timestamp,
) -> Vec<String> {
    let said = said(conditions, found, now).into_iter();
    said.map(|finding| finding.id).collect()
}

fn said(
    conditions: &mut Conditions,
    found: fn(Situation<'_>) -> Vec<Finding>,
    now: Timestamp,
) -> Vec<Finding> {
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
    said
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
fn a_state_that_comes_again_is_another_one() {
    let mut conditions = Conditions::default();
    let mut said = Vec::new();
    // Also when the clock was set back in between.
    for now in [at(5), at(1), at(1)] {
        said.extend(review_ids(&mut conditions, |_| vec![state("full", 0)], now));
        said.extend(review_ids(&mut conditions, |_| Vec::new(), now));
    }
    let pairs: Vec<_> = said.chunks(2).collect();
    assert_eq!(pairs.len(), 3);
    assert!(pairs.iter().all(|pair| pair[0] == pair[1]), "{said:?}");
    let different: BTreeSet<&String> = said.iter().collect();
    assert_eq!(different.len(), 3, "{said:?}");
    assert!(said.iter().all(|id| id.starts_with("address-pool-x-")));
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
