//! Which bridge a line of the kernel's log is about.

use std::collections::BTreeSet;

use crate::{
    input::Link,
    world::{World, namespace::Namespace},
};

use super::{Line, Note};

impl World {
    /// Lines about the bridge and about what were its ports, oldest first, of the time since it was used
    /// last: since a port of it last began to forward. None where another namespace has a bridge of that
    /// name as well.
    #[must_use]
    pub fn kernel_log_since_use(&self, netns: u32, bridge: &str) -> Vec<&Line> {
        let mut ports: BTreeSet<&str> = BTreeSet::new();
        let mut lines = Vec::new();
        if !self.is_only_here(netns, bridge) {
            return lines;
        }
        for line in self.kernel_log.lines().filter(|line| line.by_kernel) {
            match &line.note {
                Note::Port { bridge: of, .. } if of != bridge => {}
                Note::Port { state, .. } if state == "forwarding" => {
                    ports.extend(line.note.port());
                    lines.clear();
                }
                Note::Port { .. } => {
                    ports.extend(line.note.port());
                    lines.push(line);
                }
                note if note.names(bridge) || ports.iter().any(|port| note.names(port)) => {
                    lines.push(line);
                }
                _ => {}
            }
        }
        lines
    }

    /// The bridge that the other end of a veth is a port of, one end of which left the namespace and is
    /// renamed where it went.
    fn bridge_of_departed<'a>(
        &'a self,
        inum: u32,
        namespace: &'a Namespace,
        note: &Note,
    ) -> Option<&'a Link> {
        let Note::Renamed { to, from } = note else {
            return None;
        };
        let behind = |name: &str| {
            let port = self.kernel_log.left_behind(inum, name)?;
            master(namespace, namespace.link(port)?)
        };
        behind(from).or_else(|| behind(to))
    }

    /// The bridge that the line is about, itself or by a port of it, and the namespace it is in: the only
    /// one that has a bridge of that name.
    #[must_use]
    pub fn bridge_of_line(&self, line: &Line) -> Option<(u32, &str)> {
        let candidates = self.namespaces.iter().filter_map(|(inum, namespace)| {
            let bridge = bridge_here(namespace, &line.note)
                .or_else(|| self.bridge_of_departed(*inum, namespace, &line.note))?;
            Some((*inum, bridge.name.as_str()))
        });
        let mut candidates = candidates.filter(|(inum, bridge)| self.is_only_here(*inum, bridge));
        let only = candidates.next().filter(|_| line.by_kernel)?;
        candidates.next().is_none().then_some(only)
    }
}

impl Note {
    /// The port of a bridge that it tells of.
    fn port(&self) -> Option<&str> {
        match self {
            Self::Port { port, .. } => Some(port),
            _ => None,
        }
    }
}

/// The bridge of the namespace that a line is about. New names are those of the ends that containers get:
/// a name like `eth0` is not the host's device of that name.
fn bridge_here<'a>(namespace: &'a Namespace, note: &Note) -> Option<&'a Link> {
    match note {
        Note::Port { bridge, .. } => namespace.link_named(bridge),
        Note::Promiscuous { device, .. } => {
            let link = namespace.link_named(device)?;
            let is_bridge = link.kind.as_deref() == Some("bridge");
            is_bridge
                .then_some(link)
                .or_else(|| master(namespace, link))
        }
        Note::Renamed { to, from } => {
            let named = |name: &str| behind_peer(namespace, namespace.link_named(name)?);
            named(from).or_else(|| named(to))
        }
        Note::OutOfMemory { .. } | Note::Segfault { .. } => None,
    }
}

/// The bridge that the other end of a veth, in the same namespace, is a port of.
fn behind_peer<'a>(namespace: &'a Namespace, link: &Link) -> Option<&'a Link> {
    let peer = link.peer.filter(|peer| peer.nsid.is_none())?;
    master(namespace, namespace.link(peer.ifindex)?)
}

fn master<'a>(namespace: &'a Namespace, link: &Link) -> Option<&'a Link> {
    namespace.link(link.master?)
}
