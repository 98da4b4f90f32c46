//! The live trace on a screen: it is told what every other outlet is told, and looks at the world itself
//! once a second if something has changed.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use anyhow::Result;
use tracer_core::{
    Core,
    finding::Finding,
    input::{Body, Input},
    overview::Overview,
};

use crate::{inventory::clock, sink::human::Look};

use super::{app::Feed, incidents::Incidents, keys::Step, screen::Screen, state::State};

/// How often the clock on the screen goes on.
const SECOND: Duration = Duration::from_secs(1);

/// A screen that shows what happens.
pub(crate) struct Live {
    screen: Screen,
    latest: Latest,
    /// The world has changed since it was looked at.
    stale: bool,
}

/// What there is to be shown.
#[derive(Clone, Default)]
struct Latest(Arc<Mutex<Picture>>);

#[derive(Default)]
struct Picture {
    incidents: Incidents,
    overview: Arc<Overview>,
    /// Counts changes.
    version: u64,
}

impl Latest {
    fn get(&self) -> MutexGuard<'_, Picture> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Live {
    /// Takes the terminal.
    pub(crate) fn start(look: Look) -> Result<Self> {
        let latest = Latest::default();
        let feed = LiveFeed {
            latest: latest.clone(),
            version: 0,
        };
        Ok(Self {
            screen: Screen::start(feed, look)?,
            latest,
            stale: true,
        })
    }

    /// Takes in a step of a finding.
    pub(crate) fn tell(&mut self, finding: &Finding) {
        let mut picture = self.latest.get();
        picture.incidents.tell(Arc::new(finding.clone()));
        picture.version += 1;
        drop(picture);
        self.screen.changed();
    }

    /// Notes whether the input changes what the host is like.
    pub(crate) fn note(&mut self, input: &Input) {
        self.stale |= match &input.body {
            Body::Tick | Body::Kernel(_) | Body::Counters(_) => false,
            Body::Net { change, .. } => !change.is_about_neighbours(),
            _ => true,
        };
    }

    /// Looks at the host anew if it has changed.
    pub(crate) fn look(&mut self, core: &Core) {
        if !std::mem::take(&mut self.stale) {
            return;
        }
        let overview = Arc::new(core.overview());
        let mut picture = self.latest.get();
        picture.overview = overview;
        picture.version += 1;
        drop(picture);
        self.screen.changed();
    }

    /// Resolves when somebody wants the end, or nothing can be drawn any more.
    pub(crate) async fn dismissed(&mut self) -> Result<()> {
        self.screen.dismissed().await
    }

    /// Gives the terminal back.
    pub(crate) async fn finish(self) -> Result<()> {
        self.screen.finish().await
    }
}

struct LiveFeed {
    latest: Latest,
    version: u64,
}

impl Feed for LiveFeed {
    fn bring(&mut self, state: &mut State) -> Result<()> {
        state.now = clock::now();
        let picture = self.latest.get();
        if picture.version != self.version {
            self.version = picture.version;
            state.incidents = picture.incidents.clone();
            state.overview = Arc::clone(&picture.overview);
        }
        Ok(())
    }

    /// What happens now has no other moments.
    fn step(&mut self, _: Step) {}

    fn pace(&self) -> Duration {
        SECOND
    }
}
