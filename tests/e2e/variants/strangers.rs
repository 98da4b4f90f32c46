//! Bridges that docker did not make, and docker networks that are no bridges.

use anyhow::{Result, ensure};
use bridgetrace_lab::peers;
use bridgetrace_lab::topology::SRV;
use serde_json::json;

use super::scene::ping_and_find;
use crate::outage::expect;
use crate::outage::stage::{Stage, evidence, holds};

/// A bridge of that name over the PC's subnet: it swallows as docker's do, but is its maker's.
fn belongs_to(name: &str, owner: &str) -> Result<()> {
    Stage::raise(&[])?.play(|stage| {
        stage.lab.srv.ip(&format!(
            "link add {name} type bridge\n\
             address add 172.22.0.1/16 dev {name}\n\
             link set {name} up\n"
        ))?;
        stage.remembers("172.22.0.0/16")?;
        let opened = ping_and_find(stage)?;
        holds(
            &opened,
            &[
                ("event.action", json!("reply-blackhole")),
                ("bridgetrace.bridge.name", json!(name)),
                ("bridgetrace.bridge.owner", json!(owner)),
                ("bridgetrace.route.prefix", json!("172.22.0.0/16")),
                ("observer.egress.interface.name", json!(name)),
            ],
        )?;
        expect::should_leave_by(&opened, "eno8303")?;
        expect::proven_by(&opened, &["route-into-bridge", "ingress-asymmetry"])?;
        let own = &opened["bridgetrace"];
        ensure!(own.get("docker_network").is_none(), "{opened:#}");
        ensure!(opened["network"].get("name").is_none(), "{opened:#}");
        ensure!(opened.get("container").is_none(), "{opened:#}");
        for kind in ["no-such-endpoint", "ghost-bridge"] {
            ensure!(!evidence(&opened).contains(&kind), "{opened:#}");
        }
        for remedy in ["default-address-pools", "compose-subnet", "recreate"] {
            ensure!(
                expect::remedy(&opened, remedy, "command").is_err(),
                "{remedy} is docker's: {opened:#}"
            );
        }
        super::scene::host_route_works(stage, &opened)
    })
}

#[test]
fn a_bridge_of_libvirt() -> Result<()> {
    belongs_to("virbr0", "libvirt")
}

#[test]
fn a_bridge_of_cni() -> Result<()> {
    belongs_to("cni0", "cni")
}

#[test]
fn a_bridge_of_buildkit() -> Result<()> {
    belongs_to("buildkit0", "buildkit")
}

#[test]
fn a_bridge_of_podman() -> Result<()> {
    belongs_to("podman0", "podman")
}

#[test]
fn a_bridge_of_somebody() -> Result<()> {
    belongs_to("lab-net", "unknown")
}

/// A macvlan network over the PC's subnet routes nothing of the host's: nothing is lost.
#[test]
fn a_macvlan_network_swallows_nothing() -> Result<()> {
    Stage::raise(&[])?.play(|stage| {
        let create = [
            "network",
            "create",
            "--driver=macvlan",
            "--subnet=172.22.0.0/16",
            "--opt=parent=eno8303",
            "mac",
        ];
        stage.daemon.docker(&create)?;
        ensure!(peers::ping(&stage.lab.pc, SRV, 5)?.received == 5);
        let said = stage.findings()?;
        ensure!(said.is_empty(), "{said:#?}");
        // Docker's own allocator would refuse the subnet twice.
        stage.daemon.docker(&["network", "rm", "mac"])?;
        let network = stage.collide()?;
        let opened = ping_and_find(stage)?;
        expect::pc_lost_in(&opened, &network)?;
        stage.last_word().map(drop)
    })
}

/// A macvlan network and a stranger's bridge over one subnet: the network is not taken for the
/// bridge's.
#[test]
fn a_macvlan_network_is_not_taken_for_the_owner_of_a_bridge() -> Result<()> {
    Stage::raise(&[])?.play(|stage| {
        let create = [
            "network",
            "create",
            "--driver=macvlan",
            "--subnet=172.22.0.0/16",
            "--opt=parent=eno8303",
            "mac",
        ];
        stage.daemon.docker(&create)?;
        stage.lab.srv.ip("link add virbr0 type bridge\n\
             address add 172.22.0.1/16 dev virbr0\n\
             link set virbr0 up\n")?;
        let opened = ping_and_find(stage)?;
        holds(&opened, &[("bridgetrace.bridge.owner", json!("libvirt"))])?;
        ensure!(
            opened["bridgetrace"].get("docker_network").is_none(),
            "{opened:#}"
        );
        Ok(())
    })
}
