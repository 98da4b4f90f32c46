//! A directory that lives as long as the thing that works in it.

use std::env;
use std::fs::{self, DirBuilder};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};

use crate::{names, wait_for};

/// A private directory, removed on drop.
pub(crate) struct Home {
    name: String,
    path: PathBuf,
}

impl Home {
    pub(crate) fn new(role: &str) -> Result<Self> {
        let name = names::unique(role);
        let path = env::temp_dir().join(&name);
        DirBuilder::new()
            .mode(0o700)
            .create(&path)
            .with_context(|| format!("create {}", path.display()))?;
        Ok(Self { name, path })
    }

    /// The unique name, usable for other things of the same owner.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// A path inside, as text for command lines and configuration files.
    pub(crate) fn text(&self, inside: &str) -> String {
        self.path.join(inside).display().to_string()
    }

    pub(crate) fn write(&self, inside: &str, content: &str) -> Result<PathBuf> {
        let path = self.path.join(inside);
        fs::write(&path, content).with_context(|| format!("write {}", path.display()))?;
        Ok(path)
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        // Mounts of a namespace that has just died are let go a moment later.
        let removed = wait_for("the directory to be free", Duration::from_secs(5), || {
            fs::remove_dir_all(&self.path).ok()
        });
        if let Err(error) = removed {
            eprintln!("lab: {} stays behind: {error}", self.path.display());
        }
    }
}
