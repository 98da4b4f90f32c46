//! Whether this process may trace at all, asked before anything is loaded, so that the answer
//! names what is missing instead of an errno.

use std::{collections::HashSet, path::Path};

use anyhow::{Result, bail};
use caps::{CapSet, Capability};

/// What each capability is for. `CAP_SYS_ADMIN` includes both.
const NEEDED: [(Capability, &str); 2] = [
    (Capability::CAP_BPF, "to load BPF programs"),
    (
        Capability::CAP_PERFMON,
        "to attach them to kernel tracepoints",
    ),
];

/// What is not seen without each capability.
const USEFUL: [(Capability, &str); 2] = [
    (
        Capability::CAP_SYS_ADMIN,
        "why packets of other network namespaces (containers) are lost",
    ),
    (
        Capability::CAP_SYS_PTRACE,
        "which process of another user sends the lost packets",
    ),
];

/// Every user id of the host: the map of a process in no user namespace.
const NO_USER_NAMESPACE: [&str; 3] = ["0", "0", "4294967295"];

/// Fails with one line that names the missing capabilities; says what will not be seen.
pub(crate) fn capabilities() -> Result<Vec<String>> {
    let effective = caps::read(None, CapSet::Effective)?;
    let map = std::fs::read_to_string("/proc/self/uid_map").unwrap_or_default();
    if let Some(refusal) = refusal(&effective, nix::unistd::geteuid().is_root(), &map) {
        bail!(refusal);
    }
    let missing = USEFUL
        .iter()
        .filter(|(capability, _)| !effective.contains(capability));
    Ok(missing
        .map(|(capability, unseen)| format!("{unseen}: {capability} is missing"))
        .collect())
}

fn refusal(effective: &HashSet<Capability>, root: bool, uid_map: &str) -> Option<String> {
    let missing = NEEDED.iter().filter(|(capability, _)| {
        !effective.contains(capability) && !effective.contains(&Capability::CAP_SYS_ADMIN)
    });
    let missing: Vec<&(Capability, &str)> = missing.collect();
    let words = missing
        .iter()
        .map(|(name, what)| format!("{name} ({what})"));
    let words = words.collect::<Vec<_>>().join(" and ");
    let are = if missing.len() == 1 { "is" } else { "are" };
    if missing.is_empty() {
        in_user_namespace(uid_map).then(|| {
            "this is root of a user namespace only, as in a rootless container, which may not \
             load BPF programs; run it as root on the host: sudo bridgetrace"
                .to_owned()
        })
    } else if root {
        Some(format!(
            "{words} {are} missing although this is root, as in a container; run it on the host, \
             or start the container with {}",
            options(&missing),
        ))
    } else {
        Some(format!(
            "not root: {words} {are} missing; run: sudo bridgetrace"
        ))
    }
}

/// The options of `docker run` that grant them.
fn options(missing: &[&(Capability, &str)]) -> String {
    let option = |(name, _): &&(Capability, &str)| {
        let name = name.to_string();
        format!("--cap-add={}", name.strip_prefix("CAP_").unwrap_or(&name))
    };
    missing.iter().map(option).collect::<Vec<_>>().join(" ")
}

/// Capabilities are worth nothing to bpf() there.
fn in_user_namespace(uid_map: &str) -> bool {
    !uid_map.is_empty() && !uid_map.split_whitespace().eq(NO_USER_NAMESPACE)
}

/// Why the kernel may refuse a BPF call that the capabilities allow.
pub(crate) fn explain_refusal() -> String {
    match lockdown(Path::new("/sys/kernel/security/lockdown")) {
        // "integrity", which Secure Boot sets, lets BPF read.
        Some(mode) if mode == "confidentiality" => {
            "the kernel is locked down (confidentiality), which forbids BPF to read kernel memory; \
             boot without lockdown=confidentiality"
                .to_owned()
        }
        _ => "a security policy forbids the bpf() system call (seccomp, as in a container \
             without --privileged, or an LSM such as SELinux); run it on the host"
            .to_owned(),
    }
}

/// The active mode in `none [integrity] confidentiality`, if it is not `none`.
fn lockdown(file: &Path) -> Option<String> {
    let text = std::fs::read_to_string(file).ok()?;
    let mode = text.split_once('[')?.1.split_once(']')?.0;
    (mode != "none").then(|| mode.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOST: &str = "         0          0 4294967295\n";

    #[test]
    fn a_refusal_names_what_is_missing_and_what_to_do() {
        use Capability::{CAP_BPF, CAP_PERFMON, CAP_SYS_ADMIN};
        let said = |caps: &[Capability], root, map| {
            refusal(&caps.iter().copied().collect(), root, map).unwrap_or_default()
        };
        assert_eq!(said(&[CAP_SYS_ADMIN], true, HOST), "");
        assert_eq!(said(&[CAP_BPF, CAP_PERFMON], false, HOST), "");
        assert!(said(&[], false, HOST).ends_with("are missing; run: sudo bridgetrace"));
        assert!(said(&[CAP_PERFMON], true, HOST).ends_with("with --cap-add=BPF"));
        assert!(said(&[], true, HOST).ends_with("with --cap-add=BPF --cap-add=PERFMON"));
        assert!(said(&[CAP_SYS_ADMIN], true, "0 1000 1\n").contains("user namespace"));
    }

    #[test]
    fn lockdown_mode_is_the_bracketed_one() {
        let file =
            std::env::temp_dir().join(format!("bridgetrace-lockdown-{}", std::process::id()));
        for (text, mode) in [
            (
                "none integrity [confidentiality]\n",
                Some("confidentiality"),
            ),
            ("[none] integrity confidentiality\n", None),
            ("", None),
        ] {
            std::fs::write(&file, text).unwrap();
            assert_eq!(lockdown(&file).as_deref(), mode);
        }
        std::fs::remove_file(&file).unwrap();
    }
}
