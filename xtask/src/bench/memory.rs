//! Resident memory once bridgetrace watches, on a server with a daemon.

use anyhow::{Context as _, Result};
use bridgetrace_lab::{Dockerd, Topology};
use serde_json::json;

use super::binary::mebibytes;
use super::context::Context;
use super::process::resident;
use super::row::Row;
use super::spread::Spread;
use super::stage::start;
use crate::interrupt;

/// MiB.
const TARGET: f64 = 20.0;

pub(super) fn measure(context: &Context) -> Result<Vec<Row>> {
    let lab = Topology::new()?;
    let daemon = Dockerd::start(&lab.srv)?;
    let one = || -> Result<f64> {
        interrupt::check()?;
        let mut tracer = start(&context.binary, &lab, &daemon, &[])?;
        tracer.wait_ready()?;
        Ok(mebibytes(resident(tracer.id())?))
    };
    let sizes: Vec<f64> = (0..context.times(3, 10))
        .map(|_| one())
        .collect::<Result<_>>()?;
    let sizes = Spread::new(sizes).context("no start")?;
    Ok(vec![
        Row::new("memory (RSS) at start", format!("{sizes} MiB"))
            .target(format!("<= {TARGET} MiB"), sizes.median() <= TARGET)
            .raw(json!({"mib": sizes.all()})),
    ])
}
