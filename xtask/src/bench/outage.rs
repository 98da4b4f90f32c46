//! One outage after the other, and how long each took to be told.
//!
//! The clock starts at the kernel's own timestamp of the lost reply, which the finding carries as
//! `event.start`, and stops when the line has been read from the pipe. A second clock starts when
//! the client sends: it knows nothing of the product, so the first cannot flatter.

use std::net::SocketAddr;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result, ensure};
use bridgetrace_lab::{Process, peers, topology};

use super::report::MEDIAN;
use super::stage::Stage;
use super::statistics::Times;
use crate::sh;

/// An established connection answers within this time when nothing is lost.
const ALIVE: Duration = Duration::from_secs(5);
const PORT: u16 = 7022;
/// How often to say how far it is.
const NEWS: u32 = 10;

/// The times of one kind of outage.
pub(super) struct Outages {
    pub(super) name: &'static str,
    /// From the kernel's event to the line.
    pub(super) told: Times,
    /// From the client's packet to the line.
    pub(super) since_sent: Times,
}

/// What one outage took.
struct Taken {
    told: Duration,
    since_sent: Duration,
}

/// All kinds, `runs` times each.
pub(super) fn measure(stage: &mut Stage, runs: u32) -> Result<[Outages; 2]> {
    Ok([
        repeat("ping into a network that is there", runs, || ping(stage))?,
        repeat("connection older than the network", runs, || {
            connection(stage)
        })?,
    ])
}

fn repeat(
    name: &'static str,
    runs: u32,
    mut once: impl FnMut() -> Result<Taken>,
) -> Result<Outages> {
    let (mut told, mut since_sent) = (Vec::new(), Vec::new());
    for run in 1..=runs {
        let times = once().with_context(|| format!("{name}, run {run} of {runs}"))?;
        if times.told >= MEDIAN {
            sh::say(format!("{name}: run {run} took {:?}", times.told));
        }
        told.push(times.told);
        since_sent.push(times.since_sent);
        if run % NEWS == 0 || run == runs {
            sh::say(format!("{name}: {run} of {runs}"));
        }
    }
    Ok(Outages {
        name,
        told: Times::new(told).context("no run")?,
        since_sent: Times::new(since_sent).context("no run")?,
    })
}

/// The network first, then one ping.
fn ping(stage: &mut Stage) -> Result<Taken> {
    let bridge = stage.collide()?;
    let sent = SystemTime::now();
    let mut command = stage.lab.pc.command("ping");
    command.args(["-c1", "-q", "-W1", &topology::SRV.to_string()]);
    command.stdout(std::process::Stdio::null());
    let ping = Process::spawn(command)?;
    let times = tell(stage, &bridge, sent)?;
    drop(ping);
    end(stage, &bridge)?;
    Ok(times)
}

/// A connection first, then the network, then one message and its reply.
fn connection(stage: &mut Stage) -> Result<Taken> {
    let server = SocketAddr::from((topology::SRV, PORT));
    let client = SocketAddr::from((topology::PC, 0));
    let _server = peers::EchoServer::start(&stage.lab.srv, server)?;
    let mut connection = peers::connect(&stage.lab.pc, client, server)?;
    peers::echo(&mut connection, b"before", ALIVE)?;
    let bridge = stage.collide()?;
    let sent = SystemTime::now();
    std::io::Write::write_all(&mut connection, b"during")?;
    let times = tell(stage, &bridge, sent)?;
    end(stage, &bridge)?;
    Ok(times)
}

fn tell(stage: &mut Stage, bridge: &str, sent: SystemTime) -> Result<Taken> {
    let heard = stage.hear("opened", bridge)?;
    let start = heard.finding["event"]["start"].as_str();
    let lost = moment(start.context("no event.start")?)?;
    ensure!(lost >= sent, "lost {lost:?} before it was sent {sent:?}");
    Ok(Taken {
        told: heard
            .at
            .duration_since(lost)
            .context("told before it was lost")?,
        since_sent: heard.at.duration_since(sent)?,
    })
}

fn end(stage: &mut Stage, bridge: &str) -> Result<()> {
    stage.part()?;
    stage.hear("resolved", bridge).map(drop)
}

/// `2026-11-20T23:59:59.123456789Z`.
fn moment(text: &str) -> Result<SystemTime> {
    let moment: jiff::Timestamp = text
        .parse()
        .with_context(|| format!("not a time: {text}"))?;
    Ok(moment.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nanoseconds_are_read() {
        let moment = moment("1970-01-01T00:00:01.000000007Z").unwrap();
        assert_eq!(
            moment.duration_since(SystemTime::UNIX_EPOCH).unwrap(),
            Duration::new(1, 7)
        );
        assert!(super::moment("yesterday").is_err());
    }
}
