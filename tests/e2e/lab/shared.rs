//! A shared lab is made once and taken down at the end of the process, even though
//! nothing drops a static.

use std::sync::Arc;

use anyhow::{Result, ensure};
use bridgetrace_lab::{Netns, Shared, preflight};

static NETNS: Shared<Netns> = Shared::new();

#[test]
fn everybody_gets_the_same_one() -> Result<()> {
    preflight::require()?;
    let first = NETNS.get(|| Netns::new("shared"))?;
    let second = NETNS.get(|| anyhow::bail!("made twice"))?;
    ensure!(Arc::ptr_eq(&first, &second));
    Ok(())
}
