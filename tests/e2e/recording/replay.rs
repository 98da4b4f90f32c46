//! Replay tells what the live run told, byte for byte.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};

use anyhow::{Result, ensure};
use bridgetrace_lab::peers;
use bridgetrace_lab::topology::SRV;

use super::scene::{Folder, as_nobody, succeeded};
use crate::outage::expect;
use crate::outage::stage::{NETWORK, Stage, is_phase};

/// Lines as they were printed.
fn printed(stage: &Stage) -> String {
    let lines = stage.tracer.lines().into_iter();
    lines.map(|line| line.text + "\n").collect()
}

/// An outage from its first lost reply to its end, and a second one that is under way at the end.
#[test]
fn an_outage_is_replayed_to_the_byte_by_nobody() -> Result<()> {
    let folder = Folder::new()?;
    let file = folder.text("outage.btr");
    let mut stage = Stage::raise(&["--record", &file])?;
    let live = stage.play(|stage| {
        let network = stage.collide()?;
        peers::ping(&stage.lab.pc, SRV, 2)?;
        let opened = stage.finding(|f| is_phase(f, "opened"))?;
        expect::pc_lost_in(&opened, &network)?;
        stage.daemon.docker(&["network", "rm", NETWORK])?;
        ensure!(peers::reachable(&stage.lab.pc, SRV)?);
        stage.phase(&expect::id(&opened)?, "resolved")?;
        stage.collide()?;
        peers::ping(&stage.lab.pc, SRV, 1)?;
        let id = expect::id(&opened)?;
        stage.finding(|f| is_phase(f, "opened") && expect::id(f).is_ok_and(|it| it != id))?;
        stage.last_words()?;
        Ok(printed(stage))
    })?;
    let mode = fs::metadata(&file)?.permissions().mode() & 0o777;
    ensure!(mode == 0o600, "{mode:o}");
    // It is handed over.
    chown(&file, Some(65_534), Some(65_534))?;
    drop(stage);

    let replayed = succeeded(as_nobody(&folder, &["replay", &file, "--format", "jsonl"])?)?;
    ensure!(
        replayed.stdout == live,
        "── live\n{live}\n── replayed\n{}",
        replayed.stdout
    );
    windows(&folder, &file, &live)?;
    let people = succeeded(as_nobody(&folder, &["replay", &file])?)?;
    ensure!(
        people.stdout.contains("replies vanish in a bridge"),
        "{people:?}"
    );
    ensure!(people.stderr.contains("outage.btr: from 20"), "{people:?}");
    torn(&folder, &file, &live)
}

/// Between two moments only what happened then is told, as the whole recording tells it.
fn windows(folder: &Folder, file: &str, live: &str) -> Result<()> {
    let at = |line: &str| -> Result<String> {
        let line: serde_json::Value = serde_json::from_str(line)?;
        Ok(line["@timestamp"].as_str().unwrap_or_default().to_owned())
    };
    let lines: Vec<&str> = live.lines().collect();
    let (from, to) = (at(lines[1])?, at(lines[lines.len() - 2])?);
    let arguments = [
        "replay", file, "--format", "jsonl", "--from", &from, "--to", &to,
    ];
    let part = succeeded(as_nobody(folder, &arguments)?)?.stdout;
    ensure!(!part.is_empty() && part.len() < live.len(), "{part}");
    for line in part.lines() {
        ensure!(lines.contains(&line), "{line}");
        ensure!((from.clone()..=to.clone()).contains(&at(line)?), "{line}");
    }
    let nothing = ["replay", file, "--format", "jsonl", "--to", "-24h"];
    let nothing = succeeded(as_nobody(folder, &nothing)?)?.stdout;
    ensure!(nothing.is_empty(), "{nothing}");
    Ok(())
}

/// A torn tail costs the last block, is said, and is no error.
fn torn(folder: &Folder, file: &str, live: &str) -> Result<()> {
    let bytes = fs::read(file)?;
    fs::write(file, &bytes[..bytes.len() - 3])?;
    let torn = succeeded(as_nobody(folder, &["replay", file, "--format", "jsonl"])?)?;
    ensure!(
        live.starts_with(&torn.stdout) && torn.stdout != live,
        "{torn:?}"
    );
    ensure!(torn.stderr.contains("ends within a block"), "{torn:?}");
    Ok(())
}
