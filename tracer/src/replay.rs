//! Tells from a recording what the live run told: the same inputs through the same core, to the
//! same sinks. It needs neither root nor docker.

pub(crate) mod memory;
mod pace;
pub(crate) mod when;

use std::{
    fs::File,
    io::{self, Write},
    path::{Path, PathBuf},
};

use anyhow::Result;
use tracer_core::{
    Core,
    finding::Finding,
    input::{Body, Input, Session},
    time::{SECOND, Timestamp},
};
use tracer_record::play::{Player, Problems};

use crate::{
    config,
    record::open::{self, Segment},
    sink::{self, Sink, time},
};

use self::{pace::Pace, when::When};

/// Sources differ: an input may come so much later than one that happened after it.
const DISORDER: u64 = 60 * SECOND;

/// What is replayed, and how.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// The recording.
    pub(crate) file: PathBuf,
    /// What to print.
    pub(crate) output: config::Output,
    /// Nothing before is told.
    pub(crate) from: Option<When>,
    /// Nothing after is told.
    pub(crate) to: Option<When>,
    /// How many times as fast as it happened; at once if not given.
    pub(crate) speed: Option<f64>,
}

/// Replays a recording to standard output.
pub(crate) fn replay(plan: &Plan) -> Result<()> {
    let segments = open::open(&plan.file)?;
    let span = open::survey(&plan.file, &segments)?;
    log::info!(
        "{}: from {} to {}",
        plan.file.display(),
        time::date_and_clock(span.first),
        time::date_and_clock(span.last)
    );
    let names: Vec<PathBuf> = segments.iter().map(|it| it.path.clone()).collect();
    let mut player = Player::new(segments.into_iter().map(|it: Segment| it.file))?;
    let mut stage = Stage {
        output: plan.output,
        out: Box::new(|| Box::new(io::stdout())),
        from: plan
            .from
            .map_or(Timestamp(0), |from| from.before(span.last)),
        to: plan
            .to
            .map_or(Timestamp(u64::MAX), |to| to.before(span.last)),
        pace: plan.speed.map(Pace::new),
        run: Core::default(),
        sink: None,
    };
    stage.play(&mut player, &plan.file)?;
    if player.left_out() > 0 {
        log::info!(
            "it begins with what was known of the host by then: the {} inputs before are not kept",
            player.left_out()
        );
    }
    tell(player.problems(), &names);
    Ok(())
}

/// The core and the sink of the run that is replayed.
struct Stage {
    output: config::Output,
    /// Each run has a sink of its own.
    out: Box<dyn Fn() -> Box<dyn Write>>,
    from: Timestamp,
    to: Timestamp,
    pace: Option<Pace>,
    run: Core,
    /// Once it is known of which host and version the run is.
    sink: Option<Box<dyn Sink>>,
}

impl Stage {
    fn play(&mut self, player: &mut Player<File>, file: &Path) -> Result<()> {
        let mut blocks = 0;
        while let Some(told) = player.next() {
            let told = told.map_err(|error| open::unplayable(file, error))?;
            if told.new_run {
                (self.run, self.sink) = (Core::default(), None);
            }
            if told.input.at > self.to.plus(DISORDER) {
                break;
            }
            if told.input.at <= self.to {
                self.observe(&told.input)?;
            }
            if player.blocks() != blocks {
                blocks = player.blocks();
                memory::check(file)?;
            }
        }
        Ok(())
    }

    fn observe(&mut self, input: &Input) -> Result<()> {
        if let Some(pace) = &mut self.pace
            && input.at >= self.from
        {
            pace.wait(input.at);
        }
        if let Body::Session(session) = &input.body {
            self.sink = Some(sink::render(self.output, (self.out)(), session));
        }
        for finding in self.run.observe(input) {
            if finding.at >= self.from {
                self.tell(&finding)?;
            }
        }
        Ok(())
    }

    fn tell(&mut self, finding: &Finding) -> Result<()> {
        // The block that names the host may be damaged.
        let unknown = || sink::render(self.output, (self.out)(), &Session::default());
        let sink = self.sink.get_or_insert_with(unknown);
        Ok(sink.finding(finding)?)
    }
}

/// Says what could not be read.
pub(crate) fn tell(problems: &Problems, names: &[PathBuf]) {
    for (file, damage) in &problems.damaged {
        let name = names.get(*file).map_or(Path::new("?"), PathBuf::as_path);
        let (name, bytes, at) = (name.display(), damage.bytes, damage.at);
        if damage.cut {
            log::warn!("{name} ends within a block: its {bytes} bytes are left out");
        } else {
            log::warn!("{name}: {bytes} bytes at {at} are damaged and left out");
        }
    }
    let more = problems.damages - problems.damaged.len() as u64;
    if more > 0 {
        log::warn!("{more} more places are damaged");
    }
    if problems.missing > 0 {
        log::warn!("{} inputs are missing", problems.missing);
    }
    if problems.unknown > 0 {
        log::warn!(
            "{} lines are not understood and left out; a later bridgetrace may have written them",
            problems.unknown
        );
    }
}

#[cfg(test)]
mod tests;
