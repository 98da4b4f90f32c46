//! The play: stage, acts, and what must have been seen for it to count.

use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use bridgetrace_lab::peers::Sshd;
use bridgetrace_lab::{Dockerd, Topology, topology, world};

use super::printed;
use super::project::{self, Project};
use super::screen::Screen;
use super::session::Session;
use crate::interrupt;

/// For what takes a fraction of a second on an idle machine.
const SOON: Duration = Duration::from_secs(20);
/// A connection that has lost its replies for a few seconds tries again within as long.
const RECOVERY: Duration = Duration::from_secs(30);
/// So long the viewer watches the session before and in the outage.
const SCENE: Duration = Duration::from_secs(3);

/// Everything on the stage, in the order in which it goes.
struct Stage {
    screen: Screen,
    session: Session,
    _sshd: Sshd,
    project: Project,
    daemon: Dockerd,
    lab: Topology,
}

/// Raises the lab, plays, and takes the lab down, whatever happens.
pub(super) fn run(binary: &Path) -> Result<()> {
    let mut stage = raise(binary)?;
    let played = acts(&mut stage);
    if played.is_err() && interrupt::check().is_ok() {
        let world = world::dump(&stage.lab.namespaces(), Some(&stage.daemon));
        eprintln!("{world}");
    }
    played?;
    stage.screen.end()?;
    say("Done: opened, explained, cured, resolved. Taking the lab down.")
}

fn raise(binary: &Path) -> Result<Stage> {
    say("The outage of a real server, live in three network namespaces: half a minute.")?;
    say("  pc 172.22.10.119 --- router --- 172.42.10.112 eno8303 srv (dockerd, sshd)")?;
    let lab = Topology::new()?;
    interrupt::check()?;
    let daemon = Dockerd::start(&lab.srv)?;
    let project = Project::prepare(&daemon)?;
    interrupt::check()?;
    let sshd = Sshd::start(&lab.srv)?;
    let session = Session::open(&sshd, &lab)?;
    say("On srv four docker projects run already. An operator there starts bridgetrace.")?;
    say("Everything without a `demo>` or `ssh>` in front is its own output:")?;
    let mut command = lab.srv.command(&binary.display().to_string());
    command.args(["--docker-host", &daemon.endpoint()]);
    let screen = Screen::start(command)?;
    Ok(Stage {
        screen,
        session,
        _sshd: sshd,
        project,
        daemon,
        lab,
    })
}

fn acts(stage: &mut Stage) -> Result<()> {
    stage.until("bridgetrace to be watching", SOON, |stage| {
        Ok(stage.screen.text()?.contains("watching"))
    })?;
    stage.narrate("At the PC somebody works on srv by ssh, and asks for the time every second:")?;
    stage.watch(SCENE)?;
    let bridge = stage.collide()?;
    stage.outage(&bridge)?;
    stage.cure(&bridge)
}

impl Stage {
    /// The project comes up, and docker gives it the client's addresses.
    fn collide(&mut self) -> Result<String> {
        self.narrate("On srv: docker-compose up (openldap, ports 3899->389 and 6366->636)")?;
        let (screen, session) = (&self.screen, &mut self.session);
        self.project
            .up(&self.daemon, || relay_session(screen, session))?;
        let (bridge, subnet) = project::whereabouts(&self.daemon)?;
        let victim = topology::PC;
        self.narrate(&format!(
            "Docker gave {} the next free pool, {subnet}: {victim}, the PC, is in it.",
            project::NETWORK
        ))?;
        Ok(bridge)
    }

    /// bridgetrace tells, and the session hangs.
    fn outage(&mut self, bridge: &str) -> Result<()> {
        let what = "bridgetrace to open the outage";
        self.until(what, SOON, |stage| {
            Ok(printed::has_opened(&stage.screen.text()?, bridge))
        })?;
        self.narrate("The ssh session hangs. Above, bridgetrace says why, and what to type.")?;
        self.until("the ssh session to hang", SOON, |stage| {
            Ok(stage.session.silence() >= Some(SCENE))
        })
    }

    /// What bridgetrace suggests is typed, and it must end what it was printed for.
    fn cure(&mut self, bridge: &str) -> Result<()> {
        let text = self.screen.text()?;
        let command = printed::host_route(&text, bridge).context("no host-route to type")?;
        self.narrate("On srv the operator copies the first command:")?;
        self.narrate(&format!("  # {command}"))?;
        self.type_on_server(command)?;
        self.until("the ssh session to go on", RECOVERY, |stage| {
            Ok(stage.session.silence().is_none())
        })?;
        self.until("bridgetrace to say that it is over", RECOVERY, |stage| {
            Ok(printed::has_resolved(&stage.screen.text()?, bridge))
        })?;
        self.watch(SCENE)
    }

    /// Without a shell: what is typed came from a program's output.
    fn type_on_server(&self, command: &str) -> Result<()> {
        let words: Vec<&str> = command.split_whitespace().collect();
        ensure!(
            words.starts_with(&["ip", "route"]),
            "not a route to type: {command}"
        );
        self.lab.srv.run(&words).map(drop)
    }

    /// Shows the session for a while; it must be alive.
    fn watch(&mut self, time: Duration) -> Result<()> {
        let end = Instant::now() + time;
        self.until("the scene to end", time + SOON, |stage| {
            Ok(Instant::now() >= end && stage.session.silence().is_none())
        })
    }

    /// Shows the session until something has happened and bridgetrace has told it in full.
    fn until(
        &mut self,
        what: &str,
        timeout: Duration,
        mut happened: impl FnMut(&mut Self) -> Result<bool>,
    ) -> Result<()> {
        interrupt::wait_for(what, timeout, || {
            relay_session(&self.screen, &mut self.session)?;
            let done = happened(self)? && self.screen.is_quiet();
            Ok(done.then_some(()))
        })
    }

    /// A line of the narrator, when bridgetrace is silent.
    fn narrate(&mut self, text: &str) -> Result<()> {
        self.until("bridgetrace to finish its page", SOON, |_| Ok(true))?;
        say(text)
    }
}

/// Shows what the session has to tell, when bridgetrace is silent.
fn relay_session(screen: &Screen, session: &mut Session) -> Result<()> {
    if !screen.is_quiet() {
        return Ok(());
    }
    match session.turn()? {
        Some(line) => print("ssh>  ", &line),
        None => Ok(()),
    }
}

/// A line of the narrator.
fn say(text: &str) -> Result<()> {
    print("demo>", text)
}

fn print(who: &str, text: &str) -> Result<()> {
    // Not println!, which panics when the viewer has gone.
    writeln!(std::io::stdout(), "{who} {text}").context("tell the viewer")
}
