//! What a bridge is: somebody's uplink, or a place where packets can vanish.

use std::collections::BTreeSet;

use crate::input::{Link, Route, RouteKind};

use super::namespace::Namespace;

/// Whether the link is a bridge. By its kind, never by its name.
pub(super) fn is_bridge(link: &Link) -> bool {
    link.kind.as_deref() == Some("bridge")
}

/// Whether the link is a bridge that packets can vanish in: one that does not lead out of the host.
#[must_use]
pub fn can_swallow(namespace: &Namespace, link: &Link) -> bool {
    is_bridge(link) && !is_uplink(namespace, link)
}

/// Every link of which [`can_swallow`] holds, in one pass over routes and links.
pub(super) fn all_that_swallow(namespace: &Namespace) -> impl Iterator<Item = &Link> {
    let hops = default_routes(namespace).flat_map(|it| &it.nexthops);
    let ports = namespace.links().filter(|port| is_physical_like(port));
    let uplinks: BTreeSet<u32> = hops
        .map(|hop| hop.ifindex)
        .chain(ports.filter_map(|port| port.master))
        .collect();
    let bridges = namespace.links().filter(|link| is_bridge(link));
    bridges.filter(move |link| !uplinks.contains(&link.ifindex))
}

/// [`can_swallow`] for the link with this index, if there is one.
#[must_use]
pub fn swallows(namespace: &Namespace, ifindex: u32) -> bool {
    let link = namespace.link(ifindex);
    link.is_some_and(|link| can_swallow(namespace, link))
}

/// Whether nothing but containers can be behind the link with this index: one that is gone was a
/// container's.
#[must_use]
pub fn leads_to_containers(namespace: &Namespace, ifindex: u32) -> bool {
    namespace.link(ifindex).is_none() || swallows(namespace, ifindex)
}

/// Whether the bridge leads out of the host: it carries a default route, or has a port that is
/// not a container's or virtual machine's (hardware, bond, VLAN, …), as on KVM hosts.
fn is_uplink(namespace: &Namespace, bridge: &Link) -> bool {
    let mut hops = default_routes(namespace).flat_map(|route| &route.nexthops);
    hops.any(|hop| hop.ifindex == bridge.ifindex)
        || namespace.ports(bridge.ifindex).any(is_physical_like)
}

fn default_routes(namespace: &Namespace) -> impl Iterator<Item = &Route> {
    let routes = namespace.routes().defaults();
    routes.filter(|route| route.kind == RouteKind::Unicast)
}

/// A port of one of these kinds belongs to a container or a virtual machine; every other kind,
/// and hardware, which has none, reaches further.
fn is_physical_like(port: &Link) -> bool {
    !matches!(port.kind.as_deref(), Some("veth" | "tun" | "tap" | "dummy"))
}

/// Who makes bridges with such a name, when no daemon claims it.
#[must_use]
pub fn owner_by_name(name: &str) -> &'static str {
    match name {
        "docker0" => "docker",
        name if docker_id(name).is_some() => "docker",
        name if name.starts_with("virbr") => "libvirt",
        name if CNI.iter().any(|prefix| name.starts_with(prefix)) => "cni",
        name if name.starts_with("buildkit") => "buildkit",
        name if name.starts_with("podman") => "podman",
        name if name.starts_with("lxcbr") || name.starts_with("lxdbr") => "lxc",
        _ => "unknown",
    }
}

/// How the bridges of Kubernetes' network plugins are named.
const CNI: [&str; 5] = ["cni", "cbr", "flannel", "cilium", "weave"];

/// The first 12 digits of the network's id in the name that docker gives to a bridge.
#[must_use]
pub fn docker_id(name: &str) -> Option<&str> {
    let id = name.strip_prefix("br-")?;
    let is_hex = |byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    (id.len() == 12 && id.bytes().all(is_hex)).then_some(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strangers_bridges_are_not_dockers() {
        for (name, owner) in [
            ("docker0", "docker"),
            ("br-80cb5a0c07bc", "docker"),
            ("virbr0", "libvirt"),
            ("cni0", "cni"),
            ("cni-podman0", "cni"),
            ("cbr0", "cni"),
            ("flannel.1", "cni"),
            ("cilium_host", "cni"),
            ("buildkit0", "buildkit"),
            ("podman1", "podman"),
            ("lxdbr0", "lxc"),
            ("br-lan", "unknown"),
            ("br-80cb5a0c07b", "unknown"),
            ("br-80CB5A0C07BC", "unknown"),
        ] {
            assert_eq!(owner_by_name(name), owner, "{name}");
            assert_eq!(
                docker_id(name).is_some(),
                name == "br-80cb5a0c07bc",
                "{name}"
            );
        }
    }
}
