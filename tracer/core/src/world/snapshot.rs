//! The world as inputs that lead to it: a recording whose beginning was dropped starts with them.

use crate::{
    input::{Body, Input, Netns},
    time::Timestamp,
};

use super::{World, namespace::Namespace};

impl World {
    /// Inputs that tell an empty world all that this one knows at the moment `now`.
    ///
    /// They are of the kinds the live inputs are of, so that a later version, with another world,
    /// understands them as well.
    #[must_use]
    pub fn snapshot(&self, now: Timestamp) -> Vec<Input> {
        let mut inputs = vec![Input {
            at: self.started,
            body: Body::Session(self.session.clone()),
        }];
        let mut bodies = Vec::new();
        let host = self.landmarks.of_host();
        if !host.is_empty() {
            bodies.push(Body::Landmarks(host.to_vec()));
        }
        bodies.extend(self.owners());
        let input = |body| Input { at: now, body };
        inputs.extend(bodies.into_iter().map(input));
        inputs.extend(self.docker.snapshot(now));
        for (inum, namespace) in &self.namespaces {
            tell_namespace(*inum, namespace, now, &mut inputs);
        }
        let peers = self.peers.iter().map(|(netns, peers)| Input {
            at: now,
            body: Body::Peers {
                netns: *netns,
                peers: peers.snapshot(),
            },
        });
        inputs.extend(peers);
        inputs.extend(self.processes.snapshot());
        inputs.extend(self.processes.job_snapshot().map(input));
        inputs
    }

    fn owners(&self) -> impl Iterator<Item = Body> {
        self.owners
            .iter()
            .map(|(inode, process)| Body::SocketOwner {
                inode: *inode,
                process: process.clone(),
                landmarks: self.landmarks.list_of_socket(*inode).to_vec(),
            })
    }
}

/// Whether two worlds are the same but for what only watching teaches, and a bridgetrace that has
/// just been started does not know either: how docker's allocator went about, what the kernel's log
/// said and who was killed before.
impl PartialEq for World {
    fn eq(&self, other: &Self) -> bool {
        // A field that is added must be told by a snapshot, too, or be named here.
        let Self {
            session,
            docker,
            namespaces,
            owners,
            landmarks,
            peers,
            started,
            processes,
            kills: _,
            books: _,
            kernel_log: _,
            inputs: _,
            ways: _,
        } = self;
        (session, started, docker) == (&other.session, &other.started, &other.docker)
            && (namespaces, processes) == (&other.namespaces, &other.processes)
            && (owners, landmarks, peers) == (&other.owners, &other.landmarks, &other.peers)
    }
}

fn tell_namespace(inum: u32, namespace: &Namespace, now: Timestamp, inputs: &mut Vec<Input>) {
    inputs.extend(namespace.owner.clone().map(|owner| Input {
        at: now,
        body: Body::Netns(Netns {
            inum,
            owner,
            unreadable: namespace.unreadable.clone(),
            variables: namespace.variables.clone(),
        }),
    }));
    let change = |(at, change)| Input {
        at,
        body: Body::Net {
            netns: inum,
            change,
        },
    };
    inputs.extend(namespace.snapshot().into_iter().map(change));
}
