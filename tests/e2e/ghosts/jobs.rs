//! Whose job it was, where the runner's labels do not tell.

use std::fs;

use anyhow::{Result, ensure};
use bridgetrace_lab::dind::Job;
use bridgetrace_lab::{Container, Service, peers, topology::SRV};
use serde_json::{Value, json};

use crate::outage::stage::{Stage, at, holds, is_phase};

const URL: &str = "https://gitlab.example/shop/backend/-/jobs/4711";

/// A build container of the docker executor with the daemon's socket mounted, and the machine's own
/// docker in it.
fn build(stage: &Stage) -> Result<Container> {
    let job = Job {
        id: "4711".to_owned(),
        url: URL.to_owned(),
        pipeline: "815".to_owned(),
        project: "42".to_owned(),
    };
    let socket = stage.daemon.socket().display();
    let mut service = Service::idle("runner-abc-project-42-concurrent-0-build")
        .arg(format!("--volume={socket}:/var/run/docker.sock"))
        .arg("--volume=/usr/bin/docker:/bin/docker:ro")
        .arg("--volume=/usr/lib:/usr/lib:ro")
        .arg("--volume=/usr/lib:/lib:ro");
    if fs::exists("/usr/lib64")? {
        service = service.arg("--volume=/usr/lib64:/lib64:ro");
    }
    for (key, value) in job.labels() {
        service = service.label(&key, &value);
    }
    service.run(&stage.daemon)
}

/// A job makes a network by hand, and a compose project in its checkout, through the host's socket:
/// neither has a label of the runner's.
#[test]
fn what_a_job_makes_through_a_mounted_socket_is_its_own() -> Result<()> {
    Stage::raise(&[])?.play(|stage| {
        stage.daemon.import_busybox()?;
        let build = build(stage)?;
        let subnet = "--subnet=172.22.0.0/16";
        build.exec(&["docker", "network", "create", subnet, "by-hand"])?;
        let found = lost(stage, |f| at(f, "bridgetrace.ci.job_id") == "4711")?;
        is_of_the_job(&found)?;
        holds(&found, &[("bridgetrace.ci.uncertain", json!(true))])?;
        build.exec(&["docker", "network", "rm", "by-hand"])?;
        stage.finding(|f| is_phase(f, "resolved"))?;

        let project = "--label=com.docker.compose.project=shop";
        let folder = "--label=com.docker.compose.project.working_dir=/builds/shop/backend";
        build.exec(&[
            "docker",
            "network",
            "create",
            subnet,
            project,
            "shop_default",
        ])?;
        let run = [
            "docker",
            "run",
            "--detach",
            "--network=shop_default",
            project,
            folder,
        ];
        let image = [bridgetrace_lab::docker::BUSYBOX, "sleep", "600"];
        build.exec(&[&run[..], &image].concat())?;
        // The runner takes its container away when the job is over; what the job made stays.
        build.remove()?;
        let found = lost(stage, |f| {
            at(f, "network.name") == "shop_default"
                && at(f, "bridgetrace.ci.project_path").is_string()
        })?;
        is_of_the_job(&found)?;
        holds(
            &found,
            &[("bridgetrace.ci.project_path", json!("shop/backend"))],
        )?;
        ensure!(
            found["bridgetrace"]["ci"].get("uncertain").is_none(),
            "{found:#}"
        );
        Ok(())
    })
}

/// The network of one build (`FF_NETWORK_PER_BUILD`) names its job; old runners do not label it.
#[test]
fn a_network_of_one_build_is_its_jobs() -> Result<()> {
    Stage::raise(&[])?.play(|stage| {
        let name = "runner-z3wu8uu-project-42-concurrent-0-job-4711-network";
        stage.daemon.create_network(name, &["172.22.0.0/16"])?;
        let found = lost(stage, |f| at(f, "bridgetrace.ci.job_id") == "4711")?;
        holds(
            &found,
            &[
                ("bridgetrace.ci.system", json!("gitlab")),
                ("bridgetrace.ci.project_id", json!("42")),
                ("network.name", json!(name)),
            ],
        )
    })
}

/// The first finding about lost replies of which this holds.
fn lost(stage: &mut Stage, wanted: impl Fn(&Value) -> bool) -> Result<Value> {
    peers::ping(&stage.lab.pc, SRV, 1)?;
    stage.finding(wanted)
}

fn is_of_the_job(finding: &Value) -> Result<()> {
    holds(
        finding,
        &[
            ("bridgetrace.ci.system", json!("gitlab")),
            ("bridgetrace.ci.job_url", json!(URL)),
            ("bridgetrace.ci.pipeline_id", json!("815")),
            ("bridgetrace.ci.project_id", json!("42")),
        ],
    )?;
    let known_by = at(finding, "bridgetrace.ci.known_by").as_str();
    ensure!(
        known_by.is_some_and(|how| how.contains("the daemon's socket")),
        "{finding:#}"
    );
    Ok(())
}
