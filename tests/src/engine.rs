//! Docker engines of other times than the installed one, as `cargo xtask setup` fetched them.

use std::env;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};

use crate::dockerd::Options;

/// A docker engine the lab can run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// The machine's own, 20.10 on Debian 12.
    Installed,
    /// 26.1, with its containerd.
    V26,
    /// 28.5, with its containerd, client and compose.
    V28,
}

impl Engine {
    /// How to start a daemon of this engine. An engine that is not there is an error: nothing is
    /// compared with another one in its place.
    pub fn options(self) -> Result<Options> {
        let name = match self {
            Self::Installed => return Ok(Options::new()),
            Self::V26 => "26.1",
            Self::V28 => "28.5",
        };
        let folder = engines()?.join(name);
        ensure!(
            folder.join("dockerd").is_file(),
            "no docker engine in {}: run cargo xtask setup",
            folder.display()
        );
        Ok(Options::new().programs(folder))
    }
}

/// `$BRIDGETRACE_ENGINES`, or the folder of tools beside that of the test executable.
fn engines() -> Result<PathBuf> {
    if let Some(path) = env::var_os("BRIDGETRACE_ENGINES") {
        return Ok(path.into());
    }
    let test = env::current_exe().context("the test executable")?;
    let target = test.ancestors().nth(3).context("no target folder")?;
    Ok(target.join("tools/engines"))
}
