//! What these tests share: recordings of real outages, also with names that attack the reader.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use tracer_core::input::Input;
use tracer_record::compose::Composer;
use tracer_record::header::Kind;

use crate::recording::scene::{Ended, Folder, bridgetrace};

/// Names that would act in a page, in a ticket or on a terminal.
pub(super) const HOSTILE: &str = "</title><script>window.pwned=1</script><img src=x onerror=\"window.pwned=1\">'\
     \u{202e}\u{1b}[2J|`*@all*` [x](javascript:alert(1)) www.evil.example";

/// The outage of a compose project, with other names for its network and container.
pub(super) fn hostile(folder: &Folder) -> Result<PathBuf> {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tracer/core/tests/golden");
    let inputs = fs::read_to_string(golden.join("compose.inputs.jsonl"))?;
    let name = serde_json::to_string(HOSTILE)?;
    let long = serde_json::to_string(&format!("{HOSTILE}{}", "långt ".repeat(200)))?;
    let inputs = inputs
        .replace("\"openldap\"", &name)
        .replace("\"xxxx-openldap_default\"", &long)
        .replace("\"r550\"", &name);
    record(&folder.path("hostile.btr"), &inputs)
}

/// A recording of these inputs, a JSON line each.
fn record(file: &Path, inputs: &str) -> Result<PathBuf> {
    let mut composer = Composer::new(Kind::Inputs, 1)?;
    composer.begin(1);
    for line in inputs.lines() {
        let input: Input = serde_json::from_str(line)?;
        composer.add(&input)?;
    }
    let block = composer.take()?.context("no inputs")?;
    fs::write(file, block.bytes)?;
    Ok(file.to_owned())
}

/// A recording of a host on which nothing happens.
pub(super) fn quiet(folder: &Folder) -> Result<PathBuf> {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tracer/core/tests/golden");
    let inputs = fs::read_to_string(golden.join("ping.inputs.jsonl"))?;
    let first: Vec<&str> = inputs.lines().take(3).collect();
    record(&folder.path("quiet.btr"), &first.join("\n"))
}

/// Runs `bridgetrace report` with these arguments.
pub(super) fn report(folder: &Folder, arguments: &[&str]) -> Result<Ended> {
    bridgetrace(folder, &[&["report"], arguments].concat())
}
