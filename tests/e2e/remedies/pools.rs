//! Other address pools: in a file that is there, in one that is not, for a compose project.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, ensure};
use bridgetrace_lab::{Topology, process};
use nix::{sys::stat::Mode, unistd::mkfifo};
use serde_json::{Value, json};

use super::stage::{Folder, Lab, trace};

/// The default pools hold the PC's network: docker0 takes the first, a project the second.
const BEFORE: &str = r#"{ "shutdown-timeout": 1, "labels": ["secret=s3cret é"], "default-address-pools":
    [{"base": "172.21.0.0/16", "size": 16}, {"base": "172.22.0.0/16", "size": 16}] }"#;

struct Config {
    file: PathBuf,
    _folder: Folder,
}

impl Config {
    fn new() -> Result<Self> {
        let folder = Folder::new()?;
        let file = folder.path().join("its folder/daemon.json");
        fs::create_dir(folder.path().join("its folder"))?;
        fs::write(&file, BEFORE)?;
        let mode = Mode::S_IRUSR | Mode::S_IWUSR;
        fs::set_permissions(&file, fs::Permissions::from_mode(mode.bits()))?;
        Ok(Self {
            file,
            _folder: folder,
        })
    }

    fn lab(&self) -> Result<Lab> {
        let argument = format!("--config-file={}", self.file.display());
        Lab::raise_with(Topology::new, |options| options.arg(argument))
    }

    fn read(&self) -> Result<Value> {
        Ok(serde_json::from_str(&fs::read_to_string(&self.file)?)?)
    }
}

#[test]
fn other_address_pools_keep_docker_out_of_the_way() -> Result<()> {
    let config = Config::new()?;
    config.lab()?.play(|lab| {
        lab.collide()?;
        lab.move_and_return(&config)
    })
}

#[test]
fn other_address_pools_move_a_compose_project() -> Result<()> {
    let config = Config::new()?;
    config.lab()?.play(|lab| {
        lab.compose_up()?;
        lab.move_and_return(&config)
    })
}

#[test]
fn a_daemon_without_a_file_gets_one() -> Result<()> {
    let config = Config::new()?;
    let folder = config.file.parent().context("its folder")?.to_owned();
    config.lab()?.play(|lab| {
        lab.collide()?;
        fs::remove_dir_all(&folder)?;
        lab.tracer = trace(&lab.topology.srv, &lab.daemon)?;
        lab.replies_come(false)?;
        let (command, undo) = lab.remedy("default-address-pools")?;
        for shell in ["sh", "bash"] {
            lab.type_with_systemctl(shell, &command, || Ok(()))?;
            lab.replies_come(true)?;
            ensure!(config.read()?["default-address-pools"][0]["size"] == 24);
            // Without the file this daemon would not start: it was told of it.
            let nothing = || {
                ensure!(!config.file.exists());
                Ok(fs::write(&config.file, "{}")?)
            };
            lab.type_with_systemctl(shell, &undo, nothing)?;
            lab.replies_come(false)?;
            fs::remove_dir_all(&folder)?;
        }
        Ok(())
    })
}

impl Lab {
    /// The remedy and its undo, by every shell, and what becomes of the file.
    fn move_and_return(&mut self, config: &Config) -> Result<()> {
        self.replies_come(false)?;
        let (command, undo) = self.remedy("default-address-pools")?;
        ensure!(!command.contains("s3cret"), "{command}");
        for shell in ["sh", "bash"] {
            self.type_with_systemctl(shell, &command, || Ok(()))?;
            self.replies_come(true)
                .with_context(|| format!("after {command}"))?;
            let (mut now, mut before) = (config.read()?, serde_json::from_str::<Value>(BEFORE)?);
            ensure!(now["default-address-pools"][0]["size"] == 24, "{now}");
            now["default-address-pools"] = json!(null);
            before["default-address-pools"] = json!(null);
            ensure!(now == before, "a setting was lost: {now}");
            self.type_with_systemctl(shell, &undo, || Ok(()))?;
            self.replies_come(false)
                .with_context(|| format!("after {undo}"))?;
            ensure!(fs::read_to_string(&config.file)? == BEFORE);
            ensure!(config.file.metadata()?.permissions().mode() & 0o777 == 0o600);
        }
        Ok(())
    }

    /// As [`Lab::type_in`], on a machine whose docker is run by systemd. The real systemctl
    /// needs systemd as pid 1, which a lab in a namespace cannot have: this one asks the test to
    /// restart the real daemon, and answers when it is back.
    fn type_with_systemctl(
        &mut self,
        shell: &str,
        command: &str,
        before: impl FnOnce() -> Result<()>,
    ) -> Result<()> {
        let (ask, answer) = systemctl(self.folder.path())?;
        let mut typed = self.shell(shell, command);
        let path = std::env::var("PATH").unwrap_or_default();
        typed.env("PATH", format!("{}:{path}", self.folder.path().display()));
        let typed = std::thread::spawn(move || process::output(&mut typed));
        fs::read(&ask).context("wait for systemctl")?;
        before()?;
        self.daemon.restart()?;
        // Containers without a restart policy stay down, as on a real host.
        fs::write(&answer, "")?;
        typed
            .join()
            .ok()
            .context("the shell's thread")?
            .with_context(|| format!("type in:\n{command}"))?;
        Ok(())
    }
}

/// A systemctl that writes to the first FIFO and waits for the second.
fn systemctl(folder: &Path) -> Result<(PathBuf, PathBuf)> {
    let (ask, answer) = (folder.join("ask"), folder.join("answer"));
    for fifo in [&ask, &answer] {
        let _ = fs::remove_file(fifo);
        mkfifo(fifo, Mode::S_IRWXU)?;
    }
    let script = format!(
        "#!/bin/sh\n[ \"$*\" = 'restart docker' ] || exit 64\necho > {}\ncat {}\n",
        ask.display(),
        answer.display()
    );
    let systemctl = folder.join("systemctl");
    fs::write(&systemctl, script)?;
    let mode = fs::Permissions::from_mode(Mode::S_IRWXU.bits());
    fs::set_permissions(&systemctl, mode)?;
    Ok((ask, answer))
}
