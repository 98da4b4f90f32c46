//! The outage of I-1, live on a console.

use anyhow::{Result, ensure};
use bridgetrace_lab::topology::{PC, SRV};
use bridgetrace_lab::{Dockerd, Topology, WorldDump, peers, preflight};
use nix::sys::signal::Signal;

use super::scene::{LARGE, SMALL, Scene, fits};
use crate::outage::stage::NETWORK;

/// What is typed to bring the PC back.
const ROUTE: &str = "ip route add 172.22.10.119/32 via 172.42.10.1 dev eno8303";

/// Somebody watches as the network is made and the PC's pings go astray: the screen says what is lost,
/// why, and what to type, and whose bridge it is; the host route ends it.
#[test]
fn an_outage_shows_as_it_happens() -> Result<()> {
    preflight::require()?;
    let lab = Topology::new()?;
    let daemon = Dockerd::start(&lab.srv)?;
    let world = WorldDump::new(&lab.namespaces(), Some(&daemon));
    world.on_error(|| {
        let scene = Scene::open(Some(&lab.srv))?;
        let console = &scene.console;
        let arguments = format!("--docker-host {}", daemon.client().endpoint());
        scene.start("", &arguments)?;
        console.shows("watched for")?;

        daemon.docker(&["network", "create", "--subnet=172.22.0.0/16", NETWORK])?;
        ensure!(!peers::reachable(&lab.pc, SRV)?);
        let screen = console.wait("the outage", |screen| {
            let found = screen.contains("reply-blackhole") && screen.contains(ROUTE);
            found.then(|| screen.to_owned())
        })?;
        fits(&screen, SMALL)?;
        // It stays chosen, whatever other labs lose meanwhile.
        console.keys(&["Up"])?;
        let sentence = format!("Replies to {PC} are routed into");
        ensure!(screen.contains(&sentence), "{screen}");

        console.resize(LARGE)?;
        console.wait("the large screen", |screen| {
            let whole = fits(screen, LARGE).is_ok() && screen.contains("nobody ");
            (whole && screen.contains(NETWORK)).then_some(())
        })?;
        console.resize(SMALL)?;
        console.wait("the small screen", |screen| fits(screen, SMALL).ok())?;
        console.keys(&["Tab"])?;
        let screen = console.shows("subnets taken")?;
        ensure!(screen.contains(NETWORK), "{screen}");
        console.keys(&["Tab"])?;

        lab.srv.run(&["sh", "-c", ROUTE])?;
        ensure!(peers::reachable(&lab.pc, SRV)?);
        console.shows(&format!("Replies reach {PC} again"))?;
        console.keys(&["q"])?;
        scene.is_whole("0")?;

        scene.start("", &arguments)?;
        console.shows("watched for")?;
        scene.signal(Signal::SIGTERM)?;
        scene.is_whole("0")
    })
}
