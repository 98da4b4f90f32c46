//! Findings as JSON, schema 1: the names are the Elastic Common Schema's, our own fields sit under
//! `bridgetrace`. Absent is absent: no nulls, no empty strings, no empty lists. One exception:
//! `docker_network.endpoints` is there even when empty, because it says that docker was asked and
//! that no container is attached.

use std::net::IpAddr;

use serde::Serialize;
use tracer_core::{
    finding::{Finding, Interface},
    input::Process,
};

use super::time;

mod daemon;
mod event;
mod evidence;
mod network;
mod own;
mod particulars;
mod place;
#[cfg(test)]
mod reader;
#[cfg(test)]
mod schema;
mod summary;
mod who;

pub(crate) use network::transport;
pub(crate) use summary::SummaryRecord;

/// Version of the Elastic Common Schema the names are taken from.
const ECS_VERSION: &str = "9.0.0";

/// Who speaks: the same for all lines of a run. A replay passes what was recorded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Origin {
    /// Name of the host the packets were lost on.
    pub(crate) hostname: String,
    /// Version of bridgetrace that saw it.
    pub(crate) version: String,
}

/// One line: a finding, or one step in its life.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[cfg_attr(test, schemars(title = "bridgetrace finding, schema 1"))]
pub(crate) struct Record<'a> {
    /// When this step was taken, RFC 3339 with nanoseconds, UTC.
    #[serde(rename = "@timestamp")]
    timestamp: String,
    ecs: Ecs,
    event: event::Event<'a>,
    /// The step in words, with the first thing to type.
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    host: Option<Named<'a>>,
    observer: Observer<'a>,
    /// Sender of the lost packet.
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<Endpoint>,
    /// Whom the lost packet was for.
    #[serde(skip_serializing_if = "Option::is_none")]
    destination: Option<Endpoint>,
    #[serde(skip_serializing_if = "Option::is_none")]
    network: Option<network::Network<'a>>,
    /// Local process whose packets are lost.
    #[serde(skip_serializing_if = "Option::is_none")]
    process: Option<ProcessField<'a>>,
    /// Container it concerns; `bridgetrace.container.role` says how.
    #[serde(skip_serializing_if = "Option::is_none")]
    container: Option<who::Container<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    service: Option<who::Service<'a>>,
    bridgetrace: own::Own<'a>,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Ecs {
    version: &'static str,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Named<'a> {
    name: &'a str,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Observer<'a> {
    product: &'static str,
    #[serde(skip_serializing_if = "str::is_empty")]
    version: &'a str,
    /// Where the remote's packets come in.
    #[serde(skip_serializing_if = "Option::is_none")]
    ingress: Option<Side<'a>>,
    /// Where the lost packets leave.
    #[serde(skip_serializing_if = "Option::is_none")]
    egress: Option<Side<'a>>,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Side<'a> {
    interface: InterfaceField<'a>,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct InterfaceField<'a> {
    #[serde(skip_serializing_if = "str::is_empty")]
    name: &'a str,
    /// The ifindex, as text.
    id: String,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Endpoint {
    ip: IpAddr,
    #[serde(skip_serializing_if = "Option::is_none")]
    port: Option<u16>,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct ProcessField<'a> {
    pid: u32,
    #[serde(skip_serializing_if = "str::is_empty")]
    name: &'a str,
}

impl<'a> Record<'a> {
    /// `finding` as `origin` says it.
    pub(crate) fn new(origin: &'a Origin, finding: &'a Finding) -> Self {
        let endpoint = |ip, port| Endpoint { ip, port };
        let packet = finding.packet.as_ref();
        Self {
            timestamp: time::rfc3339(finding.at),
            ecs: Ecs {
                version: ECS_VERSION,
            },
            event: event::Event::new(finding),
            message: event::message(finding),
            host: (!origin.hostname.is_empty()).then_some(Named {
                name: &origin.hostname,
            }),
            observer: Observer {
                product: "bridgetrace",
                version: &origin.version,
                ingress: finding.ingress.as_ref().map(Side::new),
                egress: finding.egress.as_ref().map(Side::new),
            },
            source: packet.map(|p| endpoint(p.source, p.ports.map(|ports| ports.0))),
            destination: packet.map(|p| endpoint(p.destination, p.ports.map(|ports| ports.1))),
            network: network::Network::new(finding),
            process: finding.process.as_ref().map(ProcessField::new),
            container: finding
                .container
                .as_ref()
                .and_then(|concerned| who::Container::new(&concerned.container)),
            service: who::Service::new(finding),
            bridgetrace: own::Own::new(finding),
        }
    }
}

impl<'a> Side<'a> {
    fn new(interface: &'a Interface) -> Self {
        let id = interface.ifindex.to_string();
        Self {
            interface: InterfaceField {
                name: &interface.name,
                id,
            },
        }
    }
}

impl<'a> ProcessField<'a> {
    fn new(process: &'a Process) -> Self {
        Self {
            pid: process.pid,
            name: &process.name,
        }
    }
}
