//! What the kernel half put into the ring buffer, as the tracer logs it (`-vvv`), told apart by the
//! namespace it came from.

use std::mem::offset_of;
use std::net::Ipv6Addr;

use anyhow::{Context, Result, ensure};
use bridgetrace_lab::Netns;
use serde_json::Value;
use tracer_common::{Event, HOOKS, Hook};

use super::stage::Stage;

/// What the hooks emitted about the lab's namespaces, in words.
pub(crate) fn records(stage: &Stage) -> Result<Vec<String>> {
    let here = stage.lab.namespaces().map(Netns::inum);
    let mut records = Vec::new();
    for line in stage.tracer.log() {
        let Some((_, input)) = line.text.split_once("input {") else {
            continue;
        };
        // The log escapes what other labs' hostile names hold: it is no JSON then.
        if !input.contains("{\"kernel\":") {
            continue;
        }
        let input: Value = serde_json::from_str(&format!("{{{input}"))?;
        let Some(hex) = input["body"]["kernel"].as_str() else {
            continue;
        };
        // Records about processes are of other sizes.
        if hex.len() != 2 * size_of::<Event>() {
            continue;
        }
        let netns = u32::from_ne_bytes(bytes(hex, offset_of!(Event, netns))?);
        if here.contains(&netns) {
            records.push(describe(hex)?);
        }
    }
    Ok(records)
}

fn describe(hex: &str) -> Result<String> {
    let [hook] = bytes(hex, offset_of!(Event, hook))?;
    let hook = Hook::from_u8(hook).map_or("an unknown hook", Hook::tracepoint);
    let ifindex = u32::from_ne_bytes(bytes(hex, offset_of!(Event, ifindex))?);
    let remote: [u8; 16] = bytes(hex, offset_of!(Event, remote))?;
    let remote = Ipv6Addr::from(remote).to_canonical();
    Ok(format!("{hook}: {remote} on ifindex {ifindex}: {hex}"))
}

fn bytes<const N: usize>(hex: &str, offset: usize) -> Result<[u8; N]> {
    let mut bytes = [0; N];
    for (index, byte) in bytes.iter_mut().enumerate() {
        let at = 2 * (offset + index);
        let digits = hex.get(at..at + 2).context("a record too short")?;
        *byte = u8::from_str_radix(digits, 16)?;
    }
    Ok(bytes)
}

/// The last line of the log counts by hook.
pub(crate) fn says_what_it_did(stage: &Stage) -> Result<()> {
    let log = stage.tracer.log();
    let done = log.iter().rev().find(|line| line.text.contains("done: "));
    let done = &done.context("no summary")?.text;
    // How many is the whole machine's business, and the lookup of a reply that goes astray is one.
    ensure!(done.contains("done: fib_table_lookup "), "{done}");
    for hook in HOOKS {
        ensure!(
            done.contains(hook.tracepoint()),
            "no {} in {done}",
            hook.tracepoint()
        );
    }
    Ok(())
}
