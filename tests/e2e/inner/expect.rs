//! What is said of a loss inside the job's container.

use std::net::Ipv4Addr;

use anyhow::Result;
use bridgetrace_lab::docker::bridge_name;
use bridgetrace_lab::scenario::COLLIDING;
use bridgetrace_lab::topology::{COLLISION, PC};
use serde_json::{Value, json};

use super::scene::{NAME, PORT, Scene, URL};
use crate::outage::expect;
use crate::outage::stage::{at, holds, is_confirmed};

/// The gateway of docker0, by which the container's packets leave.
const GATEWAY: Ipv4Addr = Ipv4Addr::new(172, 17, 0, 1);

impl Scene {
    /// What every line says of the PC's lost replies, whether or not the inner daemon is asked.
    pub(super) fn is_lost_inside(&self, finding: &Value, network: &str) -> Result<()> {
        let bridge = bridge_name(network);
        holds(
            finding,
            &[
                ("event.action", json!("reply-blackhole")),
                ("network.transport", json!("tcp")),
                ("source.port", json!(PORT)),
                ("destination.ip", json!(PC.to_string())),
                ("observer.egress.interface.name", json!(bridge)),
                ("bridgetrace.netns.inum", json!(self.netns()?)),
                (
                    "bridgetrace.netns.owner",
                    json!(format!("container {NAME}")),
                ),
                ("bridgetrace.netns.container.name", json!(NAME)),
                (
                    "bridgetrace.netns.container.id",
                    json!(self.dind.container().id()),
                ),
                ("bridgetrace.route.prefix", json!(COLLISION)),
                ("bridgetrace.expected_route.prefix", json!("0.0.0.0/0")),
                (
                    "bridgetrace.expected_route.gateway",
                    json!(GATEWAY.to_string()),
                ),
                ("bridgetrace.expected_route.device", json!("eth0")),
                ("bridgetrace.counts.remotes", json!(1)),
            ],
        )?;
        is_the_jobs(finding)
    }

    /// The line that proves it: the tracer hears of the namespace by its first loss, so that only a
    /// repetition of the request can be seen coming in.
    pub(super) fn proven(&mut self, id: &str) -> Result<Value> {
        let proven = self.line(id, is_confirmed)?;
        expect::proven_by(&proven, &["route-into-bridge", "ingress-asymmetry"])?;
        let ingress = [("observer.ingress.interface.name", json!("eth0"))];
        holds(&proven, &ingress)?;
        Ok(proven)
    }

    /// The network and its daemon are told, as the inner daemon says.
    pub(super) fn is_named(&self, finding: &Value, network: &str) -> Result<()> {
        let endpoint = format!("unix://{}", self.dind.socket_through_proc()?.display());
        holds(
            finding,
            &[
                ("network.name", json!(COLLIDING)),
                ("bridgetrace.bridge.owner", json!("docker")),
                ("bridgetrace.docker_network.id", json!(network)),
                ("bridgetrace.docker_network.name", json!(COLLIDING)),
                ("bridgetrace.docker_network.subnets", json!([COLLISION])),
                ("bridgetrace.docker_network.daemon", json!(endpoint)),
            ],
        )
    }
}

fn is_the_jobs(finding: &Value) -> Result<()> {
    holds(
        finding,
        &[
            ("bridgetrace.ci.system", json!("gitlab")),
            ("bridgetrace.ci.job_id", json!("4711")),
            ("bridgetrace.ci.job_url", json!(URL)),
            ("bridgetrace.ci.pipeline_id", json!("815")),
            ("bridgetrace.ci.project_id", json!("42")),
        ],
    )
}

/// Whether the finding names the network.
pub(super) fn names_the_network(finding: &Value) -> bool {
    at(finding, "bridgetrace.docker_network.id").is_string()
}

/// What the finding says it does not know, in one text.
pub(super) fn unknown(finding: &Value) -> String {
    let unknown = at(finding, "bridgetrace.unknown").as_array();
    let sentences = unknown.into_iter().flatten().filter_map(Value::as_str);
    sentences.collect::<Vec<_>>().join("; ")
}
