//! A console on which `bridgetrace top` runs, and what tells that the terminal is whole afterwards.

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use bridgetrace_lab::console::{Console, Size};
use bridgetrace_lab::{Netns, tracer, wait_for};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::recording::scene::fixture;

/// A serial console's.
pub(super) const SMALL: Size = (80, 24);
/// A terminal on a large display.
pub(super) const LARGE: Size = (200, 50);
/// What stood on the screen before.
const BEFORE: &str = "before-42";

/// A console, and what runs on it.
pub(super) struct Scene {
    pub(super) console: Console,
}

impl Scene {
    /// A shell with something on its screen.
    pub(super) fn open(netns: Option<&Netns>) -> Result<Self> {
        let console = Console::open(netns, SMALL)?;
        console.line("echo before-$((6*7))")?;
        console.shows(&format!("\n{BEFORE}"))?;
        Ok(Self { console })
    }

    /// Starts `bridgetrace top` with these arguments and, before it, these variables.
    pub(super) fn start(&self, variables: &str, arguments: &str) -> Result<()> {
        let binary = tracer::binary()?;
        let script = format!(
            "stty -g >{before}; echo $$ >{pid}; exec env {variables} {binary} top {arguments}",
            before = self.text("stty-before"),
            pid = self.text("pid"),
            binary = binary.display(),
        );
        let file = self.console.path("start");
        fs::write(&file, script)?;
        for old in ["pid", "stty-after"] {
            // The first time there is none.
            fs::remove_file(self.console.path(old)).ok();
        }
        // Its end is told on the screen, and by what is behind it.
        self.console.line(&format!(
            "clear; echo before-$((6*7)); sh {}; echo ended-$?; stty -g >{}",
            file.display(),
            self.text("stty-after")
        ))
    }

    /// Starts it on a recording of the fixtures, and waits until that was read.
    pub(super) fn start_on(&self, recording: &str) -> Result<String> {
        self.start("", &fixture(recording))?;
        self.console.shows("telling")
    }

    /// Has the shell tell the status of what ended last, and the modes, anew.
    pub(super) fn ask_again(&self) -> Result<()> {
        let file = self.console.path("stty-after");
        fs::remove_file(&file)?;
        let ask = format!("echo ended-$?; stty -g >{}", file.display());
        self.console.line(&ask)
    }

    /// Sends a signal to bridgetrace itself.
    pub(super) fn signal(&self, signal: Signal) -> Result<()> {
        let pid = fs::read_to_string(self.console.path("pid"))?;
        kill(Pid::from_raw(pid.trim().parse()?), signal).context("kill")
    }

    /// Fails unless it ends with this status and the terminal is as it was: its modes, what stood on its
    /// screen, the cursor.
    pub(super) fn is_whole(&self, status: &str) -> Result<()> {
        let screen = self.console.shows(&format!("ended-{status}"))?;
        ensure!(
            screen.starts_with(BEFORE),
            "the screen is another:\n{screen}"
        );
        ensure!(!screen.contains("q quit"), "the screen stayed:\n{screen}");
        let after = self.console.path("stty-after");
        let after = wait_for("the modes afterwards", Duration::from_secs(10), || {
            fs::read_to_string(&after)
                .ok()
                .filter(|it| it.ends_with('\n'))
        })?;
        let before = fs::read_to_string(self.console.path("stty-before"))?;
        ensure!(before == after, "modes before\n{before}after\n{after}");
        // The alternate screen is off, the cursor is there.
        let knows = self.console.knows("#{alternate_on} #{cursor_flag}")?;
        ensure!(knows == "0 1", "{knows}");
        Ok(())
    }

    fn text(&self, name: &str) -> String {
        self.console.path(name).display().to_string()
    }
}

/// Fails unless the screen is plain ASCII, no wider than the terminal, and has the keys in its last line.
pub(super) fn fits(screen: &str, (columns, rows): Size) -> Result<()> {
    let lines: Vec<&str> = screen.lines().collect();
    ensure!(screen.is_ascii(), "{screen}");
    ensure!(
        lines.len() == usize::from(rows),
        "{} lines:\n{screen}",
        lines.len()
    );
    let widest = lines.iter().map(|line| line.len()).max().unwrap_or(0);
    ensure!(
        widest <= usize::from(columns),
        "{widest} columns:\n{screen}"
    );
    ensure!(
        lines.last().is_some_and(|it| it.starts_with("q quit")),
        "{screen}"
    );
    Ok(())
}
