//! Particulars of a piece of evidence, whatever JSON they are.

use serde_json::Value;
use tracer_core::finding::{Evidence, EvidenceKind};

/// A particular as text: numbers as digits, lists with commas. None if it says nothing.
pub(super) fn text(evidence: &Evidence, key: &str) -> Option<String> {
    evidence.detail.get(key).and_then(shown)
}

pub(super) fn number(evidence: &Evidence, key: &str) -> Option<u64> {
    evidence.detail.get(key)?.as_u64()
}

fn shown(value: &Value) -> Option<String> {
    let text = match value {
        Value::Null => return None,
        Value::String(text) => text.clone(),
        Value::Array(items) => {
            let items: Vec<_> = items.iter().filter_map(shown).collect();
            items.join(", ")
        }
        Value::Object(members) => {
            let member = |(key, value)| shown(value).map(|text| format!("{key} {text}"));
            let members: Vec<_> = members.iter().filter_map(member).collect();
            members.join(", ")
        }
        Value::Bool(_) | Value::Number(_) => value.to_string(),
    };
    Some(text).filter(|text| !text.is_empty())
}

/// What the sentence about `evidence` leaves out: a particular that this sink has not learned of
/// yet must not be withheld.
pub(super) fn rest(evidence: &Evidence) -> String {
    let told = told(evidence.kind);
    let rest = |(key, value): (&&'static str, &Value)| {
        let new = !told.contains(key) && !matches!(*key, "remote" | "address");
        shown(value)
            .filter(|_| new)
            .map(|text| format!("; {}: {text}", key.replace('_', " ")))
    };
    evidence.detail.iter().filter_map(rest).collect()
}

/// Particulars that the sentence tells, or that stand elsewhere on the page.
const fn told(kind: EvidenceKind) -> &'static [&'static str] {
    match kind {
        EvidenceKind::IngressAsymmetry => &["device"],
        EvidenceKind::RouteIntoBridge => &["device", "prefix", "seen", "table"],
        EvidenceKind::NoSuchEndpoint => &["endpoints", "network"],
        EvidenceKind::NeighbourFailed => &[],
        EvidenceKind::Drop => &["count", "reason", "reasons"],
        EvidenceKind::GhostBridge => &["arp", "bridge"],
        EvidenceKind::Retransmit => &["count"],
        EvidenceKind::EndpointHasAddress | EvidenceKind::ResetByContainer => &["container"],
        EvidenceKind::DuplicateRoute => &["loses", "prefix", "wins"],
        EvidenceKind::ReversePath => &["device", "prefix", "rp_filter"],
        EvidenceKind::ConfiguredPeer => &["name", "role", "source"],
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;
    use tracer_core::time::Timestamp;

    use super::*;

    #[test]
    fn what_no_sentence_tells_is_appended() {
        let evidence = Evidence {
            kind: EvidenceKind::Retransmit,
            at: Timestamp(0),
            detail: BTreeMap::from([
                ("count", json!(7)),
                ("deep", json!({"a": [1, null, "x"], "b": {}})),
                ("empty", json!("")),
                ("first_seen", json!(true)),
                ("nothing", json!([null])),
            ]),
        };
        assert_eq!(rest(&evidence), "; deep: a 1, x; first seen: true");
        assert_eq!(number(&evidence, "count"), Some(7));
        assert_eq!(text(&evidence, "count").as_deref(), Some("7"));
        assert_eq!(text(&evidence, "empty"), None);
    }
}
