//! What concerns recordings: how much to keep, and which part of one to look at.

use std::{path::PathBuf, time::Duration};

use bytesize::ByteSize;
use clap::{Args, ValueEnum};
use jiff::{Span, SpanRelativeTo};

use super::{Docker, Format, duration};

/// Recordings smaller than this would hold next to nothing.
const SMALLEST: ByteSize = ByteSize::mib(1);

/// How much of a recording is kept.
#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct Keep {
    /// Room for the recording; the oldest parts make room for new ones
    #[arg(long, value_name = "SIZE", default_value = "64MiB", value_parser = size)]
    pub(crate) max_size: ByteSize,
    /// Drop parts older than this, e.g. 30d [default: keep what there is room for]
    #[arg(long, value_name = "TIME", value_parser = age)]
    pub(crate) max_age: Option<Duration>,
}

/// Recording without telling.
#[derive(Args, Clone, Debug)]
pub(crate) struct Record {
    /// Where to; a recording that is there already is continued
    pub(crate) file: PathBuf,
    #[command(flatten)]
    pub(crate) keep: Keep,
    /// Stop after this long, e.g. 30s or 5m
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub(crate) duration: Option<Duration>,
    #[command(flatten)]
    pub(crate) docker: Docker,
    /// Say more on standard error; -vv adds the kernel half's log, -vvv every input as JSON
    #[arg(short, long, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
}

/// Telling from a recording.
#[derive(Args, Clone, Debug)]
#[command(
    after_help = "A time is 2026-11-20T02:25:40Z, 02:25[:40] (UTC, the last time it was \
                        that late), or -10m (before the end of the recording)."
)]
pub(crate) struct Replay {
    /// The recording
    pub(crate) file: PathBuf,
    /// What to print on standard output
    #[arg(long, value_enum, default_value_t = Format::Human)]
    pub(crate) format: Format,
    /// Tell nothing that happened before
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub(crate) from: Option<String>,
    /// Tell nothing that happened after
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub(crate) to: Option<String>,
    /// As fast as it happened (1), twice as fast (2), … [default: without waiting]
    #[arg(long, value_name = "X", value_parser = speed)]
    pub(crate) speed: Option<f64>,
}

/// Telling from a recording to somebody who was not there.
#[derive(Args, Clone, Debug)]
#[command(
    after_help = "A time is 2026-11-20T02:25:40Z, 02:25[:40] (UTC, the last time it was \
                        that late), or -10m (before the end of the recording).\n\n\
                        The page is complete in itself: it loads nothing, and can be sent on."
)]
pub(crate) struct Report {
    /// The recording
    pub(crate) file: PathBuf,
    /// Where to; a file that is there is replaced as a whole [default: standard output, as - is]
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// What to write [default: markdown if the output's name ends with .md, else html]
    #[arg(long, value_enum)]
    pub(crate) format: Option<Written>,
    /// Tell nothing that happened before
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub(crate) from: Option<String>,
    /// Tell nothing that happened after
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub(crate) to: Option<String>,
}

/// What a report is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Written {
    /// A page for browsers and printers.
    Html,
    /// Text for a ticket.
    Markdown,
}

/// Taking a part out of what is being recorded.
#[derive(Args, Clone, Debug)]
pub(crate) struct Dump {
    /// Where to; it must not exist
    pub(crate) file: PathBuf,
    /// How far back
    #[arg(long, value_name = "TIME", default_value = "10m", value_parser = age)]
    pub(crate) last: Duration,
    /// The recording to take it from [default: the one that is being made on this host]
    #[arg(long, value_name = "FILE")]
    pub(crate) recorder: Option<PathBuf>,
}

fn size(text: &str) -> Result<ByteSize, String> {
    let hint = "write a number and a unit, e.g. 64MiB or 1GiB";
    let size: ByteSize = text.parse().map_err(|_| hint.to_owned())?;
    if size < SMALLEST {
        return Err(format!("it must be at least {SMALLEST}; {hint}"));
    }
    Ok(size)
}

/// Unlike a [`duration`] it may be days.
fn age(text: &str) -> Result<Duration, String> {
    let hint = "write a number and a unit, e.g. 10m, 12h or 30d";
    let span: Span = text.parse().map_err(|_| hint.to_owned())?;
    let age = span.to_duration(SpanRelativeTo::days_are_24_hours());
    match age.map(Duration::try_from) {
        Ok(Ok(age)) if !age.is_zero() => Ok(age),
        _ => Err(format!("it must be longer than nothing; {hint}")),
    }
}

fn speed(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(speed) if speed.is_finite() && speed > 0.0 => Ok(speed),
        _ => Err("write how many times as fast, e.g. 1 or 60".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_units_and_a_least() {
        assert_eq!(size("64MiB"), Ok(ByteSize::mib(64)));
        assert_eq!(size("1GiB"), Ok(ByteSize::gib(1)));
        for bad in ["", "much", "64", "-1MiB", "1023KiB"] {
            assert!(size(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn ages_may_be_days() {
        assert_eq!(age("30d"), Ok(Duration::from_secs(30 * 86_400)));
        assert_eq!(age("10m"), Ok(Duration::from_secs(600)));
        for bad in ["", "30", "-5d", "0s", "old"] {
            assert!(age(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn speeds_are_positive() {
        assert_eq!(speed("0.5"), Ok(0.5));
        for bad in ["", "0", "-1", "inf", "NaN", "fast"] {
            assert!(speed(bad).is_err(), "{bad}");
        }
    }
}
