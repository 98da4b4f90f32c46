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
    sink::{self, Banner, Sink},
};

/// Where findings go, if they go anywhere.
pub(super) struct Output {
    stdout: Option<Stdout>,
    session: Session,
}

/// Standard output and the sink that renders to it.
struct Stdout {
    sink: Box<dyn Sink>,
    writing: Writing,
    /// Tells when the reader is gone; `None` where that cannot be watched (a regular file).
    reader: Option<AsyncFd<OwnedFd>>,
}

impl Stdout {
    fn open(output: config::Output, session: &Session) -> Result<Self> {
        let stdout = io::stdout().as_fd().try_clone_to_owned();
        let stdout = stdout.context("use standard output")?;
        let reader = stdout.try_clone().ok();
        let (out, writing) =
            outlet::start(File::from(stdout)).context("start a thread for standard output")?;
        let watch = |fd| fd::watch(fd, Interest::ERROR).ok();
        Ok(Self {
            sink: sink::render(output, out, session),
            writing,
            reader: reader.and_then(watch),
        })
    }

    async fn closed(&mut self) -> Result<()> {
        tokio::select! {
            () = hung_up(self.reader.as_ref()) => Ok(()),
            ended = self.writing.ended() => ended.context(UNWRITABLE),
        }
    }
}

impl Output {
    /// Without an `output` nothing is told but the log.
    pub(super) fn new(output: Option<config::Output>, session: &Session) -> Result<Self> {
        let open = |output| Stdout::open(output, session);
        Ok(Self {
            stdout: output.map(open).transpose()?,
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
        if let Some(stdout) = &mut self.stdout {
            stdout.sink.banner(&banner).context(UNWRITABLE)?;
        }
        log::info!(
            "watching {} bridges; {}; unseen: {}",
            banner.bridges,
            banner.daemons.join("; "),
            banner.unseen.join("; ")
        );
        Ok(())
    }

    pub(super) fn finding(&mut self, finding: &Finding) -> Result<()> {
        match &mut self.stdout {
            Some(stdout) => stdout.sink.finding(finding).context(UNWRITABLE),
            None => Ok(()),
        }
    }

    /// Says what a single look found in all.
    pub(super) fn summary(&mut self, summary: &Summary) -> Result<()> {
        match &mut self.stdout {
            Some(stdout) => stdout.sink.summary(summary).context(UNWRITABLE),
            None => Ok(()),
        }
    }

    /// Waits a moment for everything to be written, unless nobody takes it.
    pub(super) async fn finish(self) -> Result<()> {
        let Some(stdout) = self.stdout else {
            return Ok(());
        };
        drop(stdout.sink);
        stdout.writing.finish().await.context(UNWRITABLE)
    }

    /// Resolves when nobody reads standard output any more, or it cannot be written.
    pub(super) async fn closed(&mut self) -> Result<()> {
        match &mut self.stdout {
            Some(stdout) => stdout.closed().await,
            None => pending().await,
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
