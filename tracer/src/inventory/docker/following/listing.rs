//! Everything that an engine has, once: two lists, and inspections of what they do not tell.

use std::{collections::BTreeMap, time::Duration};

use futures_util::{StreamExt as _, stream};
use tokio::time::{Instant, timeout_at};
use tracer_core::input::{Body, DockerContainer, DockerEndpoint, DockerNetwork};

use super::{Ended, Following};
use crate::inventory::docker::{engine::Failure, event::Object};

/// How long the listing waits for the history of stopped containers.
const HISTORY: Duration = Duration::from_secs(1);
/// Objects that are inspected at a time.
const AT_ONCE: usize = 8;

/// Whether networks are inspected before they are listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Depth {
    /// Those that no running container tells of, for a while; the others after it: whoever follows events hears of them.
    Soon,
    /// All: whoever looks once hears of nothing later.
    Whole,
}

impl Depth {
    /// When the listing waits no longer for inspections of networks, if ever.
    fn deadline(self) -> Option<Instant> {
        (self == Self::Soon).then(|| Instant::now() + Duration::from_millis(200))
    }
}

impl Following<'_> {
    /// Everything there is.
    pub(super) async fn listing(&mut self) -> Result<Body, Ended> {
        let lost = |failure: Failure| Ended::Lost(failure.into());
        let mut networks = self.engine.networks().await.map_err(lost)?;
        networks.retain(|it| self.intake.admits(&Object::Network(it.id.clone())));
        let mut containers = self.engine.containers().await.map_err(lost)?;
        containers.retain(|it| self.intake.admits(&Object::Container(it.id.clone())));
        if self.depth == Depth::Soon {
            settle(&mut networks, &containers);
        }
        let (mut networks, mut untold): (Vec<_>, Vec<_>) = networks
            .into_iter()
            .partition(|it| !it.endpoints.is_empty());
        let later = networks.iter().map(|it| Object::Network(it.id.clone()));
        self.later = later.collect();
        untold.sort_by_key(|it| !is_of_a_swarm(it));
        networks.extend(self.in_full(untold).await?);
        let containers = self.with_history(containers).await;
        Ok(self.bearable(networks, containers))
    }

    /// Of a container that does not run any more the list does not tell when it did. One that the engine is
    /// too busy to inspect is looked at again.
    async fn with_history(&mut self, listed: Vec<DockerContainer>) -> Vec<DockerContainer> {
        let engine = &self.engine;
        let deadline = Instant::now() + HISTORY;
        let told = stream::iter(listed).map(|listed| async move {
            if listed.is_running() || listed.never_ran() {
                return (listed, true);
            }
            match timeout_at(deadline, engine.container(&listed.id)).await {
                Ok(Ok(Some(full))) => (full, true),
                _ => (listed, false),
            }
        });
        let told: Vec<(DockerContainer, bool)> = told.buffered(AT_ONCE).collect().await;
        let untold = told.iter().filter(|(_, told)| !told);
        let untold = untold.map(|(container, _)| Object::Container(container.id.clone()));
        self.slow.extend(untold);
        told.into_iter().map(|(container, _)| container).collect()
    }

    fn bearable(
        &mut self,
        mut networks: Vec<DockerNetwork>,
        mut containers: Vec<DockerContainer>,
    ) -> Body {
        networks.retain(|network| self.intake.bears(network));
        containers.retain(|container| self.intake.bears(container));
        Body::DockerListing {
            daemon: self.daemon(),
            networks,
            containers,
        }
    }

    /// Networks with their endpoints. One whose turn does not come in time, or that the engine is too busy to inspect, is listed
    /// without, and looked at again.
    async fn in_full(&mut self, listed: Vec<DockerNetwork>) -> Result<Vec<DockerNetwork>, Ended> {
        let (engine, deadline) = (&self.engine, self.depth.deadline());
        let inspect = |listed: DockerNetwork| async move {
            let found = match deadline {
                // Not even asked for.
                Some(deadline) if Instant::now() >= deadline => None,
                Some(deadline) => timeout_at(deadline, engine.network(&listed.id)).await.ok(),
                None => Some(engine.network(&listed.id).await),
            };
            (listed, found)
        };
        let mut inspected = stream::iter(listed).map(inspect).buffered(AT_ONCE);
        let mut networks = Vec::new();
        while let Some((listed, found)) = inspected.next().await {
            match found {
                None => {
                    self.later.insert(Object::Network(listed.id.clone()));
                    networks.push(listed);
                }
                Some(Ok(network)) => networks.extend(network),
                Some(Err(Failure::Missing)) => {}
                Some(Err(Failure::Slow(_))) => {
                    self.slow.insert(Object::Network(listed.id.clone()));
                    networks.push(listed);
                }
                Some(Err(failure)) => return Err(Ended::Lost(failure.into())),
            }
        }
        Ok(networks)
    }
}

/// Puts what running containers say of themselves into their networks: to inspect each takes an engine longer than
/// everything else that is asked of it. An endpoint whose container is gone is only told by an inspection, which follows, or
/// comes first where no running container is in the network, if its turn comes in time.
fn settle(networks: &mut [DockerNetwork], containers: &[DockerContainer]) {
    let places = networks.iter_mut();
    let mut places: BTreeMap<&str, &mut Vec<DockerEndpoint>> = places
        .map(|it| (it.id.as_str(), &mut it.endpoints))
        .collect();
    let running = containers.iter().filter(|it| it.is_running());
    // Without an address it is none yet, or none any more.
    let endpoints = running
        .flat_map(|it| &it.endpoints)
        .filter(|it| !it.addresses.is_empty());
    for endpoint in endpoints {
        if let Some(there) = places.get_mut(endpoint.network.as_str()) {
            there.push(endpoint.clone());
        }
    }
    for there in places.into_values() {
        there.sort_by(|a, b| a.container.cmp(&b.container));
    }
}

/// Whether the network has sandboxes, which no list tells of.
fn is_of_a_swarm(network: &DockerNetwork) -> bool {
    network.name == "docker_gwbridge" || network.driver == "overlay"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn container(id: &str, state: &str, places: &[(&str, &str)]) -> DockerContainer {
        let endpoint = |(network, address): &(&str, &str)| DockerEndpoint {
            network: (*network).to_owned(),
            container: id.to_owned(),
            container_name: id.to_owned(),
            addresses: address.parse().into_iter().collect(),
            mac: None,
        };
        DockerContainer {
            id: id.to_owned(),
            state: state.to_owned(),
            endpoints: places.iter().map(endpoint).collect(),
            ..DockerContainer::default()
        }
    }

    #[test]
    fn who_runs_in_a_network_is_an_endpoint_of_it() {
        let network = |id: &str| DockerNetwork {
            id: id.to_owned(),
            ..DockerNetwork::default()
        };
        let mut networks = ["front", "back", "host"].map(network);
        settle(
            &mut networks,
            &[
                container(
                    "b",
                    "running",
                    &[("front", "10.1.0.3"), ("back", "10.2.0.3")],
                ),
                container("a", "paused", &[("front", "10.1.0.2")]),
                container("gone", "exited", &[("back", "10.2.0.4")]),
                container("about-to-start", "restarting", &[("back", "")]),
                container("guest-of-the-host", "running", &[("host", "")]),
                container("late", "running", &[("made-meanwhile", "10.3.0.2")]),
            ],
        );
        let endpoints = networks.map(|network| {
            let who = network.endpoints.into_iter();
            who.map(|it| it.container).collect::<Vec<_>>()
        });
        assert_eq!(endpoints, [vec!["a", "b"], vec!["b"], vec![]]);
    }
}
