//! Names and labels from docker are hostile: whatever they hold, what is printed for them does
//! its job and nothing else.

use std::os::unix::fs::symlink;

use anyhow::{Result, ensure};
use bridgetrace_lab::process;
use serde_json::Value;

use super::stage::{CANARY, Lab, commands, remedies};

const PROJECT: &str = "com.docker.compose.project";
const KEY: &str = "com.docker.compose.network";
const DIRECTORY: &str = "com.docker.compose.project.working_dir";
const FILES: &str = "com.docker.compose.project.config_files";

/// Name of the network, its key, its project; directory and files of its container.
struct Labels(
    &'static str,
    &'static str,
    &'static str,
    &'static str,
    &'static str,
);

const ATTACKS: [Labels; 5] = [
    Labels(
        "heredoc",
        "x\nEOF\ntouch canary\n: <<'EOF'",
        "ldap",
        "/tmp",
        "a.yml",
    ),
    Labels(
        "backticks",
        "`touch canary`",
        "ldap",
        "/tmp",
        "$(touch canary)",
    ),
    Labels(
        "project",
        "default",
        "'; touch canary; '\"$(touch canary)",
        "/tmp",
        "a.yml",
    ),
    Labels(
        "folder",
        "default",
        "ldap",
        "/tmp/'$(touch canary)\" é",
        "';touch canary;'.yml",
    ),
    Labels(
        "$(touch canary)'`touch canary`",
        "default",
        "ldap",
        "a\\'\n';touch canary #",
        "-",
    ),
];

#[test]
fn hostile_labels_run_nothing() -> Result<()> {
    Lab::raise()?.play(|lab| {
        symlink("/bin/true", lab.folder.path().join("systemctl"))?;
        ATTACKS.iter().try_for_each(|attack| lab.survive(attack))
    })
}

impl Lab {
    /// Every remedy printed for such a network, and its undo, in both shells.
    fn survive(&mut self, attack: &Labels) -> Result<()> {
        let Labels(network, key, project, directory, files) = attack;
        let label = |name: &str, value: &str| format!("--label={name}={value}");
        let of_project = label(PROJECT, project);
        self.collide_with(network, &[&of_project, &label(KEY, key)])?;
        let (directory, files) = (label(DIRECTORY, directory), label(FILES, files));
        self.run(&["--name=labelled", &of_project, &directory, &files])?;
        let finding = self.finding(|f| f["network"]["name"] == *network && known(f))?;
        for remedy in remedies(&finding) {
            let (command, undo) = commands(remedy)?;
            for text in [&command, &undo] {
                for shell in ["sh", "bash"] {
                    self.risk_it(shell, text);
                }
                ensure!(!self.folder.path().join(CANARY).exists(), "{text}");
            }
        }
        self.host_route_cures(&finding)?;
        self.daemon.docker(&["rm", "-f", "openldap", "labelled"])?;
        self.daemon.docker(&["network", "rm", network])?;
        self.replies_come(true)
    }

    /// Types what may fail: some of these projects exist by their labels only.
    fn risk_it(&self, shell: &str, command: &str) {
        let path = std::env::var("PATH").unwrap_or_default();
        let mut typed = self.topology.srv.command("timeout");
        typed
            .args(["60", shell, "-c", command])
            .current_dir(self.folder.path());
        typed.env("PATH", format!("{}:{path}", self.folder.path().display()));
        process::output(&mut typed).ok();
    }

    /// The cure that no label can take away.
    fn host_route_cures(&self, finding: &Value) -> Result<()> {
        let route = remedies(finding).find(|remedy| remedy["id"] == "host-route");
        let (command, undo) = commands(route.unwrap_or(finding))?;
        self.type_in("sh", &command)?;
        self.replies_come(true)?;
        self.type_in("sh", &undo)
    }
}

/// Whether there is something to type.
fn known(finding: &Value) -> bool {
    remedies(finding).next().is_some()
}
