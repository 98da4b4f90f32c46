//! What is not rescued, and why.

use std::net::IpAddr;

use anyhow::{Result, ensure};
use bridgetrace_lab::scenario::{COLLIDING, collide, usurp};
use bridgetrace_lab::topology::{PC, SRV};
use bridgetrace_lab::{Service, Tracer, peers, tracer};

use super::scene::{Ended, Scene};

#[test]
fn what_it_should_refuse_it_refuses() -> Result<()> {
    let scene = Scene::locked_out()?;
    scene.play(|| {
        let before = scene.routes()?;
        let address = |text: &str| -> Result<IpAddr> { Ok(text.parse()?) };
        let no_terminal = scene.run(PC, &[])?;
        no_terminal.refused("there is no terminal to ask on; say --yes")?;
        ensure!(no_terminal.stdout.is_empty(), "{no_terminal:?}");
        for (whom, why) in [
            (
                SRV.to_string().as_str(),
                "is this host's own address, on eno8303",
            ),
            ("172.22.0.1", "is this host's own address, on br-"),
            ("172.22.255.255", "means everybody in 172.22.0.0/16"),
            ("127.0.0.1", "a loopback address"),
            ("224.0.0.5", "a multicast address"),
        ] {
            scene.run(address(whom)?, &["--yes"])?.refused(why)?;
        }
        let elsewhere = scene.run(address("192.0.2.7")?, &["--yes"])?;
        elsewhere.said(&["Nothing to rescue", "eno8303 via 172.42.10.1", "0.0.0.0/0"])?;
        unasked(&scene)?;
        powerless(&scene)?;
        ensure!(scene.routes()? == before, "something was changed");

        // What does not help does not stay, although the gateway answered a moment ago.
        scene.lab.router.ip("address flush dev lan-srv\n")?;
        let useless = scene.run(PC, &["--yes"])?;
        useless.refused("172.42.10.1 does not answer on eno8303; the route is taken back")?;
        ensure!(scene.routes()? == before, "not as it was");

        // There is nowhere else to go.
        scene.lab.srv.ip("route del default\n")?;
        scene.run(PC, &["--yes"])?.refused("no other route to it")?;
        ensure!(scene.ours()?.is_empty());
        Ok(())
    })
}

/// Docker cannot be asked whether a container would be cut off.
fn unasked(scene: &Scene) -> Result<()> {
    let pc = PC.to_string();
    let absent = [
        "rescue",
        &pc,
        "--docker-host",
        "unix:///nonexistent.sock",
        "--dry-run",
    ];
    let start = |more: &[&str]| Tracer::start(&scene.lab.srv, &[&absent[..], more].concat());
    Ended::of(start(&[])?)?.refused("whether a running container has that address is not known")?;
    let risk = Ended::of(start(&["--without-docker"])?)?;
    risk.said(&["whether a container has that address: docker at unix:///nonexistent.sock"])
}

/// Root without the one capability it takes.
fn powerless(scene: &Scene) -> Result<()> {
    let binary = tracer::binary()?.display().to_string();
    let pc = PC.to_string();
    let words = [
        "--bounding-set=-net_admin",
        "--inh-caps=-net_admin",
        &binary,
        "rescue",
        &pc,
        "--yes",
    ];
    let setpriv = std::path::Path::new("setpriv");
    let ended = Ended::of(Tracer::start_program(&scene.lab.srv, setpriv, &words, &[])?)?;
    ended.refused("CAP_NET_ADMIN, to set a route, is missing")
}

#[test]
fn a_container_with_that_address_is_not_cut_off() -> Result<()> {
    let scene = Scene::raise()?;
    scene.daemon.import_busybox()?;
    scene.play(|| {
        collide(&scene.daemon)?;
        let usurper = usurp(&scene.daemon)?;
        // A bridge that loses its last port loses its carrier a moment later, and then all of its neighbours.
        let _bystander = Service::idle("bystander")
            .network(COLLIDING)
            .run(&scene.daemon)?;
        let named = "container usurper runs with that address in network collision";
        scene.run(PC, &["--yes"])?.refused(named)?;
        // Where docker is not believed, the container's own answer is: nobody here has spoken to it yet.
        let known = ["ip", "neigh", "show", &PC.to_string()];
        ensure!(scene.lab.srv.run(&known)?.is_empty());
        let without = ["--yes", "--without-docker"];
        let pc = PC.to_string();
        let absent = ["rescue", &pc, "--docker-host", "unix:///nonexistent.sock"];
        let blind = Tracer::start(&scene.lab.srv, &[&absent[..], &without].concat())?;
        Ended::of(blind)?.refused("answers for that address")?;
        ensure!(scene.ours()?.is_empty());

        ensure!(
            peers::reachable(&scene.lab.srv, PC)?,
            "the container is deaf"
        );
        usurper.remove()?;
        let lately = scene.run(PC, &["--yes", "--dry-run"])?;
        lately.refused("answers for that address")?;
        let typed = lately.stderr.split("if it may go, ").nth(1);
        let typed = typed.and_then(|rest| rest.split(", and again").next());
        scene
            .lab
            .srv
            .run(&["sh", "-c", typed.unwrap_or_default()])?;
        scene
            .run(PC, &["--dry-run"])?
            .said(&["nothing was changed"])
    })
}
