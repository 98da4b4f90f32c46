//! How much of what a daemon says is taken in.
//!
//! A configured daemon is the operator's. One that was found inside a container is anybody's who
//! may start a process there, and must not fill this host's memory.

use std::collections::BTreeSet;

use serde::Serialize;

use super::{Endpoint, event::Object};

/// Networks and containers of a daemon that was found.
const MOST: usize = 1024;
/// Bytes of one of them, as JSON: a container has a few KiB, labels included.
const LARGEST: usize = 64 << 10;

/// What is known of one daemon.
pub(super) struct Intake {
    endpoint: Endpoint,
    known: BTreeSet<Object>,
    /// Whether the log has been told that something was refused.
    told: bool,
}

impl Intake {
    pub(super) fn new(endpoint: &Endpoint) -> Self {
        Self {
            endpoint: endpoint.clone(),
            known: BTreeSet::new(),
            told: false,
        }
    }

    /// Whether there is room for an object, which is known from now on.
    pub(super) fn admits(&mut self, object: &Object) -> bool {
        let bounded = self.endpoint.leads_elsewhere();
        if bounded && self.known.len() >= MOST && !self.known.contains(object) {
            self.refuse(&format!("more than {MOST} networks and containers"));
            return false;
        }
        self.known.insert(object.clone());
        true
    }

    /// Whether what is said of an object is of a bearable size.
    pub(super) fn bears(&mut self, said: &impl Serialize) -> bool {
        let bounded = self.endpoint.leads_elsewhere();
        let fits = !bounded || serde_json::to_vec(said).is_ok_and(|text| text.len() <= LARGEST);
        if !fits {
            self.refuse(&format!("an object of more than {LARGEST} bytes"));
        }
        fits
    }

    /// The object is gone.
    pub(super) fn forget(&mut self, object: &Object) {
        self.known.remove(object);
    }

    fn refuse(&mut self, what: &str) {
        if !std::mem::replace(&mut self.told, true) {
            let endpoint = &self.endpoint;
            log::warn!("{endpoint} tells of {what}: such are passed over from here on");
        }
    }
}

#[cfg(test)]
mod tests {
    use tracer_core::input::DockerNetwork;

    use super::*;

    fn container(number: usize) -> Object {
        Object::Container(number.to_string())
    }

    fn network(name: &str) -> DockerNetwork {
        DockerNetwork {
            name: name.to_owned(),
            ..DockerNetwork::default()
        }
    }

    #[test]
    fn a_daemon_that_was_found_is_not_believed_without_end() {
        let found = Endpoint::Unix("/proc/7/root/run/docker.sock".to_owned());
        let mut intake = Intake::new(&found);
        assert!((0..MOST).all(|number| intake.admits(&container(number))));
        assert!(!intake.admits(&container(MOST)) && intake.admits(&container(0)));
        intake.forget(&container(0));
        assert!(intake.admits(&container(MOST)));
        assert!(intake.bears(&network("job")));
        assert!(!intake.bears(&network(&"x".repeat(LARGEST))));
    }

    #[test]
    fn a_configured_daemon_is() {
        let mut intake = Intake::new(&Endpoint::Unix("/run/docker.sock".to_owned()));
        assert!((0..=MOST).all(|number| intake.admits(&container(number))));
        assert!(intake.bears(&network(&"x".repeat(LARGEST))));
    }
}
