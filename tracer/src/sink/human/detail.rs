//! Particulars of a piece of evidence, by the keys the core gives them.

use serde_json::Value;
use tracer_core::finding::{Evidence, EvidenceKind};

/// A particular that is text; empty if there is none.
pub(super) fn text<'a>(evidence: &'a Evidence, key: &str) -> &'a str {
    evidence
        .detail
        .get(key)
        .and_then(Value::as_str)
        .unwrap_or_default()
}

/// A particular that is a number.
pub(super) fn number(evidence: &Evidence, key: &str) -> u64 {
    evidence
        .detail
        .get(key)
        .and_then(Value::as_u64)
        .unwrap_or_default()
}

/// What the sentence about `evidence` leaves out: a particular that this sink has not learned of
/// yet must not be withheld.
pub(super) fn rest(evidence: &Evidence) -> String {
    let told = keys(evidence.kind);
    let rest = evidence
        .detail
        .iter()
        .filter(|(key, _)| !told.contains(key));
    rest.map(|(key, value)| format!("; {key}: {value}"))
        .collect()
}

/// What the core says of each kind: the sentence tells it, or it stands elsewhere on the page.
const fn keys(kind: EvidenceKind) -> &'static [&'static str] {
    match kind {
        EvidenceKind::IngressAsymmetry => &["device", "remote"],
        EvidenceKind::RouteIntoBridge => &["device", "prefix", "seen", "table"],
        EvidenceKind::NoSuchEndpoint => &["endpoints", "network"],
        EvidenceKind::NeighbourFailed | EvidenceKind::ResetByContainer => &["address"],
        EvidenceKind::Drop => &["count", "reason", "reasons"],
        EvidenceKind::GhostBridge => &["arp", "bridge"],
        EvidenceKind::Retransmit => &["count"],
        EvidenceKind::EndpointHasAddress => &["address", "container"],
        EvidenceKind::DuplicateRoute => &["loses", "prefix", "wins"],
        EvidenceKind::ReversePath => &["bridge", "device", "prefix"],
        EvidenceKind::ConfiguredPeer => &["name", "role", "source"],
        EvidenceKind::Signal => &["code", "signal", "text"],
        EvidenceKind::KernelLog | EvidenceKind::DockerEvent | EvidenceKind::LinkChange => &["text"],
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use tracer_core::{Core, finding::Finding, input::Input};

    use super::*;
    use crate::sink::fixtures;

    /// Particulars that depend on what else was seen.
    const SOMETIMES: [&str; 4] = ["arp", "code", "reasons", "signal"];

    fn assert_known(finding: &Finding) {
        for piece in &finding.evidence {
            let told: Vec<&str> = piece.detail.keys().copied().collect();
            let mut known = keys(piece.kind).to_vec();
            known.retain(|key| told.contains(key) || !SOMETIMES.contains(key));
            assert_eq!(told, known, "{:?} in {}", piece.kind, finding.id);
            assert_eq!(rest(piece), "");
        }
        let order = |piece: &Evidence| (piece.at, piece.kind);
        assert!(finding.evidence.is_sorted_by_key(order), "{}", finding.id);
    }

    #[test]
    fn fixtures_say_what_the_core_says_and_no_more() {
        fixtures::all().iter().for_each(assert_known);
    }

    #[test]
    fn everything_the_core_says_of_real_outages_is_known() {
        let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("core/tests/golden");
        let files = fs::read_dir(golden)
            .unwrap()
            .map(|file| file.unwrap().path());
        for file in files.filter(|file| file.extension().is_some_and(|it| it == "jsonl")) {
            let mut core = Core::default();
            for line in fs::read_to_string(&file).unwrap().lines() {
                let input: Input = serde_json::from_str(line).unwrap();
                core.observe(&input).iter().for_each(assert_known);
            }
        }
    }

    #[test]
    fn what_no_sentence_tells_is_appended() {
        let mut piece = fixtures::confirmed().evidence.remove(0);
        piece.detail.insert("lookups", Value::from(7));
        assert_eq!(rest(&piece), "; lookups: 7");
    }
}
