//! Runs of hooks that the kernel skipped, since the hook ran on the same CPU already. They are of the whole machine, and
//! the more labs are at work the more there are: no test's own loss.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::stage::at;

/// Whether the finding tells of nothing else.
pub(super) fn is_all(finding: &Value) -> bool {
    runs(finding).is_some() && runs(finding) == lost(finding)
}

/// All that was said, in its order, without such findings, and without their runs in what the others lost.
pub(super) fn taken_out(said: Vec<Value>) -> Vec<Value> {
    let mut skipped = BTreeMap::new();
    let mut rest = Vec::new();
    for mut finding in said {
        if let Some(runs) = runs(&finding) {
            let id = at(&finding, "bridgetrace.finding.id").to_string();
            skipped.insert(id, runs);
        }
        if is_all(&finding) {
            continue;
        }
        if let Some(lost) = lost(&finding).filter(|_| !is_of_lost_events(&finding)) {
            let others = lost.saturating_sub(skipped.values().sum());
            finding["bridgetrace"]["lost_events"] = json!(others);
        }
        rest.push(finding);
    }
    rest
}

/// How many runs of a hook it says were skipped, in all.
fn runs(finding: &Value) -> Option<u64> {
    let reason = at(finding, "event.reason").as_str()?;
    let (before, _) = reason.split_once(" runs were skipped by the kernel")?;
    before.split(' ').next_back()?.parse().ok()
}

fn lost(finding: &Value) -> Option<u64> {
    at(finding, "bridgetrace.lost_events").as_u64()
}

fn is_of_lost_events(finding: &Value) -> bool {
    at(finding, "event.action") == "events-lost"
}

#[test]
fn runs_that_were_skipped_are_no_loss_of_a_lab() {
    let outage = |lost: u64| json!({"event": {"action": "reply-blackhole"}, "bridgetrace": {"lost_events": lost}});
    let loss = |hook: &str, lost: u64, parts: &str| {
        json!({"event": {"action": "events-lost", "reason": format!("Not everything was seen at {hook}: {parts}.")},
               "bridgetrace": {"finding": {"id": format!("events-lost-{hook}")}, "lost_events": lost}})
    };
    let both = "9 events found no room in the ring buffer, 1 runs were skipped by the kernel";
    let said = vec![
        outage(0),
        loss("kfree_skb", 1, "1 runs were skipped by the kernel"),
        loss("kfree_skb", 2, "2 runs were skipped by the kernel"),
        outage(2),
        loss("fib_table_lookup", 10, both),
        outage(12),
    ];
    let rest = [outage(0), outage(0), said[4].clone(), outage(9)];
    assert_eq!(taken_out(said), rest);
}
