//! How large the one file is that users install: built with the profile of releases, which strips it.

use anyhow::{Context as _, Result};
use serde_json::json;

use super::context::Context;
use super::row::Row;
use super::spread::{mebibytes, short};

/// MiB.
const TARGET: f64 = 12.0;

pub(super) fn measure(context: &Context) -> Result<Vec<Row>> {
    let file = context.binary.metadata().context("look at the binary")?;
    let size = mebibytes(file.len());
    let row = Row::new("binary, stripped", format!("{} MiB", short(size)))
        .target(format!("<= {TARGET} MiB"), size <= TARGET)
        .raw(json!({"bytes": file.len()}));
    Ok(vec![row])
}
