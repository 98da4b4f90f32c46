//! `bridgetrace.evidence`: what proves a finding.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;
use tracer_core::finding;

use crate::sink::time;

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Evidence<'a> {
    /// `ingress-asymmetry`, `route-into-bridge`, `no-such-endpoint`, `neighbour-failed`, `drop`,
    /// `ghost-bridge`, `retransmit`, `endpoint-has-address`, `reset-by-container`,
    /// `duplicate-route`, `reverse-path`, `configured-peer`; more may come.
    kind: &'static str,
    /// When it was first seen.
    at: String,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    detail: BTreeMap<&'static str, &'a Value>,
}

impl<'a> Evidence<'a> {
    pub(super) fn new(evidence: &'a finding::Evidence) -> Self {
        Self {
            kind: evidence.kind.name(),
            at: time::rfc3339(evidence.at),
            detail: evidence
                .detail
                .iter()
                .map(|(key, value)| (*key, value))
                .filter(|(_, value)| says_something(value))
                .collect(),
        }
    }
}

/// Whether a value says anything: absent is absent in details too.
fn says_something(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(members) => !members.is_empty(),
        Value::Bool(_) | Value::Number(_) => true,
    }
}
