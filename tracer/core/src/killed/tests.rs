//! Signals, as a runner, a daemon, a terminal and the kernel send them.

use std::collections::BTreeMap;

use tracer_common::{Exec, Hook, Signal, Task, signal_flags};
use zerocopy::IntoBytes as _;

use super::judge::{SI_KERNEL, SIGINT, SIGKILL, SIGTERM};
use crate::{
    Core,
    finding::{Finding, Killing, Particulars, Phase},
    input::{Body, DockerNetwork, Input, ProcessInfo},
    time::{SECOND, Timestamp},
};

const START: u64 = 1_700_000_000 * SECOND;
const DAEMON: &str = "unix:///var/run/docker.sock";

struct Host {
    core: Core,
    now: u64,
}

impl Host {
    fn new() -> Self {
        Self {
            core: Core::default(),
            now: START,
        }
    }

    fn tell(&mut self, body: Body) -> Vec<Finding> {
        self.core.observe(&Input {
            at: Timestamp(self.now),
            body,
        })
    }

    /// Lets time pass, and returns what is said meanwhile.
    fn wait(&mut self, nanos: u64) -> Vec<Finding> {
        self.now += nanos;
        self.tell(Body::Tick)
    }

    fn process(&mut self, pid: u32, name: &str, command_line: &str) {
        let info = ProcessInfo {
            pid,
            name: name.to_owned(),
            arguments: command_line.split(' ').map(str::to_owned).collect(),
            directory: Some("/builds/shop".to_owned()),
            variables: BTreeMap::from([("CI_JOB_ID".to_owned(), "98123".to_owned())]),
            ..ProcessInfo::default()
        };
        self.tell(Body::Process(info));
    }

    /// A program starts; `command_line` ends each argument with a zero.
    fn start(&mut self, who: (u32, &str), parent: u32, command_line: &[u8]) {
        let mut arguments = [0; tracer_common::ARGUMENTS];
        arguments[..command_line.len()].copy_from_slice(command_line);
        let [task] = line(&[who]);
        let exec = Exec {
            ktime_ns: 0,
            task,
            parent,
            length: command_line.len().try_into().unwrap(),
            hook: Hook::Exec as u8,
            reserved: [0; 3],
            arguments,
        };
        self.tell(Body::Kernel(exec.as_bytes().to_vec()));
    }

    fn signal(&mut self, signal: Signal) -> Vec<Finding> {
        self.tell(Body::Kernel(signal.as_bytes().to_vec()))
    }

    /// What is said of a signal by the time everything about it is known.
    fn said_of(&mut self, signal: Signal) -> Vec<Finding> {
        let mut said = self.signal(signal);
        said.extend(self.wait(SECOND));
        said
    }
}

fn line<const N: usize>(members: &[(u32, &str)]) -> [Task; N] {
    let mut line = [Task::default(); N];
    for (place, (tgid, name)) in line.iter_mut().zip(members) {
        place.tgid = *tgid;
        place.comm[..name.len()].copy_from_slice(name.as_bytes());
    }
    line
}

fn signal(number: u32, sender: &[(u32, &str)], target: &[(u32, &str)]) -> Signal {
    Signal {
        hook: Hook::Signal as u8,
        number,
        netns: 7,
        sender: line(sender),
        target: line(target),
        ..Signal::default()
    }
}

const RUNNER: &[(u32, &str)] = &[(812, "gitlab-runner"), (1, "systemd")];
const COMPOSE: &[(u32, &str)] = &[
    (4711, "docker-compose"),
    (4700, "bash"),
    (812, "gitlab-runner"),
    (1, "systemd"),
];

fn killing(finding: &Finding) -> &Killing {
    match &finding.particulars {
        Some(Particulars::Signal(killing)) => killing,
        other => panic!("{other:?}"),
    }
}

#[test]
fn whose_the_sender_was_the_kernel_tells_where_proc_did_not() {
    for (known, told) in [(Some("gitlab-runner"), "gitlab-runner"), (None, "999")] {
        let mut host = Host::new();
        host.process(4711, "docker-compose", "docker-compose up");
        if let Some(user) = known {
            host.tell(Body::Process(ProcessInfo {
                pid: 812,
                name: "gitlab-runner".to_owned(),
                user: Some(user.to_owned()),
                ..ProcessInfo::default()
            }));
        }
        let said = host.said_of(Signal {
            uid: 999,
            ..signal(SIGTERM, RUNNER, COMPOSE)
        });
        let killing = killing(&said[0]);
        let sender = killing.sender.as_ref().and_then(|it| it.user.as_deref());
        assert_eq!((sender, &killing.target.user), (Some(told), &None));
    }
}

#[test]
fn a_cancelled_pipeline_is_one_finding_with_both_signals() {
    let mut host = Host::new();
    host.process(4711, "docker-compose", "python3 /usr/bin/docker-compose up");
    let said = host.said_of(signal(SIGTERM, RUNNER, COMPOSE));
    let [opened] = said.as_slice() else {
        panic!("{said:#?}");
    };
    assert_eq!(
        opened.reason,
        "docker-compose (pid 4711, project shop, in /builds/shop) was told to end by SIGTERM from \
         gitlab-runner (pid 812)."
    );
    assert_eq!(opened.ci.as_ref().unwrap().job_id.as_deref(), Some("98123"));
    let names = killing(opened)
        .target
        .ancestry
        .iter()
        .map(|it| it.name.as_str());
    assert_eq!(
        names.collect::<Vec<_>>(),
        ["bash", "gitlab-runner", "systemd"]
    );

    host.now += 9 * SECOND;
    let said = host.said_of(signal(SIGKILL, RUNNER, COMPOSE));
    let [updated] = said.as_slice() else {
        panic!("{said:#?}");
    };
    assert_eq!((updated.phase, &updated.id), (Phase::Updated, &opened.id));
    assert!(
        updated
            .reason
            .contains("and killed 10.0 s later by SIGKILL from"),
        "{}",
        updated.reason
    );
    assert_eq!((updated.start, updated.evidence.len()), (opened.start, 2));
    assert_eq!(host.wait(SECOND), []);
}

#[test]
fn what_is_left_is_told_when_nobody_runs_the_project_and_ends_with_it() {
    let mut host = Host::new();
    let network = DockerNetwork {
        id: "80cb".to_owned(),
        name: "shop_default".to_owned(),
        labels: BTreeMap::from([("com.docker.compose.project".to_owned(), "shop".to_owned())]),
        ..DockerNetwork::default()
    };
    host.tell(Body::DockerNetwork {
        daemon: DAEMON.to_owned(),
        network,
    });
    host.process(4711, "docker-compose", "docker-compose -p shop up");
    let said = host.said_of(signal(SIGKILL, RUNNER, COMPOSE));
    assert!(killing(&said[0]).left.is_empty(), "it lives");
    assert!(host.core.world().kill_of_project("shop").is_some());
    host.tell(Body::ProcessGone(4711));
    let said = host.wait(SECOND);
    assert_eq!(said[0].phase, Phase::Updated);
    assert_eq!(killing(&said[0]).left.networks, ["shop_default"]);
    host.tell(Body::DockerNetworkGone {
        daemon: DAEMON.to_owned(),
        id: "80cb".to_owned(),
    });
    let said = host.wait(SECOND);
    assert_eq!((said.len(), said[0].phase), (1, Phase::Resolved));
    assert_eq!(host.wait(SECOND), []);
}

#[test]
fn somebody_else_who_runs_the_project_takes_care_of_it() {
    let mut host = Host::new();
    let labels = BTreeMap::from([("com.docker.compose.project".to_owned(), "shop".to_owned())]);
    host.tell(Body::DockerNetwork {
        daemon: DAEMON.to_owned(),
        network: DockerNetwork {
            id: "80cb".to_owned(),
            labels,
            ..DockerNetwork::default()
        },
    });
    host.process(4711, "docker-compose", "docker-compose -p shop up");
    host.process(4800, "docker-compose", "docker-compose -p shop down");
    host.said_of(signal(SIGKILL, RUNNER, COMPOSE));
    host.tell(Body::ProcessGone(4711));
    assert_eq!(host.wait(SECOND), []);
}

#[test]
fn a_client_and_the_plugin_it_started_are_one_kill() {
    let mut host = Host::new();
    host.process(4710, "docker", "docker compose -p shop up");
    host.process(4711, "docker-compose", "docker-compose compose -p shop up");
    let client = [(4710, "docker"), (4700, "bash")];
    let plugin = [(4711, "docker-compose"), (4710, "docker"), (4700, "bash")];
    host.signal(signal(SIGTERM, RUNNER, &client));
    let said = host.said_of(signal(SIGTERM, RUNNER, &plugin));
    assert_eq!(said.len(), 1, "{said:#?}");
    assert_eq!(killing(&said[0]).role.name(), "compose");
}

#[test]
fn what_happens_all_day_is_not_worth_a_word() {
    let shim = [(60, "containerd-shim"), (1, "systemd")];
    let dockerd = [(50, "dockerd"), (1, "systemd")];
    let inner = [(70, "dockerd"), (60, "containerd-shim")];
    let within = [(70, "dockerd"), (69, "init"), (60, "containerd-shim")];
    let cases = [
        (
            "docker stop of a dind",
            signal(SIGTERM, &[(90, "runc"), (60, "containerd-shim")], &inner),
        ),
        ("a daemon ends its shim", signal(SIGKILL, &dockerd, &shim)),
        (
            "a compose process ends itself",
            signal(SIGTERM, COMPOSE, COMPOSE),
        ),
        (
            "a client ends its plugin",
            signal(
                SIGKILL,
                &[(4710, "docker")],
                &[(4711, "docker-compose"), (4710, "docker")],
            ),
        ),
        (
            "a reader is ended",
            signal(SIGTERM, RUNNER, &[(5000, "docker")]),
        ),
        (
            "Ctrl-C",
            Signal {
                code: SI_KERNEL,
                ..signal(SIGINT, &[(30, "kworker/0:1")], COMPOSE)
            },
        ),
        (
            "the end of a container",
            Signal {
                code: SI_KERNEL,
                flags: signal_flags::SENDER_ENDS,
                ..signal(SIGKILL, &[(69, "init")], &within)
            },
        ),
        (
            "an interpreter of something else",
            signal(SIGKILL, RUNNER, &[(6000, "python3")]),
        ),
    ];
    for (what, signal) in cases {
        let mut host = Host::new();
        host.process(5000, "docker", "docker logs -f web");
        host.process(6000, "python3", "python3 app.py");
        assert_eq!(host.said_of(signal), [], "{what}");
    }
}

#[test]
fn who_is_behind_a_kill_is_named() {
    for (what, signal) in [
        (
            " was killed by SIGKILL from kill (pid 99), started by gitlab-runner (pid 812).",
            signal(
                SIGKILL,
                &[(99, "kill"), (98, "bash"), (812, "gitlab-runner")],
                COMPOSE,
            ),
        ),
        (
            " was killed by SIGKILL from the kernel, as when memory runs out.",
            Signal {
                code: SI_KERNEL,
                ..signal(SIGKILL, &[(5, "stress")], COMPOSE)
            },
        ),
        (
            " was killed by SIGKILL, because unshare (pid 5) ended.",
            Signal {
                flags: signal_flags::SENDER_ENDS,
                ..signal(SIGKILL, &[(5, "unshare")], COMPOSE)
            },
        ),
    ] {
        let said = Host::new().said_of(signal);
        assert!(said[0].reason.ends_with(what), "{}", said[0].reason);
    }
}

/// Whoever happened to be ending when the kernel sent a signal of its own is no reason for it.
#[test]
fn what_the_kernel_kills_while_another_process_ends_is_told() {
    let by_kernel = |sender: &[(u32, &str)]| Signal {
        code: SI_KERNEL,
        flags: signal_flags::SENDER_ENDS,
        ..signal(SIGKILL, sender, COMPOSE)
    };
    let whole = " was killed by SIGKILL from the kernel, as when memory runs out.";
    let said = Host::new().said_of(by_kernel(&[(5, "stress")]));
    assert!(said[0].reason.ends_with(whole), "{}", said[0].reason);
    // With its parent it would have ended silently, but for what the kernel's log says.
    let parent = [(812, "gitlab-runner")];
    assert_eq!(Host::new().said_of(by_kernel(&parent)), []);
    let mut host = Host::new();
    host.signal(by_kernel(&parent));
    host.tell(Body::KernelLog {
        text: "Memory cgroup out of memory: Killed process 4711 (docker-compose)".to_owned(),
        by_kernel: true,
    });
    let said = host.wait(SECOND);
    assert!(said[0].reason.ends_with(whole), "{}", said[0].reason);
}

#[test]
fn a_daemon_that_gives_up_its_containerd_is_told_unless_it_was_killed_itself() {
    let containerd = [(51, "containerd"), (50, "dockerd")];
    let dockerd = [(50, "dockerd"), (1, "systemd")];
    let mut host = Host::new();
    assert_eq!(
        host.said_of(signal(SIGKILL, &dockerd, &containerd)).len(),
        1
    );
    let mut host = Host::new();
    assert_eq!(
        host.said_of(signal(SIGTERM, &[(1, "systemd")], &dockerd))
            .len(),
        1
    );
    assert_eq!(host.said_of(signal(SIGKILL, &dockerd, &containerd)), []);
    assert_eq!(
        host.core.world().kills.all().count(),
        2,
        "it is known all the same"
    );
}

/// Seen of docker 20.10 with one core for three daemons: it connected between `bind` and `listen`.
#[test]
fn a_dockerd_that_starts_its_containerd_anew_is_not_told() {
    let (dockerd, containerd) = ((50, "dockerd"), [(51, "containerd"), (50, "dockerd")]);
    let killed_after = |age, sender, flags| {
        let mut host = Host::new();
        host.start((51, "containerd"), 50, b"containerd\0--config\0/x.toml\0");
        host.now += age;
        let said = host.said_of(Signal {
            flags,
            ..signal(SIGKILL, &[sender], &containerd)
        });
        assert_eq!(host.core.world().kills.all().count(), 1, "it is known");
        said.len()
    };
    let young = SECOND / 2;
    assert_eq!(killed_after(young, dockerd, 0), 0);
    assert_eq!(killed_after(15 * SECOND - 1, dockerd, 0), 0);
    assert_eq!(
        killed_after(15 * SECOND, dockerd, 0),
        1,
        "it served by then"
    );
    assert_eq!(
        killed_after(60 * SECOND, dockerd, 0),
        1,
        "it served by then"
    );
    assert_eq!(killed_after(young, (90, "dockerd"), 0), 1, "another one's");
    assert_eq!(killed_after(young, (90, "kill"), 0), 1);
    let ends = signal_flags::SENDER_ENDS;
    assert_eq!(killed_after(young, dockerd, ends), 1, "with its dockerd");
}

#[test]
fn only_a_dockerd_may_end_a_containerd_that_was_seen_to_start() {
    let containerd = |parent| [(51, "containerd"), (50, parent)];
    let killed_by = |who: &str, parent| {
        let mut host = Host::new();
        host.start((51, who), 50, b"started\0");
        let sender = [(50, parent)];
        host.said_of(signal(SIGKILL, &sender, &containerd(parent)))
            .len()
    };
    assert_eq!(killed_by("containerd", "dockerd"), 0);
    assert_eq!(killed_by("sh", "dockerd"), 1, "another had its number");
    assert_eq!(killed_by("containerd", "docker"), 1, "no daemon");
}

#[test]
fn a_process_killed_at_once_is_known_by_what_it_was_started_with() {
    let mut host = Host::new();
    let command_line = b"docker-compose\0-p\0shop\0up\0";
    host.start((4711, "docker-compose"), 812, command_line);
    let said = host.said_of(signal(SIGKILL, RUNNER, COMPOSE));
    assert_eq!(killing(&said[0]).project.as_deref(), Some("shop"));
}
