//! The Kubernetes pod a container is part of, as containerd wrote it down for the runtime.
//!
//! Kubernetes itself is not asked: that would take its credentials. The file is the container's OCI
//! configuration, whose annotations say for whom it was made
//! (<https://github.com/containerd/containerd/blob/v2.1.0/internal/cri/annotations/annotations.go>).

use serde::Deserialize;
use std::collections::BTreeMap;
use tracer_core::input::Pod;

use super::files::Root;

/// Where containerd keeps the bundles of running containers; the second is that of k3s.
const BUNDLES: [&str; 2] = [
    "/run/containerd/io.containerd.runtime.v2.task/k8s.io",
    "/run/k3s/containerd/io.containerd.runtime.v2.task/k8s.io",
];
/// Longer than any sane configuration: a hundred mounts take 30 KiB.
const MAX_CONFIG: u64 = 1 << 20;

/// The part of an OCI runtime configuration that is of interest.
#[derive(Deserialize)]
struct Config {
    #[serde(default)]
    annotations: BTreeMap<String, String>,
}

/// The pod of the container with this id; none for one of no pod.
pub(super) fn of_container(id: &str) -> Option<Pod> {
    let root = Root::own().ok()?;
    let read = |folder: &&str| {
        root.read(&format!("{folder}/{id}/config.json"), MAX_CONFIG)
            .ok()
    };
    parse(&BUNDLES.iter().find_map(read)?)
}

fn parse(text: &str) -> Option<Pod> {
    let config: Config = serde_json::from_str(text).ok()?;
    let annotation = |name: &str| {
        let value = config.annotations.get(&format!("io.kubernetes.cri.{name}"));
        value.filter(|value| !value.is_empty()).cloned()
    };
    Some(Pod {
        namespace: annotation("sandbox-namespace")?,
        name: annotation("sandbox-name")?,
        container: annotation("container-name"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What containerd 1.7 writes for the container `dind` of a runner's pod, shortened by what is
    /// not read.
    const DIND: &str = r#"{"ociVersion":"1.1.0","process":{"user":{"uid":0,"gid":0},
        "args":["dockerd-entrypoint.sh"],"cwd":"/"},"root":{"path":"rootfs"},"hostname":"runner",
        "annotations":{"io.kubernetes.cri.container-name":"dind",
        "io.kubernetes.cri.container-type":"container",
        "io.kubernetes.cri.image-name":"docker.io/library/docker:27-dind",
        "io.kubernetes.cri.sandbox-id":"446c65ab43d490ab8d7f693a46050db88f66a2bf657eda0c3de8bc8bab516be4",
        "io.kubernetes.cri.sandbox-name":"runner-z3wu8uu-project-77-concurrent-0-ab12cd34",
        "io.kubernetes.cri.sandbox-namespace":"ci",
        "io.kubernetes.cri.sandbox-uid":"8dbc5577-d0e2-4706-8787-57d52c03ddf2"}}"#;

    #[test]
    fn a_container_of_a_pod_tells_which() {
        let pod = parse(DIND).unwrap();
        assert_eq!(
            (&*pod.namespace, pod.container.as_deref()),
            ("ci", Some("dind"))
        );
        assert_eq!(pod.name, "runner-z3wu8uu-project-77-concurrent-0-ab12cd34");
    }

    #[test]
    fn other_containers_are_of_no_pod() {
        for text in [
            "{}",
            r#"{"annotations":{}}"#,
            r#"{"annotations":[]}"#,
            "",
            "{",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
        assert_eq!(of_container(&"0".repeat(64)), None);
    }
}
