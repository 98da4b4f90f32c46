//! Terminals that can do less, and none at all.

use std::process::{Command, Stdio};

use anyhow::{Result, ensure};
use bridgetrace_lab::tracer;

use super::scene::Scene;
use crate::recording::scene::fixture;

/// The beginning of a sequence that sets a colour of letters.
const COLOUR: &str = "\x1b[38;";

#[test]
fn colours_are_for_those_who_want_them() -> Result<()> {
    let scene = Scene::open(None)?;
    let recording = fixture("ping-1.btr");
    for (variables, coloured) in [("", true), ("NO_COLOR=1", false), ("TERM=vt100", false)] {
        scene.start(variables, &recording)?;
        scene.console.shows("telling")?;
        let styled = scene.console.styled()?;
        let has_colour = styled.contains(COLOUR);
        ensure!(has_colour == coloured, "{variables:?}: {styled:?}");
        scene.console.keys(&["q"])?;
        scene.is_whole("0")?;
    }
    Ok(())
}

#[test]
fn a_terminal_without_a_cursor_is_refused() -> Result<()> {
    let scene = Scene::open(None)?;
    scene.start("TERM=dumb", &fixture("ping-1.btr"))?;
    scene.console.shows("type TERM=vt100 bridgetrace top")?;
    scene.is_whole("2")
}

#[test]
fn without_a_terminal_one_line_says_what_to_do() -> Result<()> {
    let mut command = Command::new(tracer::binary()?);
    command.args(["top", &fixture("ping-1.btr")]);
    let ended = command.stdin(Stdio::null()).output()?;
    ensure!(ended.status.code() == Some(2), "{ended:?}");
    ensure!(ended.stdout.is_empty(), "{ended:?}");
    let told = String::from_utf8(ended.stderr)?;
    ensure!(told.lines().count() == 1, "{told}");
    ensure!(told.contains("bridgetrace replay FILE"), "{told}");
    Ok(())
}
