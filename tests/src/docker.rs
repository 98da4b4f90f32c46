//! A client of the lab's dockerd: the real `docker` and `docker-compose`.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::{Api, Netns, process};

/// The image that [`Docker::import_busybox`] makes.
pub const BUSYBOX: &str = "busybox:lab";

/// Commands that hang, say on a paused daemon, fail after this many seconds.
const TIMEOUT: &str = "120";

/// Speaks to one daemon. Clones speak to the same one.
#[derive(Clone, Debug)]
pub struct Docker {
    pub(crate) netns: Netns,
    pub(crate) socket: PathBuf,
    /// The client's own configuration folder, so that the user's has no say.
    pub(crate) config: PathBuf,
    pub(crate) path: OsString,
    pub(crate) log: PathBuf,
}

impl Docker {
    /// The daemon's endpoint, `unix:///…`.
    pub fn endpoint(&self) -> String {
        format!("unix://{}", self.socket.display())
    }

    /// The daemon's socket, to mount into a container or to speak to directly.
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// The daemon's API, without a client in between.
    pub fn api(&self) -> Api {
        Api::new(self.socket.clone())
    }

    /// A `docker` command in the daemon's network namespace, to start and hold.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.client("docker");
        command.args(arguments);
        command
    }

    /// Runs `docker` to its end and returns its stdout.
    pub fn run(&self, arguments: &[&str]) -> Result<String> {
        self.run_within(TIMEOUT, arguments)
    }

    /// [`Docker::run`] with a deadline in seconds.
    pub(crate) fn run_within(&self, seconds: &str, arguments: &[&str]) -> Result<String> {
        let mut command = self.client("timeout");
        process::output(command.args([seconds, "docker"]).args(arguments))
    }

    /// A `docker-compose` command in `directory`, to start and to hold or to kill.
    pub fn compose_command(&self, directory: &Path, project: &str, args: &[&str]) -> Command {
        let mut command = self.client("docker-compose");
        command
            .current_dir(directory)
            .args(["--project-name", project])
            .args(args);
        command
    }

    /// Runs `docker-compose` to its end and returns its stdout.
    pub fn compose(&self, directory: &Path, project: &str, args: &[&str]) -> Result<String> {
        let mut command = self.client("timeout");
        command.args([TIMEOUT, "docker-compose", "--project-name", project]);
        process::output(command.current_dir(directory).args(args))
    }

    /// A `docker compose` command in `directory`, to start and to hold or to kill: compose, as it lies beside
    /// the client, is a plugin of it.
    pub fn plugin_command(
        &self,
        directory: &Path,
        project: &str,
        args: &[&str],
    ) -> Result<Command> {
        let mut folders = env::split_paths(&self.path).map(|folder| folder.join("docker-compose"));
        let compose = folders.find(|file| file.is_file());
        let plugins = self.config.join("cli-plugins");
        let plugin = plugins.join("docker-compose");
        if !plugin.exists() {
            fs::create_dir_all(&plugins).context("create the folder of plugins")?;
            std::os::unix::fs::symlink(compose.context("no compose")?, &plugin)
                .context("link the plugin")?;
        }
        let mut command = self.client("docker");
        command.current_dir(directory);
        command
            .args(["compose", "--project-name", project])
            .args(args);
        Ok(command)
    }

    fn client(&self, program: &str) -> Command {
        let mut command = self.netns.command(program);
        command
            .env("DOCKER_HOST", self.endpoint())
            .env("DOCKER_CONFIG", &self.config)
            .env("PATH", &self.path)
            .env_remove("DOCKER_CONTEXT")
            .env_remove("DOCKER_TLS_VERIFY")
            .env_remove("DOCKER_CERT_PATH");
        command
    }

    /// Makes the image [`BUSYBOX`] from the machine's own busybox: no registry needed.
    pub fn import_busybox(&self) -> Result<()> {
        let rootfs = self.config.join("rootfs");
        let tar = self.config.join("busybox.tar");
        busybox_rootfs(&rootfs)?;
        process::output(
            Command::new("tar")
                .arg("-C")
                .arg(&rootfs)
                .arg("-cf")
                .arg(&tar)
                .arg("."),
        )?;
        let change = ["import", "--change", "CMD [\"/bin/sh\"]"];
        let imported = self.run(&[&change[..], &[&tar.display().to_string(), BUSYBOX]].concat());
        fs::remove_dir_all(&rootfs).context("remove the busybox rootfs")?;
        fs::remove_file(&tar).context("remove the busybox tar")?;
        imported.map(drop)
    }

    /// `docker network create` with these subnets, with IPv6 if one is of it. Returns
    /// the network's id.
    pub fn create_network(&self, name: &str, subnets: &[&str]) -> Result<String> {
        let mut arguments = vec!["network".to_owned(), "create".to_owned()];
        if subnets.iter().any(|subnet| subnet.contains(':')) {
            arguments.push("--ipv6".to_owned());
        }
        arguments.extend(subnets.iter().map(|subnet| format!("--subnet={subnet}")));
        arguments.push(name.to_owned());
        self.run(&arguments.iter().map(String::as_str).collect::<Vec<_>>())
    }

    /// `docker network rm`.
    pub fn remove_network(&self, name: &str) -> Result<()> {
        self.run(&["network", "rm", name]).map(drop)
    }

    /// The last `lines` lines of the daemon's log that tell anything: a start alone
    /// writes hundreds about its plugins and its connections to containerd.
    pub fn log_tail(&self, lines: usize) -> String {
        let log = fs::read(&self.log).unwrap_or_default();
        let log = String::from_utf8_lossy(&log);
        let noise = |line: &&str| line.contains("module=grpc") || line.contains("loading plugin");
        let telling: Vec<_> = log.lines().filter(|line| !noise(line)).collect();
        telling[telling.len().saturating_sub(lines)..].join("\n")
    }
}

/// The name of a network's bridge, unless the network sets another.
pub fn bridge_name(network_id: &str) -> String {
    let short: String = network_id.trim().chars().take(12).collect();
    format!("br-{short}")
}

fn busybox_rootfs(root: &Path) -> Result<()> {
    let bin = root.join("bin");
    for directory in ["bin", "dev", "etc", "proc", "sys", "tmp"] {
        fs::create_dir_all(root.join(directory)).context("create the busybox rootfs")?;
    }
    fs::copy("/bin/busybox", bin.join("busybox"))
        .context("copy /bin/busybox (Debian: busybox-static)")?;
    for applet in process::output(Command::new("/bin/busybox").arg("--list"))?.lines() {
        if applet != "busybox" {
            std::os::unix::fs::symlink("busybox", bin.join(applet))
                .with_context(|| format!("link {applet}"))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_bridge_is_named_after_the_first_twelve_digits() {
        let id = "80cb5a0c07bc2f3e\n";
        assert_eq!(super::bridge_name(id), "br-80cb5a0c07bc");
    }
}
