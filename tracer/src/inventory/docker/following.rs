//! Following one engine over one connection: a listing, then inspections as events ask for them.
//!
//! Inspections run side by side: inspecting a container waits for its lock, which a slow start
//! holds for seconds, and nothing else may wait for that. Of one object there is one inspection
//! at a time, so that an older answer never follows a newer one.

mod listing;

use std::{
    collections::{BTreeMap, BTreeSet},
    convert::Infallible,
    sync::Arc,
    time::Duration,
};

use tokio::{sync::mpsc::Sender, task::JoinSet, time::interval};
use tracer_core::input::{Body, DaemonInfo, DaemonStatus, Input, Unreachable};

use super::{
    Closed, Ended, Endpoint,
    engine::{Engine, Events, Failure},
    event::{self, Change, Object},
    info,
    intake::Intake,
    lifeline::Lifeline,
    send, tell_status,
};

pub(crate) use self::listing::Depth;

/// Objects the engine was too busy to describe are asked for again this often.
const RETRY: Duration = Duration::from_secs(1);

/// What happened to an object while it was inspected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Meanwhile {
    Nothing,
    Changed,
    Gone,
}

/// What an inspection brought: nothing for an object without an id.
type Inspected = (Object, Result<Option<Body>, Failure>);

/// A connection that was made.
pub(super) struct Following<'a> {
    endpoint: &'a Endpoint,
    engine: Arc<Engine>,
    inputs: &'a Sender<Input>,
    peer: Option<u32>,
    depth: Depth,
    info: DaemonInfo,
    intake: Intake,
    /// Networks that were listed without an inspection, by the word of their containers or as empty: inspected one at a time, so
    /// that they hold up nothing that events ask for.
    later: BTreeSet<Object>,
    /// The one of them that is being inspected.
    further: Option<Object>,
    /// Aborted when the connection is lost.
    inspections: JoinSet<Inspected>,
    /// The objects being inspected.
    inspected: BTreeMap<Object, Meanwhile>,
    /// What the engine was too busy to describe.
    slow: BTreeSet<Object>,
    /// Images came or went since the engine was asked how many there are.
    miscounted: bool,
}

impl<'a> Following<'a> {
    pub(super) fn new(
        endpoint: &'a Endpoint,
        engine: Arc<Engine>,
        inputs: &'a Sender<Input>,
        peer: Option<u32>,
        depth: Depth,
    ) -> Self {
        Self {
            endpoint,
            engine,
            inputs,
            peer,
            depth,
            info: DaemonInfo::default(),
            intake: Intake::new(endpoint),
            later: BTreeSet::new(),
            further: None,
            inspections: JoinSet::new(),
            inspected: BTreeMap::new(),
            slow: BTreeSet::new(),
            miscounted: false,
        }
    }

    /// Lists everything, then follows the events. `told` is forgotten once the engine is back.
    pub(super) async fn run(
        mut self,
        mut events: Events,
        told: &mut Option<Unreachable>,
        lifeline: &mut Lifeline,
    ) -> Result<Infallible, Ended> {
        // The listing is fetched before the engine is called reachable: one that accepts
        // connections but cannot list must not flap.
        let engine = Arc::clone(&self.engine);
        let peer = self.peer;
        let info = async { Ok(info(&engine, peer).await) };
        let (info, listing) = tokio::try_join!(info, self.listing())?;
        self.info = info;
        lifeline.meet(&mut self.info).await;
        self.tell_reachable().await?;
        *told = None;
        // Asked for after the listing and told before it: what the listing has was made before.
        let history = self.history().await;
        send(self.inputs, history).await?;
        send(self.inputs, listing).await?;
        let mut retry = interval(RETRY);
        loop {
            self.look_further();
            tokio::select! {
                event = events.next() => {
                    let event = event.map_err(|failure| Ended::Lost(failure.into()))?;
                    for change in event::changes(&event) {
                        self.apply(change).await?;
                    }
                }
                Some(Ok(inspected)) = self.inspections.join_next() => {
                    self.done(inspected).await?;
                }
                _ = retry.tick(), if self.miscounted || !self.slow.is_empty() => {
                    if std::mem::take(&mut self.miscounted) {
                        self.reload().await?;
                    }
                    for object in std::mem::take(&mut self.slow) {
                        self.look(object);
                    }
                }
            }
        }
    }

    fn daemon(&self) -> String {
        self.endpoint.to_string()
    }

    async fn tell_reachable(&self) -> Result<(), Closed> {
        let status = DaemonStatus::Reachable(Box::new(self.info.clone()));
        tell_status(self.endpoint, self.inputs, status).await
    }

    /// What the engine remembers.
    async fn history(&self) -> Body {
        let (complete, events) = self.engine.history().await;
        let daemon = self.daemon();
        Body::DockerHistory {
            daemon,
            complete,
            events,
        }
    }

    async fn apply(&mut self, change: Change) -> Result<(), Closed> {
        match change {
            Change::Look(object) => {
                self.look(object);
                Ok(())
            }
            Change::Made(id) => {
                let (daemon, object) = (self.daemon(), Object::Network(id.clone()));
                self.look(object);
                send(self.inputs, Body::DockerNetworkMade { daemon, id }).await
            }
            Change::Gone(object) => self.gone(object).await,
            Change::Reloaded => self.reload().await,
            Change::Miscounted => {
                self.miscounted = true;
                Ok(())
            }
        }
    }

    /// Inspects the next of those that wait, if none is being inspected.
    fn look_further(&mut self) {
        if self.further.is_none()
            && let Some(object) = self.later.pop_first()
        {
            self.look(object.clone());
            self.further = Some(object).filter(|it| self.inspected.contains_key(it));
        }
    }

    /// Begins an inspection, or has one under way followed by another.
    fn look(&mut self, object: Object) {
        if let Some(meanwhile) = self.inspected.get_mut(&object) {
            *meanwhile = Meanwhile::Changed;
            return;
        }
        if !self.intake.admits(&object) {
            return;
        }
        self.inspected.insert(object.clone(), Meanwhile::Nothing);
        let (engine, daemon) = (Arc::clone(&self.engine), self.daemon());
        self.inspections.spawn(async move {
            let found = inspect(&engine, daemon, &object).await;
            (object, found)
        });
    }

    /// An inspection has ended.
    async fn done(&mut self, (object, found): Inspected) -> Result<(), Ended> {
        let meanwhile = self.inspected.remove(&object).unwrap_or(Meanwhile::Nothing);
        let further = self.further.take_if(|it| *it == object).is_some();
        match found {
            _ if meanwhile == Meanwhile::Gone => return Ok(()),
            Ok(Some(body)) if self.intake.bears(&body) => send(self.inputs, body).await?,
            Ok(_) => {}
            Err(Failure::Missing) => return Ok(self.gone(object).await?),
            // Whether the whole engine hangs is for the watchdog to say.
            Err(Failure::Slow(_)) => {
                self.slow.insert(object);
                return Ok(());
            }
            // Listed already: one that cannot be inspected is no reason to list everything again, and again.
            Err(failure @ Failure::Lost(_)) if further => {
                log::debug!(
                    "{} does not tell more of {object:?}: {failure}",
                    self.endpoint
                );
            }
            Err(failure @ (Failure::Closed(_) | Failure::Lost(_))) => {
                return Err(Ended::Lost(failure.into()));
            }
        }
        if meanwhile == Meanwhile::Changed {
            self.look(object);
        }
        Ok(())
    }

    async fn gone(&mut self, object: Object) -> Result<(), Closed> {
        self.slow.remove(&object);
        self.later.remove(&object);
        self.intake.forget(&object);
        if let Some(meanwhile) = self.inspected.get_mut(&object) {
            *meanwhile = Meanwhile::Gone;
        }
        let daemon = self.daemon();
        let body = match object {
            Object::Network(id) => Body::DockerNetworkGone { daemon, id },
            Object::Container(id) => Body::DockerContainerGone { daemon, id },
        };
        send(self.inputs, body).await
    }

    /// `dockerd` read its configuration again.
    async fn reload(&mut self) -> Result<(), Closed> {
        let mut info = info(&self.engine, self.peer).await;
        info.former_root.clone_from(&self.info.former_root);
        if info.data_root.is_none() && self.info.data_root.is_some() {
            // It did not find the time to answer: what was known of it stays so until it does.
            self.miscounted = true;
            return Ok(());
        }
        if info == self.info {
            return Ok(());
        }
        self.info = info;
        self.tell_reachable().await
    }
}

async fn inspect(
    engine: &Engine,
    daemon: String,
    object: &Object,
) -> Result<Option<Body>, Failure> {
    match object {
        Object::Network(id) => {
            let network = engine.network(id).await?;
            Ok(network.map(|network| Body::DockerNetwork { daemon, network }))
        }
        Object::Container(id) => {
            let container = engine.container(id).await?;
            Ok(container.map(|container| Body::DockerContainer { daemon, container }))
        }
    }
}

#[cfg(test)]
mod tests;
