//! The runner of the binary under test, tried on a stand-in that speaks like it.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use bridgetrace_lab::{Netns, Tracer, preflight};

const SOON: Duration = Duration::from_secs(10);

const STAND_IN: &str = r#"
trap 'echo "{\"n\":3}"; exit 0' TERM
echo "{\"n\":1}"
echo "bridgetrace: watching $VARIABLE" >&2
echo "{\"n\":2}"
while :; do sleep 0.01; done
"#;

#[test]
fn lines_are_awaited_and_the_last_words_are_heard() -> Result<()> {
    preflight::require()?;
    let netns = Netns::new("tracer")?;
    let variables = [("VARIABLE", "everything")];
    let program = Path::new("/bin/sh");
    let mut tracer = Tracer::start_program(&netns, program, &["-c", STAND_IN], &variables)?;
    tracer.wait_ready()?;
    ensure!(tracer.log()[0].text == "bridgetrace: watching everything");
    let (value, at) = tracer.wait_line(SOON, |value| value["n"] == 2)?;
    ensure!(value["n"] == 2 && at.elapsed() < SOON);
    ensure!(netns.pids().contains(&tracer.id()), "not inside");
    let (status, took) = tracer.terminate()?;
    ensure!(status.success() && took < SOON, "{status} after {took:?}");
    ensure!(tracer.values()?.len() == 3, "{:?}", tracer.lines());
    Ok(())
}

#[test]
fn a_tracer_that_ends_early_is_not_waited_for() -> Result<()> {
    preflight::require()?;
    let netns = Netns::new("tracer")?;
    let program = Path::new("/bin/sh");
    let script = ["-c", "echo no BTF here >&2; exit 2"];
    let mut tracer = Tracer::start_program(&netns, program, &script, &[])?;
    let error = tracer.wait_ready().err().context("it was never ready")?;
    let text = format!("{error:#}");
    ensure!(
        text.contains("no BTF here") && text.contains("status: 2"),
        "{text}"
    );
    Ok(())
}
