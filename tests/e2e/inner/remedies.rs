//! What is to be typed on the host enters the container's namespace, or asks its daemon.

use anyhow::{Result, ensure};
use bridgetrace_lab::scenario;
use serde_json::Value;

use super::expect::names_the_network;
use super::scene::Scene;
use crate::outage::expect;
use crate::outage::stage::{at, is_phase};

#[test]
fn the_host_route_is_added_inside() -> Result<()> {
    Scene::raise()?.play(|scene| {
        let finding = lost(scene)?;
        let command = tried(scene, &finding, "host-route")?;
        let pid = scene.dind.container().pid()?;
        let wanted =
            format!("nsenter --net -t {pid} ip route add 172.22.10.119/32 via 172.17.0.1 dev eth0");
        ensure!(command == wanted, "{command}");
        Ok(())
    })
}

#[test]
fn routes_without_carrier_are_passed_over_inside() -> Result<()> {
    Scene::raise()?.play(|scene| {
        let finding = lost(scene)?;
        tried(scene, &finding, "ignore-linkdown").map(drop)
    })
}

/// By the inner daemon's socket, as the host's processes find it.
#[test]
fn the_inner_network_is_made_anew() -> Result<()> {
    Scene::raise()?.play(|scene| {
        let finding = lost(scene)?;
        let command = tried(scene, &finding, "recreate-network")?;
        let socket = scene.dind.socket_through_proc()?;
        ensure!(command.contains(&socket.display().to_string()), "{command}");
        Ok(())
    })
}

/// The address pools of the inner daemon are in its container's files, not in the host's.
#[test]
fn no_file_of_the_host_is_named() -> Result<()> {
    Scene::raise()?.play(|scene| {
        let finding = lost(scene)?;
        let remedies = at(&finding, "bridgetrace.remedies").to_string();
        ensure!(!remedies.contains("daemon.json"), "{remedies}");
        ensure!(!remedies.contains("systemctl"), "{remedies}");
        Ok(())
    })
}

/// An outage whose network is named.
fn lost(scene: &mut Scene) -> Result<Value> {
    scenario::collide(&scene.dind)?;
    let opened = scene.connect_and_find()?;
    scene.line(&expect::id(&opened)?, names_the_network)
}

/// Types in the remedy: the PC is back and the outage over; the undo brings it back.
fn tried(scene: &mut Scene, finding: &Value, id: &str) -> Result<String> {
    let command = expect::remedy(finding, id, "command")?;
    scene.type_in(&command)?;
    scene.becomes(true)?;
    scene.line(&expect::id(finding)?, |f| is_phase(f, "resolved"))?;
    scene.type_in(&expect::remedy(finding, id, "undo")?)?;
    scene.becomes(false)?;
    Ok(command)
}
