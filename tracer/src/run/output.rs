//! Where findings go: standard output, in the chosen format.

use std::{
    fs::File,
    future::pending,
    io,
    os::fd::{AsFd, OwnedFd},
};

use anyhow::{Context as _, Result};
use tokio::io::{Interest, unix::AsyncFd};
use tracer_core::{
    finding::Finding,
    input::{DaemonStatus, Session},
    summary::Summary,
    world::World,
};

use crate::{
    config, fd,
    run::outlet::{self, Writing},
    sink::{Banner, Sink, ecs::Origin, human::Human, jsonl::JsonLines},
};

/// Standard output and the sink that renders to it.
pub(super) struct Output {
    sink: Box<dyn Sink>,
    writing: Writing,
    /// Tells when the reader is gone; `None` where that cannot be watched (a regular file).
    reader: Option<AsyncFd<OwnedFd>>,
    session: Session,
}

impl Output {
    pub(super) fn new(output: config::Output, session: &Session) -> Result<Self> {
        let stdout = io::stdout().as_fd().try_clone_to_owned();
        let stdout = stdout.context("use standard output")?;
        let reader = stdout.try_clone().ok();
        let (out, writing) =
            outlet::start(File::from(stdout)).context("start a thread for standard output")?;
        let sink: Box<dyn Sink> = match output {
            config::Output::Human(look) => Box::new(Human::new(out, look)),
            config::Output::JsonLines => {
                let origin = Origin {
                    hostname: session.hostname.clone(),
                    version: session.version.clone(),
                };
                Box::new(JsonLines::new(out, origin))
            }
        };
        let watch = |fd| fd::watch(fd, Interest::ERROR).ok();
        Ok(Self {
            sink,
            writing,
            reader: reader.and_then(watch),
            session: session.clone(),
        })
    }

    /// Says what is watched: to people on standard output, and always in one line of the log,
    /// which scripts may wait for.
    pub(super) fn banner(&mut self, world: &World) -> Result<()> {
        let banner = Banner {
            version: self.session.version.clone(),
            hostname: self.session.hostname.clone(),
            bridges: world.bridge_count(),
            namespaces: world.namespace_count(),
            daemons: world
                .docker
                .daemons()
                .map(|(at, status)| daemon(at, status))
                .collect(),
            unseen: self.session.unseen.clone(),
        };
        self.sink.banner(&banner).context(UNWRITABLE)?;
        log::info!(
            "watching {} bridges; {}; unseen: {}",
            banner.bridges,
            banner.daemons.join("; "),
            banner.unseen.join("; ")
        );
        Ok(())
    }

    pub(super) fn finding(&mut self, finding: &Finding) -> Result<()> {
        self.sink.finding(finding).context(UNWRITABLE)
    }

    /// Says what a single look found in all.
    pub(super) fn summary(&mut self, summary: &Summary) -> Result<()> {
        self.sink.summary(summary).context(UNWRITABLE)
    }

    /// Waits a moment for everything to be written, unless nobody takes it.
    pub(super) async fn finish(self) -> Result<()> {
        drop(self.sink);
        self.writing.finish().await.context(UNWRITABLE)
    }

    /// Resolves when nobody reads standard output any more, or it cannot be written.
    pub(super) async fn closed(&mut self) -> Result<()> {
        tokio::select! {
            () = hung_up(self.reader.as_ref()) => Ok(()),
            ended = self.writing.ended() => ended.context(UNWRITABLE),
        }
    }
}

async fn hung_up(reader: Option<&AsyncFd<OwnedFd>>) {
    match reader {
        Some(reader) => drop(reader.ready(Interest::ERROR).await),
        None => pending().await,
    }
}

const UNWRITABLE: &str =
    "cannot write findings to standard output; free space or redirect it elsewhere";

fn daemon(endpoint: &str, status: &DaemonStatus) -> String {
    match status {
        DaemonStatus::Reachable(info) => format!("docker {} at {endpoint}", info.version),
        DaemonStatus::Unreachable(cause) => format!("no docker at {endpoint}: {cause}"),
    }
}
