//! The victim: somebody at the PC, logged in to the server by ssh, who asks the time.

use std::io::{BufRead, BufReader, Write};
use std::process::ChildStdin;
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use bridgetrace_lab::peers::Sshd;
use bridgetrace_lab::{Process, Topology, topology};

/// One question a second.
const PACE: Duration = Duration::from_secs(1);
/// A reply within one machine takes a millisecond or two.
const PATIENCE: Duration = Duration::from_millis(700);

/// An open ssh session.
pub(super) struct Session {
    /// Killed on drop.
    _ssh: Process,
    keyboard: ChildStdin,
    screen: Receiver<String>,
    asked: Instant,
    /// Questions without an answer.
    open: usize,
    /// Since when answers are missing.
    silent_since: Option<Instant>,
}

impl Session {
    /// Logs in from the PC. The first answer proves it, see [`Session::turn`].
    pub(super) fn open(sshd: &Sshd, lab: &Topology) -> Result<Self> {
        let mut ssh = sshd.ssh(&lab.pc, topology::SRV, "sh")?;
        let keyboard = ssh.child().stdin.take().context("ssh has no stdin")?;
        let stdout = ssh.child().stdout.take().context("ssh has no stdout")?;
        let (sender, screen) = mpsc::channel();
        thread::spawn(move || {
            let lines = BufReader::new(stdout).lines().map_while(Result::ok);
            // Fails when the session is gone, and then nobody reads.
            lines.for_each(|line| drop(sender.send(line)));
        });
        let mut this = Self {
            _ssh: ssh,
            keyboard,
            screen,
            asked: Instant::now(),
            open: 0,
            silent_since: None,
        };
        this.ask()?;
        Ok(this)
    }

    /// How long the server has not answered.
    pub(super) fn silence(&self) -> Option<Duration> {
        self.silent_since.map(|since| since.elapsed())
    }

    /// Types, reads, and returns what there is to tell, if anything.
    pub(super) fn turn(&mut self) -> Result<Option<String>> {
        let answers: Vec<String> = self.screen.try_iter().collect();
        if let Some(last) = answers.last() {
            return Ok(Some(self.answered(answers.len(), last)));
        }
        let due = self.asked.elapsed() >= PACE;
        let waiting = self.open > 0 && self.asked.elapsed() >= PATIENCE;
        if waiting && self.silent_since.is_none() {
            self.silent_since = Some(self.asked);
        }
        if !due {
            return Ok(None);
        }
        self.ask()?;
        let silence = self.silence();
        Ok(silence.map(|time| format!("date +%T   no answer for {:.0} s", time.as_secs_f32())))
    }

    fn ask(&mut self) -> Result<()> {
        self.asked = Instant::now();
        self.open += 1;
        self.keyboard
            .write_all(b"date +%T\n")
            .context("type into ssh")
    }

    fn answered(&mut self, count: usize, last: &str) -> String {
        self.open = self.open.saturating_sub(count);
        match self.silent_since.take() {
            Some(since) => format!(
                "date +%T   {last}, {count} answers at once after {:.1} s of silence",
                since.elapsed().as_secs_f32()
            ),
            None => format!("date +%T   {last}"),
        }
    }
}
