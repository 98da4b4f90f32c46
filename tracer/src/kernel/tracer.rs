//! The kernel half as it runs: attached, told whom to watch, and asked what it counted; the hooks
//! that cost most only while somebody is suspected.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result};
use aya::{
    Ebpf,
    maps::{HashMap, Map, MapData, MapError, RingBuf},
    programs::{BtfTracePoint, tp_btf::BtfTracePointLinkId},
};
use ipnet::IpNet;
use tracer_common::{HOOKS, Hook, WatchKey};
use tracer_core::input::{Counter, HookLoss};

use super::{
    btf::KernelTypes,
    counters::{LostCounters, Stats, Totals, recursion_misses},
    load::{as_tracepoint, load, program_name},
    needs,
    prefixes::Prefixes,
};

/// Remotes under suspicion: (namespace, address) → ifindex of the suspected bridge.
pub(crate) type Watched = BTreeMap<WatchKey, u32>;

/// The hooks that run always, in the order they are attached: what is remembered must be
/// remembered before it is asked for.
const ALWAYS: [Hook; 8] = [
    Hook::FibLookup,
    Hook::Fib6Lookup,
    Hook::TcpReset,
    Hook::NeighTimer,
    Hook::SkbDrop,
    Hook::NeighSend,
    Hook::Exec,
    Hook::Signal,
];
/// The hooks that run per packet or on a busy path, attached only while a remote is watched.
const WHILE_WATCHING: [Hook; 4] = [
    Hook::DevReceive,
    Hook::DevQueue,
    Hook::TcpRetransmit,
    Hook::TcpRetransmitSynack,
];

/// The loaded kernel half. Detaches on drop.
pub(crate) struct Tracer {
    ebpf: Ebpf,
    lost: LostCounters,
    stats: Stats,
    watch: HashMap<MapData, [u8; size_of::<WatchKey>()], u32>,
    watched: Watched,
    prefixes: Prefixes,
    watching: BTreeMap<Hook, BtfTracePointLinkId>,
    /// Hooks this kernel has.
    loaded: BTreeSet<Hook>,
    /// What this kernel cannot show, each a sentence.
    pub(crate) unseen: Vec<String>,
}

impl Tracer {
    /// Loads and attaches; `unseen` is what the capabilities do not let it see, see [`super::capabilities`]. `verbose`
    /// turns the kernel half's own log on.
    pub(crate) fn start(mut unseen: Vec<String>, verbose: bool) -> Result<Self> {
        let types = KernelTypes::read()?;
        let offsets = needs::offsets(&types, &mut unseen)?;
        let mut loaded = BTreeSet::new();
        for hook in HOOKS {
            if needs::hook(&types, hook, &mut unseen)? {
                loaded.insert(hook);
            }
        }
        let mut ebpf = load(&offsets, &types, &loaded, verbose)?;
        let mut tracer = Self {
            lost: LostCounters::new(take_map(&mut ebpf, "LOST")?),
            stats: Stats(take(&mut ebpf, "STATS")?),
            watch: take(&mut ebpf, "WATCH")?,
            watched: Watched::new(),
            prefixes: Prefixes::new(
                take(&mut ebpf, ".data.prefix4")?,
                take(&mut ebpf, ".data.prefix6")?,
            ),
            watching: BTreeMap::new(),
            loaded,
            unseen,
            ebpf,
        };
        for hook in tracer.loaded_of(&ALWAYS) {
            tracer.attach(hook)?;
        }
        Ok(tracer)
    }

    /// The ring buffer; once.
    pub(crate) fn events(&mut self) -> Result<RingBuf<MapData>> {
        take(&mut self.ebpf, "EVENTS")
    }

    /// The kernel half's log; only when started verbose.
    pub(crate) fn logger(&mut self) -> Result<aya_log::EbpfLogger<&'static dyn log::Log>> {
        aya_log::EbpfLogger::init(&mut self.ebpf).context("open the kernel half's log")
    }

    /// Tells the kernel half which prefixes bridges cover, so that it remembers packets that
    /// come in from there.
    pub(crate) fn set_bridge_prefixes(&mut self, prefixes: BTreeSet<IpNet>) -> Result<()> {
        self.prefixes.set(prefixes)
    }

    /// Sets who is watched, and attaches or detaches the per-packet hooks accordingly.
    pub(crate) fn set_watched(&mut self, wanted: Watched) -> Result<()> {
        if self.watched == wanted {
            return Ok(());
        }
        for key in self.watched.keys().filter(|key| !wanted.contains_key(key)) {
            // Gone already is as good.
            let _ = self.watch.remove(&raw(*key));
        }
        for (key, bridge) in &wanted {
            if self.watched.get(key) != Some(bridge) {
                // A full map costs a proof, not the run.
                if let Err(error) = self.watch.insert(raw(*key), bridge, 0) {
                    log::debug!("a remote is not watched: {error}");
                }
            }
        }
        self.watched = wanted;
        if self.watched.is_empty() {
            self.stop_watching()
        } else {
            self.start_watching()
        }
    }

    /// Packets lost, entries that changed since the last call.
    pub(crate) fn lost(&mut self) -> Result<Vec<Counter>> {
        self.lost.changed()
    }

    /// What each hook emitted and lost.
    pub(crate) fn totals(&self, hook: Hook) -> Result<Totals> {
        let mut totals = self.stats.totals(hook)?;
        if let Some(program) = self.ebpf.program(program_name(hook)) {
            totals.lost.skipped = program.fd().map_or(0, recursion_misses);
        }
        Ok(totals)
    }

    /// Losses of every hook that has any.
    pub(crate) fn losses(&self) -> Result<Vec<HookLoss>> {
        let totals = HOOKS.into_iter().map(|hook| Ok(self.totals(hook)?.lost));
        let lossy = |loss: &HookLoss| loss.total() > 0;
        totals
            .filter(|loss| loss.as_ref().map_or(true, lossy))
            .collect()
    }

    fn loaded_of(&self, hooks: &[Hook]) -> Vec<Hook> {
        let here = |hook: &Hook| self.loaded.contains(hook);
        hooks.iter().copied().filter(here).collect()
    }

    fn attach(&mut self, hook: Hook) -> Result<BtfTracePointLinkId> {
        program(&mut self.ebpf, hook)?
            .attach()
            .with_context(|| format!("attach to the tracepoint {}", hook.tracepoint()))
    }

    fn start_watching(&mut self) -> Result<()> {
        for hook in self.loaded_of(&WHILE_WATCHING) {
            if !self.watching.contains_key(&hook) {
                let link = self.attach(hook)?;
                self.watching.insert(hook, link);
            }
        }
        Ok(())
    }

    fn stop_watching(&mut self) -> Result<()> {
        for (hook, link) in std::mem::take(&mut self.watching) {
            program(&mut self.ebpf, hook)?
                .detach(link)
                .with_context(|| format!("detach from the tracepoint {}", hook.tracepoint()))?;
        }
        Ok(())
    }
}

fn program(ebpf: &mut Ebpf, hook: Hook) -> Result<&mut BtfTracePoint> {
    as_tracepoint(ebpf.program_mut(program_name(hook)), hook)
}

fn take<T: TryFrom<Map, Error = MapError>>(ebpf: &mut Ebpf, name: &str) -> Result<T> {
    let map = take_map(ebpf, name)?;
    T::try_from(map).with_context(|| format!("the BPF map {name} is of another type"))
}

fn take_map(ebpf: &mut Ebpf, name: &str) -> Result<Map> {
    ebpf.take_map(name)
        .with_context(|| format!("the BPF object has no map {name}"))
}

fn raw(key: WatchKey) -> [u8; size_of::<WatchKey>()] {
    zerocopy::transmute!(key)
}
