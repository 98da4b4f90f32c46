//! Whoever dies, the route is taken back.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use bridgetrace_lab::peers;
use bridgetrace_lab::topology::{PC, SRV};
use nix::sys::signal::Signal;

use super::held::applied;
use super::scene::{COMMAND, Ended, Scene};

#[test]
fn the_route_outlives_its_maker_and_ends_in_time() -> Result<()> {
    let scene = Scene::locked_out()?;
    scene.play(|| {
        let begun = Instant::now();
        let mut rescue = scene.start(PC, &["--yes", "--for", "6s"])?;
        scene.wait_rescued(true)?;
        let set = Instant::now();
        let (status, _) = rescue.end(Signal::SIGKILL)?;
        ensure!(!status.success(), "{status}");
        // Its maker is gone, and nothing else is.
        ensure!(scene.guards().len() == 1, "{:?}", scene.guards());
        ensure!(scene.is_rescued()?);
        ensure!(peers::reachable(&scene.lab.pc, SRV)?);
        scene.wait_rescued(false)?;
        ensure!(
            begun.elapsed() >= Duration::from_secs(6),
            "{:?}",
            begun.elapsed()
        );
        ensure!(
            set.elapsed() < Duration::from_secs(8),
            "{:?}",
            set.elapsed()
        );
        scene.wait_unguarded()?;

        // Without the guard the maker does not wait for the end.
        let rescue = scene.start(PC, &["--yes"])?;
        applied(&rescue)?;
        let guard = scene.guards()[0].to_string();
        scene.lab.srv.run(&["kill", "-KILL", &guard])?;
        Ended::of(rescue)?.refused("it is taken back now")?;
        ensure!(!scene.is_rescued()?, "{}", scene.ours()?);
        Ok(())
    })
}

/// A guard whose end comes first is not trusted with what happens after it.
#[test]
fn no_route_stays_behind_a_guard_that_ended_too_early() -> Result<()> {
    let scene = Scene::locked_out()?;
    scene.play(|| {
        // Its maker stands still, and its route comes after the guard has looked for it.
        let rescue = scene.start(PC, &["--yes"])?;
        applied(&rescue)?;
        let maker = rescue.id().to_string();
        let guard = scene.guards()[0].to_string();
        scene.lab.srv.run(&["kill", "-STOP", &maker])?;
        scene.lab.srv.ip("route del 172.22.10.119/32\n")?;
        scene.lab.srv.run(&["kill", &guard])?;
        scene.wait_unguarded()?;
        let late = format!("{} proto 183\n", COMMAND.trim_start_matches("ip "));
        scene.lab.srv.ip(&late)?;
        ensure!(scene.is_rescued()?);
        scene.lab.srv.run(&["kill", "-CONT", &maker])?;
        Ended::of(rescue)?.said(&["take their former way again"])?;
        ensure!(!scene.is_rescued()?, "{}", scene.ours()?);

        // What is taken back meanwhile is not said to be kept.
        let rescue = scene.start(PC, &["--yes", "--keep"])?;
        scene.wait_rescued(true)?;
        let maker = rescue.id().to_string();
        scene.lab.srv.run(&["kill", "-STOP", &maker])?;
        let guard = scene.guards()[0].to_string();
        scene.lab.srv.run(&["kill", &guard])?;
        scene.wait_rescued(false)?;
        scene.lab.srv.run(&["kill", "-CONT", &maker])?;
        Ended::of(rescue)?.refused("taken back, not kept")?;
        ensure!(!scene.is_rescued()?, "{}", scene.ours()?);
        Ok(())
    })
}
