//! The container a process is in, as its control group tells.
//!
//! Engines and orchestrators name a container's group after it, each in its own way; what they
//! share are the 64 hex digits.

use std::fs;

use tracer_core::input::NetnsOwner;

use super::{netns, pod};

/// Digits of a container's id.
const DIGITS: usize = 64;

/// Who the first process of a namespace says the namespace belongs to.
pub(super) fn owner(pid: u32) -> NetnsOwner {
    let Some(process) = netns::process(pid) else {
        return NetnsOwner::Unknown;
    };
    let groups = fs::read(format!("/proc/{pid}/cgroup")).unwrap_or_default();
    match innermost(&String::from_utf8_lossy(&groups)) {
        Some(id) => NetnsOwner::Container {
            pod: pod::of_container(id),
            id: id.to_owned(),
            process,
        },
        None => NetnsOwner::Process(process),
    }
}

/// The container by the text of `/proc/PID/cgroup`, lines of `id:controllers:path`. Of a container
/// in a container it is the inner one: a network namespace belongs to whoever is closest.
///
/// With cgroup v1 hierarchies may differ: an inner daemon may have been given only some of them.
pub(super) fn innermost(groups: &str) -> Option<&str> {
    let paths = groups.lines().filter_map(|line| line.splitn(3, ':').nth(2));
    let nested = paths.map(|path| path.split('/').filter_map(id).collect::<Vec<_>>());
    nested.max_by_key(Vec::len)?.pop()
}

/// The control group a process is in, by the same text: that of the unified hierarchy, or the
/// longest where that one is not in use.
pub(super) fn group(groups: &str) -> Option<&str> {
    let mut lines = groups.lines();
    let unified = lines.find_map(|line| line.strip_prefix("0::"));
    let paths = groups.lines().filter_map(|line| line.splitn(3, ':').nth(2));
    let longest = paths.max_by_key(|path| path.len());
    unified.filter(|path| *path != "/").or(longest)
}

/// The id in one part of a path: `ID`, `docker-ID.scope`, `cri-containerd-ID`, and
/// `NAME.slice:cri-containerd:ID` where containerd has been told the wrong driver.
fn id(part: &str) -> Option<&str> {
    let name = part.strip_suffix(".scope").unwrap_or(part);
    let start = name.len().checked_sub(DIGITS)?;
    let (before, id) = name.split_at_checked(start)?;
    let is_hex = |byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    let prefixed = before.is_empty() || before.ends_with(['-', ':']);
    // `conmon` watches a container from outside.
    (prefixed && !before.ends_with("conmon-") && id.bytes().all(is_hex)).then_some(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "0a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c6d7e8f9";
    const B: &str = "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff";

    #[test]
    fn every_engines_group_is_understood() {
        for path in [
            "/docker/A",
            "/lab-4711/A",
            "/system.slice/docker-A.scope",
            "/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-A.scope/container",
            "/machine.slice/libpod-A.scope",
            "/libpod_parent/libpod-A",
            "/kubepods/burstable/pod8dbc5577-d0e2-4706-8787-57d52c03ddf2/A",
            "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod8dbc.slice/cri-containerd-A.scope",
            "/kubepods.slice/kubepods-pod8dbc.slice/crio-A.scope/container",
            "/kubepods.slice/kubepods-pod8dbc.slice/docker-A.scope",
            "/system.slice/containerd.service/kubepods-besteffort-pod8dbc.slice:cri-containerd:A",
            "/ecs/0123456789abcdef0123456789abcdef/A",
            // As seen from a cgroup namespace beside it.
            "/../A",
        ] {
            let path = path.replace('A', A);
            assert_eq!(innermost(&format!("0::{path}\n")), Some(A), "{path}");
            let v1 = format!("12:cpu,cpuacct:{path}\n11:memory:{path}\n0::/\n");
            assert_eq!(innermost(&v1), Some(A), "{path}");
        }
    }

    #[test]
    fn the_closest_of_nested_containers_counts() {
        for path in [
            "/docker/B/docker/A",
            "/system.slice/docker-B.scope/docker/A",
            "/kubepods/podb4/B/kubepods/besteffort/poda1/A",
        ] {
            let path = path.replace('B', B).replace('A', A);
            assert_eq!(innermost(&format!("0::{path}")), Some(A), "{path}");
        }
        let some = format!("3:pids:/docker/{B}\n2:cpu:/docker/{B}/docker/{A}\n1:name=systemd:/\n");
        assert_eq!(innermost(&some), Some(A));
    }

    #[test]
    fn processes_that_are_in_no_container_are_in_none() {
        let digits = &A[1..];
        for path in [
            "/".to_owned(),
            "/system.slice/docker.service".to_owned(),
            "/user.slice/user-0.slice/session-2.scope".to_owned(),
            "/buildkit/xyz".to_owned(),
            format!("/docker/{digits}"),
            format!("/docker/{}", A.to_uppercase()),
            format!("/x{A}"),
            format!("/machine.slice/libpod-conmon-{A}.scope"),
            format!("/ä{digits}"),
        ] {
            assert_eq!(innermost(&format!("0::{path}")), None, "{path}");
        }
        assert_eq!(innermost("nonsense\n::\n"), None);
    }

    #[test]
    fn the_group_is_that_of_the_hierarchy_in_use() {
        let both = "5:memory:/runner\n1:name=systemd:/x\n0::/system.slice/docker.service\n";
        assert_eq!(group(both), Some("/system.slice/docker.service"));
        assert_eq!(group("5:memory:/runner\n4:cpu:/\n0::/\n"), Some("/runner"));
        assert_eq!(group(""), None);
    }

    #[test]
    fn a_process_that_is_gone_owns_nothing_known() {
        assert_eq!(owner(u32::MAX), NetnsOwner::Unknown);
    }

    proptest::proptest! {
        #[test]
        fn no_text_breaks_the_parser(text in ".*") {
            let _ = innermost(&text);
        }
    }
}
