//! A process resolves names by the nameserver of its own /etc/resolv.conf.

use std::fs;
use std::net::Ipv4Addr;

use anyhow::{Result, ensure};
use bridgetrace_lab::peers::{NameServer, Resolver};
use bridgetrace_lab::topology::PC;
use bridgetrace_lab::{Dockerd, Topology, WorldDump, preflight, process, scenario};

const NAME: &str = "gitlab.example";
const ADDRESS: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 7);

#[test]
fn names_are_resolved_until_a_network_covers_the_nameserver() -> Result<()> {
    preflight::require()?;
    let lab = Topology::new()?;
    let daemon = Dockerd::start(&lab.srv)?;
    let world = WorldDump::new(&lab.namespaces(), Some(&daemon));
    world.on_error(|| {
        let server = NameServer::start(&lab.pc, (PC, 53).into(), ADDRESS)?;
        let resolver = Resolver::new(&lab.srv, PC)?;
        ensure!(resolver.getent(NAME)? == ADDRESS);
        let said = resolver.nslookup(NAME)?;
        ensure!(said.contains(&ADDRESS.to_string()), "{said}");
        scenario::collide(&daemon)?;
        let asked = server.questions();
        ensure!(resolver.getent(NAME).is_err(), "the question came through");
        ensure!(server.questions() == asked);
        daemon.remove_network(scenario::COLLIDING)?;
        ensure!(resolver.getent(NAME)? == ADDRESS);
        Ok(())
    })
}

#[test]
fn nobody_else_sees_the_resolvers_files() -> Result<()> {
    preflight::require()?;
    let lab = Topology::new()?;
    let before = fs::read("/etc/resolv.conf")?;
    let resolver = Resolver::new(&lab.srv, PC)?;
    let seen = process::output(resolver.command("cat").arg("/etc/resolv.conf"))?;
    ensure!(seen.starts_with(&format!("nameserver {PC}\n")), "{seen}");
    let inside = process::output(resolver.command("readlink").arg("/proc/self/ns/net"))?;
    ensure!(inside == format!("net:[{}]", lab.srv.inum()), "{inside}");
    ensure!(fs::read("/etc/resolv.conf")? == before);
    Ok(())
}
