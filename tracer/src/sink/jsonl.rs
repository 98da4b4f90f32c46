//! JSON Lines: one step of one finding a line, each handed over at once.

use std::io::{self, Write};

use tracer_core::{finding::Finding, summary::Summary};

use super::{
    Banner, Sink,
    ecs::{Origin, Record, SummaryRecord},
    escape,
};

/// Writes findings, and nothing else, to `out`.
pub(crate) struct JsonLines<W> {
    out: W,
    origin: Origin,
}

impl<W: Write> JsonLines<W> {
    /// Lines that say they come from `origin`.
    pub(crate) const fn new(out: W, origin: Origin) -> Self {
        Self { out, origin }
    }
}

impl<W: Write> JsonLines<W> {
    fn put(&mut self, mut line: Vec<u8>) -> io::Result<()> {
        line.push(b'\n');
        // One write, so that a reader never meets half a line unless the pipe is full.
        self.out.write_all(&line)?;
        self.out.flush()
    }
}

impl<W: Write> Sink for JsonLines<W> {
    /// Silent: whoever reads the lines expects findings; the banner goes to the log.
    fn banner(&mut self, _: &Banner) -> io::Result<()> {
        Ok(())
    }

    fn finding(&mut self, finding: &Finding) -> io::Result<()> {
        let line = escape::json_line(&Record::new(&self.origin, finding))?;
        self.put(line)
    }

    fn summary(&mut self, summary: &Summary) -> io::Result<()> {
        let line = escape::json_line(&SummaryRecord::new(&self.origin, summary))?;
        self.put(line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sink::{fixtures, golden};

    fn lines(findings: &[Finding]) -> String {
        let mut sink = JsonLines::new(Vec::new(), fixtures::origin());
        sink.banner(&fixtures::banner()).unwrap();
        for finding in findings {
            sink.finding(finding).unwrap();
        }
        String::from_utf8(sink.out).unwrap()
    }

    #[test]
    fn lines_are_those_scripts_rely_on() {
        let steps = [
            fixtures::opened(),
            fixtures::confirmed(),
            fixtures::resolved(),
            fixtures::unknown_owner(),
            fixtures::many_victims(),
            fixtures::hostile(),
            fixtures::events_lost(),
            fixtures::minimal(),
        ];
        golden::check("src/sink/testdata/findings.jsonl", &lines(&steps));
    }

    #[test]
    fn lines_of_every_kind_are_those_scripts_rely_on() {
        let steps = [
            fixtures::request::life(),
            fixtures::forward::life(),
            fixtures::misdelivery::life(),
            fixtures::reverse_path::life(),
            fixtures::duplicate::life(),
            fixtures::ipv6::life(),
            fixtures::overlap::life(),
            fixtures::pools::life(),
        ];
        golden::check("src/sink/testdata/kinds.jsonl", &lines(&steps.concat()));
    }

    #[test]
    fn a_summary_is_the_line_scripts_rely_on() {
        let mut sink = JsonLines::new(Vec::new(), fixtures::origin());
        for summary in [fixtures::check::clean(), fixtures::check::bad()] {
            sink.summary(&summary).unwrap();
        }
        let text = String::from_utf8(sink.out).unwrap();
        golden::check("src/sink/testdata/summary.jsonl", &text);
    }

    #[test]
    fn lines_of_daemons_are_those_scripts_rely_on() {
        let steps = fixtures::daemon::unreachable();
        golden::check("src/sink/testdata/daemons.jsonl", &lines(&steps));
    }

    #[test]
    fn lines_of_ghosts_are_those_scripts_rely_on() {
        let mut steps = fixtures::ghost::life().to_vec();
        steps.push(fixtures::ghost::bridge());
        golden::check("src/sink/testdata/ghosts.jsonl", &lines(&steps));
    }

    #[test]
    fn lines_about_a_killed_process_are_those_scripts_rely_on() {
        let steps = fixtures::killed::life();
        golden::check("src/sink/testdata/killed.jsonl", &lines(&steps));
    }

    #[test]
    fn one_line_a_step_and_no_banner() {
        let text = lines(&[
            fixtures::opened(),
            fixtures::confirmed(),
            fixtures::resolved(),
        ]);
        assert_eq!(text.lines().count(), 3);
        assert!(text.ends_with("}\n"));
        assert_eq!(lines(&[]), "");
    }

    #[test]
    fn a_hostile_name_cannot_act_and_is_not_lost() {
        let text = lines(&[fixtures::hostile()]);
        assert_eq!(text.lines().count(), 1);
        assert!(!text.trim_end().contains(escape::is_hostile));
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(value["container"]["name"], fixtures::HOSTILE);
        assert!(
            !value["message"]
                .as_str()
                .unwrap()
                .contains(escape::is_hostile)
        );
    }

    #[test]
    fn a_closed_pipe_is_reported_as_one() {
        struct Closed;
        impl Write for Closed {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::BrokenPipe.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let error = JsonLines::new(Closed, Origin::default()).finding(&fixtures::opened());
        assert_eq!(error.unwrap_err().kind(), io::ErrorKind::BrokenPipe);
    }
}
