//! Containers with services: named, placed, labelled, published.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use anyhow::{Result, ensure};
use bridgetrace_lab::peers;
use bridgetrace_lab::topology::{PC, PC6, SRV, SRV6};
use bridgetrace_lab::{Dockerd, Service, Topology, WorldDump, preflight};

const SOON: Duration = Duration::from_secs(10);

#[test]
fn a_published_service_is_reached_from_outside_and_from_the_host() -> Result<()> {
    preflight::require()?;
    let lab = Topology::new()?;
    let daemon = Dockerd::start(&lab.srv)?;
    let world = WorldDump::new(&lab.namespaces(), Some(&daemon));
    world.on_error(|| {
        daemon.import_busybox()?;
        daemon.create_network("apps", &["10.201.1.0/24"])?;
        let place = Ipv4Addr::new(10, 201, 1, 77);
        let echo = Service::echo("echo", 7).network("apps").publish(8007, 7);
        let echo = echo.ip(place).run(&daemon)?;
        let web = Service::httpd("web", "welcome")
            .publish(8080, 80)
            .run(&daemon)?;
        ensure!(echo.address("apps")? == place);
        for (netns, from) in [(&lab.pc, PC), (&lab.srv, Ipv4Addr::LOCALHOST)] {
            let to = if from == PC { SRV } else { from };
            let mut stream = peers::connect(netns, (from, 0).into(), (to, 8007).into())?;
            peers::echo(&mut stream, b"hello", SOON)?;
            ensure!(peers::get(netns, (to, 8080).into())? == "welcome");
        }
        let served = web.exec(&["cat", "/www/index.html"])?;
        ensure!(served == "welcome", "{served}");
        ensure!(web.reaches(PC) && !web.connects((PC, 9)));
        web.remove()?;
        ensure!(peers::get(&lab.pc, (SRV, 8080).into()).is_err());
        Ok(())
    })
}

#[test]
fn a_container_is_found_in_the_kernel_and_by_its_labels() -> Result<()> {
    preflight::require()?;
    let lab = Topology::new()?;
    let daemon = Dockerd::start(&lab.srv)?;
    daemon.import_busybox()?;
    let idle = Service::idle("idle").label("com.gitlab.gitlab-runner.job.id", "4711");
    let idle = idle.run(&daemon)?;
    let other = Service::idle("other").run(&daemon)?;
    let filter = "--filter=label=com.gitlab.gitlab-runner.job.id=4711";
    let found = daemon.docker(&["ps", "--quiet", "--no-trunc", filter])?;
    ensure!(found == idle.id(), "{found}");
    let netns = idle.netns()?;
    ensure!(netns.pids().contains(&idle.pid()?));
    ensure!(netns.inum() != lab.srv.inum() && netns.inum() != other.netns()?.inum());
    let seen = idle.exec(&["readlink", "/proc/self/ns/net"])?;
    ensure!(seen == format!("net:[{}]", netns.inum()), "{seen}");
    let address = idle.address("bridge")?.to_string();
    ensure!(netns.run(&["ip", "-brief", "address"])?.contains(&address));
    Ok(())
}

#[test]
fn a_container_of_an_ipv6_network_answers_there() -> Result<()> {
    preflight::require()?;
    let lab = Topology::dual()?;
    let daemon = Dockerd::start(&lab.srv)?;
    let world = WorldDump::new(&lab.namespaces(), Some(&daemon));
    world.on_error(|| {
        daemon.import_busybox()?;
        daemon.create_network("dual", &["10.201.1.0/24", "fd00:201:1::/64"])?;
        let place: Ipv6Addr = "fd00:201:1::77".parse()?;
        let echo = Service::echo("echo", 7)
            .network("dual")
            .ip(place)
            .publish(8007, 7);
        let echo = echo.run(&daemon)?;
        ensure!(echo.address6("dual")? == IpAddr::V6(place));
        let mut direct = peers::connect(
            &lab.srv,
            (Ipv6Addr::UNSPECIFIED, 0).into(),
            (place, 7).into(),
        )?;
        peers::echo(&mut direct, b"hello", SOON)?;
        // This engine publishes IPv6 by docker-proxy only.
        let mut published = peers::connect(&lab.pc, (PC6, 0).into(), (SRV6, 8007).into())?;
        peers::echo(&mut published, b"hello", SOON)?;
        Ok(())
    })
}
