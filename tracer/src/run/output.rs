//! Where findings go: standard output in the chosen format, or a screen.

use std::{
    fs::File,
    future::pending,
    io,
    os::fd::{AsFd, OwnedFd},
};

use anyhow::{Context as _, Result};
use tokio::io::{Interest, unix::AsyncFd};
use tracer_core::{
    Core,
    finding::Finding,
    input::{DaemonStatus, Input, Session},
    summary::Summary,
    world::World,
};

use crate::{
    config::{self, Audience},
    fd,
    run::outlet::{self, Writing},
    sink::{self, Banner, Sink},
    top::Live,
};

/// Where findings go, if they go anywhere.
pub(super) struct Output {
    to: To,
    session: Session,
}

/// Why there is nobody to tell any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Over {
    /// Whoever read standard output is gone.
    Unread,
    /// Whoever looked at the screen wants the end.
    Dismissed,
}

/// Whom findings go to.
enum To {
    Nobody,
    Stdout(Stdout),
    Screen(Live),
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
    /// Takes what the audience needs; without one nothing is told but the log.
    pub(super) fn new(audience: Audience, session: &Session) -> Result<Self> {
        let to = match audience {
            Audience::Nobody => To::Nobody,
            Audience::Reader(output) => To::Stdout(Stdout::open(output, session)?),
            Audience::Viewer(look) => To::Screen(Live::start(look)?),
        };
        Ok(Self {
            to,
            session: session.clone(),
        })
    }

    /// Says what is watched: to people on standard output, and always in one line of the log,
    /// which scripts may wait for.
    pub(super) fn banner(&mut self, world: &World) -> Result<()> {
        let mut unseen = self.session.unseen.clone();
        if world.namespace_count() == 0 {
            let host = self.session.netns;
            let cause = world.unreadable().find(|(netns, _)| *netns == host);
            unseen.push(match cause {
                Some((_, cause)) => format!("links and routes: {cause}"),
                None => "links and routes, until they are read: that takes long here".into(),
            });
        }
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
            unseen,
        };
        if let To::Stdout(stdout) = &mut self.to {
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
        match &mut self.to {
            To::Stdout(stdout) => stdout.sink.finding(finding).context(UNWRITABLE),
            To::Screen(screen) => {
                screen.tell(finding);
                Ok(())
            }
            To::Nobody => Ok(()),
        }
    }

    /// Notes an input that the core has taken in: a screen shows what the host is like.
    pub(super) fn note(&mut self, input: &Input) {
        if let To::Screen(screen) = &mut self.to {
            screen.note(input);
        }
    }

    /// Shows what the host is like, if that has changed and anybody looks.
    pub(super) fn look(&mut self, core: &Core) {
        if let To::Screen(screen) = &mut self.to {
            screen.look(core);
        }
    }

    /// Says what a single look found in all.
    pub(super) fn summary(&mut self, summary: &Summary) -> Result<()> {
        match &mut self.to {
            To::Stdout(stdout) => stdout.sink.summary(summary).context(UNWRITABLE),
            To::Screen(_) | To::Nobody => Ok(()),
        }
    }

    /// Waits a moment for everything to be written, unless nobody takes it.
    pub(super) async fn finish(self) -> Result<()> {
        match self.to {
            To::Stdout(stdout) => {
                drop(stdout.sink);
                stdout.writing.finish().await.context(UNWRITABLE)
            }
            To::Screen(screen) => screen.finish().await,
            To::Nobody => Ok(()),
        }
    }

    /// Resolves when nobody reads or looks any more, or nothing can be written.
    pub(super) async fn over(&mut self) -> Result<Over> {
        match &mut self.to {
            To::Stdout(stdout) => stdout.closed().await.map(|()| Over::Unread),
            To::Screen(screen) => screen.dismissed().await.map(|()| Over::Dismissed),
            To::Nobody => pending().await,
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
