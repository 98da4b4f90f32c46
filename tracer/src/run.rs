//! A live trace: everything that happens goes, in one order, through the core and out.

mod beat;
mod check;
mod doctor;
mod kernel_lines;
mod loss;
mod memory;
mod outlet;
mod output;
mod ring;
mod sources;
mod stop;

use std::{collections::BTreeSet, future::pending, sync::Arc, time::Duration};

use anyhow::{Context as _, Result, anyhow};
use tokio::{
    runtime::Runtime,
    sync::mpsc::{self, Receiver},
    task::{spawn_blocking, yield_now},
    time::{Instant, sleep_until},
};
use tracer_common::{Hook, WatchKey};
use tracer_core::{
    Core,
    decode::{self, decode},
    finding::Finding,
    input::{Body, Daemon, DaemonStatus, Input, NetChange, Session, Unreachable},
    world::namespace::Namespace,
};

use crate::{
    config::Plan,
    inventory::{
        clock,
        docker::{Depth, Endpoint},
    },
    kernel::{self, Tracer, Watched},
    record::Recorder,
};

pub(crate) use self::{
    check::{Verdict, check, look_once},
    doctor::doctor,
    stop::Stop,
};

use self::{
    kernel_lines::KernelLines,
    loss::LossReader,
    output::{Output, Over},
    ring::Ring,
    sources::Sources,
};

/// Inputs waiting for the core; the sources wait beyond that.
const QUEUE: usize = 4096;
/// How long the end may take over records that are still in the ring buffer.
const LAST_WORDS: Duration = Duration::from_millis(300);
/// How long the start waits for links, routes and docker before it says what it watches.
const SETTLE: Duration = Duration::from_millis(1500);

/// Everything runs on one thread, but for what may block.
pub(crate) fn event_loop() -> Result<Runtime> {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    let runtime = builder.enable_all().build();
    runtime.context("start the event loop")
}

/// Traces until a signal, the end of `plan.duration`, or the reader of the output goes.
pub(crate) fn trace(plan: Plan) -> Result<()> {
    memory::share();
    let runtime = event_loop()?;
    let ended = runtime.block_on(start_to_end(plan));
    // A read of another process' files may never come back: the end does not wait for it.
    runtime.shutdown_background();
    ended
}

async fn start_to_end(plan: Plan) -> Result<()> {
    // Before anything is loaded: a start may be told to stop, too.
    let mut stop = Stop::listen()?;
    let run = tokio::select! {
        biased;
        () = stop.wanted() => return Ok(()),
        run = Run::start(plan) => run?,
    };
    run.until_the_end(stop).await
}

/// One run.
struct Run {
    core: Core,
    tracer: Tracer,
    ring: Ring,
    inputs: Receiver<Input>,
    sources: Sources,
    loss: LossReader,
    kernel_lines: KernelLines,
    output: Output,
    recorder: Option<Recorder>,
    end: Option<Instant>,
    /// What [`Core::watch_version`] was when the kernel half was told whom to watch.
    watch_version: u64,
}

impl Run {
    async fn start(plan: Plan) -> Result<Self> {
        // A file that cannot be recorded to is told of at once.
        let mut recorder = plan.record.as_ref().map(Recorder::start).transpose()?;
        if let Some(recorder) = &mut recorder {
            recorder.announce();
        }
        let verbose = plan.kernel_log;
        // Before anything is begun: whoever may not trace is to read one line.
        let unseen = kernel::capabilities()?;
        // The kernel's verifier takes its time; what the world looks like is read meanwhile.
        let tracer = spawn_blocking(move || Tracer::start(unseen, verbose));
        let (sender, inputs) = mpsc::channel(QUEUE);
        let inventory = sources::start_inventory(&plan.endpoints, Depth::Soon, &sender)?;
        let mut tracer = tracer.await??;
        // Programs that start from here on are seen; those that run already are looked at now.
        let sources = Sources::start(&plan.endpoints, inventory, sender);
        let ring = Ring::watch(&mut tracer)?;
        if plan.kernel_log {
            sources::follow_kernel_log(tracer.logger()?)?;
        }
        let session = Session {
            daemons: plan.told.clone(),
            ..sources::session(tracer.unseen.clone())?
        };
        let mut run = Self {
            core: Core::default(),
            tracer,
            ring,
            inputs,
            sources,
            loss: LossReader::default(),
            kernel_lines: KernelLines::default(),
            output: Output::new(plan.audience, &session)?,
            recorder,
            end: plan.duration.map(|duration| Instant::now() + duration),
            watch_version: 0,
        };
        run.observe(clock::stamp(Body::Session(session)))?;
        run.settle(plan.endpoints.len()).await?;
        run.note_silence(&plan.endpoints)?;
        run.output.banner(run.core.world())?;
        run.output.look(&run.core);
        memory::give_back();
        Ok(run)
    }

    /// Takes in the first inventory, so that the banner and the first finding know it.
    async fn settle(&mut self, daemons: usize) -> Result<()> {
        let deadline = Instant::now() + SETTLE;
        while self.core.world().namespace_count() == 0
            || self.core.world().docker.daemons().count() < daemons
        {
            tokio::select! {
                input = self.inputs.recv() => {
                    if let Some(input) = input { self.observe(input)?; }
                }
                () = sleep_until(deadline) => break,
            }
        }
        Ok(())
    }

    /// A daemon that has not said anything by now is one that cannot be asked: what it would
    /// know is unknown until it speaks.
    fn note_silence(&mut self, endpoints: &[Endpoint]) -> Result<()> {
        let daemons = self.core.world().docker.daemons();
        let heard: BTreeSet<String> = daemons.map(|(daemon, _)| daemon.to_owned()).collect();
        let all = endpoints.iter().map(Endpoint::to_string);
        for endpoint in all.filter(|endpoint| !heard.contains(endpoint)) {
            let status = DaemonStatus::Unreachable(Unreachable::not_yet());
            self.observe(clock::stamp(Body::Daemon(Daemon { endpoint, status })))?;
        }
        Ok(())
    }

    async fn until_the_end(mut self, mut stop: Stop) -> Result<()> {
        let mut pulse = self.sources.pulse();
        loop {
            let wake = self.core.deadline().map(sources::instant);
            tokio::select! {
                biased;
                () = stop.wanted() => break,
                () = at(self.end) => break,
                over = self.output.over() => match over? {
                    Over::Unread => return Ok(()),
                    Over::Dismissed => break,
                },
                // However much there is to read: what was counted and what was lost is told each second.
                second = pulse.second() => {
                    second.map_err(|_| anyhow!("the timer has failed"))?;
                    self.tick(beat::tick())?;
                }
                // Before the events they explain.
                Some(input) = self.inputs.recv() => self.observe(input)?,
                () = self.ring.readable() => self.drain()?,
                () = at(wake) => self.tick(clock::stamp(Body::Tick))?,
            }
            self.tell_whom_to_watch()?;
            if self.ring.has_backlog() {
                // Nothing above has waited: timers, signals and the sources get their turn here.
                yield_now().await;
            }
        }
        self.finish().await
    }

    /// Feeds a batch of the ring buffer to the core.
    fn drain(&mut self) -> Result<()> {
        let batch = self.ring.batch();
        // An event that ends an outage must find the counters true.
        if batch.iter().any(|record| is_departure(record)) {
            self.read_counters()?;
        }
        self.sources.allow_lookups();
        batch
            .into_iter()
            .try_for_each(|record| self.take_record(record))
    }

    fn take_record(&mut self, mut record: Vec<u8>) -> Result<()> {
        decode::conceal(&mut record);
        if let Ok(known) = decode::record(&record)
            && let Some(explanation) = self.sources.explain(&known, self.core.world())
        {
            self.observe(explanation)?;
        }
        let at = sources::time_of(&record);
        self.observe(Input {
            at,
            body: Body::Kernel(record),
        })
    }

    fn tick(&mut self, tick: Input) -> Result<()> {
        self.read_counters()?;
        for loss in self.loss.changed(&self.tracer)? {
            self.observe(clock::stamp(Body::Loss(loss)))?;
        }
        self.kernel_lines.tell(&self.core, clock::now());
        self.observe(tick)?;
        self.output.look(&self.core);
        Ok(())
    }

    fn read_counters(&mut self) -> Result<()> {
        let counters = self.tracer.lost()?;
        if counters.is_empty() {
            return Ok(());
        }
        self.observe(clock::stamp(Body::Counters(counters)))
    }

    async fn finish(mut self) -> Result<()> {
        while let Ok(input) = self.inputs.try_recv() {
            self.observe(input)?;
        }
        let deadline = Instant::now() + LAST_WORDS;
        loop {
            self.drain()?;
            if !self.ring.has_backlog() || Instant::now() >= deadline {
                break;
            }
        }
        let unread = self.ring.discard();
        if unread > 0 {
            log::warn!("records of the kernel half left unread at the end: {unread}");
        }
        self.tick(clock::stamp(Body::Tick))?;
        self.kernel_lines.finish(&self.core);
        self.observe(clock::stamp(Body::Stop))?;
        if let Some(recorder) = self.recorder.take() {
            recorder.finish();
        }
        log::info!("{}", self.loss.summary(&self.tracer)?);
        self.output.finish().await
    }

    /// The one way into the core, and from it to the sinks and the kernel half.
    fn observe(&mut self, input: Input) -> Result<()> {
        let input = Arc::new(input);
        if let Some(recorder) = &mut self.recorder {
            recorder.record(&input, &self.core);
        }
        if log::log_enabled!(log::Level::Trace) {
            log::trace!("input {}", serde_json::to_string(&*input)?);
        }
        let findings = self.core.observe(&input);
        self.kernel_lines.take(&input, &self.core);
        self.output.note(&input);
        for finding in &findings {
            self.output.finding(finding)?;
        }
        if let Body::DockerNetwork { daemon, network } = &input.body {
            let (name, id, endpoints) = (&network.name, &network.id, network.endpoints.len());
            log::debug!("{daemon} has network {name} ({id}), endpoints: {endpoints}");
        }
        self.find_out(&input, &findings)?;
        if let Body::Net { netns, change } = &input.body
            && self.may_change_prefixes(*netns, change)
        {
            // At once: who comes in from now on is to be remembered.
            self.tracer
                .set_bridge_prefixes(self.core.bridge_prefixes())?;
        }
        self.sources
            .find_namespaces(&self.core.unknown_namespaces());
        Ok(())
    }

    /// Whether bridges may have other prefixes after this change. A look at all of them for each route of a large host
    /// that is read again would take longer than the reading.
    fn may_change_prefixes(&self, netns: u32, change: &NetChange) -> bool {
        let namespace = self.core.world().namespace(netns);
        !change.is_about_neighbours() && !namespace.is_some_and(Namespace::is_being_read)
    }

    /// Once for all that was read together: in a flood each event names somebody new.
    fn tell_whom_to_watch(&mut self) -> Result<()> {
        if self.watch_version != self.core.watch_version() {
            self.watch_version = self.core.watch_version();
            self.tracer.set_watched(self.watched())?;
        }
        Ok(())
    }

    /// Asks for what is not known: who is in use now that a network has come, and who holds the sockets
    /// that findings tell of.
    fn find_out(&mut self, input: &Input, findings: &[Finding]) -> Result<()> {
        if self.core.is_new_way(input) {
            self.sources.ask_for_peers();
        }
        let sockets: BTreeSet<u64> = findings
            .iter()
            .flat_map(Finding::nameless_sockets)
            .collect();
        for inode in sockets {
            if let Some(owner) = self.sources.owner(inode) {
                self.observe(owner)?;
            }
        }
        Ok(())
    }

    fn watched(&self) -> Watched {
        let remote = |address| match address {
            std::net::IpAddr::V4(ip) => tracer_common::v4_mapped(ip.octets()),
            std::net::IpAddr::V6(ip) => ip.octets(),
        };
        let key = |(netns, address)| WatchKey {
            netns,
            remote: remote(address),
        };
        self.core
            .watched()
            .into_iter()
            .map(|(who, bridge)| (key(who), bridge))
            .collect()
    }
}

/// Whether a packet left by another device than the bridge it was suspected in.
fn is_departure(record: &[u8]) -> bool {
    decode(record).is_ok_and(|event| event.hook == Hook::DevQueue)
}

/// Resolves at `instant`; never without one.
async fn at(instant: Option<Instant>) {
    match instant {
        Some(instant) => sleep_until(instant).await,
        None => pending().await,
    }
}
