//! Taking away what was left behind. Each command looks again, at the moment it runs, whether anybody
//! uses what it is about to take: what it prints was true a while ago.

use crate::{
    finding::Remedy,
    input::{DockerContainer, DockerEndpoint, DockerNetwork, EmptySandbox, Link},
    world::{World, bridge::docker_id},
};

use super::{
    enter::enter,
    shell::{name, quote},
};

/// Things told by name in one sentence.
const NAMED: usize = 4;

/// Containers first, because a network is not removed under them. By ids: names may have come to mean
/// something else. `guard` is a filter of `docker ps` that finds whatever of it runs again.
pub(crate) fn leftovers(
    daemon: &str,
    guard: String,
    containers: &[&DockerContainer],
    networks: &[&DockerNetwork],
) -> Option<Remedy> {
    let docker = docker(daemon)?;
    let mut steps = vec![format!(
        "test -z \"$({docker} ps -q --filter {})\"",
        quote(&guard)?
    )];
    if !containers.is_empty() {
        let ids = ids(containers.iter().map(|it| it.id.as_str()))?;
        steps.push(format!("{docker} rm -- {ids}"));
    }
    if !networks.is_empty() {
        let ids = ids(networks.iter().map(|it| it.id.as_str()))?;
        steps.push(format!("{docker} network rm -- {ids}"));
    }
    let containers = containers.iter().map(|it| format!("container {}", it.name));
    let networks = networks.iter().map(|it| format!("network {}", it.name));
    let all: Vec<String> = containers.chain(networks).collect();
    Some(Remedy {
        id: "remove-leftovers",
        command: steps.join(" &&\n"),
        undo: String::new(),
        effect: format!(
            "removes {} in this order; it does nothing if a container of it runs by then",
            listed(&all)
        ),
        risk: "cannot be taken back: what the containers wrote outside their volumes is lost; \
               volumes stay"
            .to_owned(),
    })
}

/// A network that docker knows and nobody uses. Docker refuses if somebody does.
pub(crate) fn network(daemon: &str, network: &DockerNetwork) -> Option<Remedy> {
    let docker = docker(daemon)?;
    let id = ids([network.id.as_str()])?;
    Some(Remedy {
        id: "remove-network",
        command: format!("{docker} network rm -- {id}"),
        undo: String::new(),
        effect: format!(
            "removes network {}; docker refuses if a container uses it by then",
            network.name
        ),
        risk: "cannot be taken back; stopped containers of the network have to be made anew"
            .to_owned(),
    })
}

/// Endpoints without a container.
pub(crate) fn endpoints(
    daemon: &str,
    network: &DockerNetwork,
    endpoints: &[&DockerEndpoint],
) -> Option<Remedy> {
    let docker = docker(daemon)?;
    let id = ids([network.id.as_str()])?;
    let steps = endpoints.iter().map(|endpoint| {
        let who = name(&endpoint.container_name)?;
        // One that is there again is in use.
        Some(format!(
            "{{ {docker} container inspect -- {who} > /dev/null 2>&1 || \
             {docker} network disconnect -f -- {id} {who}; }}"
        ))
    });
    let steps: Vec<String> = steps.collect::<Option<_>>()?;
    let names: Vec<String> = endpoints
        .iter()
        .map(|it| it.container_name.clone())
        .collect();
    Some(Remedy {
        id: "disconnect-phantoms",
        command: steps.join(" &&\n"),
        undo: String::new(),
        effect: format!(
            "docker forgets {} in network {}; a container of that name that is there again keeps \
             its place",
            listed(&names),
            network.name
        ),
        risk: "none known: nothing that exists has that address".to_owned(),
    })
}

/// A bridge that no daemon knows: unless one knows it by then, or somebody is on it.
pub(crate) fn bridge(world: &World, netns: u32, link: &Link, daemons: &[&str]) -> Option<Remedy> {
    let enter = enter(world, netns)?;
    let (device, id) = (name(&link.name)?, docker_id(&link.name)?);
    let mut steps = Vec::new();
    for daemon in daemons {
        let docker = docker(daemon)?;
        // A daemon that does not answer knows nothing either.
        steps.push(format!("{docker} version > /dev/null"));
        steps.push(format!("! {docker} network inspect {id} > /dev/null 2>&1"));
    }
    steps.push(format!(
        "test -z \"$({enter}ip -o link show master {device})\""
    ));
    steps.push(format!("{enter}ip link del {device} type bridge"));
    let addresses = world.namespace(netns)?.addresses_of(link.ifindex);
    let addresses: String = addresses
        .map(|it| format!(" && {enter}ip address add {} dev {device}", it.address))
        .collect();
    Some(Remedy {
        id: "delete-bridge",
        command: steps.join(" &&\n"),
        undo: format!(
            "{enter}ip link add {device} type bridge{addresses} && {enter}ip link set {device} up"
        ),
        effect: format!(
            "deletes {} and its routes; it does nothing if docker knows it by then or somebody is \
             on it",
            link.name
        ),
        risk:
            "a daemon that gets its old state back makes the bridge anew when it starts; firewall \
               rules that name it stay, without effect"
                .to_owned(),
    })
}

/// A pair of interfaces that nobody uses: unless one of them is up or on a bridge by then.
pub(crate) fn veth(world: &World, netns: u32, link: &Link, peer: &Link) -> Option<Remedy> {
    let enter = enter(world, netns)?;
    let (one, other) = (name(&link.name)?, name(&peer.name)?);
    let unused = |device: &str| {
        format!(
            "{enter}ip -o link show {device} > /dev/null &&\n\
             test -z \"$({enter}ip -o link show {device} | grep -E '[<,]UP[,>]| master ')\""
        )
    };
    Some(Remedy {
        id: "delete-veth",
        command: format!(
            "{} &&\n{} &&\n{enter}ip link del {one} type veth",
            unused(&one),
            unused(&other)
        ),
        undo: format!("{enter}ip link add {one} type veth peer name {other}"),
        effect: format!(
            "deletes {} and {}; it does nothing if one of them is in use by then",
            link.name, peer.name
        ),
        risk: "none known: they lead from this host to itself".to_owned(),
    })
}

/// A network namespace that docker's file keeps alive: unless somebody is in it by then, or the file has come
/// to mean another one.
pub(crate) fn sandbox(sandbox: &EmptySandbox) -> Option<Remedy> {
    let EmptySandbox {
        inum,
        path,
        pid,
        elsewhere,
        ..
    } = sandbox;
    let file = quote(path)?;
    // umount asks /proc, which is another one with other mounts.
    let enter = match elsewhere {
        true => format!("nsenter -t {pid} -m -p -- "),
        false => String::new(),
    };
    Some(Remedy {
        id: "delete-namespace",
        command: format!(
            "test \"$({enter}stat -c %i {file})\" = {inum} &&\n\
             ! readlink /proc/[0-9]*/task/[0-9]*/ns/net 2> /dev/null | grep -qxF 'net:[{inum}]' &&\n\
             {enter}umount {file} &&\n{enter}rm -- {file}"
        ),
        undo: String::new(),
        effect: format!(
            "lets go of {path}: the namespace ends with the interfaces in it and their other ends; it \
             does nothing if a process is in it by then"
        ),
        risk: "cannot be taken back; none known otherwise: nobody is in it".to_owned(),
    })
}

fn docker(daemon: &str) -> Option<String> {
    Some(format!("docker -H {}", quote(daemon)?))
}

/// The first digits of ids, as docker takes them; `None` if one is no id.
fn ids<'a>(ids: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let is_hex = |byte: u8| byte.is_ascii_hexdigit();
    let short = |id: &'a str| id.get(..12).filter(|id| id.bytes().all(is_hex));
    let all: Option<Vec<&str>> = ids.into_iter().map(short).collect();
    Some(all?.join(" "))
}

/// "a, b and 3 more".
fn listed(all: &[String]) -> String {
    let first = all.get(..NAMED).unwrap_or(all).join(", ");
    match all.len().saturating_sub(NAMED) {
        0 => first,
        more => format!("{first} and {more} more"),
    }
}
