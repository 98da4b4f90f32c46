//! What these tests share: I-1 with the client locked out, and whoever types `bridgetrace rescue`.

use std::net::IpAddr;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;
use std::{env, fs};

use anyhow::{Context, Result, ensure};
use bridgetrace_lab::scenario::collide;
use bridgetrace_lab::topology::{PC, SRV};
use bridgetrace_lab::{
    Dockerd, Process, Topology, Tracer, WorldDump, names, peers, preflight, tracer, wait_until,
};

/// Long enough for everything that is not measured.
pub(super) const SOON: Duration = Duration::from_secs(20);
/// The command in the remedies of every finding about the client.
pub(super) const COMMAND: &str = "ip route add 172.22.10.119/32 via 172.42.10.1 dev eno8303";

pub(super) struct Scene {
    pub(super) lab: Topology,
    pub(super) daemon: Dockerd,
}

impl Scene {
    pub(super) fn raise() -> Result<Self> {
        preflight::require()?;
        let lab = Topology::new()?;
        let daemon = Dockerd::start(&lab.srv)?;
        Ok(Self { lab, daemon })
    }

    /// The same with the client locked out.
    pub(super) fn locked_out() -> Result<Self> {
        let scene = Self::raise()?;
        collide(&scene.daemon)?;
        ensure!(
            !peers::reachable(&scene.lab.pc, SRV)?,
            "nobody is locked out"
        );
        Ok(scene)
    }

    pub(super) fn play(&self, body: impl FnOnce() -> Result<()>) -> Result<()> {
        WorldDump::new(&self.lab.namespaces(), Some(&self.daemon)).on_error(body)
    }

    /// Starts `bridgetrace rescue` for the address, without a terminal.
    pub(super) fn start(&self, address: impl Into<IpAddr>, arguments: &[&str]) -> Result<Tracer> {
        let address = address.into().to_string();
        let endpoint = self.daemon.client().endpoint();
        let mut all = vec!["rescue", &address, "--docker-host", &endpoint];
        all.extend(arguments);
        Tracer::start(&self.lab.srv, &all)
    }

    /// The same to its end: status, standard output and standard error.
    pub(super) fn run(&self, address: impl Into<IpAddr>, arguments: &[&str]) -> Result<Ended> {
        Ended::of(self.start(address, arguments)?)
    }

    /// Whether a route of a rescue is there.
    pub(super) fn is_rescued(&self) -> Result<bool> {
        Ok(!self.ours()?.is_empty())
    }

    /// Routes of rescues, of both families, as `ip` tells of them.
    pub(super) fn ours(&self) -> Result<String> {
        let show = |family| {
            let words = [
                "ip", family, "route", "show", "table", "all", "proto", "183",
            ];
            self.lab.srv.run(&words)
        };
        Ok(show("-4")? + &show("-6")?)
    }

    /// Every route there is but those that the kernel makes and marks by itself, when a link changes.
    pub(super) fn routes(&self) -> Result<Vec<String>> {
        let show = |family| {
            self.lab
                .srv
                .run(&["ip", family, "route", "show", "table", "all"])
        };
        let all = show("-4")? + "\n" + &show("-6")?;
        let made = all.lines().filter(|line| !line.contains("proto kernel"));
        Ok(made.map(str::to_owned).collect())
    }

    pub(super) fn wait_rescued(&self, wanted: bool) -> Result<()> {
        let what = if wanted {
            "the route"
        } else {
            "the route's end"
        };
        wait_until(what, SOON, || Ok(self.is_rescued()? == wanted))
    }

    /// Pids of guards in the server.
    pub(super) fn guards(&self) -> Vec<u32> {
        let mut pids = self.lab.srv.pids();
        pids.retain(|pid| {
            let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            line.split(|byte| *byte == 0).nth(1) == Some(b"rescue-guard")
        });
        pids
    }

    pub(super) fn wait_unguarded(&self) -> Result<()> {
        wait_until("the guard's end", SOON, || Ok(self.guards().is_empty()))
    }

    /// The same on a terminal.
    pub(super) fn on_terminal(&self, arguments: &[&str]) -> Result<Terminal> {
        Terminal::open(self, arguments)
    }
}

/// How a command ended and what it said.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) status: Option<i32>,
    pub(super) stdout: String,
    pub(super) stderr: String,
}

impl Ended {
    pub(super) fn of(mut started: Tracer) -> Result<Self> {
        let status = started.wait_exit(SOON)?.code();
        let text = |lines: Vec<tracer::Line>| -> String {
            lines.into_iter().map(|line| line.text + "\n").collect()
        };
        let ended = Self {
            status,
            stdout: text(started.lines()),
            stderr: text(started.log()),
        };
        let fits = |line: &str| line.chars().count() <= 80;
        ensure!(ended.stdout.lines().all(fits), "too wide: {ended:?}");
        Ok(ended)
    }

    /// Fails unless it was a success that said all of this.
    pub(super) fn said(&self, wanted: &[&str]) -> Result<()> {
        ensure!(self.status == Some(0), "{self:?}");
        // However it was wrapped.
        let said = self.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
        for text in wanted {
            ensure!(said.contains(text), "no {text:?} in {self:?}");
        }
        Ok(())
    }

    /// Fails unless it refused in one line that holds `why`.
    pub(super) fn refused(&self, why: &str) -> Result<()> {
        ensure!(self.status == Some(2), "{self:?}");
        ensure!(self.stderr.lines().count() == 1, "{self:?}");
        ensure!(self.stderr.contains(why), "no {why:?} in {self:?}");
        Ok(())
    }
}

/// A terminal on which a rescue of the client runs. Closed on drop, as when a connection dies.
pub(super) struct Terminal {
    script: Process,
    typescript: PathBuf,
}

impl Terminal {
    fn open(scene: &Scene, arguments: &[&str]) -> Result<Self> {
        let typescript = env::temp_dir().join(names::unique("terminal"));
        let binary = tracer::binary()?;
        let endpoint = scene.daemon.client().endpoint();
        let typed = format!(
            "exec {} rescue {PC} --docker-host {endpoint} {}",
            binary.display(),
            arguments.join(" ")
        );
        let mut script: Command = scene.lab.srv.command("script");
        script
            .args(["--quiet", "--flush", "--return", "--command", &typed])
            .arg(&typescript)
            .stdin(Stdio::piped())
            .stdout(Stdio::null());
        Ok(Self {
            script: Process::spawn(script)?,
            typescript,
        })
    }

    /// Everything on the screen so far.
    pub(super) fn screen(&self) -> String {
        let bytes = fs::read(&self.typescript).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    pub(super) fn wait(&self, text: &str) -> Result<()> {
        wait_until(text, SOON, || Ok(self.screen().contains(text))).with_context(|| self.screen())
    }

    pub(super) fn press(&mut self, keys: &str) -> Result<()> {
        use std::io::Write as _;
        let keyboard = self.script.child().stdin.as_mut().context("no keyboard")?;
        keyboard.write_all(keys.as_bytes())?;
        Ok(keyboard.flush()?)
    }

    /// Waits for the end of the rescue; its status.
    pub(super) fn status(&mut self) -> Result<Option<i32>> {
        Ok(self.script.wait(SOON)?.code())
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // Best effort: a small file.
        let _ = fs::remove_file(&self.typescript);
    }
}
