//! Another subnet for this network: through compose when compose made it, by hand otherwise.

use ipnet::IpNet;

use crate::{
    finding::Remedy,
    input::{DockerNetwork, DockerSubnet},
};

use super::{
    Case, compose,
    shell::{name, quote},
    subnets,
};

/// What no command line made of bridgetrace's data brings back.
const NETWORK_LOSES: &str = "fixed addresses, aliases, --attachable, an IP range and auxiliary \
     addresses of the network are not kept, and a stopped container that used it may not start \
     until it is disconnected from it and connected again";

/// Gives the network a free subnet.
pub(super) fn remedy(case: &Case<'_>) -> Option<Remedy> {
    let (daemon, network) = changeable(case)?;
    if case.is_ipv6() {
        return by_hand(
            daemon,
            network,
            subnets::unique_local(network, &subnets::used(case))?.into(),
        );
    }
    let subnet = subnets::free_twentyfour(&subnets::used(case))?;
    compose::project(case, daemon, network)
        .and_then(|project| project.remedy(daemon, subnet))
        .or_else(|| by_hand(daemon, network, subnet.into()))
}

/// Commands that make the network anew with a subnet from docker's pools.
pub(super) struct Renewal {
    pub(super) again: String,
    /// Back to the subnet it has.
    pub(super) back: String,
    /// What else it breaks.
    pub(super) loses: &'static str,
}

pub(super) fn renew(case: &Case<'_>) -> Option<Renewal> {
    let (daemon, network) = changeable(case)?;
    let project = compose::project(case, daemon, network);
    if let Some(again) = project.and_then(|project| project.renew(daemon)) {
        return Some(Renewal {
            back: again.clone(),
            again,
            loses: compose::LOSES,
        });
    }
    Some(Renewal {
        again: steps(daemon, network, &without_ipv4(network))?,
        back: steps(daemon, network, &network.subnets)?,
        loses: NETWORK_LOSES,
    })
}

/// The default network's subnet is the daemon's setting (`bip`), not docker's to change.
fn changeable<'a>(case: &Case<'a>) -> Option<(&'a str, &'a DockerNetwork)> {
    case.network.filter(|(_, network)| network.name != "bridge")
}

/// Recreates a network compose cannot move, with the same options and containers.
fn by_hand(daemon: &str, network: &DockerNetwork, subnet: IpNet) -> Option<Remedy> {
    let mut subnets = vec![DockerSubnet {
        subnet,
        gateway: None,
    }];
    subnets.extend(of_other_family(network, subnet));
    Some(Remedy {
        id: "recreate-network",
        command: steps(daemon, network, &subnets)?,
        undo: steps(daemon, network, &network.subnets)?,
        effect: format!(
            "network {} moves to {subnet}{}",
            network.name,
            keep(network, subnet)
        ),
        risk: format!(
            "its containers lose their connections and get new addresses in it; {NETWORK_LOSES}; {}",
            subnets::UNKNOWABLE
        ),
    })
}

/// How a compose project keeps the subnet, in words: where its file is, nobody knows.
fn keep(network: &DockerNetwork, subnet: IpNet) -> String {
    let Some(project) = network.compose_project() else {
        return String::new();
    };
    format!(
        "; to keep it, write `ipam: {{config: [{{subnet: {subnet}}}]}}` below this network in the \
         compose file of project {project}"
    )
}

/// The parts of the network that an outage in one family gives no reason to move.
fn of_other_family(network: &DockerNetwork, moved: IpNet) -> Vec<DockerSubnet> {
    let is_v4 = |subnet: &IpNet| matches!(subnet, IpNet::V4(_));
    let mut subnets = network.subnets.clone();
    subnets.retain(|subnet| is_v4(&subnet.subnet) != is_v4(&moved));
    subnets
}

/// Its pools are docker's for IPv4 only.
fn without_ipv4(network: &DockerNetwork) -> Vec<DockerSubnet> {
    let mut subnets = network.subnets.clone();
    subnets.retain(|subnet| matches!(subnet.subnet, IpNet::V6(_)));
    subnets
}

/// Removes the network and creates it again in these subnets; without an IPv4 one docker takes it
/// from its pools. `None` if something about it cannot be typed.
fn steps(daemon: &str, network: &DockerNetwork, subnets: &[DockerSubnet]) -> Option<String> {
    let docker = format!("docker -H {} network", quote(daemon)?);
    let called = name(&network.name)?;
    let names = network.endpoints.iter();
    let names: Vec<String> = names
        .map(|endpoint| name(&endpoint.container_name))
        .collect::<Option<_>>()?;
    let each = |verb: &str| -> Vec<String> {
        let one = |name: &String| format!("{docker} {verb} -- {called} {name}");
        names.iter().map(one).collect()
    };
    let options = create_options(network, subnets)?;
    let mut steps = each("disconnect -f");
    steps.push(format!("{docker} rm -- {called}"));
    steps.push(format!("{docker} create{options} -- {called}"));
    steps.extend(each("connect"));
    Some(steps.join(" &&\n"))
}

fn create_options(network: &DockerNetwork, subnets: &[DockerSubnet]) -> Option<String> {
    let mut options = String::new();
    if subnets
        .iter()
        .any(|subnet| matches!(subnet.subnet, IpNet::V6(_)))
    {
        options += " --ipv6";
    }
    for DockerSubnet { subnet, gateway } in subnets {
        options += &format!(" --subnet {subnet}");
        options += &gateway.map_or_else(String::new, |gateway| format!(" --gateway {gateway}"));
    }
    if network.internal {
        options += " --internal";
    }
    let given = network.options.iter().map(|pair| ("-o", pair));
    let labels = network.labels.iter().map(|pair| ("--label", pair));
    for (option, (key, value)) in given.chain(labels) {
        options += &format!(" {option} {}", name(&format!("{key}={value}"))?);
    }
    Some(options)
}

#[cfg(test)]
mod tests;
