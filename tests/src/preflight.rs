//! Can the lab run here? One line says why not, and what to install.

use std::env;
use std::path::Path;
use std::sync::LazyLock;

use anyhow::{Result, bail};
use nix::sched::{CloneFlags, unshare};
use nix::unistd::geteuid;

/// What the lab runs, and the Debian package that has it.
const PROGRAMS: [(&str, &str); 14] = [
    ("busybox", "busybox-static"),
    ("docker", "docker.io"),
    ("docker-compose", "docker-compose"),
    ("dockerd", "docker.io"),
    ("ip", "iproute2"),
    ("nsenter", "util-linux"),
    ("openssl", "openssl"),
    ("ping", "iputils-ping"),
    ("setsid", "util-linux"),
    ("ssh", "openssh-client"),
    ("ssh-keygen", "openssh-client"),
    ("sshd", "openssh-server"),
    ("tar", "tar"),
    ("unshare", "util-linux"),
];

const BTF: &str = "/sys/kernel/btf/vmlinux";

/// Ok if the lab can run here.
///
/// Otherwise the reason goes to stderr and into the error. In CI (`CI` is set) a lab
/// that cannot run is a failing test, never a skipped one: this panics.
pub fn require() -> Result<()> {
    // Asked by every test, and the answer costs a namespace.
    static REASONS: LazyLock<Vec<String>> = LazyLock::new(missing);
    if REASONS.is_empty() {
        return Ok(());
    }
    let reason = format!("the lab cannot run: {}", REASONS.join("; "));
    assert!(!in_ci(), "{reason}");
    eprintln!("{reason}");
    bail!(reason)
}

/// Everything that keeps the lab from running here, with its remedy. Empty if it can.
pub fn missing() -> Vec<String> {
    let mut reasons = Vec::new();
    if !geteuid().is_root() {
        reasons.push("not root (run the tests with sudo -E)".to_owned());
    } else if let Err(error) = new_network_namespace() {
        reasons.push(format!(
            "no network namespaces: {error} (CAP_SYS_ADMIN is needed)"
        ));
    }
    if !Path::new(BTF).exists() {
        reasons.push(format!(
            "no {BTF} (a kernel with CONFIG_DEBUG_INFO_BTF=y is needed)"
        ));
    }
    let absent = PROGRAMS
        .into_iter()
        .filter(|(program, _)| !on_path(program));
    let (programs, mut packages): (Vec<_>, Vec<_>) = absent.unzip();
    if !programs.is_empty() {
        packages.sort_unstable();
        packages.dedup();
        reasons.push(format!(
            "no {} on the PATH (Debian: apt-get install {})",
            programs.join(", "),
            packages.join(" "),
        ));
    }
    reasons
}

fn in_ci() -> bool {
    env::var("CI").is_ok_and(|value| !matches!(value.as_str(), "" | "0" | "false"))
}

/// On a thread of its own, which takes the namespace with it.
fn new_network_namespace() -> nix::Result<()> {
    std::thread::spawn(|| unshare(CloneFlags::CLONE_NEWNET))
        .join()
        .unwrap_or(Ok(()))
}

fn on_path(program: &str) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).any(|folder| folder.join(program).is_file())
}
