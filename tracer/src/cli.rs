//! The command line, as typed. What it means is decided in [`crate::config`].

mod recording;
mod rescue;

use std::{path::PathBuf, time::Duration};

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use ipnet::IpNet;

pub(crate) use self::{
    recording::{Dump, Keep, Record, Replay, Report, Written},
    rescue::{Rescue, RescueGuard},
};

/// Names the packets that leave this host through a docker bridge when they should have left by
/// the uplink: what is lost, why, whose bridge it is, what proves it, what to type.
#[derive(Debug, Parser)]
#[command(
    name = "bridgetrace",
    version,
    // A serial console's; on a terminal narrower than that, the terminal's.
    max_term_width = 80,
    args_conflicts_with_subcommands = true,
    after_help = "Without a command it traces: sudo bridgetrace\n\n\
                  Exit status: 0 done, 1 findings (check only), 2 wrong usage, this host cannot \
                  be looked at, or a rescue is refused."
)]
pub(crate) struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    /// What to do without a command.
    #[command(flatten)]
    pub(crate) trace: Trace,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Watch this host live, until Ctrl-C (the default)
    Trace(Trace),
    /// Look once, without tracing: overlaps, leftovers, address pools, daemons
    Check(Check),
    /// Try whether this host can be traced, and what would not be seen
    Doctor(Doctor),
    /// Watch this host and record what happens, until Ctrl-C; tell nothing
    Record(Record),
    /// Tell what a recording tells: without root, on any machine
    Replay(Replay),
    /// Make a page, or text for a ticket, of what a recording tells
    Report(Report),
    /// Copy the last minutes of the recording that is being made on this host
    Dump(Dump),
    /// Watch this host, or a recording, on a screen with keys
    Top(Top),
    /// Let somebody who is locked out back in, for a while: the only command that changes anything
    Rescue(Rescue),
    /// Print a completion script for a shell
    Completions {
        /// The shell
        shell: Shell,
    },
}

/// Whom to ask.
#[derive(Args, Clone, Debug)]
pub(crate) struct Docker {
    /// A docker daemon to ask: unix:///PATH or tcp://HOST:PORT; may be repeated. TLS as
    /// $DOCKER_TLS_VERIFY and $DOCKER_CERT_PATH say [default: $DOCKER_HOST, then the docker context in
    /// use, then unix:///var/run/docker.sock]
    #[arg(long, value_name = "URL")]
    pub(crate) docker_host: Vec<String>,
}

/// Watching live.
#[derive(Args, Clone, Debug)]
// Without a recording there is nothing to keep.
#[command(
    mut_arg("max_size", |arg| arg.requires("record")),
    mut_arg("max_age", |arg| arg.requires("record"))
)]
pub(crate) struct Trace {
    /// What to print on standard output
    #[arg(long, value_enum, default_value_t = Format::Human)]
    pub(crate) format: Format,
    /// Stop after this long, e.g. 30s or 5m
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub(crate) duration: Option<Duration>,
    /// Record what happens, too; a recording that is there already is continued
    #[arg(long, value_name = "FILE")]
    pub(crate) record: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) keep: Keep,
    #[command(flatten)]
    pub(crate) docker: Docker,
    /// Say more on standard error; -vv adds the kernel half's log, -vvv every input as JSON
    #[arg(short, long, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
}

/// Looking once.
#[derive(Args, Clone, Debug)]
#[command(
    after_help = "Exit status: 0 clean, 1 findings, 2 wrong usage or something could not be \
                        looked at.\n\n\
                        As the first step of a pipeline: bridgetrace check --peer 172.22.10.0/24"
)]
pub(crate) struct Check {
    /// Addresses that must stay reachable, e.g. an office or a VPN behind a gateway; may be repeated
    #[arg(long, value_name = "IP|CIDR", value_parser = prefix)]
    pub(crate) peer: Vec<IpNet>,
    /// What to print on standard output
    #[arg(long, value_enum, default_value_t = Format::Human)]
    pub(crate) format: Format,
    #[command(flatten)]
    pub(crate) docker: Docker,
    /// Say more on standard error; -vvv adds every input as JSON
    #[arg(short, long, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
}

/// Watching on a screen.
#[derive(Args, Clone, Debug)]
#[command(
    after_help = "It shows incidents and everything about the chosen one: what is lost and why, what to \
                        type, the two ways in a drawing, what proves it; and bridges with their owners and \
                        address pools. Keys stand below, ? shows all of them, q quits. 72x20 is enough.",
    mut_arg("docker_host", |arg| arg.conflicts_with("file"))
)]
pub(crate) struct Top {
    /// A recording to look at instead of this host: without root, on any machine, with a cursor in time
    pub(crate) file: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) docker: Docker,
    /// Say more in the status line, and on standard error afterwards
    #[arg(short, long, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
}

/// Trying everything.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Exit status: 0 this host can be traced, 2 it cannot.")]
pub(crate) struct Doctor {
    /// A docker daemon to ask; may be repeated
    /// [default: $DOCKER_HOST, then unix:///var/run/docker.sock]
    #[arg(long, value_name = "URL")]
    pub(crate) docker_host: Vec<String>,
    /// Say more on standard error
    #[arg(short, long, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
}

/// What findings look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people.
    Human,
    /// A JSON object a line, Elastic Common Schema.
    Jsonl,
}

fn duration(text: &str) -> Result<Duration, String> {
    let hint = "write a number and a unit, e.g. 30s, 5m or 1h30m";
    let parsed: jiff::SignedDuration = text.parse().map_err(|_| hint.to_owned())?;
    match Duration::try_from(parsed) {
        Ok(duration) if !duration.is_zero() => Ok(duration),
        _ => Err(format!("it must be longer than nothing; {hint}")),
    }
}

/// An address is a prefix of its full length.
fn prefix(text: &str) -> Result<IpNet, String> {
    let address = || text.parse::<std::net::IpAddr>().map(IpNet::from);
    let parsed = text.parse::<IpNet>().or_else(|_| address());
    let hint = "write an address or a prefix, e.g. 172.22.10.119 or 172.22.10.0/24";
    match parsed {
        Ok(prefix) if prefix.prefix_len() > 0 => Ok(prefix.trunc()),
        Ok(_) => {
            Err("everything is covered by some network; name who must stay reachable".to_owned())
        }
        Err(_) => Err(hint.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn what_is_kept_is_said_of_a_recording_only() {
        let parse = |words: &[&str]| Cli::try_parse_from([&["bridgetrace"], words].concat());
        for option in ["--max-size=1MiB", "--max-age=1d"] {
            for command in [&[][..], &["trace"]] {
                let without = parse(&[command, &[option]].concat()).map(drop);
                let refusal = without.expect_err("there is no recording").to_string();
                assert!(refusal.contains("--record <FILE>"), "{refusal}");
                let with = [command, &[option, "--record", "x.btr"]].concat();
                assert!(parse(&with).is_ok(), "{with:?}");
            }
            assert!(parse(&["record", "x.btr", option]).is_ok());
        }
        assert!(parse(&[]).is_ok());
    }

    #[test]
    fn durations_are_positive_and_have_a_unit() {
        assert_eq!(duration("30s"), Ok(Duration::from_secs(30)));
        assert_eq!(duration("1h30m"), Ok(Duration::from_secs(5400)));
        for bad in ["", "30", "-5s", "0s", "soon"] {
            assert!(duration(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_peer_is_an_address_or_a_prefix() {
        let of = |text: &str| prefix(text).map(|prefix| prefix.to_string());
        assert_eq!(of("172.22.10.119").as_deref(), Ok("172.22.10.119/32"));
        assert_eq!(of("172.22.10.119/24").as_deref(), Ok("172.22.10.0/24"));
        assert_eq!(of("fd00::1").as_deref(), Ok("fd00::1/128"));
        for bad in ["", "pc", "172.22.10.119/33", "0.0.0.0/0"] {
            assert!(of(bad).is_err(), "{bad}");
        }
    }
}
