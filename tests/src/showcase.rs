//! The page "what it detects": a row for each variant of an outage, taken from the tests' own runs.
//!
//! A test shows its finding here. The page must have the variant, with the same kind and verdict; its
//! line of output is that of the run by which the page was generated (`cargo xtask detects`).

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

/// Names the folder into which the rows are written when the page is generated.
pub const FOLDER: &str = "BRIDGETRACE_SHOWCASE";

/// Shows what was found of `variant`, a few plain words.
pub fn show(variant: &str, finding: &Value) -> Result<()> {
    let row = Row::of(variant, finding)?;
    match std::env::var_os(FOLDER) {
        Some(folder) => {
            let file = PathBuf::from(folder).join(variant.replace('/', " or "));
            std::fs::write(&file, row.text()).with_context(|| file.display().to_string())
        }
        None => row.is_on_the_page(),
    }
}

/// Fit for a table, and without the folder in which the lab's daemon happened to live.
fn plain(line: &str) -> String {
    let words = line.split(' ').map(|word| {
        let lab = word.starts_with("unix:///tmp/") && word.contains("docker.sock");
        if lab {
            "unix:///run/lab/docker.sock."
        } else {
            word
        }
    });
    words.collect::<Vec<_>>().join(" ").replace('|', "\\|")
}

struct Row {
    /// Everything but the line of output, which differs from run to run.
    lasting: String,
    line: String,
}

impl Row {
    fn of(variant: &str, finding: &Value) -> Result<Self> {
        let said = &finding["bridgetrace"]["finding"];
        let word = |value: &Value| {
            let word = value.as_str().map(str::to_owned);
            word.with_context(|| format!("no word in\n{finding:#}"))
        };
        Ok(Self {
            lasting: format!(
                "| {variant} | `{}` | {} |",
                word(&said["kind"])?,
                word(&said["verdict"])?
            ),
            line: plain(&word(&finding["event"]["reason"])?),
        })
    }

    fn text(&self) -> String {
        format!("{} {} |\n", self.lasting, self.line)
    }

    fn is_on_the_page(&self) -> Result<()> {
        let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/what-it-detects.md");
        let text = std::fs::read_to_string(page).context("read the page of what is detected")?;
        ensure!(
            text.contains(&self.lasting),
            "the page of what is detected has no row {}; `cargo xtask detects` generates it",
            self.lasting
        );
        Ok(())
    }
}
