//! The Debian packages of the lab and of virtual machines: found by the programs they bring, installed by apt-get.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::Result;

use super::{elf, services};
use crate::root::Root;
use crate::sh;
use crate::unmet::Unmet;

/// A program and who brings it.
pub(super) struct Need {
    program: &'static str,
    /// The package, the one of newer suites first: Debian 13 splits the docker CLI off.
    packages: &'static [&'static str],
    /// What the file must be like, beyond being executable.
    fits: fn(&Path) -> bool,
}

const fn need(program: &'static str, packages: &'static [&'static str]) -> Need {
    Need {
        program,
        packages,
        fits: |_| true,
    }
}

const BUSYBOX: Need = Need {
    program: "busybox",
    packages: &["busybox-static"],
    fits: elf::is_static,
};

/// What the lab runs.
pub(super) const LAB: &[Need] = &[
    need("ip", &["iproute2"]),
    need("ping", &["iputils-ping"]),
    need("dockerd", &["docker.io"]),
    need("docker", &["docker-cli", "docker.io"]),
    need("docker-compose", &["docker-compose"]),
    need("sshd", &["openssh-server"]),
    need("ssh", &["openssh-client"]),
    need("ssh-keygen", &["openssh-client"]),
    need("openssl", &["openssl"]),
    need("nsenter", &["util-linux"]),
    need("unshare", &["util-linux"]),
    need("setsid", &["util-linux"]),
    need("chromium", &["chromium"]),
    need("node", &["nodejs"]),
    need("npm", &["npm"]),
    need("tmux", &["tmux"]),
    BUSYBOX,
];

/// What runs virtual machines, and what is put into them.
pub(super) const MACHINES: &[Need] = &[
    need("qemu-system-x86_64", &["qemu-system-x86"]),
    need("ip", &["iproute2"]),
    BUSYBOX,
];

/// Finds these programs; installs the packages of those that are missing.
pub(super) fn ensure(needs: &[Need]) -> Result<()> {
    let missing = missing(needs, &search_path());
    if missing.is_empty() {
        return Ok(());
    }
    sh::say(format!("missing: {}", programs(&missing)));
    match Root::unattended() {
        Some(root) if has_apt() => install(root, &missing)?,
        _ => return Err(type_it_yourself(&missing).into()),
    }
    check_again(needs)
}

fn check_again(needs: &[Need]) -> Result<()> {
    let missing = missing(needs, &search_path());
    anyhow::ensure!(
        missing.is_empty(),
        "still missing after apt-get: {}",
        programs(&missing)
    );
    Ok(())
}

fn missing<'a>(needs: &'a [Need], path: &OsStr) -> Vec<&'a Need> {
    needs.iter().filter(|need| !is_met(need, path)).collect()
}

fn is_met(need: &Need, path: &OsStr) -> bool {
    let found = sh::find_in(need.program, path);
    found.is_some_and(|file| (need.fits)(&file))
}

/// `PATH` with the folders of sshd, dockerd and ip, which a plain user's leaves out.
pub(super) fn search_path() -> OsString {
    let mut path = std::env::var_os("PATH").unwrap_or_default();
    path.push(":/usr/local/sbin:/usr/sbin:/sbin");
    path
}

fn has_apt() -> bool {
    sh::find_in("apt-get", &search_path()).is_some()
}

/// Lists first, packages then; services stay asleep. Old lists may do when new ones cannot be had.
fn install(root: Root, missing: &[&Need]) -> Result<()> {
    if let Err(error) = sh::run(apt_get(root).arg("update")) {
        sh::say(format!("{error:#}: trying with the package lists at hand"));
    }
    let asleep = services::Asleep::hold(root)?;
    let packages = packages(missing, has_package);
    sh::run(apt_get(root).args(INSTALL).args(packages))?;
    asleep.release()
}

const INSTALL: [&str; 3] = ["install", "-y", "--no-install-recommends"];

/// Never asks, and waits for another apt-get to end: fresh machines update themselves.
fn apt_get(root: Root) -> Command {
    let mut command = root.command(
        "apt-get",
        &[("DEBIAN_FRONTEND", OsStr::new("noninteractive"))],
    );
    command
        .args(["-o", "DPkg::Lock::Timeout=300"])
        .stdin(Stdio::null());
    command
}

/// The packages to install, each once: for each need the first that this suite has.
fn packages(missing: &[&Need], has: impl Fn(&str) -> bool) -> BTreeSet<&'static str> {
    let choose = |need: &&Need| {
        let [first @ .., last] = need.packages else {
            return None;
        };
        Some(first.iter().find(|name| has(name)).copied().unwrap_or(last))
    };
    missing.iter().filter_map(choose).collect()
}

/// Whether apt could install it; a name that others merely mention has no record.
fn has_package(name: &str) -> bool {
    sh::read(Command::new("apt-cache").args(["show", name])).is_ok_and(|text| !text.is_empty())
}

fn programs(needs: &[&Need]) -> String {
    needs
        .iter()
        .map(|need| need.program)
        .collect::<Vec<_>>()
        .join(", ")
}

fn type_it_yourself(missing: &[&Need]) -> Unmet {
    let packages: Vec<_> = packages(missing, has_package).into_iter().collect();
    if !has_apt() {
        let text = format!(
            "without apt-get these must come from elsewhere: {}; Debian's packages are:",
            programs(missing)
        );
        return Unmet::new(text, &[packages.join(" ")]);
    }
    Unmet::new(
        "installing them takes root; type:",
        &[
            "sudo apt-get update".into(),
            format!("sudo apt-get {} {}", INSTALL.join(" "), packages.join(" ")),
        ],
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    const SOME: &[Need] = &[
        need("dockerd", &["docker.io"]),
        need("docker", &["docker-cli", "docker.io"]),
        BUSYBOX,
    ];

    fn folder_with(programs: &[&str]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for program in programs {
            let file = dir.path().join(program);
            std::fs::write(&file, "#!/bin/sh\n").unwrap();
            std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
        }
        dir
    }

    fn names(needs: &[&Need]) -> Vec<&'static str> {
        needs.iter().map(|need| need.program).collect()
    }

    #[test]
    fn needs_are_found_by_their_programs() {
        let dir = folder_with(&["dockerd"]);
        let found = missing(SOME, dir.path().as_os_str());
        assert_eq!(names(&found), ["docker", "busybox"]);
    }

    #[test]
    fn a_busybox_that_is_not_static_is_missing() {
        let dir = folder_with(&["dockerd", "docker", "busybox"]);
        let found = missing(SOME, dir.path().as_os_str());
        assert_eq!(names(&found), ["busybox"]);
    }

    #[test]
    fn each_suite_gets_its_own_docker_cli() {
        let all: Vec<_> = SOME.iter().collect();
        let old = packages(&all, |_| false);
        assert_eq!(
            old.into_iter().collect::<Vec<_>>(),
            ["busybox-static", "docker.io"]
        );
        let new = packages(&all, |name| name == "docker-cli");
        assert_eq!(
            new.into_iter().collect::<Vec<_>>(),
            ["busybox-static", "docker-cli", "docker.io"]
        );
    }
}
