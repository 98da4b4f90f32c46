//! On a terminal it asks, may be kept, and survives that terminal.

use anyhow::{Result, ensure};
use bridgetrace_lab::peers;
use bridgetrace_lab::topology::{PC, SRV};

use super::scene::Scene;

const QUESTION: &str = "Set this route? [y/N]";

#[test]
fn the_operator_decides() -> Result<()> {
    let scene = Scene::locked_out()?;
    scene.play(|| {
        let before = scene.routes()?;
        for answer in ["n\n", "\n", "\u{3}"] {
            let mut terminal = scene.on_terminal(&[])?;
            terminal.wait(QUESTION)?;
            ensure!(scene.routes()? == before, "before it was agreed to");
            terminal.press(answer)?;
            let status = terminal.status()?;
            ensure!(status == Some(2), "{status:?}: {}", terminal.screen());
            terminal.wait("nothing was changed")?;
            ensure!(scene.routes()? == before, "after {answer:?}");
        }

        let mut terminal = scene.on_terminal(&[])?;
        terminal.wait(QUESTION)?;
        terminal.press("y\n")?;
        terminal.wait("left; k and Enter keep it")?;
        ensure!(peers::reachable(&scene.lab.pc, SRV)?);
        // Enter alone decides nothing.
        terminal.press("\n")?;
        terminal.press("k\n")?;
        ensure!(terminal.status()? == Some(0), "{}", terminal.screen());
        terminal.wait("the route to 172.22.10.119 stays")?;
        scene.wait_unguarded()?;
        ensure!(scene.is_rescued()?, "not kept");
        let again = scene.run(PC, &["--yes"])?;
        again.said(&["is rescued already", "kept: nobody takes it back"])?;
        // The screen says how to end it.
        let undo = "ip route del 172.22.10.119/32 via 172.42.10.1 dev eno8303";
        ensure!(terminal.screen().contains(undo), "{}", terminal.screen());
        scene.lab.srv.run(&["sh", "-c", undo])?;
        ensure!(scene.routes()? == before, "not as it was");

        let kept = scene.run(PC, &["--yes", "--keep"])?;
        kept.said(&["kept until somebody takes it back", "APPLIED", "KEPT"])?;
        ensure!(scene.is_rescued()? && scene.guards().is_empty());
        scene.lab.srv.run(&["sh", "-c", undo])?;
        Ok(())
    })
}

#[test]
fn a_terminal_that_dies_takes_nothing_along() -> Result<()> {
    let scene = Scene::locked_out()?;
    scene.play(|| {
        let terminal = scene.on_terminal(&["--yes", "--for", "8s"])?;
        terminal.wait("APPLIED")?;
        drop(terminal);
        ensure!(scene.is_rescued()? && scene.guards().len() == 1);
        ensure!(peers::reachable(&scene.lab.pc, SRV)?);
        scene.wait_rescued(false)?;
        scene.wait_unguarded()
    })
}
