//! What concerns rescues.

use std::{env, ffi::OsStr, net::IpAddr, time::Duration};

use clap::{Args, Parser};

use super::{Docker, duration};

/// Letting somebody back in.
#[derive(Args, Clone, Debug)]
#[command(
    after_help = "It sets one route, more specific than the bridge's, and takes it back when the \
                  time is over, when you press Ctrl-C, and also when it is killed itself: a process \
                  of its own sees to that. Type k and Enter to keep the route. Nothing survives a \
                  reboot.\n\n\
                  Exit status: 0 done, or nothing to do; 2 refused, or it could not be done."
)]
pub(crate) struct Rescue {
    /// Who is locked out, e.g. 172.22.10.119
    #[arg(value_name = "IP")]
    pub(crate) address: IpAddr,
    /// Take the route back after this long
    #[arg(long = "for", value_name = "TIME", default_value = "10m", value_parser = hold)]
    pub(crate) hold: Duration,
    /// Do not take it back
    #[arg(long, conflicts_with = "hold")]
    pub(crate) keep: bool,
    /// Do not ask
    #[arg(long)]
    pub(crate) yes: bool,
    /// Say what would be done, and change nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Go on although docker cannot be asked whether a container has the address
    #[arg(long)]
    pub(crate) without_docker: bool,
    #[command(flatten)]
    pub(crate) docker: Docker,
    /// Say more on standard error; -vvv adds every input as JSON
    #[arg(short, long, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
}

/// What is shorter may be over before the route is set.
fn hold(text: &str) -> Result<Duration, String> {
    let hold = duration(text)?;
    if hold < Duration::from_secs(1) {
        return Err("it must be a second at least".to_owned());
    }
    Ok(hold)
}

/// The route that a guard takes back.
///
/// Started by a rescue, never by hand, so it is no subcommand that anybody is offered; the words are for
/// whoever reads `ps`.
#[derive(Clone, Debug, PartialEq, Eq, Parser)]
#[command(name = RescueGuard::NAME)]
pub(crate) struct RescueGuard {
    /// Its destination
    pub(crate) address: IpAddr,
    /// Its gateway
    #[arg(long)]
    pub(crate) via: Option<IpAddr>,
    /// ifindex of its device
    #[arg(long)]
    pub(crate) dev: u32,
    /// Its table
    #[arg(long)]
    pub(crate) table: u32,
    /// When, in nanoseconds since the host was booted
    #[arg(long)]
    pub(crate) until: u64,
}

impl RescueGuard {
    /// The word that makes this process a guard.
    pub(crate) const NAME: &str = "rescue-guard";

    /// The order of this process, if it is a guard.
    pub(crate) fn own() -> Option<Self> {
        let is_guard = env::args_os().nth(1).as_deref() == Some(OsStr::new(Self::NAME));
        is_guard.then(|| Self::parse_from(env::args_os().skip(1)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_route_is_held_for_a_second_at_least() {
        assert_eq!(hold("1s"), Ok(Duration::from_secs(1)));
        assert_eq!(hold("10m"), Ok(Duration::from_secs(600)));
        for bad in ["999ms", "1ms", "0s", "-5s", "soon"] {
            assert!(hold(bad).is_err(), "{bad}");
        }
    }
}
