//! `cargo xtask fixtures`: small recordings of the end-to-end tests, by which replays are tested without
//! a lab.
//!
//! Each tracer of these tests records, see `tests/src/recording.rs`. Of what they leave, as few recordings
//! are kept as show every scenario and everything that was found; first each is rid of what the machine adds.

mod choose;
mod neutral;

use std::ffi::OsString;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use tracer_core::input::Input;
use tracer_record::{compose::Composer, header::Kind, play::Player};

use self::choose::Candidate;
use crate::workspace::Workspace;
use crate::{build, setup, sh, test};

/// Where the tests leave their recordings, see `tests/src/capture.rs`.
const FOLDER: &str = "BRIDGETRACE_FIXTURES";
/// Where the fixtures are.
const KEPT: &str = "tests/fixtures/recordings/scenarios";
/// Larger ones are no fixtures, bytes.
const LARGEST: u64 = 64 << 10;

/// Choose recordings of the end-to-end tests as fixtures for replays, and keep them below `tests/fixtures`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Do not run the tests: choose from what a former run left.
    #[arg(long)]
    no_run: bool,
    /// Another workspace whose tests left recordings; may be repeated.
    #[arg(long, value_name = "FOLDER")]
    workspace: Vec<PathBuf>,
    /// Filters for the lab's tests.
    #[arg(last = true, value_name = "LAB ARGS")]
    lab_args: Vec<OsString>,
}

/// Runs the tests, makes their recordings neutral, chooses, and replaces the fixtures.
pub(crate) fn run(workspace: &Workspace, args: &Args) -> Result<()> {
    let raw = workspace.recordings();
    fs::create_dir_all(&raw).with_context(|| raw.display().to_string())?;
    if !args.no_run {
        test::lab(workspace, &args.lab_args, &[(FOLDER, raw.as_os_str())])?;
    }
    let cargo = setup::for_build(workspace)?;
    let binary = build::binary(&cargo, &build::Args::default())?;
    let clean = raw.join("neutral");
    fs::create_dir_all(&clean)?;
    let others = args.workspace.iter().map(PathBuf::as_path);
    let roots = others.chain([workspace.root()]);
    let roots: Vec<String> = roots.map(|root| root.display().to_string()).collect();
    let mut candidates = Vec::new();
    for path in recordings(&raw)? {
        candidates.extend(candidate(&roots, &binary, &path, &clean)?);
    }
    ensure!(!candidates.is_empty(), "no test left a recording");
    let kept = workspace.root().join(KEPT);
    fs::remove_dir_all(&kept).ok();
    fs::create_dir_all(&kept)?;
    for chosen in choose::fewest(candidates) {
        fs::copy(&chosen.path, kept.join(format!("{}.btr", chosen.name)))?;
        fs::write(kept.join(format!("{}.jsonl", chosen.name)), &chosen.told)?;
        println!("{:>6} bytes  {}", chosen.size, chosen.name);
    }
    Ok(())
}

/// Recordings in a folder, by name.
fn recordings(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        found.extend(
            path.extension()
                .is_some_and(|it| it == "btr")
                .then_some(path),
        );
    }
    found.sort_unstable();
    Ok(found)
}

/// The recording made neutral, and what a replay tells of it; `None` if it is no fixture.
fn candidate(
    roots: &[String],
    binary: &Path,
    raw: &Path,
    folder: &Path,
) -> Result<Option<Candidate>> {
    let name = raw.file_name().and_then(|name| name.to_str());
    let name = name.with_context(|| raw.display().to_string())?;
    let inputs: Vec<Input> = Player::new([File::open(raw)?])?
        .map(|told| Ok(told?.input))
        .collect::<Result<_>>()?;
    let inputs = match neutral::of(&inputs, roots) {
        Ok(inputs) => inputs,
        Err(why) => {
            sh::say(format!("not {name}: {why:#}"));
            return Ok(None);
        }
    };
    let path = folder.join(name);
    fs::write(&path, compose(&inputs)?)?;
    let size = fs::metadata(&path)?.len();
    if size > LARGEST {
        sh::say(format!("not {name}: {size} bytes"));
        return Ok(None);
    }
    let mut replay = Command::new(binary);
    replay.arg("replay").arg(&path).args(["--format", "jsonl"]);
    let told = replay.output().context("replay")?;
    ensure!(told.status.success(), "{told:?}");
    Candidate::new(name, path, size, String::from_utf8(told.stdout)?)
}

/// A whole recording of these inputs.
fn compose(inputs: &[Input]) -> Result<Vec<u8>> {
    // Any number will do: there is one run.
    let mut composer = Composer::new(Kind::Inputs, 1)?;
    let mut file = Vec::new();
    for input in inputs {
        composer.add(input)?;
        if composer.is_full() {
            file.extend(
                composer
                    .take()?
                    .map(|block| block.bytes)
                    .unwrap_or_default(),
            );
        }
    }
    file.extend(
        composer
            .take()?
            .map(|block| block.bytes)
            .unwrap_or_default(),
    );
    Ok(file)
}
