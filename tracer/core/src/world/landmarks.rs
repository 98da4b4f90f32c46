//! Addresses that somebody on this host is configured to use: they are outside, whatever the
//! routes say.

use std::{collections::BTreeMap, net::IpAddr, sync::Arc};

use ipnet::IpNet;

use crate::input::Landmark;

/// Different lists of processes kept. There is one for each mount namespace that lost packets are
/// sent from; whoever makes more of them than that does so on purpose.
const LISTS: usize = 64;

/// What is configured, by whom.
#[derive(Clone, Debug, Default)]
pub(super) struct Landmarks {
    /// By the host's own files.
    host: Vec<Landmark>,
    /// Where in `host` each address is first.
    by_address: BTreeMap<IpAddr, usize>,
    /// By the files of processes that have files of their own. Each list once, oldest first.
    lists: Vec<Arc<[Landmark]>>,
    /// The list of a socket's owner.
    of_socket: BTreeMap<u64, Arc<[Landmark]>>,
}

impl Landmarks {
    /// The host's own, all of them.
    pub(super) fn set_host(&mut self, landmarks: &[Landmark]) {
        self.host = landmarks.to_vec();
        self.by_address.clear();
        for (index, landmark) in landmarks.iter().enumerate() {
            self.by_address.entry(landmark.address).or_insert(index);
        }
    }

    /// The host's own.
    pub(super) fn of_host(&self) -> &[Landmark] {
        &self.host
    }

    /// Those of the owner of the socket.
    pub(super) fn list_of_socket(&self, inode: u64) -> &[Landmark] {
        self.of_socket.get(&inode).map_or(&[], |list| list)
    }

    /// Those of the process that holds a socket.
    pub(super) fn set_socket(&mut self, inode: u64, landmarks: &[Landmark]) {
        if landmarks.is_empty() {
            self.forget_socket(inode);
        } else {
            let list = self.shared(landmarks);
            self.of_socket.insert(inode, list);
        }
    }

    /// The socket is of no interest any more.
    pub(super) fn forget_socket(&mut self, inode: u64) {
        self.of_socket.remove(&inode);
    }

    /// What the owner of the socket, and nobody else, uses the address as.
    pub(super) fn of_socket(&self, inode: u64, address: IpAddr) -> Option<&Landmark> {
        find(self.of_socket.get(&inode)?, address)
    }

    /// What the host's own files say the address is.
    pub(super) fn host(&self, address: IpAddr) -> Option<&Landmark> {
        self.host.get(*self.by_address.get(&address)?)
    }

    /// Those of the host whose address lies in the prefix.
    pub(super) fn host_in(&self, prefix: IpNet) -> impl Iterator<Item = &Landmark> {
        let range = prefix.network()..=prefix.broadcast();
        let indices = self.by_address.range(range);
        indices.filter_map(|(_, index)| self.host.get(*index))
    }

    /// Thousands of sockets may have one list.
    fn shared(&mut self, landmarks: &[Landmark]) -> Arc<[Landmark]> {
        if let Some(list) = self.lists.iter().find(|list| list[..] == *landmarks) {
            return Arc::clone(list);
        }
        if self.lists.len() >= LISTS {
            let oldest = self.lists.remove(0);
            self.of_socket.retain(|_, list| !Arc::ptr_eq(list, &oldest));
        }
        let list: Arc<[Landmark]> = landmarks.into();
        self.lists.push(Arc::clone(&list));
        list
    }
}

/// Lists that nobody has any more do not count.
impl PartialEq for Landmarks {
    fn eq(&self, other: &Self) -> bool {
        (&self.host, &self.of_socket) == (&other.host, &other.of_socket)
    }
}

/// The first with this address: whoever makes a list puts nameservers first.
fn find(landmarks: &[Landmark], address: IpAddr) -> Option<&Landmark> {
    landmarks
        .iter()
        .find(|landmark| landmark.address == address)
}

#[cfg(test)]
mod tests {
    use crate::input::LandmarkRole;

    use super::*;

    fn landmark(address: &str, source: &str) -> Landmark {
        Landmark {
            address: address.parse().expect("address"),
            role: LandmarkRole::Nameserver,
            source: source.to_owned(),
        }
    }

    fn source(landmark: Option<&Landmark>) -> Option<&str> {
        landmark.map(|it| it.source.as_str())
    }

    #[test]
    fn a_list_told_again_replaces_the_hosts() {
        let mut landmarks = Landmarks::default();
        landmarks.set_host(&[landmark("10.0.0.1", "old")]);
        landmarks.set_host(&[landmark("10.0.0.2", "new")]);
        let ask = |address: &str| source(landmarks.host(address.parse().expect("address")));
        assert_eq!((ask("10.0.0.1"), ask("10.0.0.2")), (None, Some("new")));
    }

    #[test]
    fn sockets_share_lists_and_lists_are_bounded() {
        let mut landmarks = Landmarks::default();
        for inode in 0..1000 {
            landmarks.set_socket(inode, &[landmark("10.0.0.1", "shared")]);
        }
        assert_eq!(landmarks.lists.len(), 1);
        for list in 0..1000 {
            landmarks.set_socket(list, &[landmark("10.0.0.1", &format!("list {list}"))]);
        }
        assert_eq!(landmarks.lists.len(), LISTS);
        let address = "10.0.0.1".parse().expect("address");
        assert_eq!(source(landmarks.of_socket(999, address)), Some("list 999"));
        assert_eq!(source(landmarks.of_socket(1, address)), None);
    }
}
