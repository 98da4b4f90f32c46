//! Who ended a daemon, and on whose behalf.

use super::*;

const DOCKERD: &[(u32, &str)] = &[(8, "dockerd")];

/// The daemon comes back as pid 2, over the same data.
fn restarted(life: &mut Life) -> (Finding, DaemonStory) {
    life.start(Some(2), EngineProgram::Dockerd);
    let containers = [container("web", "running")];
    let said = life.back(info(Some(2), "old"), &networks("old", 2, true), &containers);
    only(said, Kind::DaemonRestarted)
}

#[test]
fn a_package_manager_among_the_parents_of_who_stopped_it_did_it() {
    let mut life = Life::begin(Some(8));
    let sender = [
        (7, "start-stop-daem"),
        (6, "dpkg"),
        (5, "apt.systemd.dai"),
        (1, "systemd"),
    ];
    life.stop(&sender, DOCKERD);
    life.lose();
    life.end(8);
    let (finding, story) = restarted(&mut life);
    let EndedBy::Signal(stop) = story.ended_by else {
        panic!("{:?}", story.ended_by);
    };
    assert_eq!((stop.signal, stop.then), ("SIGTERM", None));
    assert_eq!(stop.sender.map(|it| it.pid), Some(7));
    let managers = stop.managers.iter().map(|it| it.name.as_str());
    assert_eq!(managers.collect::<Vec<_>>(), ["dpkg", "apt.systemd.daily"]);
    assert!(
        finding.reason.ends_with(
            " dockerd was stopped by SIGTERM from start-stop-daem (pid 7), started by dpkg (pid 6), \
             started by apt.systemd.daily (pid 5): a package manager did it."
        ),
        "{}",
        finding.reason
    );
    assert!(finding.unknown.is_empty(), "{:?}", finding.unknown);
    let kinds: Vec<&str> = finding.evidence.iter().map(|it| it.kind.name()).collect();
    assert_eq!(kinds[0], "signal", "{:#?}", finding.evidence);
    assert!(finding.evidence.is_sorted_by_key(|it| (it.at, it.kind)));
}

#[test]
fn package_managers_that_ran_while_systemd_stopped_it_are_no_proof() {
    let mut life = Life::begin(Some(8));
    life.stop(&[(1, "systemd")], DOCKERD);
    life.end(8);
    life.lose();
    let (finding, _) = restarted(&mut life);
    let text = " dockerd was stopped by SIGTERM from systemd (pid 1) while dpkg (pid 99) ran.";
    assert!(finding.reason.ends_with(text), "{}", finding.reason);
    assert_eq!(finding.unknown, ["on whose behalf systemd ended dockerd"]);
}

/// The kernel and docker are two sources: what one tells of first may reach the core last.
#[test]
fn the_signal_may_be_heard_of_after_the_end() {
    let mut life = Life::begin(Some(8));
    life.end(8);
    life.lose();
    life.0.now -= SECOND;
    life.signal(9, &[(44, "bash"), (43, "sshd")], DOCKERD);
    let (finding, _) = restarted(&mut life);
    let text = " dockerd was ended by SIGKILL from bash (pid 44), started by sshd (pid 43).";
    assert!(finding.reason.ends_with(text), "{}", finding.reason);
}

#[test]
fn a_signal_to_another_process_of_that_number_ended_nothing() {
    for target in [(8, "docker"), (3, "dockerd")] {
        let mut life = Life::begin(Some(8));
        life.stop(&[(44, "bash")], &[target]);
        life.end(8);
        life.lose();
        assert_eq!(restarted(&mut life).1.ended_by, EndedBy::Unknown);
    }
    let mut life = Life::begin(Some(8));
    life.stop(&[(44, "bash")], DOCKERD);
    life.0.now += 3600 * SECOND;
    life.end(8);
    life.lose();
    assert_eq!(restarted(&mut life).1.ended_by, EndedBy::Unknown);
}

#[test]
fn a_containerd_is_ended_by_a_signal_as_well() {
    let mut life = Life::begin(Some(8));
    life.start(Some(5), EngineProgram::Containerd);
    life.stop(&[(44, "dpkg")], &[(5, "containerd")]);
    life.end(5);
    life.0.now += SECOND;
    let (finding, _) = only(
        life.start(Some(6), EngineProgram::Containerd),
        Kind::DaemonRestarted,
    );
    let text = "containerd was stopped by SIGTERM from dpkg (pid 44): a package manager did it.";
    assert!(finding.reason.ends_with(text), "{}", finding.reason);
}
