//! Endpoints whose container is gone: docker could not write its store (a full disk, say) while it removed the
//! container, and lists the endpoint from then on.

use std::fs;

use anyhow::{Context, Result, ensure};
use bridgetrace_lab::docker::bridge_name;
use bridgetrace_lab::{Dockerd, Service};
use serde_json::{Value, json};

use super::scene::{is_ghost, refuses, type_in, typed};
use crate::check::look::Look;
use crate::outage::stage::{SOON, Stage, at, evidence, holds, is_phase, trace};

/// Runs something while the daemon cannot write what it knows of networks.
fn without_store<T>(daemon: &Dockerd, body: impl FnOnce() -> Result<T>) -> Result<T> {
    let store = daemon.data_root().join("network/files/local-kv.db");
    let aside = store.with_extension("aside");
    fs::rename(&store, &aside).context("take the store away")?;
    fs::create_dir(&store).context("put something in its place")?;
    let done = body();
    fs::remove_dir(&store).context("make room for the store")?;
    fs::rename(&aside, &store).context("bring the store back")?;
    done
}

#[test]
fn an_endpoint_whose_container_is_gone_is_told_and_removed_unless_one_of_its_name_is_back()
-> Result<()> {
    Stage::raise(&[])?.play(|stage| {
        stage.daemon.import_busybox()?;
        let network = stage.daemon.create_network("shop", &["10.201.1.0/24"])?;
        let web = Service::idle("web").network("shop").run(&stage.daemon)?;
        let other = Service::idle("other").network("shop").run(&stage.daemon)?;
        let address = web.address("shop")?;
        without_store(&stage.daemon, || {
            stage.daemon.docker(&["rm", "--force", "web"])
        })?;
        let endpoint = stage.daemon.client().endpoint();
        let look = |stage: &Stage| Look::at(&stage.lab.srv, &["--docker-host", &endpoint]);
        let found = look(stage)?;
        found.ended(1)?;
        let told = found
            .findings
            .iter()
            .find(|f| is_ghost(f, "phantom-endpoint"));
        let told = told.with_context(|| format!("{found:#?}"))?;
        holds(
            told,
            &[
                ("bridgetrace.docker_network.name", json!("shop")),
                ("bridgetrace.bridge.name", json!(bridge_name(&network))),
                ("bridgetrace.ghost.holds", json!([format!("{address}/32")])),
                ("bridgetrace.ghost.leftovers.0.type", json!("endpoint")),
                ("bridgetrace.ghost.leftovers.0.name", json!("web")),
            ],
        )?;
        ensure!(evidence(told).contains(&"docker-event"), "{told:#}");
        // The live stream tells the same once it is sure that it stays.
        let live = stage.state(|f| is_ghost(f, "phantom-endpoint"))?;
        let of = "bridgetrace.docker_network.id";
        ensure!(at(&live, of) == at(told, of), "{live:#}");
        let id = at(&live, "bridgetrace.finding.id");
        is_told_later(stage, at(told, of))?;
        let stuck = stage.daemon.docker(&["network", "rm", "shop"]);
        ensure!(stuck.is_err(), "docker removes it by itself");

        let command = typed(told, "command")?;
        // Somebody of that name is there again: it is left alone.
        Service::idle("web").run(&stage.daemon)?;
        type_in(&stage.lab.srv, &command)?;
        ensure!(lists(stage, "web")?, "{command}");
        stage.daemon.docker(&["rm", "--force", "web"])?;
        type_in(&stage.lab.srv, &command)?;
        ensure!(!lists(stage, "web")? && lists(stage, "other")?, "{command}");
        look(stage)?.ended(0)?;
        // What is in use is not touched, and nothing is left.
        ensure!(other.address("shop")?.is_ipv4());
        let in_use = format!("docker -H {endpoint} network rm -- {}", &network[..12]);
        refuses(&stage.lab.srv, &in_use)?;
        stage.daemon.docker(&["rm", "--force", "other"])?;
        stage.state(|f| at(f, "bridgetrace.finding.id") == id && is_phase(f, "resolved"))?;
        stage.daemon.remove_network("shop")
    })
}

/// Who comes later hears of it, too: in a network that somebody else lives in the first look asks only its containers.
fn is_told_later(stage: &Stage, network: &Value) -> Result<()> {
    let mut late = trace(&stage.lab.srv, &stage.daemon, &[])?;
    // It takes ten seconds until it is sure that it stays.
    late.wait_line(2 * SOON, |f| {
        is_ghost(f, "phantom-endpoint") && at(f, "bridgetrace.docker_network.id") == network
    })?;
    late.terminate().map(drop)
}

/// Whether docker lists a container of this name in the network.
fn lists(stage: &Stage, name: &str) -> Result<bool> {
    let format = "--format={{range .Containers}}{{.Name}} {{end}}";
    let names = stage
        .daemon
        .docker(&["network", "inspect", format, "shop"])?;
    Ok(names.split(' ').any(|listed| listed == name))
}
