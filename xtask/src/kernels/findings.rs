//! bridgetrace's JSON Lines, as far as a machine is judged by them.

use anyhow::{Context, Result, ensure};
use serde_json::Value;

/// Every step it told, in order.
pub(super) struct Findings(Vec<Value>);

impl Findings {
    /// Reads the lines; one that is no JSON was torn. That docker cannot be asked is told as well, and
    /// no news: there is none in the machine.
    pub(super) fn parse(lines: &[String]) -> Result<Self> {
        let parse = |line: &String| {
            serde_json::from_str(line).with_context(|| format!("no line of JSON: {line}"))
        };
        let mut steps = lines.iter().map(parse).collect::<Result<Vec<_>>>()?;
        steps.retain(|step| text(step, "event.action") != "daemon-unreachable");
        ensure!(!steps.is_empty(), "bridgetrace found nothing");
        Ok(Self(steps))
    }

    /// Every step, and that is at least one.
    pub(super) fn steps(&self) -> impl Iterator<Item = &Value> {
        self.0.iter()
    }

    /// What was said first.
    pub(super) fn first(&self) -> &Value {
        self.0.first().unwrap_or(&Value::Null)
    }

    /// What was said last.
    pub(super) fn last(&self) -> &Value {
        self.0.last().unwrap_or(&Value::Null)
    }
}

/// A member by its dotted path.
pub(super) fn at<'a>(finding: &'a Value, path: &str) -> &'a Value {
    path.split('.').fold(finding, |value, name| &value[name])
}

/// A member that is a text; empty where there is none.
pub(super) fn text<'a>(finding: &'a Value, path: &str) -> &'a str {
    at(finding, path).as_str().unwrap_or_default()
}

/// Fails with the first member that is not as expected.
pub(super) fn holds(finding: &Value, members: &[(&str, Value)]) -> Result<()> {
    for (path, expected) in members {
        let found = at(finding, path);
        ensure!(
            found == expected,
            "{path} is {found} and not {expected} in {finding}"
        );
    }
    Ok(())
}

/// The kinds of evidence of a finding.
pub(super) fn evidence(finding: &Value) -> Vec<&str> {
    let list = at(finding, "bridgetrace.evidence").as_array();
    let kinds = list.into_iter().flatten().map(|each| text(each, "kind"));
    kinds.collect()
}

/// Why packets died, as the kernel itself says.
pub(super) fn drop_reasons(finding: &Value) -> Vec<&str> {
    let list = at(finding, "bridgetrace.evidence").as_array();
    let drops = list.into_iter().flatten();
    drops
        .filter(|each| text(each, "kind") == "drop")
        .map(|each| text(each, "detail.reason"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn silence_and_torn_lines_are_errors() {
        assert!(Findings::parse(&[]).is_err());
        assert!(Findings::parse(&["{\"a\":".to_owned()]).is_err());
        let docker = json!({"event": {"action": "daemon-unreachable"}}).to_string();
        assert!(Findings::parse(&[docker]).is_err());
    }

    #[test]
    fn a_wrong_member_is_named() {
        let finding = json!({"a": {"b": 1}});
        assert!(holds(&finding, &[("a.b", json!(1))]).is_ok());
        let error = holds(&finding, &[("a.b", json!(2))]).unwrap_err();
        assert!(error.to_string().starts_with("a.b is 1 and not 2"));
        assert!(holds(&finding, &[("a.c", json!(1))]).is_err());
    }

    #[test]
    fn evidence_is_read_by_kind() {
        let finding = json!({"bridgetrace": {"evidence": [
            {"kind": "route-into-bridge"},
            {"kind": "drop", "detail": {"reason": "NEIGH_FAILED", "count": 3}},
        ]}});
        assert_eq!(evidence(&finding), ["route-into-bridge", "drop"]);
        assert_eq!(drop_reasons(&finding), ["NEIGH_FAILED"]);
    }
}
