//! Incident I-5 for real: a job beside a daemon of its own, and a registry's secret mounted over the
//! certificates that the daemon made for the job.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use bridgetrace_lab::certificates::{Authority, daemon_options};
use bridgetrace_lab::dind::Options;
use bridgetrace_lab::docker::BUSYBOX;
use bridgetrace_lab::{Dind, Dockerd, Netns, Tracer, WorldDump, preflight};
use serde_json::Value;

use super::look::{NAMES, SOON};
use crate::outage::stage::at;

const CLIENT: &str = "/certs/client";

#[test]
fn what_hides_a_jobs_certificates_is_named() -> Result<()> {
    preflight::require()?;
    let srv = Netns::new("srv")?;
    let daemon = Dockerd::start(&srv)?;
    let namespaces = [&srv];
    WorldDump::new(&namespaces, Some(&daemon)).on_error(|| {
        let (authority, registry) = (Authority::new("lab")?, Authority::new("registry")?);
        let server = authority.issue("server", NAMES)?;
        let good = authority.issue("client", "DNS:client")?;
        let secret = registry.issue("secret", "DNS:registry")?;
        for file in ["cert.pem", "key.pem"] {
            std::fs::remove_file(secret.join(file))?;
        }
        daemon.import_busybox()?;
        let _dind = Dind::start_with(&daemon, &served(&server))?;
        build(&daemon, "healthy", &good)?;
        ensure!(
            troubles(&daemon, &srv)?.is_empty(),
            "a healthy job is told of"
        );
        build(&daemon, "build", &secret)?;
        let told = troubles(&daemon, &srv)?;
        ensure!(told.len() == 1, "{told:#?}");
        names_the_mount(&told[0])?;
        // All three files are there, and are the registry's.
        build(
            &daemon,
            "stranger",
            &registry.issue("stranger", "DNS:client")?,
        )?;
        let told = troubles(&daemon, &srv)?;
        ensure!(told.len() == 2, "{told:#?}");
        let is_it = |told: &&Value| at(told, "bridgetrace.daemon.cause") == "certificate-untrusted";
        says_whose_authority_it_is_not(told.iter().find(is_it).context("only what is missing")?)
    })
}

fn says_whose_authority_it_is_not(told: &Value) -> Result<()> {
    let daemon = at(told, "bridgetrace.daemon");
    ensure!(daemon["mount"]["point"] == CLIENT, "{told:#}");
    ensure!(
        daemon["mount"]["files"] == serde_json::json!(["ca.pem", "cert.pem", "key.pem"]),
        "{told:#}"
    );
    let root = daemon["mount"]["root"].as_str().context("no root")?;
    ensure!(root.ends_with("/stranger"), "{told:#}");
    let remedy = daemon["remedy"].as_str().context("no remedy")?;
    ensure!(remedy.contains("emptyDir"), "{remedy}");
    let reason = at(told, "event.reason").as_str().context("no reason")?;
    let wrong = "ca.pem in /certs/client is not the authority that the daemon goes by";
    ensure!(reason.contains(wrong), "{reason}");
    Ok(())
}

fn names_the_mount(told: &Value) -> Result<()> {
    let daemon = at(told, "bridgetrace.daemon");
    ensure!(daemon["endpoint"] == "tcp://localhost:2376", "{told:#}");
    ensure!(daemon["cause"] == "certificate-missing", "{told:#}");
    ensure!(daemon["mount"]["point"] == CLIENT, "{told:#}");
    ensure!(
        daemon["mount"]["files"] == serde_json::json!(["ca.pem"]),
        "{told:#}"
    );
    let root = daemon["mount"]["root"].as_str().context("no root")?;
    ensure!(root.ends_with("/secret"), "{told:#}");
    let remedy = daemon["remedy"].as_str().context("no remedy")?;
    ensure!(remedy.contains("emptyDir"), "{remedy}");
    let reason = at(told, "event.reason").as_str().context("no reason")?;
    for word in ["cert.pem and key.pem are missing in /certs/client", "sleep"] {
        ensure!(reason.contains(word), "no {word} in {reason}");
    }
    Ok(())
}

/// The service of the job: a daemon that wants certificates.
fn served(server: &Path) -> Options {
    let options = daemon_options(Path::new("/certs/server"), "0.0.0.0:2376");
    let mount = format!("--volume={}:/certs/server:ro", server.display());
    options
        .into_iter()
        .fold(Options::new().arg(mount), Options::daemon_arg)
}

/// The job's own container, in the same network namespace as a pod's, with this folder mounted.
fn build(daemon: &Dockerd, name: &str, client: &Path) -> Result<()> {
    let mount = format!("--volume={}:{CLIENT}:ro", client.display());
    let name = format!("--name={name}");
    let path = format!("--env=DOCKER_CERT_PATH={CLIENT}");
    let run = [
        "run",
        "--detach",
        "--network=container:dind",
        "--env=DOCKER_HOST=tcp://localhost:2376",
        "--env=DOCKER_TLS_VERIFY=1",
        &path,
        &name,
        &mount,
        BUSYBOX,
        "sleep",
        "600",
    ];
    daemon.docker(&run).map(drop)
}

/// What one look says of jobs in this lab that cannot use their daemon.
fn troubles(daemon: &Dockerd, srv: &Netns) -> Result<Vec<Value>> {
    let endpoint = daemon.client().endpoint();
    let arguments = ["check", "--format", "jsonl", "--docker-host", &endpoint];
    let mut check = Tracer::start(srv, &arguments)?;
    check.wait_exit(SOON)?;
    let mut told = check.values()?;
    let pids = bridgetrace_lab::netns::pids_in(dind_netns(daemon)?);
    // The look sees the whole machine: other labs are not this test's.
    let ours = |line: &Value| {
        let pid = at(line, "process.pid").as_u64();
        at(line, "event.action") == "daemon-unreachable"
            && pids.iter().any(|known| Some(u64::from(*known)) == pid)
    };
    told.retain(ours);
    Ok(told)
}

fn dind_netns(daemon: &Dockerd) -> Result<u32> {
    use std::os::unix::fs::MetadataExt as _;
    let pid = daemon.docker(&["inspect", "--format={{.State.Pid}}", "dind"])?;
    // Counted inside the daemon's pid namespace: looked up through its own /proc.
    let file = format!("/proc/{}/root/proc/{pid}/ns/net", daemon.pid()?);
    Ok(u32::try_from(std::fs::metadata(file)?.ino())?)
}
