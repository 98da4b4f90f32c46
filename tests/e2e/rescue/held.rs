//! The route holds as long as it should, and no longer.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use bridgetrace_lab::peers::{self, EchoServer};
use bridgetrace_lab::scenario::collide;
use bridgetrace_lab::topology::{PC, SRV};
use bridgetrace_lab::wait_until;
use nix::sys::signal::Signal;

use super::scene::{COMMAND, Ended, SOON, Scene};

const HOLD: Duration = Duration::from_secs(5);

/// A connection that the network broke goes on, and breaks again when the time is over.
#[test]
fn a_connection_lives_as_long_as_the_route() -> Result<()> {
    let scene = Scene::raise()?;
    scene.play(|| {
        let pc = &scene.lab.pc;
        let _server = EchoServer::start(&scene.lab.srv, (SRV, 7).into())?;
        let mut connection = peers::connect(pc, (PC, 0).into(), (SRV, 7).into())?;
        collide(&scene.daemon)?;
        ensure!(!peers::reachable(pc, SRV)?);
        let before = scene.routes()?;

        let dry = scene.run(PC, &["--dry-run"])?;
        let told = [
            "of network collision",
            "taken back after 10 min",
            "nothing was changed",
        ];
        dry.said(&told)?;
        ensure!(dry.stdout.lines().any(|line| line == COMMAND), "{dry:?}");
        ensure!(scene.routes()? == before, "changed by a dry run");

        let begun = Instant::now();
        let rescue = scene.start(PC, &["--yes", "--for", "5s"])?;
        scene.wait_rescued(true)?;
        let set = Instant::now();
        let ours = scene.ours()?;
        let wanted = "172.22.10.119 via 172.42.10.1 dev eno8303";
        ensure!(ours.trim() == wanted, "{ours}");
        ensure!(scene.guards().len() == 1, "{:?}", scene.guards());
        peers::echo(&mut connection, b"still there?", SOON)?;
        ensure!(scene.is_rescued()?, "it was not the route that helped");
        ensure!(peers::reachable(pc, SRV)?);

        scene.wait_rescued(false)?;
        ensure!(
            set.elapsed() < HOLD + Duration::from_secs(2),
            "{:?}",
            set.elapsed()
        );
        ensure!(begun.elapsed() >= HOLD, "{:?}", begun.elapsed());
        ensure!(!peers::reachable(pc, SRV)?);
        ensure!(scene.routes()? == before, "not as it was");
        let proof = [
            "APPLIED: packets to 172.22.10.119 leave by eno8303",
            "the kernel's own lookup answers eno8303 via 172.42.10.1",
            "172.42.10.1 answers on eno8303",
            "a packet to it was seen leaving by eno8303",
            "TAKEN BACK: packets to 172.22.10.119 take their former way again",
        ];
        Ended::of(rescue)?.said(&proof)?;
        scene.wait_unguarded()
    })
}

/// A second one says how long the first still holds; Ctrl-C, or SIGTERM to the guard, is the end at once.
#[test]
fn it_ends_at_once_when_it_is_told_to() -> Result<()> {
    let scene = Scene::locked_out()?;
    scene.play(|| {
        let mut rescue = scene.start(PC, &["--yes"])?;
        applied(&rescue)?;
        let guard = scene.guards();
        ensure!(guard.len() == 1, "{guard:?}");
        let kill = format!("by process {0}; now: kill {0}", guard[0]);
        let second = scene.run(PC, &["--yes"])?;
        second.said(&["is rescued already", "taken back in 9 min", &kill])?;
        let (status, took) = rescue.end(Signal::SIGINT)?;
        ensure!(
            status.success() && took < Duration::from_secs(2),
            "{status} {took:?}"
        );
        ensure!(!scene.is_rescued()?, "{}", scene.ours()?);
        scene.wait_unguarded()?;
        ensure!(!peers::reachable(&scene.lab.pc, SRV)?);

        let rescue = scene.start(PC, &["--yes"])?;
        applied(&rescue)?;
        let guard = scene.guards()[0].to_string();
        scene.lab.srv.run(&["kill", &guard])?;
        Ended::of(rescue)?.said(&["TAKEN BACK"])?;
        ensure!(!scene.is_rescued()?, "{}", scene.ours()?);

        // Somebody who takes the route away is not undone.
        let rescue = scene.start(PC, &["--yes"])?;
        applied(&rescue)?;
        scene.lab.srv.ip("route del 172.22.10.119/32\n")?;
        // Its guard would take the next one's route.
        let guard = scene.guards()[0].to_string();
        let first = format!("kill {guard} first");
        scene.run(PC, &["--yes"])?.refused(&first)?;
        ensure!(!scene.is_rescued()?, "{}", scene.ours()?);
        scene
            .lab
            .srv
            .ip(&format!("{}\n", COMMAND.trim_start_matches("ip ")))?;
        scene.lab.srv.run(&["kill", &guard])?;
        Ended::of(rescue)?.said(&["was gone already"])?;
        let left = scene
            .lab
            .srv
            .run(&["ip", "route", "show", "172.22.10.119/32"])?;
        ensure!(left.contains("eno8303"), "it took what is not its own");
        scene.run(PC, &["--yes"])?.said(&["Nothing to rescue"])
    })
}

/// Waits until the rescue has said that it helps.
pub(super) fn applied(rescue: &bridgetrace_lab::Tracer) -> Result<()> {
    wait_until("the proof", SOON, || {
        Ok(rescue
            .lines()
            .iter()
            .any(|line| line.text.contains("APPLIED")))
    })
}
