//! Hosts with something on them: networks of a real dockerd, and containers in them.

use anyhow::{Result, ensure};
use bridgetrace_lab::docker::BUSYBOX;
use bridgetrace_lab::dockerd::Options;
use bridgetrace_lab::{Dockerd, Netns};

use crate::{interrupt, sh};

/// What a container does.
const SLEEP: &[&str] = &["sleep", "36000"];

/// How much there is.
pub(super) struct Estate {
    pub(super) networks: usize,
    pub(super) containers: usize,
    /// Those that run: the first ones. The others were made and never started, as jobs leave them.
    pub(super) running: usize,
    /// Networks that each container is in.
    pub(super) each: usize,
}

impl Estate {
    /// A daemon of its own that has all of it.
    pub(super) fn raise(&self, netns: &Netns) -> Result<Dockerd> {
        // The built-in pools end after thirty networks. Rules are nothing that bridgetrace looks at.
        let options = Options::new()
            .arg("--iptables=false")
            .arg("--default-address-pool=base=10.0.0.0/8,size=24");
        let daemon = Dockerd::start_with(netns, options)?;
        daemon.import_busybox()?;
        let Self {
            networks,
            containers,
            ..
        } = self;
        sh::say(format!(
            "making {networks} networks and {containers} containers"
        ));
        self.fill(&daemon)?;
        Ok(daemon)
    }

    fn fill(&self, daemon: &Dockerd) -> Result<()> {
        let api = daemon.api();
        for network in 0..self.networks {
            interrupt::check()?;
            let made = api.create_network(&name(network), None)?;
            made.map_err(anyhow::Error::msg)?;
        }
        for container in 0..self.containers {
            interrupt::check()?;
            let place = |nth| name((container * self.each + nth) % self.networks);
            let id = api.create_container(BUSYBOX, &place(0), SLEEP)?;
            (1..self.each).try_for_each(|nth| api.connect(&place(nth), &id))?;
            if container < self.running {
                api.start_container(&id)?;
            }
        }
        let running = daemon.docker(&["ps", "--quiet"])?.lines().count();
        let all = daemon.docker(&["ps", "--all", "--quiet"])?.lines().count();
        ensure!(
            (running, all) == (self.running, self.containers),
            "{running} of {all} containers run"
        );
        Ok(())
    }
}

fn name(network: usize) -> String {
    format!("net{network}")
}
