//! What the script inside tells: sections of lines, each begun by a line `@@ NAME`.

use std::collections::BTreeMap;

/// The sections by name.
#[derive(Debug, Default)]
pub(super) struct Report {
    sections: BTreeMap<String, Vec<String>>,
}

impl Report {
    /// Reads what came over the serial port, torn or not.
    pub(super) fn parse(text: &str) -> Self {
        let mut report = Self::default();
        let mut section = String::new();
        for line in text.lines() {
            if let Some(name) = line.strip_prefix("@@ ") {
                section = name.trim().to_owned();
                report.sections.entry(section.clone()).or_default();
            } else {
                let lines = report.sections.entry(section.clone()).or_default();
                lines.push(line.trim_end().to_owned());
            }
        }
        report
    }

    /// The lines of a section; none if it never began.
    pub(super) fn section(&self, name: &str) -> &[String] {
        self.sections.get(name).map_or(&[], Vec::as_slice)
    }

    /// Whether the script came to its end, good or bad.
    pub(super) fn is_whole(&self) -> bool {
        self.sections.contains_key("end")
    }

    /// The step that failed, and what was said of it.
    pub(super) fn failure(&self) -> Option<String> {
        let lines = self.sections.get("failed")?;
        Some(lines.join("\n    "))
    }

    /// What the banner says is not seen: fields wrapped to the width of a screen.
    pub(super) fn unseen(&self) -> Vec<String> {
        let mut unseen: Vec<String> = Vec::new();
        let mut inside = false;
        for line in self.section("banner") {
            let words = line.split_whitespace().collect::<Vec<_>>().join(" ");
            if let Some(first) = line.strip_prefix("  unseen ") {
                unseen.push(first.trim().to_owned());
                inside = true;
            } else if line.starts_with("   ") && inside {
                unseen.iter_mut().last().into_iter().for_each(|last| {
                    last.push(' ');
                    last.push_str(&words);
                });
            } else {
                inside = false;
            }
        }
        unseen
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
@@ release\r\n5.10.0-46-cloud-amd64\r\n@@ banner\r
bridgetrace 0.1.0 on srv: watching 0 bridges, 1 namespace; unseen: 4, see\r
below\r
  docker  cannot be asked at unix:///nonexistent: there is no socket\r
          /nonexistent\r
  unseen  why the kernel drops packets: the tracepoint kfree_skb gives no\r
          reason\r
  unseen  losses over IPv6\r
  quiet   means that no loss was seen; Ctrl-C ends\r
\r
@@ end\r\n";

    #[test]
    fn sections_are_what_stands_between_their_marks() {
        let report = Report::parse(TEXT);
        assert_eq!(report.section("release"), ["5.10.0-46-cloud-amd64"]);
        assert!(report.section("findings").is_empty());
        assert!(report.is_whole());
        assert_eq!(report.failure(), None);
    }

    #[test]
    fn what_is_not_seen_is_read_across_lines() {
        assert_eq!(
            Report::parse(TEXT).unseen(),
            [
                "why the kernel drops packets: the tracepoint kfree_skb gives no reason",
                "losses over IPv6"
            ]
        );
    }

    #[test]
    fn a_machine_that_died_has_no_end() {
        let report = Report::parse("@@ release\n5.10\n@@ failed\nip netns add pc\nno\n");
        assert!(!report.is_whole());
        assert_eq!(report.failure().unwrap(), "ip netns add pc\n    no");
    }
}
