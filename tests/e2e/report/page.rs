//! The page in a real Chromium: nothing is asked of the network, nothing runs but its own script, axe-core
//! finds nothing in either theme, nothing sticks out at 375 px or on A4, and commands are copied by keyboard.

use std::path::PathBuf;
use std::process::Command;
use std::{env, fs};

use anyhow::{Context, Result, ensure};

use super::scene::{hostile, quiet, report};
use crate::recording::scene::{Folder, fixture, run, succeeded};

/// Where axe-core and the driver are: `$BRIDGETRACE_PAGES`, or beside the test's target folder.
fn tools() -> Result<PathBuf> {
    let folder = match env::var_os("BRIDGETRACE_PAGES") {
        Some(path) => PathBuf::from(path),
        None => {
            let test = env::current_exe().context("the test executable")?;
            let target = test.ancestors().nth(3).context("no target folder")?;
            target.join("tools/pages")
        }
    };
    ensure!(
        folder.join("node_modules/axe-core/axe.min.js").is_file(),
        "no axe-core in {}: run cargo xtask setup",
        folder.display()
    );
    Ok(folder)
}

#[test]
fn pages_hold_in_a_browser_and_on_paper() -> Result<()> {
    let tools = tools()?;
    let folder = Folder::new()?;
    let mut pages = Vec::new();
    for (name, file) in [
        ("compose", fixture("compose-1.btr")),
        ("hostile", hostile(&folder)?.display().to_string()),
        ("quiet", quiet(&folder)?.display().to_string()),
    ] {
        let page = folder.text(&format!("{name}.html"));
        succeeded(report(&folder, &[&file, "-o", &page])?)?;
        pages.push(page);
    }
    ensure!(fs::read_to_string(&pages[1])?.contains("window.pwned"));
    // For people; the next run replaces them.
    let pictures = tools.join("pictures");
    fs::create_dir_all(&pictures)?;
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/e2e/report/look.mjs");
    let mut node = Command::new("node");
    node.arg(script).arg(&tools).arg(&pictures).args(&pages);
    let looked = run(&folder, node)?;
    ensure!(
        looked.status.success(),
        "{}{}",
        looked.stdout,
        looked.stderr
    );
    Ok(())
}
