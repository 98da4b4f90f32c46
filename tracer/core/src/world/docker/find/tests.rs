use std::net::IpAddr;

use crate::{
    input::{
        Body, Cause, Daemon, DaemonInfo, DaemonStatus, DockerContainer, DockerEndpoint,
        DockerNetwork, Unreachable,
    },
    time::Timestamp,
    world::docker::Docker,
};

const ADDRESS: &str = "172.22.0.2";

fn ip() -> IpAddr {
    ADDRESS.parse().expect("address")
}

fn network(id: &str, container: &str) -> DockerNetwork {
    DockerNetwork {
        id: id.to_owned(),
        driver: "bridge".to_owned(),
        endpoints: vec![DockerEndpoint {
            network: id.to_owned(),
            container: container.to_owned(),
            container_name: container.to_owned(),
            addresses: vec![ip()],
            mac: None,
        }],
        ..DockerNetwork::default()
    }
}

fn container(id: &str, state: &str) -> DockerContainer {
    DockerContainer {
        id: id.to_owned(),
        name: format!("the {id}"),
        state: state.to_owned(),
        ..DockerContainer::default()
    }
}

/// Two daemons in namespaces 1 and 2 that gave the same address to a container each.
fn two_daemons() -> Docker {
    let mut docker = Docker::default();
    for (endpoint, netns, name) in [("unix:///a", 1, "a"), ("unix:///b", 2, "b")] {
        let info = DaemonInfo {
            netns: Some(netns),
            ..DaemonInfo::default()
        };
        let daemon = Daemon {
            endpoint: endpoint.to_owned(),
            status: DaemonStatus::Reachable(Box::new(info)),
        };
        docker.apply(Timestamp(1), &Body::Daemon(daemon));
        let listing = Body::DockerListing {
            daemon: endpoint.to_owned(),
            networks: vec![network(&format!("net-{name}"), name)],
            containers: vec![container(name, "running")],
        };
        docker.apply(Timestamp(1), &listing);
    }
    docker
}

fn who(docker: &Docker, netns: u32) -> Option<(&str, &str, &str)> {
    let (daemon, network, endpoint) = docker.container_at(netns, ip())?;
    Some((daemon, &network.id, &endpoint.container))
}

#[test]
fn an_address_belongs_to_the_daemon_of_the_namespace() {
    let docker = two_daemons();
    assert_eq!(who(&docker, 1), Some(("unix:///a", "net-a", "a")));
    assert_eq!(who(&docker, 2), Some(("unix:///b", "net-b", "b")));
    assert_eq!(who(&docker, 3), None);
}

#[test]
fn a_daemon_that_was_found_and_hangs_is_missed_in_its_namespace_only() {
    let mut docker = Docker::default();
    let daemon = "unix:///proc/7/root/run/docker.sock".to_owned();
    let netns = 2;
    docker.apply(Timestamp(1), &Body::DaemonFound { daemon, netns });
    let silent = |netns| docker.daemons_in(netns).count();
    assert_eq!((silent(1), silent(2)), (0, 1));
    let (daemon, _) = docker.daemons().next().unwrap();
    let gone = Body::DaemonGone(daemon.to_owned());
    docker.apply(Timestamp(2), &gone);
    assert_eq!(docker.daemons().count(), 0);
}

#[test]
fn a_container_that_ended_has_no_address() {
    let mut docker = two_daemons();
    let told = |state| Body::DockerContainer {
        daemon: "unix:///a".to_owned(),
        container: container("a", state),
    };
    docker.apply(Timestamp(2), &told("exited"));
    assert_eq!(who(&docker, 1), None);
    docker.apply(Timestamp(3), &told("paused"));
    assert!(who(&docker, 1).is_some());
}

#[test]
fn only_bridges_have_addresses_on_this_host() {
    let mut docker = two_daemons();
    let network = DockerNetwork {
        driver: "overlay".to_owned(),
        ..network("net-a", "a")
    };
    let daemon = "unix:///a".to_owned();
    docker.apply(Timestamp(2), &Body::DockerNetwork { daemon, network });
    assert_eq!(who(&docker, 1), None);
}

#[test]
fn containers_are_found_by_their_id() {
    let docker = two_daemons();
    assert!(docker.container("unix:///a", "a").is_some());
    assert!(docker.container("unix:///a", "b").is_none());
    let found = docker.container_by_id("b").map(|(_, it)| it.name.as_str());
    assert_eq!(found, Some("the b"));
}

#[test]
fn a_daemon_elsewhere_has_no_say() {
    let mut docker = two_daemons();
    let status =
        DaemonStatus::Unreachable(Unreachable::new(Cause::NoAnswer, "it hangs".to_owned()));
    for endpoint in ["unix:///b", "unix:///c"] {
        let (endpoint, status) = (endpoint.to_owned(), status.clone());
        docker.apply(Timestamp(2), &Body::Daemon(Daemon { endpoint, status }));
    }
    let names = |netns| docker.daemons_in(netns).map(|it| it.0).collect::<Vec<_>>();
    assert_eq!(names(1), ["unix:///a", "unix:///c"]);
    assert_eq!(names(2), ["unix:///b", "unix:///c"]);
}

#[test]
fn removed_containers_keep_their_names() {
    let mut docker = two_daemons();
    let gone = |docker: &mut Docker, id: &str| {
        let (daemon, id) = ("unix:///a".to_owned(), id.to_owned());
        docker.apply(Timestamp(2), &Body::DockerContainerGone { daemon, id });
    };
    gone(&mut docker, "b");
    assert!(docker.container_by_id("b").is_some(), "another daemon's");
    gone(&mut docker, "a");
    assert!(docker.container_by_id("a").is_none());
    let name = |docker: &Docker| docker.container_ref("a").map(|it| it.name);
    assert_eq!(name(&docker).as_deref(), Some("the a"));
    for id in 0..2000 {
        let listing = Body::DockerListing {
            daemon: "unix:///a".to_owned(),
            networks: Vec::new(),
            containers: vec![container(&id.to_string(), "running")],
        };
        docker.apply(Timestamp(3), &listing);
    }
    assert_eq!(name(&docker), None, "memory is bounded");
}

#[test]
fn a_daemon_that_is_gone_leaves_nothing_but_memories() {
    let mut docker = two_daemons();
    docker.apply(Timestamp(2), &Body::DaemonGone("unix:///a".to_owned()));
    assert_eq!(docker.daemons().count(), 1);
    assert!(docker.info("unix:///a").is_none());
    assert_eq!(docker.networks().count(), 1);
    assert!(docker.container_by_id("a").is_none());
    let before = network("net-a", "a");
    assert!(docker.endpoint_known(Timestamp(3), "unix:///a", &before, ip()));
}

#[test]
fn a_network_is_found_by_the_name_that_its_bridge_has() {
    let id = "80cb5a0c07bc1234";
    let named = |name: Option<&str>| DockerNetwork {
        options: name
            .map(|name| ("com.docker.network.bridge.name".to_owned(), name.to_owned()))
            .into_iter()
            .collect(),
        ..network(id, "a")
    };
    let names = [
        "br-80cb5a0c07bc",
        "mine",
        "br-80cb5a0c07b",
        "80cb5a0c07bc",
        "",
    ];
    for given in [None, Some("mine"), Some("br-80cb5a0c07bc")] {
        let network = named(given);
        for name in names {
            let is_it = network.bridge_name() == name;
            assert_eq!(network.has_bridge_name(name), is_it, "{given:?}, {name}");
        }
        let is_default = network.bridge_name() == names[0];
        assert_eq!(network.has_default_bridge_name(), is_default, "{given:?}");
    }
}

#[test]
fn a_network_is_found_by_the_bridge_it_was_told_to_have_last() {
    let mut docker = two_daemons();
    let named = |id: &str, bridge: &str| {
        let option = "com.docker.network.bridge.name".to_owned();
        let mut named = network(id, "a");
        named.options.insert(option, bridge.to_owned());
        Body::DockerNetwork {
            daemon: "unix:///a".to_owned(),
            network: named,
        }
    };
    let ids = |docker: &Docker| {
        ["br-net-a", "one", "two"].map(|bridge| {
            let (_, network) = docker.network_of_bridge(1, bridge)?;
            Some(network.id.clone())
        })
    };
    let some = |id: &str| Some(id.to_owned());
    assert_eq!(ids(&docker), [some("net-a"), None, None]);
    // Of two the one whose id is first.
    docker.apply(Timestamp(2), &named("net-c", "one"));
    docker.apply(Timestamp(2), &named("net-a", "one"));
    assert_eq!(ids(&docker), [None, some("net-a"), None]);
    docker.apply(Timestamp(3), &named("net-a", "two"));
    assert_eq!(ids(&docker), [None, some("net-c"), some("net-a")]);
    let gone = Body::DockerNetworkGone {
        daemon: "unix:///a".to_owned(),
        id: "net-a".to_owned(),
    };
    docker.apply(Timestamp(4), &gone);
    assert_eq!(ids(&docker), [None, some("net-c"), None]);
    // The other daemon's namespace has none of that.
    assert!(docker.network_of_bridge(2, "one").is_none());
    docker.apply(Timestamp(5), &Body::DaemonGone("unix:///a".to_owned()));
    assert_eq!(ids(&docker), [None, None, None]);
}
