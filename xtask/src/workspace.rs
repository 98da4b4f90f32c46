//! Where the workspace and its target directory are, as cargo itself sees them.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::{cargo, sh};

/// The two folders every command works in.
pub(crate) struct Workspace {
    root: PathBuf,
    target: PathBuf,
}

impl Workspace {
    /// Asks cargo, which knows of `CARGO_TARGET_DIR` and of the configuration files.
    pub(crate) fn locate() -> Result<Self> {
        let mut metadata = cargo::bare();
        metadata.args(["metadata", "--no-deps", "--format-version=1"]);
        Self::parse(&sh::read(&mut metadata)?).context("cannot read `cargo metadata`")
    }

    fn parse(metadata: &str) -> Result<Self> {
        let metadata: serde_json::Value = serde_json::from_str(metadata)?;
        let folder = |name: &str| {
            let text = metadata[name]
                .as_str()
                .with_context(|| format!("no `{name}`"))?;
            anyhow::Ok(PathBuf::from(text))
        };
        Ok(Self {
            root: folder("workspace_root")?,
            target: folder("target_directory")?,
        })
    }

    /// The folder of the workspace's `Cargo.toml`.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// The folder for tools that were installed for this workspace only; `cargo clean` removes it.
    pub(crate) fn tools(&self) -> PathBuf {
        self.target.join("tools")
    }

    /// The folder for other docker engines than the installed one, a folder each.
    pub(crate) fn engines(&self) -> PathBuf {
        self.tools().join("engines")
    }

    /// The folder for what looks at the report's pages.
    pub(crate) fn pages(&self) -> PathBuf {
        self.tools().join("pages")
    }

    /// The folder for Debian's kernels, which `cargo xtask kernels` boots.
    pub(crate) fn kernels(&self) -> PathBuf {
        self.target.join("kernels")
    }

    /// The folder for what `cargo xtask bench` builds to measure against.
    pub(crate) fn bench(&self) -> PathBuf {
        self.target.join("bench")
    }

    /// The folder in which criterion leaves figures and plots.
    pub(crate) fn criterion(&self) -> PathBuf {
        self.target.join("criterion")
    }

    /// The folder for what the lab's tests show, see `cargo xtask detects`.
    pub(crate) fn showcase(&self) -> PathBuf {
        self.target.join("showcase")
    }

    /// The folder for recordings that the lab's tests leave, see `cargo xtask fixtures`.
    pub(crate) fn recordings(&self) -> PathBuf {
        self.target.join("recordings")
    }

    /// A path as short as it can be said from the workspace's root.
    pub(crate) fn relative<'a>(&self, path: &'a Path) -> &'a Path {
        path.strip_prefix(&self.root).unwrap_or(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_come_from_cargo() {
        let text = r#"{"workspace_root":"/w","target_directory":"/elsewhere/target"}"#;
        let workspace = Workspace::parse(text).unwrap();
        assert_eq!(workspace.tools(), Path::new("/elsewhere/target/tools"));
        assert_eq!(
            workspace.relative(Path::new("/w/target/x")),
            Path::new("target/x")
        );
        assert_eq!(workspace.relative(Path::new("/v/x")), Path::new("/v/x"));
    }

    #[test]
    fn a_missing_folder_is_named() {
        let error = Workspace::parse(r#"{"workspace_root":"/w"}"#)
            .err()
            .unwrap();
        assert_eq!(error.to_string(), "no `target_directory`");
    }
}
