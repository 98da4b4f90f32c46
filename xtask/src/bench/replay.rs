//! `cargo xtask bench replay`: how fast recordings of many inputs are replayed, and in how much memory.
//!
//! Time per input must not grow with their number. It needs no root: a recording is composed of what
//! the lab captured, see [`mix`], and replayed by the binary that users install.

mod child;
mod mix;

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;
use tracer_core::input::Input;
use tracer_record::{compose::Composer, header::Kind};

use self::mix::Mix;
use crate::workspace::Workspace;
use crate::{build, setup};

/// An input of the largest recording may take so much longer than one of the smallest.
const LINEAR: f64 = 1.5;

/// Measure how fast recordings are replayed, as they grow.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Inputs of each recording, ascending.
    #[arg(
        long,
        value_delimiter = ',',
        default_value = "100000,200000,400000,1000000"
    )]
    sizes: Vec<u64>,
    /// Replay with this binary instead of building one.
    #[arg(long, value_name = "FILE")]
    binary: Option<PathBuf>,
}

/// What a replay took.
#[derive(Clone, Copy, Debug)]
struct Row {
    inputs: u64,
    bytes: u64,
    time: Duration,
    /// Most memory at once, bytes.
    memory: u64,
}

/// Builds what users install, composes, replays, prints, and fails where it is not linear.
pub(crate) fn run(workspace: &Workspace, args: &Args) -> Result<()> {
    ensure!(args.sizes.is_sorted(), "--sizes must ascend");
    let binary = match &args.binary {
        Some(binary) => binary.clone(),
        None => release(workspace)?,
    };
    let folder = tempfile::tempdir()?;
    println!(
        "{:<42} {:>9} {:>9} {:>8} {:>10} {:>9}",
        "replayed", "inputs", "file KiB", "seconds", "inputs/s", "peak MiB"
    );
    let golden = workspace.root().join("tracer/core/tests/golden");
    let mut bent = Vec::new();
    for mix in mix::all(&golden)? {
        let rows = measure(&binary, &folder, &mix, &args.sizes)?;
        bent.extend(bend(&rows).map(|factor| format!("{} ({factor:.1})", mix.name)));
    }
    ensure!(
        bent.is_empty(),
        "an input takes longer the more there are: {}",
        bent.join(", ")
    );
    Ok(())
}

fn release(workspace: &Workspace) -> Result<PathBuf> {
    build::release(&setup::for_build(workspace)?)
}

/// Composes one recording and replays it at each of its sizes, the largest first: cutting it off between
/// two blocks makes the smaller ones.
fn measure(binary: &Path, folder: &TempDir, mix: &Mix, sizes: &[u64]) -> Result<Vec<Row>> {
    let path = folder.path().join("bench.btr");
    let lengths = compose(&path, mix, sizes)?;
    let mut rows = Vec::new();
    for (inputs, bytes) in sizes.iter().zip(lengths).rev() {
        File::options().write(true).open(&path)?.set_len(bytes)?;
        let used = child::replay(binary, &path)?;
        let row = Row {
            inputs: *inputs,
            bytes,
            time: used.time,
            memory: used.memory,
        };
        rows.push(row);
        row.print(mix.name);
    }
    rows.reverse();
    Ok(rows)
}

/// Writes the recording; returns its length at each of the sizes.
fn compose(path: &Path, mix: &Mix, sizes: &[u64]) -> Result<Vec<u64>> {
    let mut file = File::create(path).with_context(|| path.display().to_string())?;
    let mut composer = Composer::new(Kind::Inputs, 1)?;
    let mut inputs = mix.inputs();
    let (mut written, mut length, mut lengths) = (0, 0, Vec::new());
    for size in sizes {
        while written < *size {
            let input: Input = inputs.next().context("a mix has no end")??;
            composer.add(&input)?;
            written += 1;
            if composer.is_full() || written == *size {
                let block = composer.take()?.context("no block")?;
                file.write_all(&block.bytes)?;
                length += block.bytes.len() as u64;
            }
        }
        lengths.push(length);
    }
    Ok(lengths)
}

/// By how much an input of the largest recording took longer than one of the smallest, if that is too much.
fn bend(rows: &[Row]) -> Option<f64> {
    let (first, last) = (rows.first()?, rows.last()?);
    let factor = last.per_input() / first.per_input();
    (factor > LINEAR).then_some(factor)
}

impl Row {
    /// Seconds.
    fn per_input(&self) -> f64 {
        self.time.as_secs_f64() / self.inputs as f64
    }

    fn print(&self, name: &str) {
        println!(
            "{name:<42} {:>9} {:>9} {:>8.2} {:>10.0} {:>9.1}",
            self.inputs,
            self.bytes >> 10,
            self.time.as_secs_f64(),
            1.0 / self.per_input(),
            self.memory as f64 / f64::from(1 << 20)
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(inputs: u64, milliseconds: u64) -> Row {
        Row {
            inputs,
            bytes: 1,
            time: Duration::from_millis(milliseconds),
            memory: 1,
        }
    }

    #[test]
    fn a_time_per_input_that_grows_is_no_line() {
        assert_eq!(bend(&[row(10, 100), row(100, 1_400)]), None);
        let factor = bend(&[row(10, 100), row(100, 2_000)]).unwrap();
        assert!((factor - 2.0).abs() < 1e-9, "{factor}");
        assert_eq!(bend(&[]), None);
    }

    #[test]
    fn a_recording_cut_off_at_a_size_holds_as_many_inputs() {
        let golden = concat!(env!("CARGO_MANIFEST_DIR"), "/../tracer/core/tests/golden");
        for mix in mix::all(Path::new(golden)).unwrap() {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("x.btr");
            let lengths = compose(&path, &mix, &[150, 700]).unwrap();
            assert!(
                lengths.is_sorted() && lengths[0] < lengths[1],
                "{lengths:?}"
            );
            let file = File::options().write(true).read(true).open(&path).unwrap();
            file.set_len(lengths[0]).unwrap();
            let player = tracer_record::play::Player::new([file]).unwrap();
            assert_eq!(player.map(Result::unwrap).count(), 150, "{}", mix.name);
        }
    }
}
