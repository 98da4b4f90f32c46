//! The kernel's drops and its reasons for them, in words.

use serde_json::Value;
use tracer_core::finding::Evidence;

use super::{
    detail::{number, text},
    numbers,
};

pub(super) fn sentence(evidence: &Evidence) -> String {
    let packets = numbers::count(number(evidence, "count"), "packet");
    let reason = text(evidence, "reason");
    let names = reasons(evidence).unwrap_or_else(|| reason.to_owned());
    format!("the kernel dropped {packets}{} ({names})", because(reason))
}

/// Names and numbers of the reasons; the core tells them when there are several.
fn reasons(evidence: &Evidence) -> Option<String> {
    let all = evidence.detail.get("reasons").and_then(Value::as_object)?;
    let mut all: Vec<_> = all
        .iter()
        .map(|(name, n)| (n.as_u64().unwrap_or(0), name))
        .collect();
    all.sort_by_key(|(n, _)| std::cmp::Reverse(*n));
    let all: Vec<String> = all.iter().map(|(n, name)| format!("{name} {n}")).collect();
    Some(all.join(", "))
}

/// The kernel's drop reasons as the end of a sentence.
fn because(reason: &str) -> &'static str {
    match reason {
        "NEIGH_FAILED" => ": nobody answered",
        "NEIGH_QUEUEFULL" => ": too many were waiting for an answer",
        "NEIGH_DEAD" => ": its neighbour entry was thrown away at that moment",
        "NEIGH_CREATEFAIL" => ": the neighbour table is full",
        "QDISC_DROP" => ": the device could not send it",
        "DEV_READY" => ": the device is down",
        "IP_RPFILTER" => ": the way back to the sender leads elsewhere",
        "NETFILTER_DROP" => " by a firewall rule, e.g. docker's isolation of its networks",
        // IPv6 gives this one where IPv4 says what happened.
        "NOT_SPECIFIED" => "; it gives no better reason",
        _ => ": the kernel's own reason",
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;
    use tracer_core::{finding::EvidenceKind, time::Timestamp};

    use super::*;

    fn told(detail: &[(&'static str, Value)]) -> String {
        sentence(&Evidence {
            kind: EvidenceKind::Drop,
            at: Timestamp(0),
            detail: detail.iter().cloned().collect::<BTreeMap<_, _>>(),
        })
    }

    #[test]
    fn several_reasons_are_counted_and_the_first_is_explained() {
        let reasons = json!({"NEIGH_FAILED": 3, "NETFILTER_DROP": 9});
        let text = told(&[
            ("count", json!(12)),
            ("reason", json!("NETFILTER_DROP")),
            ("reasons", reasons),
        ]);
        assert_eq!(
            text,
            "the kernel dropped 12 packets by a firewall rule, e.g. docker's isolation of its \
             networks (NETFILTER_DROP 9, NEIGH_FAILED 3)"
        );
    }

    #[test]
    fn a_reason_that_is_none_is_told_as_such() {
        assert_eq!(
            told(&[("count", json!(1)), ("reason", json!("NOT_SPECIFIED"))]),
            "the kernel dropped 1 packet; it gives no better reason (NOT_SPECIFIED)"
        );
    }
}
