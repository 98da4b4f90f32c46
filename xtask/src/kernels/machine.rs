//! A virtual machine that boots a kernel, tells on two serial ports, and switches itself off.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use super::cache::Kernel;
use super::report::Report;
use crate::sh;

/// Seconds; it takes 15 to 30 on two cores. The machine ends then even if nobody waits for it.
const PATIENCE: &str = "300";

/// What a machine left.
pub(super) struct Run {
    /// What the script told.
    pub(super) report: Report,
    /// What the kernel told.
    pub(super) console: String,
    /// From power on to power off.
    pub(super) time: Duration,
}

/// Boots, and waits for the end.
pub(super) fn run(kernel: &Kernel, initramfs: &Path) -> Result<Run> {
    let console = kernel.file("console.log");
    let report = kernel.file("report.log");
    let start = Instant::now();
    let ended = sh::run(&mut command(&kernel.image(), initramfs, &console, &report));
    let time = start.elapsed();
    let run = Run {
        report: Report::parse(&text(&report)?),
        console: text(&console)?,
        time,
    };
    // A machine that was killed or never came up still has something to say.
    if run.report.is_whole() {
        return Ok(run);
    }
    let last = run.last_words();
    ended.with_context(|| last.clone())?;
    anyhow::bail!("the machine ended too early: {last}")
}

impl Run {
    /// The end of the kernel's messages.
    pub(super) fn last_words(&self) -> String {
        let lines: Vec<_> = self.console.lines().collect();
        lines[lines.len().saturating_sub(5)..].join("\n    ")
    }
}

/// TCG emulates any processor; qemu's `max` has what newer kernels are built for. Without CMPXCHG16B:
/// under qemu 7.2 a kernel was seen to come out of it with an address in its flags, and to die of
/// that before bridgetrace was started; kernels have another way. With nothing but serial ports
/// there is little to boot. A panic is a reboot, which is an end.
fn command(kernel: &Path, initramfs: &Path, console: &Path, report: &Path) -> Command {
    let mut command = Command::new("timeout");
    command
        .args(["--foreground", PATIENCE, "qemu-system-x86_64"])
        .args(["-accel", "tcg,thread=multi", "-cpu", "max,cx16=off"])
        .args(["-smp", "2", "-m", "1024"])
        .args(["-nodefaults", "-no-user-config", "-no-reboot"])
        .args(["-display", "none"])
        .args(["-append", "console=ttyS0 panic=-1 quiet"])
        .arg("-kernel")
        .arg(kernel)
        .arg("-initrd")
        .arg(initramfs);
    for port in [console, report] {
        command
            .arg("-serial")
            .arg(format!("file:{}", port.display()));
    }
    command
}

fn text(file: &Path) -> Result<String> {
    let bytes = std::fs::read(file).with_context(|| format!("read {}", file.display()))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
