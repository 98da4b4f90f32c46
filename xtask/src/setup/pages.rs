//! What looks at the report's pages: a driver for Chromium, and axe-core, from npm. They are pinned by a
//! lock file, live below the tools of this workspace, and run no scripts as they are installed.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use crate::sh;
use crate::unmet::Unmet;

/// What npm is told, beside the tests that need it.
const FILES: [&str; 2] = ["package.json", "package-lock.json"];
/// Holds the lock file that was installed: where another is wanted, it is installed anew.
const INSTALLED: &str = "installed.json";

/// Finds what `source` asks for in `pages`, or installs it there.
pub(super) fn ensure(source: &Path, pages: &Path) -> Result<()> {
    let lock = source.join(FILES[1]);
    let wanted = fs::read(&lock).with_context(|| format!("read {}", lock.display()))?;
    let is_there = fs::read(pages.join(INSTALLED)).is_ok_and(|it| it == wanted);
    if is_there {
        return Ok(());
    }
    sh::say("missing: axe-core and a driver for Chromium");
    install(source, pages).map_err(|error| type_it_yourself(pages, &error))?;
    fs::write(pages.join(INSTALLED), wanted).context("remember what was installed")
}

fn install(source: &Path, pages: &Path) -> Result<()> {
    fs::create_dir_all(pages).with_context(|| format!("create {}", pages.display()))?;
    for file in FILES {
        fs::copy(source.join(file), pages.join(file)).with_context(|| format!("copy {file}"))?;
    }
    sh::run(&mut npm(pages))
}

fn npm(pages: &Path) -> Command {
    let mut npm = Command::new("npm");
    npm.args([
        "ci",
        "--ignore-scripts",
        "--no-audit",
        "--no-fund",
        "--prefix",
    ]);
    npm.arg(pages);
    npm
}

fn type_it_yourself(pages: &Path, error: &anyhow::Error) -> Unmet {
    Unmet::new(
        format!(
            "axe-core could not be installed ({error:#}); the tests of the report's pages need it. \
             Where the network allows:"
        ),
        &[sh::render(&npm(pages))],
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_runs_while_it_is_installed_and_it_can_be_typed() {
        let typed = type_it_yourself(Path::new("/t/pages"), &anyhow::anyhow!("no route to host"));
        let typed = typed.to_string();
        assert!(typed.contains("npm ci --ignore-scripts"), "{typed}");
        assert!(typed.ends_with("--prefix /t/pages"), "{typed}");
    }
}
