//! Requests to an engine. None waits longer than [`LIMIT`], and failures come in four kinds.

mod api;

use std::{collections::HashMap, future::Future, time::Duration};

use bollard::{
    API_DEFAULT_VERSION, Docker,
    errors::Error as BollardError,
    models::{EventMessage, Network, NetworkInspect, SystemInfo},
    query_parameters::{EventsOptionsBuilder, ListContainersOptionsBuilder},
};
use futures_util::{StreamExt as _, TryStreamExt as _};
use tokio::{
    sync::{Semaphore, mpsc},
    task::JoinSet,
    time::timeout,
};
use tracer_core::{
    input::{Cause, DockerContainer, DockerNetwork, NetworkEvent, Unreachable},
    time::SECOND,
};

use super::{Endpoint, convert, endpoint, event};
use crate::inventory::clock;

/// Requests at a time to a daemon that was found: it decides how large the answers are.
const AT_ONCE: usize = 4;
/// Seconds a request may take.
const LIMIT_SECONDS: u64 = 2;
const LIMIT: Duration = Duration::from_secs(LIMIT_SECONDS);
/// Events that may wait while objects are inspected; more wait in the engine.
const WAITING_EVENTS: usize = 1024;

/// Events an engine remembers: <https://github.com/moby/moby/blob/v28.5.2/daemon/events/events.go#L13>.
const REMEMBERED: usize = 256;

/// Why a request brought nothing.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    /// The object does not exist (any more).
    #[error("it does not exist")]
    Missing,
    /// No answer in time.
    #[error("{0} did not answer within {LIMIT_SECONDS} s")]
    Slow(String),
    /// Nothing came but the end of the connection.
    #[error("{0} closed the connection")]
    Closed(Endpoint),
    /// The engine cannot be used.
    #[error("{0}")]
    Lost(Unreachable),
}

/// An engine that answered once.
pub(super) struct Engine {
    docker: Docker,
    pub(super) endpoint: Endpoint,
    /// Engine version.
    pub(super) version: String,
    /// API version agreed on.
    pub(super) api_version: String,
    /// Requests that may be under way.
    room: Semaphore,
}

/// The stream of events; dropping it ends the subscription.
pub(super) struct Events {
    received: mpsc::Receiver<Result<EventMessage, Failure>>,
    endpoint: Endpoint,
    /// The task that reads them: aborted with this.
    _reader: JoinSet<()>,
}

impl Engine {
    /// Reaches the engine and agrees on an API version. Also returns the pid of who listens, if
    /// it can be told.
    pub(super) async fn connect(endpoint: &Endpoint) -> Result<(Self, Option<u32>), Unreachable> {
        let peer = endpoint.knock().await?;
        let (docker, version) = greet(endpoint)
            .await
            .map_err(|failure| unfriendly(endpoint, failure))?;
        let api_version = docker.client_version().to_string();
        let at_once = if endpoint.leads_elsewhere() {
            AT_ONCE
        } else {
            Semaphore::MAX_PERMITS
        };
        Ok((
            Self {
                docker,
                endpoint: endpoint.clone(),
                version,
                api_version,
                room: Semaphore::new(at_once),
            },
            peer,
        ))
    }

    /// Subscribes to events from two seconds ago on: the request is on its way when this
    /// returns, not necessarily at the engine, which keeps the last 256.
    pub(super) fn events(&self) -> Events {
        let since = clock::now().0 / SECOND;
        let filters = HashMap::from([("type", vec!["container", "network", "daemon", "image"])]);
        let options = EventsOptionsBuilder::default()
            .since(&since.saturating_sub(2).to_string())
            .filters(&filters)
            .build();
        let mut stream = Box::pin(self.docker.events(Some(options)));
        let endpoint = self.endpoint.clone();
        let (sender, received) = mpsc::channel(WAITING_EVENTS);
        let mut reader = JoinSet::new();
        reader.spawn(async move {
            while let Some(event) = stream.next().await {
                let event = event.map_err(|error| failure(&endpoint, error));
                if sender.send(event).await.is_err() {
                    return;
                }
            }
        });
        Events {
            received,
            endpoint: self.endpoint.clone(),
            _reader: reader,
        }
    }

    /// Which networks the engine remembers to have created and removed, oldest first, and whether
    /// that reaches back to its start.
    pub(super) async fn history(&self) -> (bool, Vec<NetworkEvent>) {
        // One look at what is kept, of whatever kind: only a memory that is not full is complete.
        let now = clock::now().0;
        let until = format!("{}.{:09}", now / SECOND, now % SECOND);
        let options = EventsOptionsBuilder::default()
            .since("1")
            .until(&until)
            .build();
        let stream = self.docker.events(Some(options)).take(REMEMBERED);
        match self.within(stream.try_collect::<Vec<EventMessage>>()).await {
            Ok(events) => {
                let networks = events.iter().filter_map(event::of_network);
                (events.len() < REMEMBERED, networks.collect())
            }
            Err(failure) => {
                log::debug!("{} does not tell what was: {failure}", self.endpoint);
                (false, Vec::new())
            }
        }
    }

    /// Whether the engine answers at all.
    pub(super) async fn ping(&self) -> Result<(), Failure> {
        self.within(self.docker.ping()).await.map(drop)
    }

    /// What it is configured to use. An engine that does not tell is of use all the same.
    pub(super) async fn system(&self) -> SystemInfo {
        let told = self.within(self.docker.info()).await;
        told.unwrap_or_else(|failure| {
            log::debug!(
                "{} does not tell its configuration: {failure}",
                self.endpoint
            );
            SystemInfo::default()
        })
    }

    /// All networks, as far as the list tells: without endpoints.
    pub(super) async fn networks(&self) -> Result<Vec<DockerNetwork>, Failure> {
        let networks = self.within(self.docker.list_networks(None)).await?;
        Ok(networks
            .into_iter()
            .map(bare)
            .filter_map(convert::network)
            .collect())
    }

    /// A network in full.
    pub(super) async fn network(&self, id: &str) -> Result<Option<DockerNetwork>, Failure> {
        self.within(self.docker.inspect_network(id, None))
            .await
            .map(convert::network)
    }

    /// All containers, stopped ones included.
    pub(super) async fn containers(&self) -> Result<Vec<DockerContainer>, Failure> {
        let options = ListContainersOptionsBuilder::default().all(true).build();
        let containers = self
            .within(self.docker.list_containers(Some(options)))
            .await?;
        Ok(containers.into_iter().filter_map(convert::listed).collect())
    }

    /// A container in full.
    pub(super) async fn container(&self, id: &str) -> Result<Option<DockerContainer>, Failure> {
        self.within(self.docker.inspect_container(id, None))
            .await
            .map(convert::container)
    }

    async fn within<T>(
        &self,
        request: impl Future<Output = Result<T, BollardError>>,
    ) -> Result<T, Failure> {
        // Nobody closes it.
        let _permit = self.room.acquire().await;
        within(&self.endpoint, request).await
    }
}

impl Events {
    /// The next event. An end of the stream is the end of the connection.
    pub(super) async fn next(&mut self) -> Result<EventMessage, Failure> {
        match self.received.recv().await {
            Some(event) => event,
            None => Err(Failure::Closed(self.endpoint.clone())),
        }
    }
}

/// Agrees on an API version and asks who it is.
async fn greet(endpoint: &Endpoint) -> Result<(Docker, String), Failure> {
    let docker = match endpoint {
        Endpoint::Unix(path) => Docker::connect_with_unix(path, LIMIT_SECONDS, API_DEFAULT_VERSION),
        Endpoint::Tcp(address) => {
            Docker::connect_with_http(address, LIMIT_SECONDS, API_DEFAULT_VERSION)
        }
        Endpoint::Tls(secure) => {
            Ok(endpoint::client(secure, LIMIT_SECONDS).map_err(Failure::Lost)?)
        }
    };
    let docker = docker.map_err(|error| failure(endpoint, error))?;
    let docker = within(endpoint, docker.negotiate_version()).await?;
    let docker = api::speak(docker, endpoint::pinned_version());
    let version = within(endpoint, docker.version())
        .await?
        .version
        .unwrap_or_default();
    Ok((docker, version))
}

/// Why an endpoint that accepts connections is not used.
fn unfriendly(endpoint: &Endpoint, failure: Failure) -> Unreachable {
    match failure {
        Failure::Closed(_) | Failure::Missing => Unreachable::new(
            Cause::NotDocker,
            format!("{endpoint} accepts connections but does not answer like a docker engine"),
        ),
        other => other.into(),
    }
}

impl From<Failure> for Unreachable {
    fn from(failure: Failure) -> Self {
        let sentence = failure.to_string();
        match failure {
            Failure::Lost(why) => why,
            Failure::Slow(_) => Self::new(Cause::NoAnswer, sentence),
            Failure::Closed(_) => Self::new(Cause::Closed, sentence),
            Failure::Missing => Self::new(Cause::ErrorAnswer, sentence),
        }
    }
}

/// A request, its answer included, within the limit.
async fn within<T>(
    endpoint: &Endpoint,
    request: impl Future<Output = Result<T, BollardError>>,
) -> Result<T, Failure> {
    match timeout(LIMIT, request).await {
        Ok(answer) => answer.map_err(|error| failure(endpoint, error)),
        Err(_) => Err(Failure::Slow(endpoint.to_string())),
    }
}

/// A failure in plain words.
fn failure(endpoint: &Endpoint, error: BollardError) -> Failure {
    match error {
        BollardError::RequestTimeoutError => Failure::Slow(endpoint.to_string()),
        BollardError::DockerResponseServerError {
            status_code: 404, ..
        } => Failure::Missing,
        BollardError::DockerResponseServerError { message, .. } if message.contains("HTTPS") => {
            Failure::Lost(plain_to_tls(endpoint))
        }
        BollardError::DockerResponseServerError {
            status_code,
            message,
        } => Failure::Lost(api::refused(endpoint, &message).unwrap_or_else(|| {
            Unreachable::new(
                Cause::ErrorAnswer,
                format!("{endpoint} answered {status_code}: {}", message.trim()),
            )
        })),
        BollardError::HyperLegacyError { .. }
        | BollardError::HyperResponseError { .. }
        | BollardError::IOError { .. } => {
            log::debug!("{endpoint}: {:#}", anyhow::Error::from(error));
            Failure::Closed(endpoint.clone())
        }
        other => Failure::Lost(Unreachable::new(
            Cause::NotDocker,
            format!(
                "{endpoint} gave no usable answer: {:#}",
                anyhow::Error::from(other)
            ),
        )),
    }
}

/// It told whoever spoke plain HTTP to it.
fn plain_to_tls(endpoint: &Endpoint) -> Unreachable {
    Unreachable::new(
        Cause::PlainToTls,
        format!("{endpoint} wants TLS, and was spoken to in plain HTTP"),
    )
    .with_remedy(
        "set DOCKER_TLS_VERIFY=1, and DOCKER_CERT_PATH to the folder with ca.pem, cert.pem and key.pem",
    )
}

/// A listed network in the shape of an inspected one.
fn bare(listed: Network) -> NetworkInspect {
    NetworkInspect {
        id: listed.id,
        name: listed.name,
        created: listed.created,
        driver: listed.driver,
        internal: listed.internal,
        ipam: listed.ipam,
        labels: listed.labels,
        options: listed.options,
        ..NetworkInspect::default()
    }
}
