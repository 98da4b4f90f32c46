//! Keeps what a tracer was told, for the core's golden tests: with `BRIDGETRACE_CAPTURE=FOLDER`
//! each tracer of a test leaves `FOLDER/TEST.inputs.jsonl`.

use std::env;
use std::fs;
use std::mem::offset_of;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use anyhow::Result;
use serde_json::Value;
use tracer_common::Event;

use crate::recording::Recording;

/// The tracer logs every input with this in front at `-vvv`.
const INPUT: &str = "bridgetrace: input ";
/// Names the folder in which recordings are kept.
const RECORDINGS: &str = "BRIDGETRACE_FIXTURES";
/// Where the namespace's inode number stands in a kernel record, as hex digits.
const NETNS: Range<usize> = 2 * offset_of!(Event, netns)..2 * (offset_of!(Event, netns) + 4);

/// Where to keep inputs, if wanted.
fn folder() -> Option<PathBuf> {
    env::var_os("BRIDGETRACE_CAPTURE").map(PathBuf::from)
}

/// Arguments that make the tracer log its inputs, if they are to be kept.
pub(crate) fn arguments() -> &'static [&'static str] {
    if folder().is_some() { &["-vvv"] } else { &[] }
}

/// Keeps a recording for the fixtures of replays, see `cargo xtask fixtures`.
pub(crate) fn keep_recording(recording: &Recording) -> Result<()> {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    let Some(folder) = env::var_os(RECORDINGS) else {
        return Ok(());
    };
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    recording.keep(Path::new(&folder), &format!("{}.{number}.btr", test()))
}

/// The name of the test that runs, fit for a file.
fn test() -> String {
    let thread = thread::current();
    thread.name().unwrap_or("test").replace("::", "-")
}

/// Writes the inputs in `log` that concern the tracer's own namespace; the lab's other
/// namespaces, and other labs, are left out.
pub(crate) fn keep<'a>(log: impl Iterator<Item = &'a str>) {
    let Some(folder) = folder() else { return };
    let mut own = None;
    let mut kept = String::new();
    for line in log.filter_map(|line| line.strip_prefix(INPUT)) {
        let Ok(input) = serde_json::from_str::<Value>(line) else {
            continue;
        };
        let body = &input["body"];
        if let Some(netns) = body["session"]["netns"].as_u64() {
            own = Some(netns);
        }
        if netns_of(body).is_none_or(|netns| Some(netns) == own) {
            kept += &format!("{line}\n");
        }
    }
    let name = test();
    // A convenience for developers: a failure shows as a missing file.
    let _ = fs::write(folder.join(format!("{name}.inputs.jsonl")), kept);
}

fn netns_of(body: &Value) -> Option<u64> {
    if let Some(record) = body["kernel"].as_str() {
        let digits = record.get(NETNS)?;
        return u32::from_str_radix(digits, 16)
            .ok()
            .map(|n| u64::from(n.swap_bytes()));
    }
    body["net"]["netns"]
        .as_u64()
        .or_else(|| body["netns"]["inum"].as_u64())
}
