//! The binary under test, running in a namespace.

use std::env;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context, Result, bail, ensure};
use nix::sys::signal::Signal;
use serde_json::Value;

use crate::recording::{Ended, Recording};
use crate::{Netns, Process, capture, wait_for};

/// The tracer announces on stderr that it has attached with a line that holds this.
const READY: &str = "watching";
/// Loading and attaching takes a fifth of a second on an idle machine.
const ATTACHED: Duration = Duration::from_secs(20);
/// SIGINT and SIGTERM end the tracer within a second; a test tells slow from stuck.
const ENDED: Duration = Duration::from_secs(10);

/// A line of output and the moment it came.
#[derive(Clone, Debug)]
pub struct Line {
    /// When it was read.
    pub at: Instant,
    /// The same moment by the clock that the tracer's timestamps are in.
    pub wall: SystemTime,
    /// Without its newline.
    pub text: String,
}

/// A running `bridgetrace`, ended on drop. What it told is compared with what its recording tells, see
/// [`recording`](crate::recording).
pub struct Tracer {
    process: Process,
    stdout: Stream,
    stderr: Stream,
    /// Until it has been compared.
    recording: Option<Recording>,
}

impl Tracer {
    /// Starts `bridgetrace` with these arguments in `netns`.
    pub fn start(netns: &Netns, arguments: &[&str]) -> Result<Self> {
        Self::start_with_env(netns, arguments, &[])
    }

    /// Starts `bridgetrace` with these arguments and variables in `netns`.
    pub fn start_with_env(
        netns: &Netns,
        arguments: &[&str],
        variables: &[(&str, &str)],
    ) -> Result<Self> {
        Self::start_program(netns, &binary()?, arguments, variables)
    }

    /// Starts another build of the tracer, given by its path.
    pub fn start_program(
        netns: &Netns,
        program: &Path,
        arguments: &[&str],
        variables: &[(&str, &str)],
    ) -> Result<Self> {
        let recording = Recording::of(program, arguments)?;
        let mut command = netns.command(&program.display().to_string());
        command.args(arguments);
        if let Some(recording) = &recording {
            command.args(recording.arguments());
            command.envs(recording.variables());
        }
        command
            .args(capture::arguments())
            .envs(variables.iter().copied());
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut process = Process::spawn(command)?;
        let stdout = Stream::read(process.child().stdout.take().context("no stdout")?);
        let stderr = Stream::read(process.child().stderr.take().context("no stderr")?);
        Ok(Self {
            process,
            stdout,
            stderr,
            recording,
        })
    }

    /// The tracer's pid.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// Waits until the tracer says on stderr that it is watching.
    pub fn wait_ready(&mut self) -> Result<()> {
        self.wait("the tracer to be watching", ATTACHED, |this| {
            this.stderr
                .lines()
                .iter()
                .any(|line| line.text.contains(READY))
                .then_some(())
        })
    }

    /// Waits for a line of JSON on stdout that `matches`, among all lines since the start;
    /// returns it with the moment it came.
    pub fn wait_line(
        &mut self,
        timeout: Duration,
        matches: impl Fn(&Value) -> bool,
    ) -> Result<(Value, Instant)> {
        let mut seen = 0;
        self.wait("a matching line of the tracer", timeout, |this| {
            let lines = this.stdout.lines_from(seen);
            seen += lines.len();
            lines.into_iter().find_map(|line| {
                let value = serde_json::from_str(&line.text)
                    .ok()
                    .filter(|value| matches(value))?;
                Some((value, line.at))
            })
        })
    }

    /// Every line of stdout so far.
    pub fn lines(&self) -> Vec<Line> {
        self.stdout.lines()
    }

    /// Every line of stdout so far as JSON; a line that is none is an error.
    pub fn values(&self) -> Result<Vec<Value>> {
        let parse = |line: Line| {
            serde_json::from_str(&line.text).with_context(|| format!("not JSON: {}", line.text))
        };
        self.lines().into_iter().map(parse).collect()
    }

    /// Every line of stderr so far.
    pub fn log(&self) -> Vec<Line> {
        self.stderr.lines()
    }

    /// Sends SIGTERM; returns the exit status and the time the end took. All output is
    /// there afterwards.
    pub fn terminate(&mut self) -> Result<(ExitStatus, Duration)> {
        self.end(Signal::SIGTERM)
    }

    /// Like [`Tracer::terminate`], by another signal.
    pub fn end(&mut self, signal: Signal) -> Result<(ExitStatus, Duration)> {
        let start = Instant::now();
        self.process.signal(signal)?;
        let status = self.exit(ENDED)?;
        let took = start.elapsed();
        self.compare(status)?;
        Ok((status, took))
    }

    /// Waits for the tracer to end by itself, as `check` and `--duration` do.
    pub fn wait_exit(&mut self, timeout: Duration) -> Result<ExitStatus> {
        let status = self.exit(timeout)?;
        self.compare(status)?;
        Ok(status)
    }

    fn exit(&mut self, timeout: Duration) -> Result<ExitStatus> {
        let status = self.process.wait(timeout).with_context(|| self.output())?;
        self.stdout.join();
        self.stderr.join();
        Ok(status)
    }

    /// Compares what it told with what its recording tells, once.
    fn compare(&mut self, status: ExitStatus) -> Result<()> {
        let Some(recording) = self.recording.take() else {
            return Ok(());
        };
        let ended = if status.success() {
            Ended::Well
        } else {
            Ended::Badly
        };
        recording.compare(ended, &self.stdout.text(), &self.stderr.text())?;
        capture::keep_recording(&recording)
    }

    /// Ends it if it still runs, well if it can.
    fn wind_up(&mut self) -> Result<()> {
        if self.recording.is_none() {
            return Ok(());
        }
        self.process.signal(Signal::SIGTERM)?;
        let status = self.exit(ENDED)?;
        self.compare(status)
    }

    /// Waits until `poll` brings something; fails when it takes too long, or when the program ends before.
    pub fn wait<T>(
        &mut self,
        what: &str,
        timeout: Duration,
        mut poll: impl FnMut(&mut Self) -> Option<T>,
    ) -> Result<T> {
        let found = wait_for(what, timeout, || {
            let ended = match self.process.exited() {
                Ok(ended) => ended,
                Err(error) => return Some(Err(error)),
            };
            if ended.is_some() {
                // Its last words may still be in the pipes.
                self.stdout.join();
                self.stderr.join();
            }
            match (poll(self), ended) {
                (Some(found), _) => Some(Ok(found)),
                (None, Some(status)) => Some(Err(anyhow::anyhow!("ended before: {status}"))),
                (None, None) => None,
            }
        });
        found
            .and_then(|found| found.context(what.to_owned()))
            .with_context(|| self.output())
    }

    /// What the tracer has said so far, for an error.
    fn output(&self) -> String {
        format!(
            "── stdout\n{}── stderr\n{}──",
            self.stdout.text(),
            self.stderr.text()
        )
    }
}

impl Drop for Tracer {
    fn drop(&mut self) {
        let compared = self.wind_up();
        let log = self.log();
        capture::keep(log.iter().map(|line| line.text.as_str()));
        // One failure is told by the test.
        if let Err(error) = compared
            && !thread::panicking()
        {
            panic!("{error:#}");
        }
    }
}

/// `$BRIDGETRACE_BIN`, or the binary beside the folder of the test executable.
pub fn binary() -> Result<PathBuf> {
    if let Some(path) = env::var_os("BRIDGETRACE_BIN") {
        let path = PathBuf::from(path);
        ensure!(
            path.is_file(),
            "BRIDGETRACE_BIN={}: no such file",
            path.display()
        );
        return Ok(path);
    }
    let test = env::current_exe().context("the test executable")?;
    let target = test
        .parent()
        .and_then(|deps| deps.parent())
        .context("no target folder")?;
    let path = target.join("bridgetrace");
    if !path.is_file() {
        bail!(
            "no {}: run cargo build -p bridgetrace first",
            path.display()
        );
    }
    Ok(path)
}

/// Collects lines on a thread, so that each gets the moment it came.
struct Stream {
    lines: Arc<Mutex<Vec<Line>>>,
    reader: Option<JoinHandle<()>>,
}

impl Stream {
    fn read(pipe: impl Read + Send + 'static) -> Self {
        let lines = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&lines);
        let reader = thread::spawn(move || {
            for line in BufReader::new(pipe).split(b'\n').map_while(Result::ok) {
                let line = Line {
                    at: Instant::now(),
                    wall: SystemTime::now(),
                    text: String::from_utf8_lossy(&line).into_owned(),
                };
                sink.lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .push(line);
            }
        });
        Self {
            lines,
            reader: Some(reader),
        }
    }

    fn lines(&self) -> Vec<Line> {
        self.lines_from(0)
    }

    /// Everything so far.
    fn text(&self) -> String {
        self.lines()
            .into_iter()
            .map(|line| line.text + "\n")
            .collect()
    }

    fn lines_from(&self, first: usize) -> Vec<Line> {
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines.get(first..).unwrap_or_default().to_vec()
    }

    fn join(&mut self) {
        if let Some(reader) = self.reader.take() {
            reader.join().ok();
        }
    }
}
