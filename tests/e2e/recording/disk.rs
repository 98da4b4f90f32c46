//! A full disk costs inputs in the recording, which are counted, and nothing else.

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::process::Command;
use std::time::Duration;

use anyhow::{Result, ensure};
use bridgetrace_lab::topology::SRV;
use bridgetrace_lab::{peers, process, wait_until};
use serde_json::Value;

use super::scene::{Folder, bridgetrace, succeeded};
use crate::outage::stage::{Stage, at, is_phase};

const SOON: Duration = Duration::from_secs(30);

/// A small filesystem of its own, unmounted on drop.
struct Disk<'a>(&'a Folder);

impl<'a> Disk<'a> {
    fn mount(folder: &'a Folder) -> Result<Self> {
        fs::create_dir(folder.path("disk"))?;
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=1m", "none"]);
        process::output(mount.arg(folder.path("disk")))?;
        Ok(Self(folder))
    }

    /// Leaves no room.
    fn fill(&self) -> Result<()> {
        let mut filler = File::create(self.0.path("disk/filler"))?;
        loop {
            match filler.write_all(&[0; 4096]) {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::StorageFull => return Ok(()),
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn free(&self) -> Result<()> {
        Ok(fs::remove_file(self.0.path("disk/filler"))?)
    }
}

impl Drop for Disk<'_> {
    fn drop(&mut self) {
        let mut unmount = Command::new("umount");
        if let Err(error) = process::output(unmount.arg("-l").arg(self.0.path("disk"))) {
            eprintln!("lab: the disk stays mounted: {error}");
        }
    }
}

/// The disk is full when the outage begins, and has room again before it ends.
#[test]
fn tracing_goes_on_and_the_loss_is_told() -> Result<()> {
    let folder = Folder::new()?;
    let disk = Disk::mount(&folder)?;
    let file = folder.text("disk/outage.btr");
    let mut stage = Stage::raise(&["--record", &file])?;
    stage.play(|stage| {
        disk.fill()?;
        stage.collide()?;
        peers::ping(&stage.lab.pc, SRV, 1)?;
        stage.finding(|f| is_phase(f, "opened"))?;
        // The last page of the file may have room for a block or two.
        lose_replies_until(stage, "cannot record: ")?;
        disk.free()?;
        lose_replies_until(stage, "recording goes on; ")?;
        let warnings = |stage: &Stage, text: &str| {
            let log = stage.tracer.log();
            log.iter().filter(|line| line.text.contains(text)).count()
        };
        ensure!(warnings(stage, "cannot record: ") == 1, "it is said once");
        stage.last_words()?;
        Ok(())
    })?;
    let replay = succeeded(bridgetrace(
        &folder,
        &["replay", &file, "--format", "jsonl"],
    )?)?;
    ensure!(replay.stderr.contains(" inputs are missing"), "{replay:?}");
    ensure!(!replay.stderr.contains("damaged"), "{replay:?}");
    let findings: Vec<Value> = replay
        .stdout
        .lines()
        .map(serde_json::from_str)
        .collect::<Result<_, _>>()?;
    let lost = |f: &Value| {
        at(f, "event.action") == "events-lost"
            && at(f, "message").to_string().contains("is in the recording")
    };
    ensure!(findings.iter().any(lost), "{replay:?}");
    // Behind the hole the state of the host is known again.
    let here = stage.lab.srv.inum();
    let outage = |f: &Value| {
        at(f, "event.action") == "reply-blackhole" && at(f, "bridgetrace.netns.inum") == here
    };
    ensure!(findings.iter().any(outage), "{replay:?}");
    Ok(())
}

fn lose_replies_until(stage: &Stage, said: &str) -> Result<()> {
    wait_until(said, SOON, || {
        peers::ping(&stage.lab.pc, SRV, 1)?;
        let log = stage.tracer.log();
        Ok(log.iter().any(|line| line.text.contains(said)))
    })
}
