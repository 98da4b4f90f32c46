//! A pod of GitLab's Kubernetes executor, as far as this host can have one: a real network namespace and
//! control group of a container that no docker daemon is asked about, and the file that containerd
//! keeps of it. (The file's shape is containerd 1.7's, written by the test: there is no kubelet here.)

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use bridgetrace_lab::topology::{PC, SRV};
use bridgetrace_lab::{Dockerd, Service, Topology, Tracer, WorldDump, peers, preflight};
use serde_json::json;

use crate::outage::stage::{at, holds};

const BUNDLES: &str = "/run/containerd/io.containerd.runtime.v2.task/k8s.io";
const NOBODY: &str = "unix:///nonexistent/docker.sock";
const POD: &str = "runner-z3wu8uu-project-77-concurrent-0-ab12cd34";
const SOON: Duration = Duration::from_secs(10);

/// The bundle of a container; what was made for it goes with it.
struct Bundle(PathBuf);

impl Bundle {
    fn write(id: &str) -> Result<Self> {
        let folder = Path::new(BUNDLES).join(id);
        fs::create_dir_all(&folder).context("make the bundle")?;
        let annotation = |name: &str| format!("io.kubernetes.cri.{name}");
        let config = json!({
            "ociVersion": "1.1.0",
            "process": {"args": ["dockerd-entrypoint.sh"], "cwd": "/"},
            "root": {"path": "rootfs"},
            "annotations": {
                annotation("container-name"): "dind",
                annotation("container-type"): "container",
                annotation("sandbox-name"): POD,
                annotation("sandbox-namespace"): "ci",
                annotation("sandbox-uid"): "8dbc5577-d0e2-4706-8787-57d52c03ddf2",
            },
        });
        fs::write(folder.join("config.json"), config.to_string()).context("write the bundle")?;
        Ok(Self(folder))
    }
}

impl Drop for Bundle {
    fn drop(&mut self) {
        // Its parents may be a real containerd's: they go only when they are empty.
        let _ = fs::remove_dir_all(&self.0);
        let parents = self.0.ancestors().skip(1).take(2);
        for parent in parents {
            let _ = fs::remove_dir(parent);
        }
    }
}

#[test]
fn a_loss_inside_a_pod_names_the_pod_and_its_runners_project() -> Result<()> {
    preflight::require()?;
    let lab = Topology::new()?;
    let daemon = Dockerd::start(&lab.srv)?;
    daemon.import_busybox()?;
    let echo = Service::echo("dind", 7)
        .publish(8007, 7)
        .arg("--cap-add=NET_ADMIN");
    let container = echo.run(&daemon)?;
    let _bundle = Bundle::write(container.id())?;
    let mut tracer = Tracer::start(&lab.srv, &["--format", "jsonl", "--docker-host", NOBODY])?;
    tracer.wait_ready()?;
    let world = WorldDump::new(&lab.namespaces(), Some(&daemon));
    world.on_error(|| {
        // What a nested daemon would make.
        let bridge = "ip link add br-80cb5a0c07bc type bridge && \
                      ip address add 172.22.0.1/16 dev br-80cb5a0c07bc && \
                      ip link set br-80cb5a0c07bc up";
        container.exec(&["sh", "-c", bridge])?;
        let (from, to) = ((PC, 0).into(), (SRV, 8007).into());
        ensure!(
            peers::connect(&lab.pc, from, to).is_err(),
            "nothing is lost"
        );
        let owner = format!("pod ci/{POD} (container dind)");
        let inside = |f: &serde_json::Value| at(f, "bridgetrace.netns.owner") == owner.as_str();
        let (found, _) = tracer.wait_line(SOON, inside)?;
        holds(
            &found,
            &[
                ("event.action", json!("reply-blackhole")),
                ("bridgetrace.ci.system", json!("gitlab")),
                ("bridgetrace.ci.project_id", json!("77")),
                (
                    "bridgetrace.ci.known_by",
                    json!(format!("the name of pod {POD}")),
                ),
            ],
        )
    })
}
