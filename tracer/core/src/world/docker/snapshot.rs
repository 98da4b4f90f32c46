//! What docker said, as inputs that lead to it.

use std::{collections::BTreeSet, net::IpAddr};

use crate::{
    finding::ContainerRef,
    input::{Body, Daemon, DaemonStatus, Departed, History, Input, PastJob, Removed},
    time::Timestamp,
};

use super::Docker;

impl Docker {
    /// Inputs that tell an empty one all that this one knows at the moment `now`.
    pub(in crate::world) fn snapshot(&self, now: Timestamp) -> Vec<Input> {
        let mut inputs = Vec::new();
        for (daemon, netns) in &self.places {
            let body = Body::DaemonFound {
                daemon: daemon.clone(),
                netns: *netns,
            };
            let away = self.away.get(daemon).copied();
            let at = away.unwrap_or(now);
            inputs.push(Input { at, body });
        }
        for (endpoint, status) in &self.daemons {
            self.tell_daemon(endpoint, status, now, &mut inputs);
        }
        let keys = self.networks.keys().chain(self.containers.keys());
        let endpoints = keys.map(|(endpoint, _)| endpoint).chain(self.listed.keys());
        for endpoint in endpoints.collect::<BTreeSet<_>>() {
            self.tell_belongings(endpoint, now, &mut inputs);
        }
        let sidecars = self.sidecars.as_it_grew();
        inputs.extend(sidecars.map(|(at, all)| Input {
            at,
            body: Body::Sidecars(all),
        }));
        let sandboxes = self.sandboxes.as_it_grew();
        inputs.extend(sandboxes.map(|(at, all)| Input {
            at,
            body: Body::EmptySandboxes(all),
        }));
        let history = self.history();
        if !history.is_empty() {
            let body = Body::History(history);
            inputs.push(Input { at: now, body });
        }
        inputs
    }

    /// What it said of itself last, and that it is away since.
    fn tell_daemon(
        &self,
        endpoint: &str,
        status: &DaemonStatus,
        now: Timestamp,
        inputs: &mut Vec<Input>,
    ) {
        let mut tell = |at, status| {
            let endpoint = endpoint.to_owned();
            let body = Body::Daemon(Daemon { endpoint, status });
            inputs.push(Input { at, body });
        };
        if let Some(info) = self.info(endpoint) {
            tell(now, DaemonStatus::Reachable(Box::new(info.clone())));
        }
        if matches!(status, DaemonStatus::Unreachable(_)) {
            let since = self.away.get(endpoint).copied();
            tell(since.unwrap_or(now), status.clone());
        }
        let pid = self.info(endpoint).and_then(|info| info.pid);
        if let (Some(at), Some(pid)) = (self.ended(endpoint), pid) {
            let body = Body::EngineProcessEnded {
                daemon: endpoint.to_owned(),
                pid,
                bystanders: Vec::new(),
            };
            inputs.push(Input { at, body });
        }
    }

    /// Its networks and containers: as it listed them, and what it told of since.
    fn tell_belongings(&self, endpoint: &str, now: Timestamp, inputs: &mut Vec<Input>) {
        let daemon = || endpoint.to_owned();
        let networks = self.networks.iter().filter(|((of, _), _)| of == endpoint);
        let containers: Vec<_> = self.containers(endpoint).cloned().collect();
        let listed = self.listed(endpoint);
        if let Some(at) = listed {
            let networks = networks.clone().map(|(_, network)| network.clone());
            let body = Body::DockerListing {
                daemon: daemon(),
                networks: networks.collect(),
                containers,
            };
            inputs.push(Input { at, body });
        } else {
            let container = |container| Input {
                at: now,
                body: Body::DockerContainer {
                    daemon: daemon(),
                    container,
                },
            };
            inputs.extend(containers.into_iter().map(container));
        }
        for (key, network) in networks {
            let told = self.told.get(key).copied();
            if told != listed || listed.is_none() {
                let body = Body::DockerNetwork {
                    daemon: daemon(),
                    network: network.clone(),
                };
                let at = told.unwrap_or(now);
                inputs.push(Input { at, body });
            }
        }
    }

    fn history(&self) -> History {
        let departed = |((address, daemon), at): (&(IpAddr, String), &Timestamp)| Departed {
            daemon: daemon.clone(),
            address: *address,
            at: *at,
        };
        let removed = |container: &ContainerRef| Removed {
            id: container.id.clone(),
            name: container.name.clone(),
            service: container.service.clone(),
        };
        let past_jobs = self.past_jobs.iter().cloned();
        History {
            departed: self.departed.iter().map(departed).collect(),
            removed: self.removed.iter().map(removed).collect(),
            past_jobs: past_jobs
                .map(|(daemon, container, at)| PastJob {
                    daemon,
                    container,
                    at,
                })
                .collect(),
            lost: self.lost.iter().cloned().collect(),
        }
    }

    /// Takes in what was known before.
    pub(super) fn remember(&mut self, history: &History) {
        for departed in &history.departed {
            self.depart(departed.at, &departed.daemon, &[departed.address]);
        }
        let removed = history.removed.iter().map(|removed| ContainerRef {
            id: removed.id.clone(),
            name: removed.name.clone(),
            service: removed.service.clone(),
        });
        self.removed.extend(removed);
        let past_jobs = history.past_jobs.iter().cloned();
        self.past_jobs
            .extend(past_jobs.map(|past| (past.daemon, past.container, past.at)));
        self.lost.extend(history.lost.iter().cloned());
        self.forget_past();
    }
}
