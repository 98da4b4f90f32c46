//! A recorded outage, walked through back and forth. It needs no root and no docker.

use anyhow::{Result, ensure};

use super::scene::{LARGE, SMALL, Scene, fits};

/// What is typed to bring the PC back.
const ROUTE: &str = "ip route add 172.22.10.119/32 via 172.42.10.1 dev eno8303";

#[test]
fn a_recording_is_walked_through_at_every_size() -> Result<()> {
    let scene = Scene::open(None)?;
    let console = &scene.console;
    let screen = scene.start_on("ping-1.btr")?;
    fits(&screen, SMALL)?;
    ensure!(screen.contains("CONFIRMED"), "{screen}");

    console.keys(&["Home"])?;
    console.shows("Nothing was told up to this moment.")?;
    console.keys(&["Right"])?;
    // What is lost and what to type, without another key.
    let screen = console.shows(ROUTE)?;
    ensure!(screen.contains("reply-blackhole"), "{screen}");
    fits(&screen, SMALL)?;

    console.resize(LARGE)?;
    let screen = console.wait("the large screen", |screen| {
        fits(screen, LARGE).ok().map(|()| screen.to_owned())
    })?;
    for part in [ROUTE, "client ", "gateway ", "nobody ", "proof "] {
        ensure!(screen.contains(part), "no {part:?} in\n{screen}");
    }
    console.resize(SMALL)?;
    console.wait("the small screen", |screen| fits(screen, SMALL).ok())?;

    console.keys(&["Tab"])?;
    let screen = console.shows("WHOSE")?;
    ensure!(screen.contains("172.22.0.0/16"), "{screen}");
    console.keys(&["?"])?;
    console.shows("to the moment before")?;
    console.keys(&["?", "Left"])?;
    console.shows("telling 0 of")?;
    console.keys(&["End", "q"])?;
    scene.is_whole("0")
}
