//! This host asks a machine of which nothing is known: it may be outside, or not be at all. It is told
//! of if the asking goes on, as a suspicion.

use std::net::{Ipv4Addr, SocketAddr};

use anyhow::{Result, ensure};
use bridgetrace_lab::peers::{self, EchoServer};
use bridgetrace_lab::{Process, showcase, wait_until};
use serde_json::{Value, json};

use super::scene::{
    GIT, MACHINE, connects, host_route_works, is_only_suspected, lost, raise, start,
};
use crate::outage::expect;
use crate::outage::stage::{SOON, Stage, evidence, holds, is_phase};

/// `git clone git://…`: one connection, and the kernel finds nobody there.
#[test]
fn a_git_server_is_asked_once() -> Result<()> {
    let opened = raise()?.play(|stage| {
        let _git = EchoServer::start(&stage.lab.pc, GIT)?;
        let network = stage.collide()?;
        let mut clone = connect(stage, GIT)?;
        let opened = stage.finding(|f| is_phase(f, "opened"))?;
        is_a_connection(&opened, &network, GIT.port())?;
        ensure!(
            evidence(&opened).contains(&"no-such-endpoint"),
            "{opened:#}"
        );
        let who = [
            ("process.name", json!("busybox")),
            ("process.pid", json!(clone.id())),
        ];
        holds(&stage.named(&expect::id(&opened)?)?, &who)?;
        // The kernel tells whoever asks, too, once it has given up.
        ensure!(!clone.wait(SOON)?.success());
        is_only_suspected(stage, &opened)?;
        host_route_works(stage, &opened, |stage| connects(&stage.lab.srv, GIT))?;
        Ok(opened)
    })?;
    showcase::show(
        "this host asks a git server in the network's subnet",
        &opened,
    )
}

/// A proxy of apt's is asked over and over; the neighbour's failure makes it no more certain.
#[test]
fn a_proxy_is_asked_for_packages_over_and_over() -> Result<()> {
    raise()?.play(|stage| {
        let network = stage.collide()?;
        let mut shell = stage.lab.srv.command("sh");
        let url = format!("http://{MACHINE}:3142/");
        shell.args([
            "-c",
            &format!("while :; do busybox wget -O/dev/null {url}; done"),
        ]);
        let _asking = start(shell)?;
        let opened = stage.finding(|f| is_phase(f, "opened"))?;
        is_a_connection(&opened, &network, 3142)?;
        let id = expect::id(&opened)?;
        holds(&stage.named(&id)?, &[("process.name", json!("busybox"))])?;
        let failed = stage.finding(|f| {
            let found = evidence(f);
            found.contains(&"neighbour-failed") && found.contains(&"drop")
        })?;
        is_only_suspected(stage, &failed)
    })
}

/// Twenty lines of log to a machine that collects them: twenty are lost.
#[test]
fn twenty_datagrams_are_twenty() -> Result<()> {
    raise()?.play(|stage| {
        let network = stage.collide()?;
        let any = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
        let socket = peers::udp_send_exactly(&stage.lab.srv, any, (MACHINE, 514).into(), 20)?;
        let opened = stage.finding(|f| is_phase(f, "opened"))?;
        lost(&opened, "request-blackhole", &network, MACHINE)?;
        let who = [("process.pid", json!(std::process::id()))];
        holds(&stage.named(&expect::id(&opened)?)?, &who)?;
        let last = stage.last_word()?;
        is_only_suspected(stage, &last)?;
        holds(
            &last,
            &[
                ("network.transport", json!("udp")),
                ("source.port", json!(socket.local_addr()?.port())),
                ("destination.port", json!(514)),
                ("bridgetrace.counts.packets", json!(20)),
                ("bridgetrace.counts.flows", json!(1)),
            ],
        )
    })
}

fn is_a_connection(finding: &Value, network: &str, port: u16) -> Result<()> {
    lost(finding, "request-blackhole", network, MACHINE)?;
    holds(
        finding,
        &[
            ("network.transport", json!("tcp")),
            ("destination.port", json!(port)),
            ("bridgetrace.finding.verdict", json!("suspected")),
        ],
    )
}

/// A process of the server's that connects, begun.
fn connect(stage: &Stage, to: SocketAddr) -> Result<Process> {
    let mut client = stage.lab.srv.command("/bin/busybox");
    client.args(["nc", &to.ip().to_string(), &to.port().to_string()]);
    let client = start(client)?;
    wait_until("the connection to begin", SOON, || {
        let filter = format!("dst {}", to.ip());
        let begun = stage
            .lab
            .srv
            .run(&["ss", "-Htn", "state", "syn-sent", &filter])?;
        Ok(!begun.is_empty())
    })?;
    Ok(client)
}
