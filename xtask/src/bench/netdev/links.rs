//! When programs are attached and detached, as seen from outside: each one attached is a link among the files of
//! the process that attached it.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use anyhow::{Context as _, Result};

use crate::bench::process::number;
use crate::bench::spread::milliseconds;

/// How long a change took, and how many replies were sent meanwhile.
#[derive(Clone, Copy)]
pub(super) struct Span {
    pub(super) milliseconds: f64,
    pub(super) replies: u32,
}

/// Links of the process that lead to one of these programs. Each file is read each time: a number that was a socket's
/// at the last look may be a link's by now.
pub(super) fn links(pid: u32, programs: &[u64]) -> usize {
    let files = fs::read_dir(format!("/proc/{pid}/fdinfo"))
        .into_iter()
        .flatten();
    let files = files.filter_map(|file| Some(file.ok()?.path()));
    files.filter(|file| is_link(file, programs)).count()
}

fn is_link(file: &Path, programs: &[u64]) -> bool {
    let text = fs::read_to_string(file).unwrap_or_default();
    let program = number(&text, "prog_id");
    text.contains("link_type:") && program.is_some_and(|id| programs.contains(&id))
}

/// A look at the links: when it began, when it ended, and how many links and how many replies there were.
#[derive(Clone, Copy)]
pub(super) struct Look {
    begin: Instant,
    end: Instant,
    links: usize,
    replies: u32,
}

/// Looks as fast as it can, and once more at the end; keeps the looks before and after each change.
pub(super) fn changes(
    pid: u32,
    programs: &[u64],
    stop: &AtomicBool,
    replies: impl Fn() -> u32,
) -> Vec<Look> {
    let mut kept = Vec::<Look>::new();
    let mut last: Option<Look> = None;
    loop {
        let stopped = stop.load(Ordering::Relaxed);
        let look = Look {
            begin: Instant::now(),
            links: links(pid, programs),
            replies: replies(),
            end: Instant::now(),
        };
        if let Some(before) = last.replace(look)
            && before.links != look.links
        {
            kept.extend([before, look]);
        }
        if stopped {
            return kept;
        }
    }
}

/// To attach and to detach.
pub(super) fn spans(looks: &[Look], all: usize) -> Result<(Span, Span)> {
    let attach = span(looks, 0, all).context("never attached")?;
    let attached = looks.iter().position(|look| look.links == all);
    let later = &looks[attached.unwrap_or(looks.len())..];
    let detach = span(later, all, 0).context("never detached")?;
    Ok((attach, detach))
}

/// From the last look that saw `from` links to the first that saw `to`.
fn span(looks: &[Look], from: usize, to: usize) -> Option<Span> {
    let end = looks.iter().position(|look| look.links == to)?;
    let before = looks[..end].iter().rfind(|look| look.links == from)?;
    Some(Span {
        milliseconds: milliseconds(looks[end].end - before.begin),
        replies: looks[end].replies - before.replies,
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_span_is_from_the_last_look_before_to_the_first_after() {
        let start = Instant::now();
        let at = |milliseconds: u32, links| {
            let begin = start + Duration::from_millis(milliseconds.into());
            let end = begin + Duration::from_millis(1);
            Look {
                begin,
                end,
                links,
                replies: milliseconds,
            }
        };
        let looks = [
            at(8, 0),
            at(10, 1),
            at(12, 1),
            at(14, 4),
            at(50, 4),
            at(55, 0),
        ];
        let (attach, detach) = spans(&looks, 4).unwrap();
        let is = |span: Span, ms: f64| (span.milliseconds - ms).abs() < 1e-9;
        assert!(is(attach, 7.0) && is(detach, 6.0));
        assert_eq!((attach.replies, detach.replies), (6, 5));
        assert!(spans(&looks[..2], 4).is_err(), "never attached");
        assert!(spans(&looks[..4], 4).is_err(), "never detached");
    }
}
