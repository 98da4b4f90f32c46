//! Daemons inside other network namespaces: docker in docker, rootless docker.
//!
//! Nobody configures them. Where the kernel saw packets of a namespace, the daemon that lives there
//! knows whose bridges they met.

mod find;

use std::sync::Arc;

use tokio::{
    sync::mpsc::Sender,
    task::{self, JoinSet},
};
use tracer_core::input::{Body, Cause, DaemonStatus, Input, Unreachable};

use super::{Closed, Depth, Endpoint, send, tell_status, watch};
use crate::inventory::pulse::Pulse;

/// Between two looks whether the daemon still is who it was, seconds.
const LOOK: u32 = 10;

/// The daemon of one network namespace, if there is one.
pub(crate) struct InnerDaemon {
    netns: u32,
    /// Daemons that are followed anyway.
    configured: Arc<[Endpoint]>,
    inputs: Sender<Input>,
    pulse: Pulse,
    /// The one told last.
    told: Option<Endpoint>,
    /// The task that follows it: aborted with this.
    following: JoinSet<()>,
}

impl InnerDaemon {
    /// The one that lives in the namespace with this inode number.
    pub(crate) fn new(
        netns: u32,
        configured: Arc<[Endpoint]>,
        inputs: Sender<Input>,
        pulse: Pulse,
    ) -> Self {
        Self {
            netns,
            configured,
            inputs,
            pulse,
            told: None,
            following: JoinSet::new(),
        }
    }

    /// Looks for the daemon again and again, and follows it like any other.
    pub(crate) async fn follow(&mut self) -> Result<(), Closed> {
        loop {
            let (netns, configured) = (self.netns, Arc::clone(&self.configured));
            let found = task::spawn_blocking(move || find::daemon(netns, &configured));
            self.take(found.await.ok().flatten()).await?;
            self.pulse.pause(LOOK).await?;
        }
    }

    /// The namespace is gone: so is what the daemon said.
    pub(crate) async fn end(mut self) -> Result<(), Closed> {
        self.following.shutdown().await;
        match self.told.take() {
            Some(endpoint) => send(&self.inputs, Body::DaemonGone(endpoint.to_string())).await,
            None => Ok(()),
        }
    }

    async fn take(&mut self, found: Option<Endpoint>) -> Result<(), Closed> {
        match found {
            Some(found) if self.told.as_ref() == Some(&found) && !self.following.is_empty() => {
                Ok(())
            }
            Some(found) => self.replace(found).await,
            None => self.lost().await,
        }
    }

    async fn replace(&mut self, found: Endpoint) -> Result<(), Closed> {
        self.following.shutdown().await;
        if let Some(before) = self.told.replace(found.clone())
            && before != found
        {
            send(&self.inputs, Body::DaemonGone(before.to_string())).await?;
        }
        log::info!("network namespace {} has a daemon: {found}", self.netns);
        let (daemon, netns) = (found.to_string(), self.netns);
        send(&self.inputs, Body::DaemonFound { daemon, netns }).await?;
        let (pulse, inputs) = (self.pulse.clone(), self.inputs.clone());
        self.following
            .spawn(watch(found, Depth::Soon, pulse, inputs));
        Ok(())
    }

    /// What it said of its networks is still true: bridges outlive their daemon. Its path may come
    /// to lead to another process' files, so nobody knocks there any more.
    async fn lost(&mut self) -> Result<(), Closed> {
        if self.following.is_empty() {
            return Ok(());
        }
        self.following.shutdown().await;
        let Some(endpoint) = &self.told else {
            return Ok(());
        };
        let status = Unreachable::new(Cause::Ended, "its process has ended".to_owned());
        let status = DaemonStatus::Unreachable(status);
        tell_status(endpoint, &self.inputs, status).await
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::{sync::mpsc, time::sleep};

    use super::*;

    fn bodies(daemons: &[Option<&str>]) -> Vec<String> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        runtime.expect("runtime").block_on(async {
            let (inputs, mut received) = mpsc::channel(64);
            let mut inner =
                InnerDaemon::new(1, Arc::default(), inputs, Pulse::start().expect("a timer"));
            for path in daemons {
                let found = path.map(|path| Endpoint::Unix(path.to_owned()));
                inner.take(found).await.expect("a listener");
                // Lets the task that follows say that nobody is there.
                sleep(Duration::from_millis(50)).await;
            }
            inner.end().await.expect("a listener");
            let mut told = Vec::new();
            while let Some(input) = received.recv().await {
                told.push(match input.body {
                    Body::Daemon(daemon) => format!("{} cannot be reached", daemon.endpoint),
                    Body::DaemonFound { daemon, netns } => format!("{daemon} is in {netns}"),
                    Body::DaemonGone(endpoint) => format!("{endpoint} is gone"),
                    other => format!("{other:?}"),
                });
            }
            told
        })
    }

    #[test]
    fn a_daemon_is_told_until_its_namespace_is_gone() {
        assert_eq!(
            bodies(&[None, Some("/absent/a"), Some("/absent/a"), None, None]),
            [
                "unix:///absent/a is in 1",
                "unix:///absent/a cannot be reached",
                "unix:///absent/a cannot be reached",
                "unix:///absent/a is gone"
            ]
        );
        assert!(bodies(&[None]).is_empty());
    }

    #[test]
    fn a_daemon_that_was_started_again_replaces_the_one_before() {
        assert_eq!(
            bodies(&[Some("/absent/a"), Some("/absent/b")]),
            [
                "unix:///absent/a is in 1",
                "unix:///absent/a cannot be reached",
                "unix:///absent/a is gone",
                "unix:///absent/b is in 1",
                "unix:///absent/b cannot be reached",
                "unix:///absent/b is gone"
            ]
        );
    }
}
