//! A network over somebody in use, found by looking once.

use std::io::{BufRead, BufReader, Write};
use std::net::Ipv4Addr;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use bridgetrace_lab::peers::{Resolver, Sshd};
use bridgetrace_lab::{Dockerd, Process, Topology, preflight, topology::SRV};
use serde_json::{Value, json};

use super::look::Look;
use crate::outage::expect;
use crate::outage::stage::{NETWORK, at, holds};

/// Where the host's `resolv.conf` has its nameserver, within I-1's network.
const NAMESERVER: Ipv4Addr = Ipv4Addr::new(172, 22, 7, 7);

struct Scene {
    lab: Topology,
    daemon: Dockerd,
}

impl Scene {
    fn look(&self, arguments: &[&str]) -> Result<Look> {
        let endpoint = self.daemon.client().endpoint();
        let mut all = vec!["--docker-host", &endpoint];
        all.extend(arguments);
        Look::at(&self.lab.srv, &all)
    }
}

/// The network alone covers nobody; then an operator's word, a route, a nameserver and a login are
/// covered, each named as what it is.
#[test]
fn everybody_in_use_is_named_as_what_they_are() -> Result<()> {
    preflight::require()?;
    let lab = Topology::new()?;
    let daemon = Dockerd::start(&lab.srv)?;
    let scene = Scene { lab, daemon };
    let sshd = Sshd::start(&scene.lab.srv)?;
    let mut session = sshd.ssh(&scene.lab.pc, SRV, "cat")?;
    greet(&mut session).with_context(|| sshd.log())?;

    // Docker's pools have the subnet: whoever gets it next cuts the PC off.
    let coming = only_overlap(&scene.look(&[])?)?;
    holds(
        &coming,
        &[
            ("bridgetrace.overlap.slot", json!(true)),
            ("bridgetrace.overlap.prefix", json!("172.22.0.0/16")),
            (
                "bridgetrace.overlap.with.0.prefix",
                json!("172.22.10.119/32"),
            ),
        ],
    )?;
    expect::remedy(&coming, "default-address-pools", "command")?;

    let create = ["network", "create", "--subnet=172.22.0.0/16", NETWORK];
    scene.daemon.docker(&create)?;
    names_the_login(&scene)?;
    let found = only_overlap(&scene.look(&[])?)?;
    let route = expect::remedy(&found, "host-route", "command")?;
    ensure!(
        route == "ip route add 172.22.10.119/32 via 172.42.10.1 dev eno8303",
        "{route}"
    );

    // Whoever is gone is in use no more.
    session.child().kill()?;
    session.wait(super::look::SOON)?;
    bridgetrace_lab::wait_for("the session to end", super::look::SOON, || {
        match scene.look(&[]) {
            Ok(look) => (look.status == Some(0)).then_some(Ok(())),
            Err(error) => Some(Err(error)),
        }
    })??;

    names_who_must_stay_reachable(&scene)?;
    names_the_nameserver(&scene)?;
    names_the_route(&scene)
}

/// Types a line and waits for its echo: the session is established.
fn greet(session: &mut Process) -> Result<()> {
    let mut keyboard = session.child().stdin.take().context("no stdin")?;
    let screen = session.child().stdout.take().context("no stdout")?;
    writeln!(keyboard, "hello")?;
    let mut line = String::new();
    BufReader::new(screen).read_line(&mut line)?;
    ensure!(line == "hello\n", "{line:?}");
    // Closed, it would end the session.
    session.child().stdin = Some(keyboard);
    Ok(())
}

fn only_overlap(look: &Look) -> Result<Value> {
    look.ended(1)?;
    ensure!(look.summary["overlaps"] == 1, "{look:#?}");
    let overlaps = look.findings.iter();
    let mut overlaps = overlaps.filter(|it| at(it, "event.action") == "subnet-overlap");
    overlaps.next().cloned().context("no overlap")
}

/// The only one covered is this.
fn covers(look: &Look, role: &str, prefix: &str) -> Result<Value> {
    let finding = only_overlap(look)?;
    let with = at(&finding, "bridgetrace.overlap.with");
    holds(
        &finding,
        &[
            ("bridgetrace.overlap.prefix", json!("172.22.0.0/16")),
            ("bridgetrace.overlap.with.0.role", json!(role)),
            ("bridgetrace.overlap.with.0.prefix", json!(prefix)),
            ("bridgetrace.docker_network.name", json!(NETWORK)),
        ],
    )?;
    ensure!(with.as_array().is_some_and(|it| it.len() == 1), "{with:#}");
    Ok(finding)
}

fn names_the_login(scene: &Scene) -> Result<()> {
    let finding = covers(&scene.look(&[])?, "peer", "172.22.10.119/32")?;
    holds(
        &finding,
        &[("bridgetrace.finding.verdict", json!("confirmed"))],
    )?;
    let what = at(&finding, "bridgetrace.overlap.with.0.what")
        .as_str()
        .unwrap_or_default();
    ensure!(
        what.starts_with("established ssh connection to port 22 of sshd (pid "),
        "{what}"
    );
    let reason = at(&finding, "event.reason").as_str().unwrap_or_default();
    ensure!(
        reason.contains("172.22.10.119") && reason.contains(NETWORK),
        "{reason}"
    );
    Ok(())
}

fn names_who_must_stay_reachable(scene: &Scene) -> Result<()> {
    let finding = covers(
        &scene.look(&["--peer", "172.22.64.0/24"])?,
        "protected",
        "172.22.64.0/24",
    )?;
    holds(
        &finding,
        &[("bridgetrace.finding.verdict", json!("suspected"))],
    )?;
    scene.look(&["--peer", "10.9.8.7"])?.ended(0)
}

fn names_the_nameserver(scene: &Scene) -> Result<()> {
    let resolver = Resolver::new(&scene.lab.srv, NAMESERVER)?;
    let binary = bridgetrace_lab::tracer::binary()?;
    let command = resolver.command(&binary.display().to_string());
    let words = command
        .get_args()
        .map(|it| it.to_string_lossy().into_owned());
    let endpoint = scene.daemon.endpoint();
    let own = ["check", "--format", "jsonl", "--docker-host", &endpoint].map(str::to_owned);
    let words: Vec<String> = words.chain(own).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let look = Look::by(&scene.lab.srv, Path::new(command.get_program()), &words)?;
    let finding = covers(&look, "nameserver", "172.22.7.7/32")?;
    let what = at(&finding, "bridgetrace.overlap.with.0.what");
    ensure!(what == "nameserver of /etc/resolv.conf", "{what}");
    Ok(())
}

/// In whatever table it is.
fn names_the_route(scene: &Scene) -> Result<()> {
    scene
        .lab
        .srv
        .ip("route add 172.20.0.0/14 via 172.42.10.1 table 100\n")?;
    let look = scene.look(&[])?;
    // The network, and the three subnets beside it that docker may give away next, told together.
    look.ended(1)?;
    ensure!(look.summary["overlaps"] == 2, "{look:#?}");
    let [finding, slots] = look.findings.as_slice() else {
        anyhow::bail!("{look:#?}");
    };
    let role = ("bridgetrace.overlap.with.0.role", json!("route"));
    holds(
        finding,
        &[role.clone(), ("bridgetrace.overlap.slot", json!(false))],
    )?;
    holds(slots, &[role, ("bridgetrace.overlap.slot", json!(true))])?;
    let what = at(finding, "bridgetrace.overlap.with.0.what")
        .as_str()
        .unwrap_or_default();
    ensure!(
        what.starts_with("route via 172.42.10.1 dev eno8303 in table 100"),
        "{what}"
    );
    // A VPN's way to be the default route is none of somebody in particular.
    scene
        .lab
        .srv
        .ip("route del 172.20.0.0/14 table 100\nroute add 128.0.0.0/1 via 172.42.10.1\n")?;
    scene.look(&[])?.ended(0)
}
