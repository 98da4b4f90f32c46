//! Lets somebody who is locked out back in: the only room that changes anything on the host.
//!
//! It looks once, as `check` does, has the core plan, shows the plan, asks, and sets one route. A guard
//! of its own ([`guard`]) is on watch before the route is set and takes it back in time.

mod clock;
mod find;
mod guard;
mod journal;
mod kernel;
mod leash;
mod neighbour;
mod route;
mod typed;
mod verify;
mod witness;

use std::{
    io::{self, IsTerminal as _, Write as _, stdin, stdout},
    net::IpAddr,
    time::Duration,
};

use anyhow::{Context as _, Result, anyhow, bail};
use caps::{CapSet, Capability};
use tokio::{task::spawn_blocking, time::interval};
use tracer_core::{
    rescue::{self as core, Refusal, Rescue},
    time::nanos,
};

use crate::{
    cli::RescueGuard,
    inventory::{clock::now, docker::Endpoint},
    run::{Stop, event_loop, look_once},
    sink::{
        escape,
        human::{Look, rescue as page},
    },
};

pub(crate) use self::guard::guard;

use self::{
    kernel::Kernel,
    leash::{Leash, Said},
    neighbour::Answer,
    route::HostRoute,
    typed::Typed,
    verify::verify,
    witness::Witness,
};

/// What a rescue will do.
#[derive(Debug)]
pub(crate) struct Plan {
    /// Who is locked out.
    pub(crate) address: IpAddr,
    /// When the route is taken back.
    pub(crate) hold: Duration,
    /// Whether it is not.
    pub(crate) keep: bool,
    /// Whether nobody is asked.
    pub(crate) yes: bool,
    /// Whether nothing is changed.
    pub(crate) dry_run: bool,
    /// Whether a daemon that cannot be asked does not matter.
    pub(crate) without_docker: bool,
    /// Daemons to ask.
    pub(crate) endpoints: Vec<Endpoint>,
    /// Those of them that were named by somebody.
    pub(crate) told: Vec<String>,
    /// What the terminal can show.
    pub(crate) look: Look,
}

/// Rescues an address, and stays until the route is taken back or kept.
pub(crate) fn rescue(plan: &Plan) -> Result<()> {
    if !plan.dry_run {
        if !plan.yes && !stdin().is_terminal() {
            bail!("there is no terminal to ask on; say --yes, or --dry-run to see the plan");
        }
        may_change(plan.address)?;
    }
    let runtime = event_loop()?;
    let ended = runtime.block_on(run(plan));
    // Neither a read of another process' files nor one from a terminal need ever come back.
    runtime.shutdown_background();
    ended
}

async fn run(plan: &Plan) -> Result<()> {
    let mut stop = Stop::listen()?;
    let found = tokio::select! {
        biased;
        () = stop.wanted() => return Err(interrupted()),
        found = look(plan) => found?,
    };
    let needed = match found {
        Rescue::Needed(needed) => needed,
        Rescue::Held(route) => {
            let guard = find::guard(plan.address);
            return say(&page::held(plan.address, &route, guard, plan.look));
        }
        Rescue::Elsewhere(route) => {
            return say(&page::elsewhere(plan.address, route.as_ref(), plan.look));
        }
    };
    let hold = (!plan.keep).then_some(plan.hold);
    say(&page::plan(&needed, hold, plan.dry_run, plan.look))?;
    if plan.dry_run {
        return Ok(());
    }
    let mut typed = Typed::listen();
    if !plan.yes {
        tokio::select! {
            biased;
            () = stop.wanted() => return Err(interrupted()),
            agreed = agrees(&mut typed) => agreed?,
        }
        // It may be long ago that the plan was made.
        if look(plan).await? != Rescue::Needed(needed.clone()) {
            bail!("the host has changed meanwhile, nothing else was; look again");
        }
    }
    act(plan, &needed, &mut stop, &mut typed).await
}

/// Looks at the host and plans.
async fn look(plan: &Plan) -> Result<Rescue> {
    let host = look_once(&plan.endpoints, &plan.told).await?;
    let planned = core::plan(host.world(), plan.address, plan.without_docker);
    let planned = planned.map_err(|refusal| refused(plan.address, &refusal.to_string()))?;
    if let Rescue::Needed(_) = planned
        && let Some((pid, _)) = find::guard(plan.address)
    {
        let why = format!(
            "process {pid}, of an earlier rescue whose route is gone, would take this one back in its \
             stead; kill {pid} first"
        );
        return Err(refused(plan.address, &why));
    }
    Ok(planned)
}

/// Asks whether to go on.
async fn agrees(typed: &mut Typed) -> Result<()> {
    ask("Set this route? [y/N] ")?;
    match typed.line().await.as_deref() {
        Some("y" | "yes") => Ok(()),
        _ => bail!("nothing was changed"),
    }
}

/// Sets the route with a guard on watch, sees whether it helps, and waits for the end.
async fn act(plan: &Plan, needed: &core::Plan, stop: &mut Stop, typed: &mut Typed) -> Result<()> {
    tokio::select! {
        biased;
        () = stop.wanted() => return Err(interrupted()),
        free = is_free(needed) => free?,
    }
    let route = HostRoute::of(needed);
    let until = clock::uptime()? + plan.hold;
    let over = now().plus(nanos(plan.hold));
    let mut kernel = Kernel::open().context("open a route netlink socket")?;
    let leash = Leash::start(&order(&route, until)).await?;
    let witness = Witness::open(needed.uplink, needed.address).ok();
    if let Err(error) = route.add(&mut kernel) {
        leash.dismiss().await?;
        return Err(refused(
            plan.address,
            &format!("the kernel does not take the route: {error}"),
        ));
    }
    journal::note(&format!(
        "a route is set: {}",
        escape::visible(&needed.remedy.command)
    ));
    // Whoever was stopped in between went on after the guard's end.
    if clock::uptime()? >= until {
        taken_back(&route, &mut kernel, leash.revert().await)?;
        let why = "its time was over before the route was set; the route is taken back";
        return Err(refused(plan.address, why));
    }
    let verified = proven(needed, witness, stop).await;
    let proof = match verified {
        Ok(proof) => proof,
        Err(why) => {
            taken_back(&route, &mut kernel, leash.revert().await)?;
            return Err(refused(
                plan.address,
                &format!("{why}; the route is taken back"),
            ));
        }
    };
    if plan.keep {
        // Nobody need be there to read what is said.
        let said = leash.keep().await?;
        if said != Said::Nothing {
            taken_back(&route, &mut kernel, said)?;
            let why = "the process on watch was told to end; the route is taken back, not kept";
            return Err(refused(plan.address, why));
        }
        say(&page::applied(needed, &proof, None, now(), plan.look))?;
        return say(&page::kept(needed, now(), plan.look));
    }
    let end = Some((over, leash.pid()));
    say(&page::applied(needed, &proof, end, now(), plan.look))?;
    let held = Held {
        plan,
        needed,
        until,
    };
    held.hold(leash, &mut kernel, stop, typed).await
}

/// Sees whether the route helps; why it does not, or that nobody waits for that.
async fn proven(
    needed: &core::Plan,
    witness: Option<Witness>,
    stop: &mut Stop,
) -> Result<page::Proof, String> {
    let judged = needed.clone();
    tokio::select! {
        biased;
        () = stop.wanted() => Err("interrupted".to_owned()),
        proof = spawn_blocking(move || verify(&judged, witness.as_ref())) => {
            proof.map_err(|error| error.to_string()).and_then(|it| it.map_err(|it| it.to_string()))
        }
    }
}

/// Refuses what somebody on the bridge answers for: the neighbour table knows only to whom this host has
/// spoken lately.
async fn is_free(needed: &core::Plan) -> Result<()> {
    let (bridge, address) = (needed.inside, needed.address);
    let asked = spawn_blocking(move || neighbour::ask(&mut Kernel::open()?, bridge, address));
    match asked.await? {
        Ok(Answer::Silent | Answer::Unknown) => Ok(()),
        Ok(Answer::Answers) => {
            let bridge = needed.bridge.clone();
            let refusal = Refusal::Answers { address, bridge };
            Err(refused(address, &refusal.to_string()))
        }
        Err(error) => {
            let bridge = &needed.bridge;
            let why = format!("whether anybody on {bridge} has it cannot be asked: {error}");
            Err(refused(address, &why))
        }
    }
}

/// Sees to it that the route is not there, after the guard's last word; false if somebody else took it
/// away. The guard may have looked for it before it was set: only that it removed the route is believed.
fn taken_back(route: &HostRoute, kernel: &mut Kernel, said: Said) -> io::Result<bool> {
    Ok(said == Said::Removed || route.remove(kernel)?)
}

/// A route that is set.
struct Held<'a> {
    plan: &'a Plan,
    needed: &'a core::Plan,
    /// When it is taken back, since the host was booted.
    until: Duration,
}

impl Held<'_> {
    /// Waits until the route is taken back, or the operator decides.
    async fn hold(
        &self,
        mut leash: Leash,
        kernel: &mut Kernel,
        stop: &mut Stop,
        typed: &mut Typed,
    ) -> Result<()> {
        let mut seconds = interval(Duration::from_secs(1));
        let said = loop {
            tokio::select! {
                biased;
                () = stop.wanted() => break leash.revert().await,
                said = leash.hears() => break leash.end(said)?,
                line = typed.line(), if typed.is_open() => match line.as_deref() {
                    Some("k" | "keep") => {
                        let said = leash.keep().await?;
                        if said != Said::Nothing {
                            break said;
                        }
                        return say(&page::kept(self.needed, now(), self.plan.look));
                    }
                    _ => self.show_time()?,
                },
                _ = seconds.tick() => self.show_time()?,
            }
        };
        if stdout().is_terminal() {
            say("\n")?;
        }
        let removed = taken_back(&HostRoute::of(self.needed), kernel, said)?;
        if said == Said::Nothing {
            // Somebody killed it.
            bail!("the process that was to take the route back is gone; it is taken back now");
        }
        say(&page::ended(self.needed, !removed, now(), self.plan.look))
    }

    /// A line on a terminal that is written over again and again.
    fn show_time(&self) -> Result<()> {
        if !stdout().is_terminal() {
            return Ok(());
        }
        let left = self.until.saturating_sub(clock::uptime()?);
        ask(&format!("\r{} ", page::left(left.as_secs())))
    }
}

fn order(route: &HostRoute, until: Duration) -> RescueGuard {
    RescueGuard {
        address: route.address,
        via: route.gateway,
        dev: route.device,
        table: route.table,
        until: nanos(until),
    }
}

/// Fails with one line that names what is missing.
fn may_change(address: IpAddr) -> Result<()> {
    if caps::has_cap(None, CapSet::Effective, Capability::CAP_NET_ADMIN)? {
        return Ok(());
    }
    let root = nix::unistd::geteuid().is_root();
    let advice = if root {
        "although this is root, as in a container: run it on the host, or start the container with \
         --cap-add=NET_ADMIN"
            .to_owned()
    } else {
        format!("as this is not root; run: sudo bridgetrace rescue {address}")
    };
    bail!("CAP_NET_ADMIN, to set a route, is missing {advice}")
}

/// Names in the cause come from outside.
fn refused(address: IpAddr, why: &str) -> anyhow::Error {
    anyhow!("{address} is not rescued: {}", escape::visible(why))
}

fn interrupted() -> anyhow::Error {
    anyhow!("interrupted; nothing was changed")
}

fn say(page: &str) -> Result<()> {
    Ok(stdout().write_all(page.as_bytes())?)
}

fn ask(question: &str) -> Result<()> {
    let mut out = io::stdout();
    out.write_all(question.as_bytes())?;
    Ok(out.flush()?)
}
