//! The nameserver is in the subnet of a network: no name is resolved any more. That its address is
//! configured makes it somebody outside.

use std::net::Ipv4Addr;
use std::path::Path;

use anyhow::{Result, ensure};
use bridgetrace_lab::peers::{NameServer, Resolver};
use bridgetrace_lab::{Process, Tracer, showcase};
use serde_json::{Value, json};

use super::scene::{MACHINE, host_route_works, lost, raise, says, start};
use crate::outage::expect;
use crate::outage::stage::{Stage, at, holds, is_phase};

const NAME: &str = "gitlab.example";
const ADDRESS: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 7);

/// `getent` asks the nameserver of its own `/etc/resolv.conf`, as almost every program does.
#[test]
fn glibc_asks_its_nameserver() -> Result<()> {
    let confirmed = raise()?.play(|stage| is_down(stage, "getent ahostsv4", "getent"))?;
    showcase::show(
        "this host's nameserver lies in the network's subnet",
        &confirmed,
    )
}

/// The same by busybox's own resolver.
#[test]
fn busybox_asks_its_nameserver() -> Result<()> {
    raise()?
        .play(|stage| is_down(stage, "busybox nslookup -type=a", "busybox"))
        .map(drop)
}

/// Names are resolved until the network comes; then `program` asks in vain, over and over.
fn is_down(stage: &mut Stage, program: &str, name: &str) -> Result<Value> {
    let _server = NameServer::start(&stage.lab.pc, (MACHINE, 53).into(), ADDRESS)?;
    let resolver = Resolver::new(&stage.lab.srv, MACHINE)?;
    ensure!(resolver.getent(NAME)? == ADDRESS);
    let network = stage.collide()?;
    let _asking = ask(&resolver, program)?;
    let opened = stage.finding(|f| is_phase(f, "opened"))?;
    is_name_resolution(&opened, &network, "/etc/resolv.conf")?;
    let id = expect::id(&opened)?;
    holds(&stage.named(&id)?, &[("process.name", json!(name))])?;
    let confirmed = stage.confirmed(&id)?;
    is_name_resolution(&confirmed, &network, "/etc/resolv.conf")?;
    let proof = [
        "route-into-bridge",
        "no-such-endpoint",
        "neighbour-failed",
        "drop",
    ];
    expect::proven_by(&confirmed, &proof)?;
    host_route_works(stage, &confirmed, |_| resolver.getent(NAME).is_ok())?;
    Ok(confirmed)
}

/// Each question is another process's: whoever of them is gone before it can be asked for, the next
/// one is named.
fn ask(resolver: &Resolver, program: &str) -> Result<Process> {
    let mut shell = resolver.command("sh");
    shell.args(["-c", &format!("while :; do {program} {NAME}; done")]);
    start(shell)
}

fn is_name_resolution(finding: &Value, network: &str, source: &str) -> Result<()> {
    lost(finding, "request-blackhole", network, MACHINE)?;
    holds(
        finding,
        &[
            ("network.transport", json!("udp")),
            ("destination.port", json!(53)),
        ],
    )?;
    let said = format!("{MACHINE} is a nameserver of {source}: name resolution by it is down.");
    ensure!(says(finding, &said), "not {said:?}: {finding:#}");
    ensure!(!says(finding, "if it is"), "in doubt: {finding:#}");
    let peer = evidence_of(finding, "configured-peer");
    holds(
        peer,
        &[
            ("detail.role", json!("nameserver")),
            ("detail.source", json!(source)),
        ],
    )
}

fn evidence_of<'a>(finding: &'a Value, kind: &str) -> &'a Value {
    let all = at(finding, "bridgetrace.evidence").as_array();
    let mut all = all.into_iter().flatten();
    all.find(|evidence| evidence["kind"] == kind)
        .unwrap_or(&Value::Null)
}

/// The nameserver is the host's, and who asks has it from somewhere else: it is asked by its address.
#[test]
fn somebody_asks_the_hosts_nameserver() -> Result<()> {
    raise()?.play(|stage| {
        let resolver = Resolver::new(&stage.lab.srv, MACHINE)?;
        stage.tracer = trace_with_files(&resolver, stage)?;
        let network = stage.collide()?;
        let mut dig = stage.lab.srv.command("busybox");
        dig.args(["nslookup", "-type=a", NAME, &MACHINE.to_string()]);
        let _asking = start(dig)?;
        let opened = stage.finding(|f| is_phase(f, "opened"))?;
        is_name_resolution(&opened, &network, "/etc/resolv.conf")?;
        let confirmed = stage.confirmed(&expect::id(&opened)?)?;
        expect::proven_by(&confirmed, &["configured-peer", "neighbour-failed", "drop"])
    })
}

/// A tracer for which the resolver's files are the host's.
fn trace_with_files(resolver: &Resolver, stage: &Stage) -> Result<Tracer> {
    let binary = bridgetrace_lab::tracer::binary()?;
    let command = resolver.command(&binary.display().to_string());
    let endpoint = stage.daemon.endpoint();
    let arguments = command
        .get_args()
        .map(|it| it.to_string_lossy().into_owned());
    let own = ["-vv", "--format", "jsonl", "--docker-host", &endpoint].map(str::to_owned);
    let arguments: Vec<String> = arguments.chain(own).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let program = Path::new(command.get_program());
    let mut tracer = Tracer::start_program(&stage.lab.srv, program, &arguments, &[])?;
    tracer.wait_ready()?;
    Ok(tracer)
}
