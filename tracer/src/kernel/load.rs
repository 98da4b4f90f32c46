//! Loads the BPF object and its programs.

use std::{
    collections::{BTreeMap, BTreeSet},
    num::NonZero,
    sync::{Mutex, PoisonError},
    thread::{self, ScopedJoinHandle},
};

use anyhow::{Context as _, Result, anyhow, bail};
use aya::{
    Btf, Ebpf, EbpfLoader,
    programs::{BtfTracePoint, Program, ProgramError},
};
use nix::sys::resource::{RLIM_INFINITY, Resource, setrlimit};
use tracer_common::{Hook, KernelOffsets};

use super::{btf::KernelTypes, preflight, relocation::relocated};

/// The kernel half, as it was built.
pub(super) static OBJECT: &[u8] =
    aya::include_bytes_aligned!(concat!(env!("OUT_DIR"), "/bridgetrace-ebpf"));

/// Programs that are looked at at once; more is not faster, as the largest takes a quarter of the time of all.
const THREADS: usize = 4;

/// The object with these programs, as far as the verifier is concerned. `verbose` turns its own log on.
pub(super) fn load(
    offsets: &KernelOffsets,
    types: &KernelTypes,
    hooks: &BTreeSet<Hook>,
    verbose: bool,
) -> Result<Ebpf> {
    lift_memory_limit();
    // The loader reads the kernel's types by itself, and cannot be asked for them.
    let (mut loader, btf) = thread::scope(|scope| {
        let reader = thread::Builder::new()
            .spawn_scoped(scope, Btf::from_sys_fs)
            .ok();
        let loader = EbpfLoader::new();
        let join = |reader: ScopedJoinHandle<'_, _>| reader.join().ok();
        // Without another thread it takes longer.
        (
            loader,
            reader.and_then(join).unwrap_or_else(Btf::from_sys_fs),
        )
    });
    let btf = btf.context("read the kernel's BTF")?;
    let level = if verbose {
        aya_log::Level::Debug as u8
    } else {
        0
    };
    loader
        .btf(Some(&btf))
        .override_global("REASONS", types.reasons.as_slice(), true)
        .override_global(aya_log::LEVEL, &level, true);
    let mut ebpf = loader
        .load(&relocated(OBJECT, offsets)?)
        .map_err(|error| refused(error.into(), "create BPF maps"))?;
    load_programs(&mut ebpf, &btf, hooks)?;
    Ok(ebpf)
}

/// The verifier works for whoever loads a program: several look at several.
fn load_programs(ebpf: &mut Ebpf, btf: &Btf, hooks: &BTreeSet<Hook>) -> Result<()> {
    let waiting = Mutex::new(programs(ebpf, hooks)?);
    let next = || waiting.lock().unwrap_or_else(PoisonError::into_inner).pop();
    let load = || {
        while let Some((hook, program)) = next() {
            load_program(program, btf, hook)?;
        }
        Ok(())
    };
    let threads = thread::available_parallelism().map_or(1, NonZero::get);
    thread::scope(|scope| {
        let helper = || thread::Builder::new().spawn_scoped(scope, load).ok();
        let helpers: Vec<_> = (1..threads.min(THREADS)).filter_map(|_| helper()).collect();
        let own = load();
        let panicked = |_| bail!("a loader of BPF programs panicked");
        let others = helpers
            .into_iter()
            .map(|it| it.join().unwrap_or_else(panicked));
        others.fold(own, Result::and)
    })
}

/// The programs of the hooks, the largest last: they are taken from the end, and none of them is to begin when all others
/// are done.
fn programs<'a>(
    ebpf: &'a mut Ebpf,
    hooks: &BTreeSet<Hook>,
) -> Result<Vec<(Hook, &'a mut BtfTracePoint)>> {
    let mut all: BTreeMap<String, &mut Program> = ebpf
        .programs_mut()
        .map(|(name, program)| (name.to_owned(), program))
        .collect();
    let take = |hook: &Hook| {
        Ok((
            *hook,
            as_tracepoint(all.remove(program_name(*hook)), *hook)?,
        ))
    };
    let mut programs = hooks.iter().map(take).collect::<Result<Vec<_>>>()?;
    programs.sort_by_key(|(hook, _)| matches!(hook, Hook::NeighSend | Hook::SkbDrop));
    Ok(programs)
}

/// What the object has for the hook.
pub(super) fn as_tracepoint(found: Option<&mut Program>, hook: Hook) -> Result<&mut BtfTracePoint> {
    let name = program_name(hook);
    found
        .with_context(|| format!("the BPF object has no program {name}"))?
        .try_into()
        .with_context(|| format!("the BPF program {name} is of another type"))
}

fn load_program(program: &mut BtfTracePoint, btf: &Btf, hook: Hook) -> Result<()> {
    let name = hook.tracepoint();
    let loaded = program.load(name, btf);
    loaded.map_err(|error| refused(error.into(), &format!("load the program for {name}")))
}

/// Before 5.11 the kernel counts BPF maps as locked memory, of which a login has 64 KiB, and
/// answers with the errno of a missing privilege.
/// <https://elixir.bootlin.com/linux/v5.10/A/ident/bpf_charge_memlock>
fn lift_memory_limit() {
    // Without CAP_SYS_RESOURCE this fails; since 5.11 nothing depends on it.
    if let Err(error) = setrlimit(Resource::RLIMIT_MEMLOCK, RLIM_INFINITY, RLIM_INFINITY) {
        log::debug!("the limit of locked memory stays: {error}");
    }
}

/// Turns "permission denied" into what it means here.
fn refused(error: anyhow::Error, doing: &str) -> anyhow::Error {
    let denied = error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<std::io::Error>())
        .any(|io| matches!(io.kind(), std::io::ErrorKind::PermissionDenied));
    if let Some(log) = verifier_log(&error) {
        for line in log.lines() {
            log::info!("verifier: {line}");
        }
        return anyhow!(
            "cannot {doing}: the kernel's verifier refuses it ({}); this is a bug of bridgetrace: \
             report it with the output of -v and of uname -r",
            last_word(&log)
        );
    }
    if denied {
        anyhow!("cannot {doing}: {}", preflight::explain_refusal())
    } else {
        error.context(format!("cannot {doing}"))
    }
}

/// The verifier's own refusals are EACCES too, and always come with a log.
fn verifier_log(error: &anyhow::Error) -> Option<String> {
    match error.downcast_ref::<ProgramError>() {
        Some(ProgramError::LoadError { verifier_log, .. }) => {
            Some(verifier_log.to_string()).filter(|log| !log.trim().is_empty())
        }
        _ => None,
    }
}

/// What the verifier says at last, before its statistics.
fn last_word(log: &str) -> &str {
    const STATISTICS: [&str; 3] = ["processed ", "verification time ", "stack depth "];
    let tells = |line: &&str| {
        !line.trim().is_empty() && !STATISTICS.iter().any(|word| line.starts_with(word))
    };
    log.lines().rev().find(tells).unwrap_or(log).trim()
}

pub(super) const fn program_name(hook: Hook) -> &'static str {
    match hook {
        Hook::FibLookup => "on_fib_lookup",
        Hook::NeighSend => "on_neigh_send",
        Hook::NeighTimer => "on_neigh_timer",
        Hook::SkbDrop => "on_skb_drop",
        Hook::DevReceive => "on_dev_receive",
        Hook::DevQueue => "on_dev_queue",
        Hook::Fib6Lookup => "on_fib6_lookup",
        Hook::TcpRetransmit => "on_tcp_retransmit",
        Hook::TcpRetransmitSynack => "on_synack_retransmit",
        Hook::TcpReset => "on_tcp_reset",
        Hook::Signal => "on_signal",
        Hook::Exec => "on_exec",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_verifier_s_last_word_is_its_reason() {
        let log = "408: (0f) r7 += r1\n\
                   math between untrusted_ptr_ pointer and 4294967295 is not allowed\n\
                   verification time 9264 usec\nstack depth 352+0+0\n\
                   processed 2984 insns (limit 1000000) max_states_per_insn 4\n";
        assert_eq!(
            last_word(log),
            "math between untrusted_ptr_ pointer and 4294967295 is not allowed"
        );
        assert_eq!(last_word(""), "");
    }
}
