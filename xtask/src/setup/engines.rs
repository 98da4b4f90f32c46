//! Docker engines of other times than the installed one: their allocators differ. They come out of
//! Debian's packages into a folder of their own, and are never installed.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use crate::debian::{Archive, Suite};
use crate::sh;
use crate::unmet::Unmet;

/// An engine and where it comes from.
struct Engine {
    /// The folder it is kept in, after the version the suite had first.
    name: &'static str,
    suite: &'static str,
    packages: &'static [&'static str],
    /// What is kept, by its path in the packages; runc is the installed one, for those of later
    /// suites want a newer C library.
    programs: &'static [&'static str],
    /// The engine's own versions: the first of these, and before the second.
    versions: (u32, u32),
}

const ENGINES: [Engine; 2] = [
    Engine {
        name: "26.1",
        suite: "trixie",
        packages: &["docker.io", "containerd"],
        programs: &[
            "usr/sbin/docker-proxy",
            "usr/bin/containerd",
            "usr/bin/containerd-shim-runc-v2",
            DOCKERD,
        ],
        versions: (24, 27),
    },
    Engine {
        name: "28.5",
        suite: "sid",
        packages: &["docker.io", "containerd", "docker-cli", "docker-compose"],
        programs: &[
            "usr/sbin/docker-proxy",
            "usr/bin/containerd",
            "usr/bin/containerd-shim-runc-v2",
            "usr/bin/docker",
            "usr/libexec/docker/cli-plugins/docker-compose",
            DOCKERD,
        ],
        versions: (27, u32::MAX),
    },
];

/// Kept last: where it is, everything is.
const DOCKERD: &str = "usr/sbin/dockerd";

/// Finds the engines; fetches those that are missing.
pub(super) fn ensure(engines: &Path) -> Result<()> {
    for engine in &ENGINES {
        let folder = engines.join(engine.name);
        if folder.join("dockerd").is_file() {
            continue;
        }
        sh::say(format!("missing: docker engine {}", engine.name));
        let work = engines.join(format!("{}.part", engine.name));
        let fetched = fetch(engine, &work, &folder);
        remove(&work)?;
        fetched.map_err(|error| type_it_yourself(engine, &folder, &error))?;
    }
    Ok(())
}

/// Works in a folder that goes away again, for the packages are large.
fn fetch(engine: &Engine, work: &Path, folder: &Path) -> Result<()> {
    remove(work)?;
    let suite = Suite::open(work, &Archive::of_this_machine()?, engine.suite)?;
    let unpacked = work.join("unpacked");
    suite.unpack(engine.packages, &unpacked)?;
    check(engine, &unpacked.join(DOCKERD))?;
    fs::create_dir_all(folder).context("create the engine's folder")?;
    for program in engine.programs {
        let name = Path::new(program)
            .file_name()
            .context("a program has a name")?;
        fs::rename(unpacked.join(program), folder.join(name))
            .with_context(|| format!("keep {program}"))?;
    }
    Ok(())
}

/// A suite moves on; an engine with another allocator is not the one that is meant.
fn check(engine: &Engine, dockerd: &Path) -> Result<()> {
    let version = sh::read(Command::new(dockerd).arg("--version"))?;
    let major = major(&version).with_context(|| format!("no version: {version}"))?;
    let (from, before) = engine.versions;
    anyhow::ensure!(
        (from..before).contains(&major),
        "{} has another engine by now: {version}",
        engine.suite
    );
    Ok(())
}

/// `28` of `Docker version 28.5.2+dfsg4, build …`.
fn major(version: &str) -> Option<u32> {
    let number = version.strip_prefix("Docker version ")?;
    number.split('.').next()?.parse().ok()
}

fn remove(folder: &Path) -> Result<()> {
    if !folder.exists() {
        return Ok(());
    }
    fs::remove_dir_all(folder).with_context(|| format!("remove {}", folder.display()))
}

/// Without network, or without Debian's apt: what brings the programs from elsewhere.
fn type_it_yourself(engine: &Engine, folder: &Path, error: &anyhow::Error) -> Unmet {
    let Engine {
        name,
        suite,
        packages,
        programs,
        ..
    } = engine;
    let folder = folder.display();
    Unmet::new(
        format!(
            "docker engine {name} could not be fetched ({error:#}); the lab compares forecasts with it. \
             On a machine with Debian {suite}, and copy the folder here:"
        ),
        &[
            format!("apt-get download {}", packages.join(" ")),
            "for deb in *.deb; do dpkg-deb -x \"$deb\" engine; done".to_owned(),
            format!("mkdir -p {folder}"),
            format!("(cd engine && cp {} {folder}/)", programs.join(" ")),
        ],
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_major_version_decides() {
        assert_eq!(
            major("Docker version 28.5.2+dfsg4, build 3ef3c07"),
            Some(28)
        );
        assert_eq!(major("podman version 4.9.3"), None);
    }

    #[test]
    fn the_daemon_is_kept_last() {
        assert!(
            ENGINES
                .iter()
                .all(|engine| engine.programs.last() == Some(&DOCKERD))
        );
    }

    #[test]
    fn without_a_network_everything_can_be_typed() {
        let error = anyhow::anyhow!("no route to host");
        let unmet = type_it_yourself(&ENGINES[0], Path::new("/t/26.1"), &error).to_string();
        assert!(unmet.contains("no route to host"), "{unmet}");
        let typed = "\n    apt-get download docker.io containerd\n";
        assert!(unmet.contains(typed), "{unmet}");
        assert!(unmet.ends_with("usr/sbin/dockerd /t/26.1/)"), "{unmet}");
    }
}
