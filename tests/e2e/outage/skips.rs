//! Runs of hooks that the kernel skipped, since the hook ran on the same CPU already. They are of the whole machine, and
//! the more labs are at work the more there are: no test's own loss.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::stage::{at, is_phase};

/// All that was said, in its order, without findings of nothing else, and without those runs in what the others lost. The
/// words are left as they are, and so is a verdict that depends on it.
pub(super) fn taken_out(said: Vec<Value>) -> Vec<Value> {
    let mut skipped = BTreeMap::new();
    // By finding, when it was told last: the end of an outage repeats what was lost by then.
    let mut by_then = BTreeMap::new();
    let mut rest = Vec::new();
    for mut finding in said {
        let lost = at(&finding, "bridgetrace.lost_events").as_u64();
        let id = at(&finding, "bridgetrace.finding.id").to_string();
        if let Some(runs) = runs(&finding) {
            skipped.insert(id, runs);
            if lost == Some(runs) {
                continue;
            }
        } else if let Some(lost) = lost.filter(|lost| *lost > 0 && !is_loss(&finding)) {
            let now: u64 = skipped.values().sum();
            let runs = if is_phase(&finding, "resolved") {
                by_then.remove(&id).unwrap_or(now)
            } else {
                by_then.insert(id, now);
                now
            };
            finding["bridgetrace"]["lost_events"] = json!(lost - runs);
        }
        rest.push(finding);
    }
    rest
}

fn is_loss(finding: &Value) -> bool {
    at(finding, "event.action") == "events-lost"
}

/// How many runs of a hook it says were skipped, in all.
fn runs(finding: &Value) -> Option<u64> {
    let reason = at(finding, "event.reason").as_str()?;
    let (before, _) = reason.split_once(" runs were skipped by the kernel")?;
    before.split(' ').next_back()?.parse().ok()
}

#[test]
fn runs_that_were_skipped_are_no_loss_of_a_lab() {
    let outage = |phase: &str, lost: u64| {
        json!({"event": {"action": "reply-blackhole"},
               "bridgetrace": {"finding": {"id": "reply-blackhole-1", "phase": phase}, "lost_events": lost}})
    };
    let loss = |hook: &str, lost: u64, parts: &str| {
        json!({"event": {"action": "events-lost", "reason": format!("Not everything was seen at {hook}: {parts}.")},
               "bridgetrace": {"finding": {"id": format!("events-lost-{hook}")}, "lost_events": lost}})
    };
    let killed = json!({"event": {"action": "process-killed"},
                        "bridgetrace": {"finding": {"id": "process-killed-1"}, "lost_events": 0}});
    let both = "9 events found no room in the ring buffer, 1 runs were skipped by the kernel";
    let said = vec![
        outage("opened", 0),
        loss("kfree_skb", 1, "1 runs were skipped by the kernel"),
        loss("kfree_skb", 2, "2 runs were skipped by the kernel"),
        outage("updated", 2),
        // Of what is no packet's loss nothing can be missing.
        killed.clone(),
        loss("fib_table_lookup", 10, both),
        outage("updated", 12),
        loss("kfree_skb", 5, "5 runs were skipped by the kernel"),
        outage("resolved", 12),
    ];
    let rest = [
        outage("opened", 0),
        outage("updated", 0),
        killed,
        said[5].clone(),
        outage("updated", 9),
        outage("resolved", 9),
    ];
    assert_eq!(taken_out(said), rest);
}
