//! The container, its daemon and its network come and go while the tracer runs.

use std::time::Duration;

use anyhow::{Result, ensure};
use bridgetrace_lab::scenario;
use serde_json::json;

use super::expect::names_the_network;
use super::scene::{NAME, Scene, serving};
use crate::outage::expect;
use crate::outage::stage::{holds, is_phase};

/// A namespace that nobody else keeps alive is let go within ten seconds.
const LET_GO: Duration = Duration::from_secs(40);

#[test]
fn a_container_younger_than_the_tracer_is_explained() -> Result<()> {
    Scene::raise_late()?.play(|scene| {
        let network = scenario::collide(&scene.dind)?;
        let opened = scene.connect_and_find()?;
        scene.is_lost_inside(&opened, &network)?;
        let named = scene.line(&expect::id(&opened)?, names_the_network)?;
        scene.is_named(&named, &network)
    })
}

/// The network is removed: the outage is over, and told with what it was.
#[test]
fn the_end_of_the_inner_network_is_the_end_of_the_outage() -> Result<()> {
    Scene::raise()?.play(|scene| {
        let network = scenario::collide(&scene.dind)?;
        let opened = scene.connect_and_find()?;
        let id = expect::id(&opened)?;
        scene.line(&id, names_the_network)?;
        scene.dind.remove_network(scenario::COLLIDING)?;
        scene.becomes(true)?;
        let resolved = scene.line(&id, |f| is_phase(f, "resolved"))?;
        scene.is_named(&resolved, &network)
    })
}

/// The job ends and takes its container along; the next job's container, of the same name, has the
/// same outage, which is another one.
#[test]
fn the_next_jobs_container_is_another_one() -> Result<()> {
    Scene::raise()?.play(|scene| {
        scenario::collide(&scene.dind)?;
        let opened = scene.connect_and_find()?;
        let id = expect::id(&opened)?;
        scene.line(&id, names_the_network)?;
        let remove = ["rm", "--force", "--volumes", scene.dind.container().id()];
        scene.stage.daemon.docker(&remove)?;
        let (resolved, _) = scene.stage.tracer.wait_line(LET_GO, |f| {
            f["bridgetrace"]["finding"]["id"] == id.as_str() && is_phase(f, "resolved")
        })?;
        let owner = json!(format!("container {NAME}"));
        holds(&resolved, &[("bridgetrace.netns.owner", owner)])?;
        scene.dind = serving(&scene.stage.daemon)?;
        // The kernel may well give the namespace the number of the one that is gone.
        let network = scenario::collide(&scene.dind)?;
        let again = scene.connect_and_find()?;
        ensure!(expect::id(&again)? != id, "{again:#}");
        scene.is_lost_inside(&again, &network)
    })
}
