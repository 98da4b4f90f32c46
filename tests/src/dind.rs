//! A docker daemon inside a container of the lab's daemon, as in CI jobs: its networks are
//! routes in the container's network namespace, which no `ip route` of the host shows.
//!
//! Not `--privileged`, which needs capabilities that a lab in a sandbox lacks: what dockerd
//! really uses is granted piece by piece.

mod options;

use std::ffi::OsString;
use std::fs;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::home::Home;
use crate::{Container, Docker, Dockerd, cgroup, dockerd, process, wait_until};

pub use options::{Job, Options};

/// Seconds that the outer daemon has to remove the container: it may be paused.
const PATIENCE: &str = "20";
const READY: Duration = Duration::from_secs(60);
/// The image: empty folders and links, everything else is mounted from the machine.
const IMAGE: &str = "dind:lab";
/// Where the container sees the folder that it shares with the lab.
const SHARED: &str = "/lab";

/// An outer container with a running daemon inside, and by [`Deref`] a client of that
/// inner daemon. Removed on drop; make it after the outer daemon.
pub struct Dind {
    outer: Docker,
    container: Container,
    inner: Docker,
    home: Home,
}

impl Dind {
    /// Starts a container named `dind` on docker0 and waits until its daemon answers.
    pub fn start(outer: &Dockerd) -> Result<Self> {
        Self::start_with(outer, &Options::default())
    }

    /// Starts a container as `options` say and waits until its daemon answers.
    pub fn start_with(outer: &Dockerd, options: &Options) -> Result<Self> {
        let home = Home::new("dind")?;
        for folder in ["client", "data", "lab"] {
            fs::create_dir(home.path().join(folder)).context("create a folder of dind's")?;
        }
        import_image(outer, home.path())?;
        let outer = outer.client();
        let id = outer.run(&texts(&command(&home, options)))?;
        let container = Container::new(outer.clone(), id, options.name.clone());
        let inner = client(&outer, &home);
        let this = Self {
            outer,
            container,
            inner,
            home,
        };
        this.wait_ready()?;
        Ok(this)
    }

    fn wait_ready(&self) -> Result<()> {
        wait_until("the inner daemon to answer", READY, || {
            // An error says that the container has ended.
            self.container.pid()?;
            Ok(dockerd::answers(&self.inner.socket))
        })
        .with_context(|| self.inner.log_tail(20))
    }

    /// The outer container: its network namespace is the one that the inner networks are
    /// in, and commands run in it stand beside the inner daemon.
    pub fn container(&self) -> &Container {
        &self.container
    }

    /// A client of the inner daemon that may be kept.
    pub fn client(&self) -> Docker {
        self.inner.clone()
    }

    /// The inner daemon's socket as a host's process finds it without any mount:
    /// `/proc/PID/root/var/run/docker.sock`.
    pub fn socket_through_proc(&self) -> Result<PathBuf> {
        let pid = self.container.pid()?;
        Ok(format!("/proc/{pid}/root/var/run/docker.sock").into())
    }

    /// Starts an echo service in the outer container, beside the inner daemon. With
    /// [`Options::publish`] the PC reaches it, and is answered at its own address.
    pub fn serve_echo(&self, port: u16) -> Result<()> {
        let number = port.to_string();
        let listener = ["busybox", "nc", "-ll", "-p", &number, "-e", "/bin/cat"];
        self.container.spawn(&listener)?;
        self.container.wait_listening(port)
    }
}

impl Deref for Dind {
    type Target = Docker;

    fn deref(&self) -> &Docker {
        &self.inner
    }
}

impl Drop for Dind {
    fn drop(&mut self) {
        // Fails if the outer daemon has ended; then the container has ended with it.
        let remove = ["rm", "--force", "--volumes", self.container.id()];
        self.outer.run_within(PATIENCE, &remove).ok();
        cgroup::remove(self.home.name());
    }
}

/// A client on the host. The socket lies in the shared folder: no namespace is entered.
fn client(outer: &Docker, home: &Home) -> Docker {
    Docker {
        netns: outer.netns.clone(),
        socket: home.path().join("lab/docker.sock"),
        config: home.path().join("client"),
        path: outer.path.clone(),
        log: home.path().join("lab/dockerd.log"),
    }
}

fn command(home: &Home, options: &Options) -> Vec<String> {
    let mut command = vec!["run".to_owned(), "--detach".to_owned()];
    command.extend(options.arguments(home.path()));
    let daemon = format!(
        "exec dockerd --storage-driver=vfs --host=unix:///var/run/docker.sock \
         --host=unix://{SHARED}/docker.sock --cgroup-parent=/{} \
         --exec-opt=native.cgroupdriver=cgroupfs {} >>{SHARED}/dockerd.log 2>&1",
        home.name(),
        options.daemon.join(" "),
    );
    command.extend([IMAGE, "sh", "-c", &daemon].map(str::to_owned));
    command
}

fn texts(words: &[String]) -> Vec<&str> {
    words.iter().map(String::as_str).collect()
}

fn import_image(outer: &Docker, home: &Path) -> Result<()> {
    let (root, tar) = (home.join("rootfs"), home.join("rootfs.tar"));
    for folder in [
        "dev",
        "etc",
        "lab",
        "proc",
        "run",
        "sys",
        "tmp",
        "usr",
        "var/lib/docker",
    ] {
        fs::create_dir_all(root.join(folder)).context("create dind's rootfs")?;
    }
    fs::create_dir(root.join("var/run")).context("create dind's rootfs")?;
    for folder in ["bin", "sbin", "lib", "lib64"] {
        let target = format!("usr/{folder}");
        ensure!(
            Path::new("/").join(&target).is_dir(),
            "no /{target}: /usr is not merged"
        );
        std::os::unix::fs::symlink(target, root.join(folder)).context("link into /usr")?;
    }
    let pack = [
        OsString::from("-C"),
        root.into(),
        "-cf".into(),
        tar.clone().into(),
        ".".into(),
    ];
    process::output(std::process::Command::new("tar").args(pack))?;
    outer
        .run(&["import", &tar.display().to_string(), IMAGE])
        .map(drop)
}
