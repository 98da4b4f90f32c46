//! Whether a machine's report is what it must be on that kernel.

use std::fmt;

use anyhow::{Result, bail, ensure};
use serde_json::{Value, json};

use super::Supported;
use super::findings::{Findings, drop_reasons, evidence, holds, text};
use super::machine::Run;
use super::report::Report;

/// What a kernel without drop reasons must be said to lack.
const WHY: &str = "why the kernel drops packets: the tracepoint kfree_skb gives no reason";

/// What was seen on a kernel that works.
#[derive(Debug)]
pub(super) struct Seen {
    /// The kernel's own name.
    pub(super) release: String,
    /// What was said when it was found.
    found: String,
    /// The process whose packets were lost.
    process: String,
    /// All that proves it in the end.
    evidence: String,
    /// What was said at the end.
    over: String,
    /// What bridgetrace says it does not see.
    unseen: Vec<String>,
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "    found     {}", self.found)?;
        writeln!(f, "    evidence  {}", self.evidence)?;
        writeln!(f, "    process   {}", self.process)?;
        write!(f, "    over      {}", self.over)?;
        for unseen in &self.unseen {
            write!(f, "\n    unseen    {unseen}")?;
        }
        Ok(())
    }
}

/// Judges what a machine left.
pub(super) fn of(run: &Run, wanted: Supported) -> Result<Seen> {
    if let Some(failure) = run.report.failure() {
        bail!("{failure}\n    the kernel: {}", run.last_words());
    }
    judge(&run.report, wanted)
}

fn judge(report: &Report, wanted: Supported) -> Result<Seen> {
    let release = report.section("release").concat();
    ensure!(
        release.starts_with(&format!("{}.", wanted.series)),
        "it is Linux {release}"
    );
    let findings = Findings::parse(report.section("findings"))?;
    is_opened(findings.first())?;
    is_resolved(findings.last())?;
    for step in findings.steps() {
        is_the_outage(step)?;
    }
    let unseen = report.unseen();
    is_told_why(findings.last(), &unseen, wanted)?;
    Ok(Seen {
        release,
        found: text(findings.first(), "event.reason").to_owned(),
        process: text(findings.last(), "process.name").to_owned(),
        evidence: told(findings.last()),
        over: text(findings.last(), "event.reason").to_owned(),
        unseen,
    })
}

/// One incident from first to last, with nothing lost on the way.
fn is_the_outage(step: &Value) -> Result<()> {
    holds(
        step,
        &[
            ("event.action", json!("reply-blackhole")),
            ("source.ip", json!("172.42.10.112")),
            ("destination.ip", json!("172.22.10.119")),
            ("observer.ingress.interface.name", json!("eno8303")),
            ("observer.egress.interface.name", json!("br-80cb5a0c07bc")),
            ("bridgetrace.finding.verdict", json!("confirmed")),
            ("bridgetrace.route.prefix", json!("172.22.0.0/16")),
            ("bridgetrace.expected_route.prefix", json!("0.0.0.0/0")),
            ("bridgetrace.expected_route.device", json!("eno8303")),
            ("bridgetrace.expected_route.gateway", json!("172.42.10.1")),
            ("bridgetrace.counts.remotes", json!(1)),
            ("bridgetrace.lost_events", json!(0)),
        ],
    )
}

/// The ping, proven at once: it came in by the uplink, its answer was routed into the bridge.
fn is_opened(first: &Value) -> Result<()> {
    holds(
        first,
        &[
            ("bridgetrace.finding.phase", json!("opened")),
            ("network.transport", json!("icmp")),
            ("bridgetrace.counts.packets", json!(1)),
        ],
    )?;
    has_evidence(first, &["route-into-bridge", "ingress-asymmetry"])
}

/// The connection's process was named, the neighbour given up, and then the bridge went.
fn is_resolved(last: &Value) -> Result<()> {
    holds(
        last,
        &[
            ("bridgetrace.finding.phase", json!("resolved")),
            ("process.name", json!("nc")),
        ],
    )?;
    has_evidence(
        last,
        &["route-into-bridge", "ingress-asymmetry", "neighbour-failed"],
    )
}

fn has_evidence(finding: &Value, kinds: &[&str]) -> Result<()> {
    let found = evidence(finding);
    for kind in kinds {
        ensure!(found.contains(kind), "no {kind} in {finding}");
    }
    Ok(())
}

/// The kernel's reason is shown, or it is said that there is none to see. Never both, never neither; but whose neighbour was
/// given up, by the neighbour table, died of that on any kernel.
fn is_told_why(last: &Value, unseen: &[String], wanted: Supported) -> Result<()> {
    let reasons = drop_reasons(last);
    let admitted = unseen.iter().any(|what| what == WHY);
    if wanted.tells_why {
        ensure!(!admitted, "this kernel tells why it drops packets");
        ensure!(reasons == ["NEIGH_FAILED"], "drop reasons are {reasons:?}");
    } else {
        ensure!(admitted, "nobody says what is not seen: {WHY}");
        ensure!(
            reasons.iter().all(|reason| *reason == "NEIGH_FAILED"),
            "where do {reasons:?} come from?"
        );
    }
    Ok(())
}

fn told(finding: &Value) -> String {
    let drops = drop_reasons(finding);
    let mut told = evidence(finding).join(", ");
    if !drops.is_empty() {
        told.push_str(&format!(" ({})", drops.join(", ")));
    }
    told
}

#[cfg(test)]
mod tests {
    use super::super::SUPPORTED;
    use super::*;

    const OLD: Supported = SUPPORTED[0];
    const NEW: Supported = SUPPORTED[3];

    fn step(phase: &str, evidence: &[&str]) -> Value {
        let evidence: Vec<_> = evidence
            .iter()
            .map(|kind| json!({"kind": kind, "detail": {"reason": "NEIGH_FAILED"}}))
            .collect();
        json!({
            "event": {"action": "reply-blackhole", "reason": format!("It is {phase}.")},
            "source": {"ip": "172.42.10.112"},
            "destination": {"ip": "172.22.10.119"},
            "network": {"transport": "icmp"},
            "process": {"name": "nc"},
            "observer": {
                "ingress": {"interface": {"name": "eno8303"}},
                "egress": {"interface": {"name": "br-80cb5a0c07bc"}},
            },
            "bridgetrace": {
                "finding": {"phase": phase, "verdict": "confirmed"},
                "route": {"prefix": "172.22.0.0/16"},
                "expected_route":
                    {"prefix": "0.0.0.0/0", "device": "eno8303", "gateway": "172.42.10.1"},
                "evidence": evidence,
                "counts": {"packets": 1, "remotes": 1},
                "lost_events": 0,
            },
        })
    }

    fn report(release: &str, unseen: &str, last: &[&str]) -> Report {
        let opened = step("opened", &["route-into-bridge", "ingress-asymmetry"]);
        let kinds = ["route-into-bridge", "ingress-asymmetry", "neighbour-failed"];
        let resolved = step("resolved", &[&kinds, last].concat());
        Report::parse(&format!(
            "@@ release\n{release}\n@@ banner\n  unseen  {unseen}\n\
             @@ findings\n{opened}\n{resolved}\n@@ end\n"
        ))
    }

    #[test]
    fn a_new_kernel_says_why() {
        let seen = judge(&report("7.2.13", "losses over IPv6", &["drop"]), NEW).unwrap();
        assert_eq!(seen.found, "It is opened.");
        assert!(seen.evidence.ends_with("drop (NEIGH_FAILED)"));
        assert!(judge(&report("7.2.13", "losses over IPv6", &[]), NEW).is_err());
        assert!(judge(&report("7.2.13", WHY, &["drop"]), NEW).is_err());
    }

    #[test]
    fn an_old_kernel_says_that_it_does_not() {
        assert!(judge(&report("5.10.0", WHY, &[]), OLD).is_ok());
        assert!(judge(&report("5.10.0", "losses over IPv6", &[]), OLD).is_err());
        // By the neighbour table.
        assert!(judge(&report("5.10.0", WHY, &["drop"]), OLD).is_ok());
    }

    #[test]
    fn another_kernel_proves_nothing() {
        let error = judge(&report("6.12.1", "losses over IPv6", &["drop"]), NEW).unwrap_err();
        assert_eq!(error.to_string(), "it is Linux 6.12.1");
    }

    #[test]
    fn a_kernel_on_which_nothing_is_found_fails() {
        let silent = Report::parse("@@ release\n7.2.13\n@@ findings\n@@ end\n");
        let error = judge(&silent, NEW).unwrap_err();
        assert_eq!(error.to_string(), "bridgetrace found nothing");
    }
}
