//! What is lost and why, in one plain sentence.

use std::net::IpAddr;

use crate::{
    finding::{EvidenceKind, Kind},
    incident::Incident,
    input::{LandmarkRole, PublishedPort},
};

use super::{Context, people};

impl Context<'_> {
    /// The sentence.
    pub(super) fn reason(&self, incident: &Incident, victims: &[IpAddr]) -> String {
        let whom = people(victims, incident.remotes.len());
        match incident.kind {
            Kind::ReversePathDrop => self.dropped_on_arrival(incident, &whom),
            Kind::Misdelivery => self.misdelivered(incident, &whom),
            Kind::ForwardBlackhole => {
                let what = self.forwarded(incident);
                self.swallowed(incident, &format!("{what} to {whom}"))
            }
            Kind::RequestBlackhole => {
                let lost = self.swallowed(incident, &format!("Packets of this host to {whom}"));
                format!("{lost}{}", self.configured(incident))
            }
            _ => self.swallowed(incident, &format!("Replies to {whom}")),
        }
    }

    /// "`what` are routed into the bridge …, where nobody has that address; they should …".
    fn swallowed(&self, incident: &Incident, what: &str) -> String {
        format!(
            "{what} are routed into {}, {}{}.",
            self.where_to(incident),
            self.fate(incident),
            self.should(incident)
        )
    }

    fn where_to(&self, incident: &Incident) -> String {
        let via = self
            .route
            .as_ref()
            .map_or_else(String::new, |r| format!(" ({})", r.prefix));
        let network = self.network.map_or_else(String::new, |(_, network)| {
            format!(" of network {}", network.name)
        });
        format!("the bridge {}{via}{network}", self.bridge(incident).name)
    }

    /// What becomes of them there.
    fn fate(&self, incident: &Incident) -> String {
        let those = if incident.remotes.len() == 1 {
            "that address"
        } else {
            "those addresses"
        };
        match &self.rival {
            Some(rival) => format!(
                "while {} with {those} is on {}, whose route to the same prefix loses",
                self.cut_off(incident),
                rival.name
            ),
            None => match self.inhabitant(incident) {
                Some(container) => format!("although container {} has {those}", container.name),
                None => format!("where nobody has {those}"),
            },
        }
    }

    /// Who is on the losing bridge.
    fn cut_off(&self, incident: &Incident) -> String {
        let known = self.cut_off_container(incident);
        known.map_or_else(
            || "a container".to_owned(),
            |container| format!("container {}", container.name),
        )
    }

    fn should(&self, incident: &Incident) -> String {
        let Some(route) = &self.expected else {
            return String::new();
        };
        let gateway = route
            .gateway
            .map_or_else(String::new, |g| format!(" via {g}"));
        let way = format!("by {}{gateway}", route.device);
        let asks = matches!(
            incident.kind,
            Kind::RequestBlackhole | Kind::ForwardBlackhole
        );
        if asks && !incident.sure {
            let whom = if incident.remotes.len() == 1 {
                "it is a machine"
            } else {
                "they are machines"
            };
            format!("; if {whom} outside this host, they should leave {way}")
        } else {
            format!("; they should leave {way}")
        }
    }

    /// "Replies of container web (service web, published as port 8080)".
    fn forwarded(&self, incident: &Incident) -> String {
        // Who answers has the lower port of the two.
        let serves = incident.packet.ports.is_some_and(|(own, peer)| own < peer);
        let answers = self.published(incident).is_some()
            || serves && incident.has(EvidenceKind::IngressAsymmetry);
        let what = if answers { "Replies" } else { "Packets" };
        let Some(container) = self.sender_container() else {
            return format!("{what} of {}", incident.packet.source);
        };
        let service = container.service.as_ref();
        let service = service.map(|service| format!("service {service}"));
        let port = self
            .published(incident)
            .map(|port| format!("published as port {}", port.host));
        let facts: Vec<String> = service.into_iter().chain(port).collect();
        let facts = if facts.is_empty() {
            String::new()
        } else {
            format!(" ({})", facts.join(", "))
        };
        format!("{what} of container {}{facts}", container.name)
    }

    /// The published port that the lost packet answers from.
    fn published(&self, incident: &Incident) -> Option<PublishedPort> {
        let (sport, _) = incident.packet.ports?;
        let (_, _, endpoint) = self.sender?;
        let (_, container) = self.world.docker.container_by_id(&endpoint.container)?;
        // The firewall sees it before its source is rewritten to the host's, the bridge after.
        let inside = endpoint.addresses.contains(&incident.packet.source);
        let answers = |port: &&PublishedPort| {
            let number = if inside { port.container } else { port.host };
            number == sport && port.proto == incident.packet.proto
        };
        container.ports.iter().find(answers).copied()
    }

    fn configured(&self, incident: &Incident) -> String {
        let Some(landmark) = self.landmark(incident) else {
            return String::new();
        };
        let address = landmark.address;
        let source = &landmark.source;
        match &landmark.role {
            LandmarkRole::Nameserver => {
                format!(" {address} is a nameserver of {source}: name resolution by it is down.")
            }
            LandmarkRole::Host(name) => format!(" {address} is {name} in {source}."),
            LandmarkRole::RegistryMirror(url) => {
                format!(" {address} is the registry mirror {url} of {source}.")
            }
            LandmarkRole::Proxy(url) => format!(" {address} is the proxy {url} of {source}."),
        }
    }

    fn misdelivered(&self, incident: &Incident, whom: &str) -> String {
        let container = self.inhabitant(incident);
        let container = container.map_or_else(
            || "a machine".to_owned(),
            |container| format!("container {}", container.name),
        );
        let resets = if incident.has(EvidenceKind::ResetByContainer) {
            " The container resets connections it knows nothing of: here it looks as if the client \
             had hung up, while the client waits."
        } else {
            ""
        };
        format!(
            "Replies to {whom} are routed into {} and reach {container}, which has that address \
             too{}.{resets}",
            self.where_to(incident),
            self.should(incident)
        )
    }

    fn dropped_on_arrival(&self, incident: &Incident, whom: &str) -> String {
        let ingress = incident.ingress.map(|ifindex| self.interface(ifindex).name);
        let by = ingress.map_or_else(String::new, |name| format!(" by {name}"));
        format!(
            "Packets from {whom} that come in{by} are dropped on arrival, because the way back \
             leads into {}{}. rp_filter is only the messenger: the bridge's route is the cause.",
            self.where_to(incident),
            match &self.expected {
                Some(route) => format!(" and not to {}", route.device),
                None => String::new(),
            }
        )
    }
}
