//! A real dockerd inside a network namespace.
//!
//! Its pids and mounts are its own, its bridges, rules and `ip_forward` are those of the
//! network namespace, its files lie in one private directory: dropping it leaves nothing.
//! `.State.Pid` of a container counts inside the daemon's pid namespace; tracepoints
//! report the pids outside.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::io::{Read, Write};
use std::ops::Deref;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use nix::sys::signal::Signal;

use crate::home::Home;
use crate::sandbox::{Plan, Sandbox};
use crate::{Docker, Netns, cgroup, wait_for};

/// Ready in half a second on an idle machine.
const READY: Duration = Duration::from_secs(30);
/// Containers that ignore SIGTERM are given ten seconds by the daemon.
const STOPPED: Duration = Duration::from_secs(30);

/// A private /run holds the sockets that containerd's shims put under fixed names, a
/// private /etc/docker the key that is the identity of old engines, whatever their data root.
fn prelude(etc: &str) -> String {
    format!(
        "mount -t tmpfs tmpfs /run
if [ -d /etc/docker ]; then mount --bind {etc} /etc/docker; fi"
    )
}

/// How to start a daemon.
#[derive(Clone, Debug, Default)]
pub struct Options {
    arguments: Vec<String>,
    config: Option<serde_json::Value>,
    data_root: Option<String>,
    programs: Vec<PathBuf>,
}

impl Options {
    /// A plain daemon.
    pub fn new() -> Self {
        Self::default()
    }

    /// One more argument of dockerd.
    pub fn arg(mut self, argument: impl Into<String>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// The content of `daemon.json`.
    pub fn config(mut self, config: serde_json::Value) -> Self {
        self.config = Some(config);
        self
    }

    /// Another data root, by name: a daemon restarted with another one has lost its
    /// state, and finds it again when it is restarted with the first.
    pub fn data_root(mut self, name: impl Into<String>) -> Self {
        self.data_root = Some(name.into());
        self
    }

    /// A folder to take dockerd, containerd, docker and docker-compose from before the
    /// system's: another engine version. The folder named last is looked at first.
    pub fn programs(mut self, folder: impl Into<PathBuf>) -> Self {
        self.programs.insert(0, folder.into());
        self
    }

    fn path(&self) -> Result<OsString> {
        let system = env::var_os("PATH").unwrap_or_default();
        let folders = self
            .programs
            .iter()
            .cloned()
            .chain(env::split_paths(&system));
        env::join_paths(folders).context("a folder of programs with a colon in its name")
    }
}

/// A running daemon, and by [`Deref`] a client of it.
pub struct Dockerd {
    client: Docker,
    options: Options,
    /// None after [`Dockerd::stop`] or [`Dockerd::kill`].
    daemon: Option<Sandbox>,
    home: Home,
}

impl Dockerd {
    /// Starts a daemon in `netns` and waits until it answers.
    pub fn start(netns: &Netns) -> Result<Self> {
        Self::start_with(netns, Options::new())
    }

    /// Starts a daemon in `netns` as `options` say and waits until it answers.
    pub fn start_with(netns: &Netns, options: Options) -> Result<Self> {
        let home = Home::new("dockerd")?;
        let config = home.path().join("client");
        for folder in [&config, &home.path().join("etc")] {
            fs::create_dir(folder).with_context(|| format!("create {}", folder.display()))?;
        }
        let client = Docker {
            netns: netns.clone(),
            socket: home.path().join("docker.sock"),
            config,
            path: options.path()?,
            log: home.path().join("dockerd.log"),
        };
        let mut this = Self {
            client,
            options,
            daemon: None,
            home,
        };
        this.launch()?;
        Ok(this)
    }

    /// A client of this daemon that may be kept while the daemon is stopped and started.
    pub fn client(&self) -> Docker {
        self.client.clone()
    }

    /// How it was started last: the base for a restart with one thing changed.
    pub fn options(&self) -> Options {
        self.options.clone()
    }

    /// Runs `docker` to its end and returns its stdout.
    pub fn docker(&self, arguments: &[&str]) -> Result<String> {
        self.client.run(arguments)
    }

    /// The directory that holds everything of this daemon.
    pub fn directory(&self) -> &Path {
        self.home.path()
    }

    /// The data root in use.
    pub fn data_root(&self) -> PathBuf {
        if let Some(configured) = self.configured_root() {
            return configured.into();
        }
        self.home
            .path()
            .join(self.options.data_root.as_deref().unwrap_or("data"))
    }

    /// The data root that `daemon.json` sets: then the command line must not.
    fn configured_root(&self) -> Option<&str> {
        self.options.config.as_ref()?["data-root"].as_str()
    }

    /// Its `daemon.json`.
    pub fn config_file(&self) -> PathBuf {
        self.home.path().join("daemon.json")
    }

    /// Stops the daemon, if it runs, and starts it again with what its `daemon.json` says by now.
    pub fn restart_as_configured(&mut self) -> Result<()> {
        let file = self.config_file();
        let text = fs::read_to_string(&file).with_context(|| format!("read {}", file.display()))?;
        let config = serde_json::from_str(&text).context("read daemon.json")?;
        self.restart_with(self.options.clone().config(config))
    }

    /// The daemon's pid, as the test sees it.
    pub fn pid(&self) -> Result<u32> {
        self.running().map(Sandbox::pid)
    }

    /// Ends the daemon by SIGTERM. Containers stop; bridges, routes and rules stay.
    pub fn stop(&mut self) -> Result<ExitStatus> {
        let mut daemon = self.daemon.take().context("the daemon is not running")?;
        let status = daemon.terminate(STOPPED);
        drop(daemon);
        self.sweep();
        status
    }

    /// Ends the daemon and its containers by SIGKILL. Bridges, routes and rules stay.
    pub fn kill(&mut self) -> Result<()> {
        self.daemon
            .take()
            .context("the daemon is not running")?
            .kill()?;
        self.sweep();
        Ok(())
    }

    /// Stops the daemon's process with SIGSTOP: its socket accepts, nobody answers.
    pub fn pause(&self) -> Result<()> {
        self.running()?.pause()
    }

    /// Lets a paused daemon go on.
    pub fn resume(&self) -> Result<()> {
        self.running()?.signal(Signal::SIGCONT)
    }

    /// Stops the daemon, if it runs, and starts it again over the same data.
    pub fn restart(&mut self) -> Result<()> {
        self.restart_with(self.options.clone())
    }

    /// Stops the daemon, if it runs, and starts it again with other options.
    pub fn restart_with(&mut self, options: Options) -> Result<()> {
        if self.daemon.is_some() {
            self.stop()?;
        }
        self.client.path = options.path()?;
        self.options = options;
        self.launch()
    }

    fn running(&self) -> Result<&Sandbox> {
        self.daemon.as_ref().context("the daemon is not running")
    }

    fn launch(&mut self) -> Result<()> {
        let config = self
            .options
            .config
            .clone()
            .unwrap_or_else(|| serde_json::json!({}));
        self.home.write("daemon.json", &config.to_string())?;
        let mut daemon = Sandbox::start(&Plan {
            netns: &self.client.netns,
            prelude: &prelude(&self.home.text("etc")),
            program: "dockerd",
            arguments: &self.arguments(),
            path: &self.client.path,
            log: &self.client.log,
        })?;
        let ready = wait_for("dockerd to answer", READY, || match daemon.exited() {
            Ok(None) => answers(&self.client.socket).then_some(Ok(())),
            Ok(Some(status)) => Some(Err(anyhow!("dockerd ended at once: {status}"))),
            Err(error) => Some(Err(error)),
        });
        ready
            .and_then(|ready| ready)
            .with_context(|| self.client.log_tail(20))?;
        self.daemon = Some(daemon);
        Ok(())
    }

    fn arguments(&self) -> Vec<String> {
        let root = format!("--data-root={}", self.data_root().display());
        let mut arguments = vec![
            format!("--config-file={}", self.home.text("daemon.json")),
            format!("--exec-root={}", self.home.text("exec")),
            format!("--pidfile={}", self.home.text("docker.pid")),
            format!("--host={}", self.client.endpoint()),
            // A group of our own, by a driver that needs no systemd: removable afterwards.
            format!("--cgroup-parent=/{}", self.home.name()),
            "--exec-opt=native.cgroupdriver=cgroupfs".to_owned(),
        ];
        arguments.extend(self.configured_root().is_none().then_some(root));
        arguments.extend(self.options.arguments.iter().cloned());
        arguments
    }

    /// Removes what a reboot would: the pid file, whose number may belong to somebody
    /// else in the next pid namespace, the socket, and the state of dead containers.
    fn sweep(&self) {
        for file in ["docker.pid", "docker.sock"] {
            // The daemon removes them itself when it ends in peace.
            fs::remove_file(self.home.path().join(file)).ok();
        }
        fs::remove_dir_all(self.home.path().join("exec")).ok();
        cgroup::remove(self.home.name());
    }
}

impl Deref for Dockerd {
    type Target = Docker;

    fn deref(&self) -> &Docker {
        &self.client
    }
}

impl Drop for Dockerd {
    fn drop(&mut self) {
        drop(self.daemon.take());
        self.sweep();
    }
}

/// Whether a daemon answers a ping at its socket.
pub(crate) fn answers(socket: &Path) -> bool {
    let ask = || -> std::io::Result<String> {
        let mut stream = UnixStream::connect(socket)?;
        stream.set_read_timeout(Some(Duration::from_secs(1)))?;
        stream.write_all(b"GET /_ping HTTP/1.0\r\n\r\n")?;
        let mut reply = String::new();
        stream.read_to_string(&mut reply)?;
        Ok(reply)
    };
    ask().is_ok_and(|reply| reply.contains("200 OK"))
}
