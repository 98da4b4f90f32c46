//! A suite of Debian beside the installed one: apt with its own sources and lists, so that
//! nothing of it can ever be installed. It needs no root.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result};

use super::archive::Archive;
use crate::sh;

/// Where Debian installs the keys of its own archives.
const KEYS: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// A suite whose lists were read.
pub(crate) struct Suite {
    folder: PathBuf,
}

impl Suite {
    /// Reads the lists of a suite into a folder.
    pub(crate) fn open(folder: &Path, archive: &Archive, suite: &str) -> Result<Self> {
        for sub in ["lists/partial", "cache/archives/partial"] {
            let sub = folder.join(sub);
            std::fs::create_dir_all(&sub).with_context(|| format!("create {}", sub.display()))?;
        }
        let source = source(
            archive.root_of(suite)?,
            suite,
            Path::new(KEYS).exists().then_some(KEYS),
        );
        std::fs::write(folder.join("sources.list"), source).context("write apt's sources")?;
        let suite = Self {
            folder: folder.to_owned(),
        };
        sh::run(suite.apt("apt-get").arg("update"))?;
        Ok(suite)
    }

    /// The packages whose name matches.
    pub(crate) fn names(&self, pattern: &str) -> Result<Vec<String>> {
        let mut search = self.apt("apt-cache");
        let lines = sh::read(search.args(["search", "--names-only", pattern]))?;
        let name = |line: &str| Some(line.split_once(' ')?.0.to_owned());
        Ok(lines.lines().filter_map(name).collect())
    }

    /// Downloads packages and unpacks them, all into the same folder.
    pub(crate) fn unpack<S: AsRef<OsStr>>(&self, packages: &[S], into: &Path) -> Result<()> {
        let mut download = self.apt("apt-get");
        sh::run(download.arg("download").args(packages))?;
        let files = std::fs::read_dir(&self.folder).context("look for what was downloaded")?;
        for file in files {
            let file = file.context("look for what was downloaded")?.path();
            if file.extension().is_some_and(|kind| kind == "deb") {
                sh::run(Command::new("dpkg-deb").arg("-x").arg(file).arg(into))?;
            }
        }
        Ok(())
    }

    /// What is installed here must not count, nor what else apt would read (translations, icons).
    fn apt(&self, program: &str) -> Command {
        let file = |name: &str| self.folder.join(name).display().to_string();
        let mut command = Command::new(program);
        command.current_dir(&self.folder).stdin(Stdio::null());
        for option in [
            format!("Dir::Etc::sourcelist={}", file("sources.list")),
            "Dir::Etc::sourceparts=-".to_owned(),
            format!("Dir::State::Lists={}", file("lists")),
            "Dir::State::status=/dev/null".to_owned(),
            format!("Dir::Cache={}", file("cache")),
            // Otherwise lists that could not be had are a warning, and the suite seems empty.
            "APT::Update::Error-Mode=any".to_owned(),
            "Acquire::Languages=none".to_owned(),
            "Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false".to_owned(),
            // Root may read the folder; the user that apt would become may not.
            "APT::Sandbox::User=root".to_owned(),
        ] {
            command.arg("-o").arg(option);
        }
        command
    }
}

/// A line of sources.list. Without Debian's own keys, those that apt trusts must do.
fn source(root: &str, suite: &str, keys: Option<&str>) -> String {
    let keys = keys.map_or_else(String::new, |file| format!(" signed-by={file}"));
    format!("deb [arch=amd64{keys}] {root} {suite} main\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_names_the_keys_if_there_are_any() {
        assert_eq!(
            source("mirror:/debian/", "sid", Some("/k.gpg")),
            "deb [arch=amd64 signed-by=/k.gpg] mirror:/debian/ sid main\n"
        );
        assert_eq!(
            source("mirror:/debian/", "sid", None),
            "deb [arch=amd64] mirror:/debian/ sid main\n"
        );
    }
}
