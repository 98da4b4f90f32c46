//! What a bridgetrace that watches knows of a daemon's pools: the same core, told what it is told.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use bridgetrace_lab::{Tracer, wait_for};
use tracer_core::Core;
use tracer_core::input::{Body, Input};
use tracer_core::world::pools::PoolUse;

use super::scene::Scene;

const SOON: Duration = Duration::from_secs(20);
/// In front of each input that the tracer logs at `-vvv`.
const INPUT: &str = "bridgetrace: input ";

/// A tracer and a core beside it.
pub(super) struct Watcher {
    tracer: Tracer,
    core: Core,
    /// Lines of the log that were looked at.
    read: usize,
    /// Ids of networks that the tracer was told of, and that it was told are gone.
    found: BTreeSet<String>,
    gone: BTreeSet<String>,
}

impl Watcher {
    /// Watches the scene's host and daemon from now on.
    pub(super) fn start(scene: &Scene) -> Result<Self> {
        let endpoint = scene.daemon.endpoint();
        let arguments = ["-vvv", "--format", "jsonl", "--docker-host", &endpoint];
        let mut tracer = Tracer::start(&scene.host, &arguments)?;
        tracer.wait_ready()?;
        Ok(Self {
            tracer,
            core: Core::default(),
            read: 0,
            found: BTreeSet::new(),
            gone: BTreeSet::new(),
        })
    }

    /// The daemon's pools, once the tracer was told all that happened to the scene.
    pub(super) fn pools(&mut self, scene: &Scene) -> Result<PoolUse> {
        let caught_up = wait_for("the tracer to be told everything", SOON, || {
            match self.take() {
                Ok(()) => self.is_up_to_date(scene).then_some(Ok(())),
                Err(error) => Some(Err(error)),
            }
        });
        caught_up??;
        let mut pools = self.core.pools();
        ensure!(pools.len() == 1, "{pools:#?}");
        Ok(pools.remove(0))
    }

    fn take(&mut self) -> Result<()> {
        let lines = self.tracer.log();
        for line in &lines[self.read..] {
            self.read += 1;
            let Some(input) = line.text.strip_prefix(INPUT) else {
                continue;
            };
            let input: Input = serde_json::from_str(input).context("read an input")?;
            match &input.body {
                Body::DockerNetwork { network, .. } => drop(self.found.insert(network.id.clone())),
                Body::DockerNetworkGone { id, .. } => drop(self.gone.insert(id.clone())),
                Body::DockerListing { networks, .. } => {
                    self.found.extend(networks.iter().map(|it| it.id.clone()));
                }
                _ => {}
            }
            self.core.observe(&input);
        }
        Ok(())
    }

    fn is_up_to_date(&self, scene: &Scene) -> bool {
        let there = scene.networks.iter().all(|(id, _)| self.found.contains(id));
        let gone = scene.removed.iter().all(|id| self.gone.contains(id));
        let namespace = self.core.world().namespace(scene.host.inum());
        let routes = namespace.is_some_and(|namespace| {
            let routes = || {
                namespace
                    .routes()
                    .iter()
                    .map(|it| it.destination.to_string())
            };
            let present = |prefix: &String| routes().any(|it| it == *prefix);
            scene.routes.iter().all(present)
                && scene.routes_gone.iter().all(|prefix| !present(prefix))
        });
        there && gone && routes
    }
}
