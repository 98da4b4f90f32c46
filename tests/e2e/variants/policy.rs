//! Policy routing: the way back is found as the kernel would find it, through rules and tables.

use anyhow::{Result, ensure};
use bridgetrace_lab::docker::bridge_name;
use bridgetrace_lab::topology::SRV;
use bridgetrace_lab::{Topology, peers};
use serde_json::{Value, json};

use super::scene::{self, collide_and_ping, host_route_works, ping_and_find};
use crate::outage::expect;
use crate::outage::stage::{Stage, holds};

/// Main has no default route; a table of its own has one, behind main.
fn default_in_table_100(selector: &str) -> String {
    format!(
        "route del default\n\
         route add default via 172.42.10.1 dev eno8303 table 100\n\
         rule add {selector} lookup 100 pref 32800\n"
    )
}

fn expected_in(finding: &Value, table: u32, prefix: &str, gateway: &str) -> Result<()> {
    holds(
        finding,
        &[
            ("bridgetrace.route.table", json!(254)),
            ("bridgetrace.route.prefix", json!("172.22.0.0/16")),
            ("bridgetrace.expected_route.table", json!(table)),
            ("bridgetrace.expected_route.prefix", json!(prefix)),
            ("bridgetrace.expected_route.gateway", json!(gateway)),
            ("bridgetrace.expected_route.device", json!("eno8303")),
        ],
    )
}

/// Lost, explained, and healed by the host route.
fn is_explained(stage: &mut Stage, table: u32, prefix: &str) -> Result<()> {
    let (network, opened) = collide_and_ping(stage)?;
    expected_in(&opened, table, prefix, "172.42.10.1")?;
    expect::proven_by(
        &opened,
        &["route-into-bridge", "ingress-asymmetry", "no-such-endpoint"],
    )?;
    holds(
        &opened,
        &[("bridgetrace.docker_network.id", json!(network))],
    )?;
    let variant = "policy routing, the right way stands in another table";
    bridgetrace_lab::showcase::show(variant, &opened)?;
    host_route_works(stage, &opened)
}

#[test]
fn the_table_of_a_rule_for_everybody_is_named() -> Result<()> {
    scene::raise(|lab| lab.srv.ip(&default_in_table_100("")))?
        .play(|stage| is_explained(stage, 100, "0.0.0.0/0"))
}

/// Another table, for other sources, comes first and is passed by.
#[test]
fn the_table_for_the_subnet_of_the_uplink_is_named() -> Result<()> {
    let prepare = |lab: &Topology| {
        lab.srv.ip(&default_in_table_100("from 172.42.10.0/24"))?;
        lab.srv
            .ip("route add default via 172.42.10.99 dev eno8303 table 200\n\
             rule add from 10.0.0.0/8 lookup 200 pref 32790\n")
    };
    scene::raise(prepare)?.play(|stage| is_explained(stage, 100, "0.0.0.0/0"))
}

/// The kernel's replies carry the mark of the request (`fwmark_reflect`), which chooses the table;
/// packets without it would take another.
#[test]
fn the_table_of_a_mark_is_named() -> Result<()> {
    let prepare = |lab: &Topology| {
        let mark = "iptables -t mangle -A PREROUTING -i eno8303 -j MARK --set-mark 5";
        let mark: Vec<&str> = mark.split(' ').collect();
        lab.srv.run(&mark)?;
        lab.srv.sysctl("net.ipv4.fwmark_reflect", "1")?;
        lab.srv.ip(&default_in_table_100("fwmark 0x5"))?;
        lab.srv
            .ip("route add default via 172.42.10.99 dev eno8303 table 200\n\
             rule add lookup 200 pref 32900\n")
    };
    scene::raise(prepare)?.play(|stage| is_explained(stage, 100, "0.0.0.0/0"))
}

/// The extra table knows the PC by itself.
#[test]
fn a_host_route_in_an_extra_table_is_the_expected_one() -> Result<()> {
    let prepare = |lab: &Topology| {
        lab.srv.ip("route del default\n\
             route add 172.22.10.119/32 via 172.42.10.1 dev eno8303 table 100\n\
             route add default via 172.42.10.99 dev eno8303 table 100\n\
             rule add from 172.42.10.112 lookup 100 pref 32800\n")
    };
    scene::raise(prepare)?.play(|stage| is_explained(stage, 100, "172.22.10.119/32"))
}

/// Somebody has moved the bridge's route into a table that is looked at before main.
#[test]
fn the_table_of_the_bridges_route_is_named_and_the_host_route_stands_there() -> Result<()> {
    scene::raise(|_| Ok(()))?.play(|stage| {
        let network = stage.collide()?;
        let bridge = bridge_name(&network);
        stage.lab.srv.ip(&format!(
            "route add 172.22.0.0/16 dev {bridge} table 77\n\
             route del 172.22.0.0/16 dev {bridge}\n\
             rule add lookup 77 pref 100\n"
        ))?;
        let opened = ping_and_find(stage)?;
        holds(
            &opened,
            &[
                ("bridgetrace.route.table", json!(77)),
                ("bridgetrace.route.device", json!(bridge)),
            ],
        )?;
        expect::should_leave_by(&opened, "eno8303")?;
        expect::proven_by(&opened, &["route-into-bridge", "ingress-asymmetry"])?;
        host_route_works(stage, &opened)
    })
}

/// `not fwmark … lookup …` before a main whose default is suppressed, as wg-quick does it: the
/// bridge's route is more specific than a default and still swallows.
#[test]
fn a_suppressed_default_sends_the_counterfactual_on_to_the_next_table() -> Result<()> {
    let prepare = |lab: &Topology| {
        lab.srv.ip(
            "route add default via 172.42.10.1 dev eno8303 table 51820\n\
             rule add lookup main suppress_prefixlength 0 pref 32700\n\
             rule add not fwmark 0xca6c lookup 51820 pref 32710\n",
        )
    };
    scene::raise(prepare)?.play(|stage| is_explained(stage, 51_820, "0.0.0.0/0"))
}

/// A second uplink; its default route has the metric given.
fn second_uplink(lab: &Topology, first: u32, second: u32) -> Result<()> {
    lab.router.ip(&format!(
        "link add lan-two type veth peer name eno8304 netns {}\n\
         link set lan-two up\n\
         address add 172.43.10.1/24 dev lan-two\n",
        lab.srv.name()
    ))?;
    lab.srv.ip(&format!(
        "link set eno8304 up\n\
         address add 172.43.10.112/24 dev eno8304\n\
         route del default\n\
         route add default via 172.42.10.1 dev eno8303 metric {first}\n\
         route add default via 172.43.10.1 dev eno8304 metric {second}\n"
    ))
}

#[test]
fn of_two_default_routes_the_lower_metric_is_expected() -> Result<()> {
    scene::raise(|lab| second_uplink(lab, 100, 200))?.play(|stage| {
        let (network, opened) = collide_and_ping(stage)?;
        expect::pc_lost_in(&opened, &network)?;
        host_route_works(stage, &opened)
    })
}

/// Requests come in by one uplink, replies leave by the other: that was so before the collision.
#[test]
fn the_lower_metric_is_expected_although_the_request_came_in_elsewhere() -> Result<()> {
    scene::raise(|lab| second_uplink(lab, 200, 100))?.play(|stage| {
        let (_, opened) = collide_and_ping(stage)?;
        holds(
            &opened,
            &[
                ("observer.ingress.interface.name", json!("eno8303")),
                ("bridgetrace.expected_route.device", json!("eno8304")),
                ("bridgetrace.expected_route.gateway", json!("172.43.10.1")),
                ("bridgetrace.expected_route.table", json!(254)),
            ],
        )?;
        host_route_works(stage, &opened)
    })
}

/// A rule that comes before main sends the uplink's replies past the bridge: nothing is lost, and
/// nothing is said until the rule is gone.
#[test]
fn a_rule_that_saves_the_replies_keeps_us_silent() -> Result<()> {
    let prepare = |lab: &Topology| {
        lab.srv
            .ip("route add default via 172.42.10.1 dev eno8303 table 100\n\
             rule add from 172.42.10.0/24 lookup 100 pref 100\n")
    };
    scene::raise(prepare)?.play(|stage| {
        stage.collide()?;
        ensure!(peers::ping(&stage.lab.pc, SRV, 5)?.received == 5);
        let said = stage.findings()?;
        ensure!(said.is_empty(), "{said:#?}");
        stage.lab.srv.ip("rule del pref 100")?;
        let opened = ping_and_find(stage)?;
        expect::should_leave_by(&opened, "eno8303")?;
        // Back again: that heals, and is seen to.
        stage
            .lab
            .srv
            .ip("rule add from 172.42.10.0/24 lookup 100 pref 100")?;
        ensure!(peers::reachable(&stage.lab.pc, SRV)?);
        stage.phase(&expect::id(&opened)?, "resolved").map(drop)
    })
}
