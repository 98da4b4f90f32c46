//! Tells from a recording what the live run told: the same inputs through the same core, to the
//! same sinks. It needs neither root nor docker.

pub(crate) mod memory;
mod pace;
mod reading;
pub(crate) mod when;

use std::{
    io::{self, Write},
    path::PathBuf,
};

use anyhow::Result;
use tracer_core::{
    Core,
    finding::Finding,
    input::{Body, Input, Session},
    time::Timestamp,
};

use crate::{
    config,
    sink::{self, Sink, time},
};

pub(crate) use self::reading::{Reading, unread};

use self::{pace::Pace, when::When};

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
    let mut reading = Reading::open(&plan.file, plan.from, plan.to)?;
    let span = reading.span();
    log::info!(
        "{}: from {} to {}",
        plan.file.display(),
        time::date_and_clock(span.first),
        time::date_and_clock(span.last)
    );
    let mut stage = Stage {
        output: plan.output,
        out: Box::new(|| Box::new(io::stdout())),
        from: reading.from(),
        pace: plan.speed.map(Pace::new),
        run: Core::default(),
        sink: None,
    };
    stage.play(&mut reading)?;
    if reading.left_out() > 0 {
        log::info!(
            "it begins with what was known of the host by then: the {} inputs before are not kept",
            reading.left_out()
        );
    }
    for unread in reading.unread() {
        log::warn!("{unread}");
    }
    Ok(())
}

/// The core and the sink of the run that is replayed.
struct Stage {
    output: config::Output,
    /// Each run has a sink of its own.
    out: Box<dyn Fn() -> Box<dyn Write>>,
    from: Timestamp,
    pace: Option<Pace>,
    run: Core,
    /// Once it is known of which host and version the run is.
    sink: Option<Box<dyn Sink>>,
}

impl Stage {
    fn play(&mut self, reading: &mut Reading) -> Result<()> {
        while let Some(told) = reading.next()? {
            if told.new_run {
                (self.run, self.sink) = (Core::default(), None);
            }
            self.observe(&told.input)?;
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

#[cfg(test)]
mod tests;
