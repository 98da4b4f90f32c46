//! Victims of several subnets: behind one bridge they are one outage, behind two bridges two.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use anyhow::{Result, ensure};
use bridgetrace_lab::peers;
use bridgetrace_lab::topology::{PC, SRV};
use bridgetrace_lab::{Topology, preflight};
use serde_json::{Value, json};

use crate::outage::expect;
use crate::outage::stage::{Stage, at, holds, is_phase};

const BRANCHES: [Ipv4Addr; 3] = [
    PC,
    Ipv4Addr::new(172, 22, 129, 7),
    Ipv4Addr::new(172, 22, 200, 9),
];
const ELSEWHERE: Ipv4Addr = Ipv4Addr::new(10, 88, 3, 4);

fn raise(peers: &[Ipv4Addr]) -> Result<Stage> {
    preflight::require()?;
    let lab = Topology::builder().peers(peers.iter().copied()).build()?;
    Stage::raise_in(lab, &[])
}

fn addresses(finding: &Value) -> BTreeSet<String> {
    let victims = at(finding, "bridgetrace.victims").as_array();
    let ip = |victim: &Value| victim["ip"].as_str().unwrap_or_default().to_owned();
    victims.into_iter().flatten().map(ip).collect()
}

#[test]
fn clients_of_three_subnets_behind_one_bridge_are_one_outage() -> Result<()> {
    raise(&BRANCHES[1..])?.play(|stage| {
        let network = stage.collide()?;
        for client in BRANCHES {
            ensure!(!peers::reachable_from(&stage.lab.pc, client, SRV)?);
        }
        let all = stage.finding(|f| at(f, "bridgetrace.counts.remotes") == 3)?;
        holds(&all, &[("bridgetrace.docker_network.id", json!(network))])?;
        let wanted: BTreeSet<String> = BRANCHES.map(|ip| ip.to_string()).into();
        ensure!(addresses(&all) == wanted, "{all:#}");
        let routes = at(&all, "bridgetrace.remedies").as_array().cloned();
        for remedy in routes.into_iter().flatten() {
            if remedy["id"] == "host-route" {
                let command = remedy["command"].as_str().unwrap_or_default();
                stage.lab.srv.run(&["sh", "-c", command])?;
            }
        }
        for client in BRANCHES {
            ensure!(
                peers::reachable_from(&stage.lab.pc, client, SRV)?,
                "{client}"
            );
        }
        stage.phase(&expect::id(&all)?, "resolved")?;
        let last = stage.last_word()?;
        ensure!(is_phase(&last, "resolved"), "{last:#}");
        holds(&last, &[("bridgetrace.counts.remotes", json!(3))])
    })
}

#[test]
fn clients_behind_two_bridges_are_two_outages() -> Result<()> {
    raise(&[ELSEWHERE])?.play(|stage| {
        let first = stage.collide()?;
        let create = ["network", "create", "--subnet=10.88.0.0/16", "second"];
        let second = stage.daemon.docker(&create)?;
        for client in [PC, ELSEWHERE] {
            ensure!(!peers::reachable_from(&stage.lab.pc, client, SRV)?);
        }
        for (network, client, prefix) in [
            (first, PC, "172.22.0.0/16"),
            (second, ELSEWHERE, "10.88.0.0/16"),
        ] {
            let opened = stage.finding(|f| {
                is_phase(f, "opened") && at(f, "destination.ip") == client.to_string().as_str()
            })?;
            expect::should_leave_by(&opened, "eno8303")?;
            holds(
                &opened,
                &[
                    ("bridgetrace.docker_network.id", json!(network)),
                    ("bridgetrace.route.prefix", json!(prefix)),
                ],
            )?;
            holds(&opened, &[("bridgetrace.counts.remotes", json!(1))])?;
        }
        ensure!(stage.last_words()?.len() == 2);
        Ok(())
    })
}

/// One bridge with two subnets, as an alias of its address makes it.
#[test]
fn clients_of_two_subnets_of_one_bridge_are_one_outage() -> Result<()> {
    raise(&[ELSEWHERE])?.play(|stage| {
        let network = stage.collide()?;
        let bridge = bridgetrace_lab::docker::bridge_name(&network);
        let alias = format!("address add 10.88.0.1/16 dev {bridge}");
        stage.lab.srv.ip(&alias)?;
        for client in [PC, ELSEWHERE] {
            ensure!(!peers::reachable_from(&stage.lab.pc, client, SRV)?);
        }
        let both = stage.finding(|f| at(f, "bridgetrace.counts.remotes") == 2)?;
        for client in [PC, ELSEWHERE] {
            let command = format!("ip route add {client}/32 via 172.42.10.1 dev eno8303");
            stage.lab.srv.run(&["sh", "-c", &command])?;
            ensure!(
                at(&both, "bridgetrace.remedies")
                    .to_string()
                    .contains(&command),
                "no {command} in {both:#}"
            );
            ensure!(peers::reachable_from(&stage.lab.pc, client, SRV)?);
        }
        stage.phase(&expect::id(&both)?, "resolved").map(drop)
    })
}
