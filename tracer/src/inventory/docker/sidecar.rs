//! A daemon beside a job (docker in docker, a service of the job) whose client cannot prove who it is,
//! because another mount hides the certificates that the daemon made for it: incident I-5.
//!
//! Nobody asks such a daemon from here; what hides the files is seen from outside. Walks `/proc` and
//! reads files of containers, so it may block: call it off the runtime.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use nix::fcntl::OFlag;
use tracer_core::input::{Cause, Sidecar, Unreachable};

use super::process;
use crate::inventory::{
    container,
    files::Root,
    mounts, netns,
    proc::{self, Memory},
    processes,
};

/// Clients told of at once: a host has no more jobs than that in the same trouble.
const CLIENTS: usize = 64;
/// The client's files.
const FILES: [&str; 3] = ["ca.pem", "cert.pem", "key.pem"];
/// Longer than any chain of certificates, and than any environment.
const MAX_FILE: u64 = 1 << 20;

/// A dockerd that wants certificates.
struct Served {
    netns: u32,
    /// Whom it believes.
    ca: Option<String>,
}

/// All there are now.
pub(crate) fn all() -> Vec<Sidecar> {
    let pids = netns::pids();
    let served: Vec<Served> = pids.iter().filter_map(|pid| served(*pid)).collect();
    if served.is_empty() {
        return Vec::new();
    }
    let own = mounts::namespace(std::process::id());
    let elsewhere = |pid: &u32| mounts::namespace(*pid).is_some_and(|it| Some(it) != own);
    let mut seen = BTreeSet::new();
    pids.into_iter()
        .filter(elsewhere)
        .filter_map(|pid| client(pid, &served, &mut seen))
        .take(CLIENTS)
        .collect()
}

fn served(pid: u32) -> Option<Served> {
    if !process::is_dockerd(pid) {
        return None;
    }
    let words = process::command_line(pid)?;
    let verifies = |word: &String| word == "--tlsverify" || word == "--tlsverify=true";
    words.iter().any(verifies).then_some(())?;
    let ca = process::option(&words, &["--tlscacert"]);
    let ca = ca.last().map(|file| (*file).to_owned());
    let read = move || Root::of_process(pid).ok()?.read(&ca?, MAX_FILE).ok();
    Some(Served {
        netns: netns::of_process(pid).ok()?,
        ca: proc::patiently(pid, read).flatten(),
    })
}

/// The process, if it is a client whose certificates a mount hides; one for each folder.
fn client(pid: u32, served: &[Served], seen: &mut BTreeSet<(u64, PathBuf)>) -> Option<Sidecar> {
    let variables = variables(pid)?;
    let (endpoint, folder) = wanted(&variables)?;
    if !seen.insert((mounts::namespace(pid)?, folder.clone())) {
        return None;
    }
    let netns = netns::of_process(pid).ok()?;
    // With one that lives elsewhere the client may have nothing to do.
    let daemon = served.iter().find(|daemon| daemon.netns == netns)?;
    let ca = daemon.ca.clone();
    // Its files may be served by whoever never answers.
    let why = proc::patiently(pid, move || hidden(pid, &folder, ca.as_deref()));
    Some(Sidecar {
        netns,
        owner: container::owner(pid),
        process: netns::process(pid)?,
        endpoint,
        why: why.flatten()?,
        variables: processes::variables_of(pid),
    })
}

/// Where a process would look for its daemon and its certificates, by its environment.
fn wanted(variables: &BTreeMap<String, String>) -> Option<(String, PathBuf)> {
    let get = |name| variables.get(name).filter(|value| !value.is_empty());
    get("DOCKER_TLS_VERIFY")?;
    let host = get("DOCKER_HOST").filter(|host| host.starts_with("tcp://"))?;
    let folder = Path::new(get("DOCKER_CERT_PATH")?);
    folder
        .is_absolute()
        .then(|| (host.clone(), folder.to_owned()))
}

/// Why the files in the folder are of no use, if what hides the right ones is a mount.
fn hidden(pid: u32, folder: &Path, ca: Option<&str>) -> Option<Unreachable> {
    let root = Root::of_process(pid).ok()?;
    let path = |name: &str| folder.join(name).to_str().map(str::to_owned);
    let absent = |name: &&str| {
        let found = path(name).and_then(|path| root.open(&path, OFlag::O_PATH).ok());
        found.is_none()
    };
    let missing: Vec<&str> = FILES.into_iter().filter(absent).collect();
    let shown = folder.display();
    let (cause, sentence) = match (missing.as_slice(), ca) {
        ([], None) => return None,
        ([], Some(ca)) => {
            let own = root.read(&path(FILES[0])?, MAX_FILE).ok()?;
            if own.trim() == ca.trim() {
                return None;
            }
            let sentence =
                format!("ca.pem in {shown} is not the authority that the daemon goes by");
            (Cause::CertificateUntrusted, sentence)
        }
        ([only], _) => (
            Cause::CertificateMissing,
            format!("{only} is missing in {shown}"),
        ),
        (several, _) => (
            Cause::CertificateMissing,
            format!("{} are missing in {shown}", several.join(" and ")),
        ),
    };
    let mount = mounts::covering(pid, folder)?;
    Path::new(&mount.point).starts_with(folder).then_some(())?;
    let remedy = mounts::cure(&mount.point);
    Some(Unreachable {
        mount: Some(Box::new(mount)),
        ..Unreachable::new(cause, sentence).with_remedy(remedy)
    })
}

/// Those of its variables that the docker client goes by; nothing else of an environment is kept.
fn variables(pid: u32) -> Option<BTreeMap<String, String>> {
    let bytes = proc::memory(pid, Memory::Environment, MAX_FILE)?;
    let pairs = bytes
        .split(|byte| *byte == 0)
        .filter(|pair| pair.starts_with(b"DOCKER_"));
    let pairs = pairs.filter_map(|pair| std::str::from_utf8(pair).ok()?.split_once('='));
    Some(
        pairs
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_is_who_has_all_three_variables() {
        let all = [
            ("DOCKER_HOST", "tcp://docker:2376"),
            ("DOCKER_TLS_VERIFY", "1"),
            ("DOCKER_CERT_PATH", "/certs/client"),
        ];
        let set = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
            let pairs = pairs.iter();
            pairs
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect()
        };
        let found = wanted(&set(&all));
        assert_eq!(
            found,
            Some(("tcp://docker:2376".to_owned(), "/certs/client".into()))
        );
        for without in 0..all.len() {
            let mut some = all.to_vec();
            some.remove(without);
            assert_eq!(wanted(&set(&some)), None);
        }
        let mut local = set(&all);
        local.insert("DOCKER_HOST".to_owned(), "unix:///run/d".to_owned());
        assert_eq!(wanted(&local), None);
    }

    #[test]
    fn files_that_no_mount_hides_are_not_told_of() {
        let pid = std::process::id();
        assert_eq!(hidden(pid, Path::new("/nonexistent/client"), None), None);
        // What is mounted there has no certificates.
        let proc = hidden(pid, Path::new("/proc"), None).expect("hidden");
        assert_eq!(proc.cause, Cause::CertificateMissing);
        assert!(proc.sentence.contains("ca.pem and cert.pem and key.pem"));
        assert_eq!(proc.mount.expect("a mount").fs_type, "proc");
    }
}
