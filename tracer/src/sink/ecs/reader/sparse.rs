//! What is absent, over, or more than one.

use serde_json::Value;

use super::{nothing_empty, read, texts, value};
use crate::sink::fixtures;

#[test]
fn a_finding_of_which_little_is_known_has_no_empty_fields() {
    let finding = fixtures::minimal();
    let line = read(&finding);
    assert!(line.source.is_none() && line.destination.is_none() && line.network.is_none());
    assert!(line.process.is_none() && line.container.is_none());
    assert!(line.observer.ingress.is_none() && line.observer.egress.is_none());
    assert_eq!(line.bridgetrace.netns.owner, "host");
    for finding in [
        finding,
        fixtures::opened(),
        fixtures::unknown_owner(),
        fixtures::events_lost(),
    ] {
        nothing_empty(&value(&finding), "");
    }
}

#[test]
fn a_network_without_containers_says_so() {
    let mut finding = fixtures::opened();
    finding.docker_network.as_mut().unwrap().endpoints.clear();
    let endpoints = &value(&finding)["bridgetrace"]["docker_network"]["endpoints"];
    assert_eq!(endpoints, &Value::Array(Vec::new()));
}

#[test]
fn several_victims_are_listed() {
    let victims = read(&fixtures::many_victims()).bridgetrace.victims.unwrap();
    assert_eq!(
        (victims.len(), victims[0].ip.as_str(), victims[0].packets),
        (32, "172.22.10.1", 105)
    );
}

#[test]
fn what_is_over_or_unseen_does_not_claim_a_failure() {
    let resolved = read(&fixtures::resolved());
    assert_eq!(resolved.event.outcome, "success");
    assert_eq!(
        resolved.event.end.as_deref(),
        Some("2026-11-21T00:02:11.123456789Z")
    );
    let lost = read(&fixtures::events_lost());
    assert_eq!(
        (lost.event.action.as_str(), lost.event.outcome.as_str()),
        ("events-lost", "unknown")
    );
    assert_eq!(lost.event.types, texts(&["info"]));
    assert_eq!(lost.bridgetrace.lost_events, 1824);
    assert!(lost.bridgetrace.unknown.is_none());
}
