//! What is not docker's is never a ghost, and neither is what is merely idle.

use anyhow::{Result, ensure};
use bridgetrace_lab::wait_until;

use crate::check::look::Look;
use crate::outage::stage::{SOON, Stage, at};

use super::scene::age;

/// Bridges of libvirt, BuildKit, podman and Kubernetes' plugins, as they are when nobody uses them.
const STRANGERS: [&str; 7] = [
    "virbr0",
    "buildkit0",
    "cni0",
    "cbr0",
    "podman0",
    "cilium_host",
    "br-lan",
];

#[test]
fn idle_networks_and_strangers_bridges_are_no_ghosts() -> Result<()> {
    Stage::raise(&[])?.play(|stage| {
        stage.daemon.import_busybox()?;
        for (number, name) in STRANGERS.iter().enumerate() {
            stage.lab.srv.ip(&format!(
                "link add {name} type bridge\naddress add 10.90.{number}.1/24 dev {name}\n\
                 link set {name} up\n"
            ))?;
        }
        // One that nobody ever used, and one whose container was stopped.
        stage.daemon.create_network("idle", &["10.201.1.0/24"])?;
        stage.daemon.create_network("night", &["10.201.2.0/24"])?;
        let run = ["run", "--detach", "--name=db", "--network=night"];
        let project = [
            "--label=com.docker.compose.project=shop",
            bridgetrace_lab::docker::BUSYBOX,
            "sleep",
            "600",
        ];
        stage.daemon.docker(&[&run[..], &project].concat())?;
        stage.daemon.docker(&["stop", "--time=0", "db"])?;
        // Whoever needs them may have gone for the night, but not for a moment only.
        age(&mut stage.daemon)?;

        let endpoint = stage.daemon.client().endpoint();
        let look = Look::at(&stage.lab.srv, &["--docker-host", &endpoint])?;
        look.ended(0)?;
        ensure!(look.summary["ghosts"] == 0, "{look:#?}");
        let unused = look.summary["unused"].as_array();
        let unused: Vec<_> = unused.into_iter().flatten().map(|it| &it["name"]).collect();
        ensure!(
            unused == ["idle", "night"] || unused == ["night", "idle"],
            "{look:#?}"
        );
        // Removing a network is told of by docker's events: what came before has been taken in then.
        stage.daemon.remove_network("idle")?;
        let bridges = || {
            stage
                .lab
                .srv
                .run(&["ip", "-o", "link", "show", "type", "bridge"])
        };
        wait_until("the bridge to go", SOON, || {
            Ok(bridges()?.lines().count() == STRANGERS.len() + 2)
        })?;
        let mut said = stage.everything()?;
        // That the daemon was away is told, too.
        said.retain(|f| at(f, "event.action") == "ghost-network");
        ensure!(said.is_empty(), "{said:#?}");
        Ok(())
    })
}
