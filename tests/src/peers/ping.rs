//! ICMP echo, by the real `ping`.

use std::net::IpAddr;
use std::process::{Command, Stdio};
use std::str::FromStr;

use anyhow::{Context, Result, bail};

use crate::Netns;

/// What `ping` counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pings {
    /// Requests that left.
    pub sent: u32,
    /// Replies that came.
    pub received: u32,
}

/// Sends `count` echo requests, a fifth of a second apart, and waits a second at most for
/// the last reply.
pub fn ping(netns: &Netns, to: impl Into<IpAddr>, count: u32) -> Result<Pings> {
    run(&mut netns.command("ping"), to.into(), count)
}

/// [`ping`] with a source address.
pub fn ping_from(
    netns: &Netns,
    from: impl Into<IpAddr>,
    to: impl Into<IpAddr>,
    count: u32,
) -> Result<Pings> {
    let mut command = netns.command("ping");
    run(
        command.arg("-I").arg(from.into().to_string()),
        to.into(),
        count,
    )
}

/// Whether one echo request is answered within a second.
pub fn reachable(netns: &Netns, to: impl Into<IpAddr>) -> Result<bool> {
    Ok(ping(netns, to, 1)?.received > 0)
}

/// [`reachable`] with a source address.
pub fn reachable_from(
    netns: &Netns,
    from: impl Into<IpAddr>,
    to: impl Into<IpAddr>,
) -> Result<bool> {
    Ok(ping_from(netns, from, to, 1)?.received > 0)
}

fn run(command: &mut Command, to: IpAddr, count: u32) -> Result<Pings> {
    let output = command
        .args(["-n", "-q", "-W", "1", "-i", "0.2", "-c"])
        .args([count.to_string(), to.to_string()])
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("start {command:?}"))?;
    // No reply is exit status 1 and an answer; 2 is a ping that could not be sent.
    let stdout = String::from_utf8_lossy(&output.stdout);
    match stdout.lines().find_map(|line| line.parse().ok()) {
        Some(pings) => Ok(pings),
        None => bail!(
            "{command:?}: {stdout}{}",
            String::from_utf8_lossy(&output.stderr)
        ),
    }
}

impl FromStr for Pings {
    type Err = anyhow::Error;

    /// Reads the line `3 packets transmitted, 2 received, …`.
    fn from_str(line: &str) -> Result<Self> {
        let (sent, rest) = line
            .split_once(" packets transmitted, ")
            .context("another line")?;
        let (received, _) = rest.split_once(" received").context("no replies counted")?;
        Ok(Self {
            sent: sent.parse()?,
            received: received.parse()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_summary_with_and_without_errors() {
        let plain = "3 packets transmitted, 2 received, 33% packet loss, time 410ms";
        assert_eq!(
            plain.parse::<Pings>().unwrap(),
            Pings {
                sent: 3,
                received: 2
            }
        );
        let errors = "4 packets transmitted, 0 received, +4 errors, 100% packet loss";
        assert_eq!(
            errors.parse::<Pings>().unwrap(),
            Pings {
                sent: 4,
                received: 0
            }
        );
    }
}
