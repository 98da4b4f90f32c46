//! Containers and networks come and go while the host speaks with them.

use std::net::Ipv4Addr;

use anyhow::{Result, ensure};
use bridgetrace_lab::topology::SRV;
use bridgetrace_lab::{Dockerd, peers, wait_for};

use super::host::{
    HOST_GATEWAY, Question, SERVICE, StreamService, address, forget_neighbours, gave_up,
    is_connected, is_healthy, is_healthy_but_for, jobs, nameserver, network, options, project,
    remove, run, saw, saw_give_up,
};
use crate::outage::stage::{SOON, Stage};

const LISTEN: &str = "nc HOST 9000 >/dev/null; sleep 600";

/// Projects are built up and torn down, each time with the same subnet, while their containers
/// hear from a service of the host.
#[test]
fn a_storm_of_compose_projects() -> Result<()> {
    is_healthy(|stage| {
        let _service = StreamService::start(&stage.lab.srv, SERVICE)?;
        let directory = project(&stage.daemon, "storm", "10.202.0.0/24")?;
        for _ in 0..4 {
            let up = ["up", "--detach"];
            stage.daemon.compose(&directory, "storm", &up)?;
            let listener = stage.daemon.docker(&[
                "ps",
                "--quiet",
                "--filter=label=com.docker.compose.service=listener",
            ])?;
            let listener = address(&stage.daemon, &listener, "storm_default")?;
            is_connected(stage, listener)?;
            let down = ["down", "--timeout=0"];
            stage.daemon.compose(&directory, "storm", &down)?;
        }
        let project = stage.daemon.docker(&["network", "ls", "--quiet"])?;
        ensure!(project.lines().count() == 3, "{project}");
        Ok(())
    })
}

/// A container listens to the host and is cut off before it can hang up, as when its machine
/// crashes: the host goes on repeating what was not heard.
fn cut_off_mid_stream(host: Ipv4Addr) -> Result<()> {
    is_healthy(|stage| {
        jobs(&stage.daemon)?;
        let _service = StreamService::start(&stage.lab.srv, (host, 9000).into())?;
        let script = LISTEN.replace("HOST", &host.to_string());
        for number in 0..3 {
            let name = format!("job{number}");
            let job = Ipv4Addr::new(10, 202, 0, 10 + number);
            let ip = format!("--ip={job}");
            let place = ["--network=jobs", "--name", &name, &ip];
            run(&stage.daemon, &place, &script)?;
            is_connected(stage, job)?;
            cut_off(&stage.daemon, &name)?;
            forget_neighbours(stage)?;
            saw(stage, job)?;
            saw_give_up(stage, job)?;
        }
        Ok(())
    })
}

fn cut_off(daemon: &Dockerd, name: &str) -> Result<()> {
    daemon.docker(&["network", "disconnect", "--force", "jobs", name])?;
    remove(daemon, name)
}

#[test]
fn a_container_is_cut_off_while_the_host_streams_from_its_own_address() -> Result<()> {
    cut_off_mid_stream(SRV)
}

#[test]
fn a_container_is_cut_off_while_the_host_streams_from_its_gateway() -> Result<()> {
    cut_off_mid_stream(Ipv4Addr::new(10, 202, 0, 1))
}

/// Everything of a project is made anew, with the subnet it had: what the host still has to say to
/// the old container now meets the new bridge, where nobody has that address.
fn made_anew(host: Ipv4Addr) -> Result<()> {
    is_healthy(|stage| {
        network(&stage.daemon, "jobs", "10.202.0.0/24")?;
        let question = Question::ask(nameserver(&stage.lab.srv, host)?, &stage.daemon, "job")?;
        remove(&stage.daemon, "job")?;
        stage.daemon.docker(&["network", "rm", "jobs"])?;
        jobs(&stage.daemon)?;
        let old = question.answer()?;
        saw(stage, old)?;
        gave_up(stage, old)
    })
}

#[test]
fn a_network_is_made_anew_before_the_host_answers_the_old_one() -> Result<()> {
    made_anew(SRV)
}

#[test]
fn a_network_is_made_anew_before_host_gateway_answers_the_old_one() -> Result<()> {
    made_anew(HOST_GATEWAY)
}

/// Docker itself is killed; the containers that the host spoke with are gone.
#[test]
fn a_killed_daemon_takes_the_containers_along() -> Result<()> {
    is_healthy_but_for("daemon-restarted", |stage| {
        jobs(&stage.daemon)?;
        let question = Question::ask(nameserver(&stage.lab.srv, SRV)?, &stage.daemon, "job")?;
        stage.daemon.kill()?;
        bridges_are_empty(stage)?;
        forget_neighbours(stage)?;
        saw(stage, question.answer()?)?;
        stage.daemon.restart()?;
        question.answer().map(drop)
    })
}

/// A daemon comes back that has lost its state: nobody knows the old network any more.
#[test]
fn a_restarted_daemon_has_forgotten_the_containers() -> Result<()> {
    is_healthy_but_for("daemon-state-lost", |stage| {
        jobs(&stage.daemon)?;
        let question = Question::ask(nameserver(&stage.lab.srv, SRV)?, &stage.daemon, "job")?;
        let other = options().data_root("other");
        stage.daemon.restart_with(other)?;
        forget_neighbours(stage)?;
        saw(stage, question.answer()?)
    })
}

/// A container leaves one network for another and comes back with another address.
#[test]
fn a_container_moves_between_networks() -> Result<()> {
    is_healthy(|stage| {
        network(&stage.daemon, "left", "10.202.0.0/24")?;
        network(&stage.daemon, "right", "10.203.0.0/24")?;
        run(
            &stage.daemon,
            &["--network=left", "--name=mover"],
            "sleep 600",
        )?;
        let mut place = ("left", "right");
        for _ in 0..4 {
            let here = address(&stage.daemon, "mover", place.0)?;
            ensure!(peers::reachable(&stage.lab.srv, here)?, "{here}");
            stage
                .daemon
                .docker(&["network", "disconnect", place.0, "mover"])?;
            forget_neighbours(stage)?;
            ensure!(
                !peers::reachable(&stage.lab.srv, here)?,
                "{here} is still there"
            );
            saw(stage, here)?;
            stage
                .daemon
                .docker(&["network", "connect", place.1, "mover"])?;
            place = (place.1, place.0);
        }
        Ok(())
    })
}

/// Thirty networks, each with a guest that is spoken to.
#[test]
fn a_host_with_thirty_networks() -> Result<()> {
    is_healthy(|stage| {
        for number in 1..=30 {
            let name = format!("net{number}");
            network(&stage.daemon, &name, &format!("10.210.{number}.0/24"))?;
        }
        run(
            &stage.daemon,
            &["--network=net1", "--name=guest"],
            "sleep 600",
        )?;
        for number in 2..=30 {
            let name = format!("net{number}");
            stage
                .daemon
                .docker(&["network", "connect", &name, "guest"])?;
            let guest = address(&stage.daemon, "guest", &name)?;
            ensure!(peers::reachable(&stage.lab.srv, guest)?, "{guest}");
        }
        remove(&stage.daemon, "guest")?;
        forget_neighbours(stage)?;
        let gone = Ipv4Addr::new(10, 210, 30, 2);
        ensure!(!peers::reachable(&stage.lab.srv, gone)?);
        saw(stage, gone)?;
        bridges_are_empty(stage)
    })
}

/// Waits until no bridge has a guest any more: the kernel takes the namespaces of killed containers
/// apart a while after their processes are gone, and until then their addresses answer.
fn bridges_are_empty(stage: &Stage) -> Result<()> {
    wait_for("all bridges without carrier", SOON, || {
        carriers(stage)
            .map(|up| (up == 0).then_some(()))
            .transpose()
    })?
}

fn carriers(stage: &Stage) -> Result<usize> {
    let links = stage
        .lab
        .srv
        .run(&["ip", "-brief", "link", "show", "type", "bridge"])?;
    Ok(links.lines().filter(|l| l.contains("LOWER_UP")).count())
}
