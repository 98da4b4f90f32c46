//! The kernel's log: what every container that starts makes it say is normal, and told so.

use anyhow::Result;
use bridgetrace_lab::docker::bridge_name;
use bridgetrace_lab::{Service, wait_for};

use crate::outage::stage::{SOON, Stage};

#[test]
fn lines_of_a_container_that_starts_are_told_with_whom_they_belong_to() -> Result<()> {
    Stage::raise(&[])?.play(|stage| {
        stage.daemon.import_busybox()?;
        let network = stage.daemon.docker(&[
            "network",
            "create",
            "--subnet=10.201.1.0/24",
            "--label=com.docker.compose.project=shop",
            "shop_default",
        ])?;
        let bridge = bridge_name(&network);
        Service::idle("web")
            .network("shop_default")
            .label("com.docker.compose.project", "shop")
            .run(&stage.daemon)?;
        let about = format!("kernel: {bridge}: port 1(veth");
        let whose = "(normal: network shop_default of project shop, container web)";
        wait_for("a line with its container", SOON, || {
            let log = stage.tracer.log();
            let told = |text: &str| {
                text.contains(&about) && text.contains(" entered ") && text.ends_with(whose)
            };
            log.iter().any(|line| told(&line.text)).then_some(())
        })
    })
}
