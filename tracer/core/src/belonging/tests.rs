use std::collections::BTreeMap;

use super::*;
use crate::{
    Core,
    input::{
        Body, Daemon, DaemonInfo, DaemonStatus, DockerEndpoint, Input, Link, NetChange, Peer,
        Session,
    },
    time::Timestamp,
};

const HOST: u32 = 7;
const DAEMON: &str = "unix:///var/run/docker.sock";
const ID: &str = "80cb5a0c07bc80cb5a0c07bc80cb5a0c07bc80cb5a0c07bc80cb5a0c07bc80cb";
const BRIDGE: &str = "br-80cb5a0c07bc";

fn link(ifindex: u32, name: &str, kind: &str, master: Option<u32>) -> Link {
    Link {
        ifindex,
        name: name.to_owned(),
        kind: Some(kind.to_owned()),
        master,
        ..Link::default()
    }
}

/// The links that docker makes for a container, whose end has yet to go there.
fn links() -> Vec<Link> {
    let end = |ifindex, name, master, other| Link {
        peer: Some(Peer {
            ifindex: other,
            nsid: None,
        }),
        ..link(ifindex, name, "veth", master)
    };
    vec![
        link(3, BRIDGE, "bridge", None),
        end(4, "veth4ac7512", Some(3), 5),
        end(5, "veth68eeed8", None, 4),
    ]
}

fn see(core: &mut Core, netns: u32, links: &[Link]) {
    let mut tell = |change| {
        let body = Body::Net { netns, change };
        core.observe(&Input {
            at: Timestamp(1),
            body,
        });
    };
    tell(NetChange::Resync);
    for link in links {
        tell(NetChange::Link(link.clone()));
    }
    tell(NetChange::Synced);
}

fn network(endpoints: &[&str]) -> DockerNetwork {
    let endpoint = |name: &&str| DockerEndpoint {
        container: format!("{:0>64}", name.len()),
        container_name: (*name).to_owned(),
        network: ID.to_owned(),
        addresses: Vec::new(),
        mac: None,
    };
    let labels = [
        ("com.docker.compose.project", "shop"),
        ("com.gitlab.gitlab-runner.job.id", "98123"),
    ];
    let labels = labels.map(|(key, value)| (key.to_owned(), value.to_owned()));
    DockerNetwork {
        id: ID.to_owned(),
        name: "shop_default".to_owned(),
        driver: "bridge".to_owned(),
        labels: BTreeMap::from(labels),
        endpoints: endpoints.iter().map(endpoint).collect(),
        ..DockerNetwork::default()
    }
}

fn host(endpoints: &[&str]) -> Core {
    let mut core = Core::default();
    let session = Session {
        netns: HOST,
        ..Session::default()
    };
    let info = DaemonInfo {
        netns: Some(HOST),
        ..DaemonInfo::default()
    };
    let daemon = Daemon {
        endpoint: DAEMON.to_owned(),
        status: DaemonStatus::Reachable(Box::new(info)),
    };
    let listing = Body::DockerListing {
        daemon: DAEMON.to_owned(),
        networks: vec![network(endpoints)],
        containers: Vec::new(),
    };
    for body in [Body::Session(session), Body::Daemon(daemon), listing] {
        core.observe(&Input {
            at: Timestamp(1),
            body,
        });
    }
    see(&mut core, HOST, &links());
    core
}

fn said(core: &Core, text: &str) -> Option<String> {
    let line = Line::of(Timestamp(2), text, true)?;
    core.belonging(&line).map(|it| it.to_string())
}

#[test]
fn a_line_is_its_networks_and_containers_and_jobs() {
    let core = host(&["web"]);
    let whole = "normal: network shop_default of project shop, container web, gitlab job 98123";
    for text in [
        "br-80cb5a0c07bc: port 1(veth4ac7512) entered blocking state",
        "veth4ac7512: entered promiscuous mode",
        "eth0: renamed from veth68eeed8",
    ] {
        assert_eq!(said(&core, text).as_deref(), Some(whole), "{text}");
    }
}

/// The container's end is renamed where it went, and again on its way back, when nothing in the host's
/// namespace has either name.
#[test]
fn a_new_name_of_an_end_that_went_into_a_container_is_its_bridges() {
    let mut core = host(&["web"]);
    let body = Body::Net {
        netns: HOST,
        change: NetChange::LinkGone(5),
    };
    core.observe(&Input {
        at: Timestamp(2),
        body,
    });
    let whole = "normal: network shop_default of project shop, container web, gitlab job 98123";
    for text in [
        "eth0: renamed from veth68eeed8",
        "veth68eeed8: renamed from eth0",
    ] {
        assert_eq!(said(&core, text).as_deref(), Some(whole), "{text}");
    }
    assert_eq!(said(&core, "eth0: renamed from veth0000000"), None);
}

#[test]
fn of_several_containers_none_is_named() {
    let text = "br-80cb5a0c07bc: port 1(veth4ac7512) entered blocking state";
    assert_eq!(
        said(&host(&["web", "db"]), text).as_deref(),
        Some("normal: network shop_default of project shop, gitlab job 98123")
    );
}

#[test]
fn a_line_that_may_be_of_two_bridges_is_nobodys() {
    let mut core = host(&["web"]);
    see(&mut core, 8, &links());
    let text = "br-80cb5a0c07bc: port 1(veth4ac7512) entered blocking state";
    assert_eq!(said(&core, text), None);
    assert_eq!(said(&core, "wlan0: entered promiscuous mode"), None);
    assert_eq!(said(&core, "a[812]: segfault at 0"), None);
}

#[test]
fn a_line_that_somebody_else_wrote_is_nobodys() {
    let text = "br-80cb5a0c07bc: port 1(veth4ac7512) entered blocking state";
    let line = Line::of(Timestamp(2), text, false).unwrap();
    assert_eq!(host(&["web"]).belonging(&line), None);
}

/// A container's `eth0` is not that of the host.
#[test]
fn a_new_name_in_a_container_is_not_the_hosts_device() {
    let mut core = host(&["web"]);
    let mut links = links();
    links.push(link(2, "eth0", "dummy", Some(3)));
    see(&mut core, HOST, &links);
    assert_eq!(said(&core, "eth0: renamed from veth0000000"), None);
}
