//! What the state of the host proves by itself.

use serde_json::Value;

use crate::{
    finding::{Evidence, EvidenceKind, Kind},
    incident::Incident,
    input::LandmarkRole,
    time::Timestamp,
    world::kernel_log::{Line, last},
};

use super::Context;

/// Lines of the kernel's log in one finding.
const LINES: usize = 2;

impl Context<'_> {
    /// Adds the evidence that is not there yet.
    pub(super) fn prove(&self, incident: &mut Incident, now: Timestamp) {
        self.prove_nobody_there(incident, now);
        self.prove_somebody_there(incident, now);
        self.prove_ghost(incident, now);
        self.prove_rival(incident, now);
        self.prove_reverse_path(incident, now);
        self.prove_configured(incident, now);
    }

    /// The evidence, and the last that the kernel's log says of the bridge and its ports: when it was used
    /// last, and how that ended.
    pub(super) fn with_the_log(&self, incident: &Incident) -> Vec<Evidence> {
        let mut evidence = incident.evidence();
        let netns = incident.place.netns;
        if let Some(bridge) = self.link.map(|link| link.name.as_str()) {
            let since = self.world.kernel_log_since_use(netns, bridge).into_iter();
            let of_bridge = self.world.kernel_log_of(netns, bridge);
            let said = since.chain(of_bridge).map(Line::evidence).collect();
            evidence.extend(last(said, LINES));
            evidence.sort_by_key(|piece| (piece.at, piece.kind));
        }
        evidence
    }

    fn prove_nobody_there(&self, incident: &mut Incident, now: Timestamp) {
        let Some((endpoint, network)) = self.network else {
            return;
        };
        let is_proven = incident.has(EvidenceKind::NoSuchEndpoint);
        if !is_proven && self.is_reachable(endpoint) && self.inhabitant(incident).is_none() {
            let detail = || {
                [
                    ("network", Value::from(network.name.clone())),
                    ("endpoints", Value::from(network.endpoints.len())),
                ]
            };
            incident.prove(EvidenceKind::NoSuchEndpoint, now, detail);
        }
    }

    fn prove_somebody_there(&self, incident: &mut Incident, now: Timestamp) {
        if !incident.has(EvidenceKind::EndpointHasAddress)
            && let Some(container) = self.inhabitant(incident)
        {
            let address = incident.key.destination;
            let detail = || {
                [
                    ("container", Value::from(container.name)),
                    ("address", Value::from(address.to_string())),
                ]
            };
            incident.prove(EvidenceKind::EndpointHasAddress, now, detail);
        }
    }

    fn prove_ghost(&self, incident: &mut Incident, now: Timestamp) {
        if let Some(link) = self.link.filter(|link| !link.carrier) {
            let detail = || [("bridge", Value::from(link.name.clone()))];
            incident.prove(EvidenceKind::GhostBridge, now, detail);
        }
    }

    fn prove_rival(&self, incident: &mut Incident, now: Timestamp) {
        if let (Some(rival), Some(link), Some(route)) = (self.rival, self.link, &self.route) {
            let detail = || {
                [
                    ("prefix", Value::from(route.prefix.to_string())),
                    ("wins", Value::from(link.name.clone())),
                    ("loses", Value::from(rival.name.clone())),
                ]
            };
            incident.prove(EvidenceKind::DuplicateRoute, now, detail);
        }
    }

    fn prove_reverse_path(&self, incident: &mut Incident, now: Timestamp) {
        if incident.kind == Kind::ReversePathDrop
            && let (Some(ingress), Some(route)) = (incident.ingress, &self.route)
        {
            let detail = || {
                [
                    ("device", Value::from(self.interface(ingress).name)),
                    ("bridge", Value::from(route.device.clone())),
                    ("prefix", Value::from(route.prefix.to_string())),
                ]
            };
            incident.prove(EvidenceKind::ReversePath, now, detail);
        }
    }

    fn prove_configured(&self, incident: &mut Incident, now: Timestamp) {
        if !matches!(
            incident.kind,
            Kind::RequestBlackhole | Kind::ForwardBlackhole
        ) {
            return;
        }
        let Some(landmark) = self.landmark(incident) else {
            return;
        };
        let (role, name) = match &landmark.role {
            LandmarkRole::Nameserver => ("nameserver", landmark.address.to_string()),
            LandmarkRole::Host(name) => ("host", name.clone()),
            LandmarkRole::RegistryMirror(url) => ("registry-mirror", url.clone()),
            LandmarkRole::Proxy(url) => ("proxy", url.clone()),
        };
        let detail = || {
            [
                ("role", Value::from(role)),
                ("name", Value::from(name)),
                ("source", Value::from(landmark.source.clone())),
            ]
        };
        incident.prove(EvidenceKind::ConfiguredPeer, now, detail);
    }
}
