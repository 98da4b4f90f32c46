//! Another subnet for the network: by hand, and through compose.

use std::{fs, path::PathBuf};

use anyhow::{Result, ensure};
use bridgetrace_lab::{Topology, docker::BUSYBOX, dockerd::Options};

use super::stage::{CANARY, Lab};

/// A folder that would run a command, were it not quoted.
const HOSTILE: &str = "it's $(touch canary) `touch canary` \"é\"";

#[test]
fn the_network_made_anew_lets_the_client_back_in() -> Result<()> {
    Lab::raise()?.play(|lab| {
        lab.collide()?;
        lab.try_out("recreate-network")?;
        let format = "{{range .NetworkSettings.Networks}}{{.IPAddress}} {{end}}";
        let address = lab
            .daemon
            .docker(&["inspect", "--format", format, "openldap"])?;
        ensure!(
            address.contains("172.22."),
            "the container is not back: {address}"
        );
        Ok(())
    })
}

#[test]
fn the_compose_project_moves_to_another_subnet() -> Result<()> {
    // docker0 takes the first pool, the project the one that hits the PC.
    let pools = |options: Options| {
        options
            .arg("--default-address-pool=base=172.21.0.0/16,size=16")
            .arg("--default-address-pool=base=172.22.0.0/16,size=16")
    };
    Lab::raise_with(Topology::new, pools)?.play(|lab| {
        let directory = lab.compose_up()?;
        lab.try_out("compose-subnet")?;
        ensure!(!directory.join(CANARY).exists());
        Ok(())
    })
}

impl Lab {
    /// A project in a folder with a hostile name, with a network from docker's pools.
    pub(super) fn compose_up(&self) -> Result<PathBuf> {
        let directory = self.folder.path().join(HOSTILE);
        fs::create_dir(&directory)?;
        let file = format!(
            "version: '3.5'\nservices:\n  openldap:\n    image: {BUSYBOX}\n    container_name: openldap\n    \
             init: true\n    command: sleep 1000\n"
        );
        fs::write(directory.join("docker-compose.yml"), file)?;
        self.daemon
            .compose(&directory, "xxxx-openldap", &["up", "--detach"])?;
        Ok(directory)
    }
}
