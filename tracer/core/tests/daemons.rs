//! Daemons that go away and come back.

mod ended;

use tracer_common::{Hook, Signal, Task};
use tracer_core::{
    finding::{DaemonStory, EndedBy, Finding, Kind, Particulars},
    input::{
        Body, Bystander, Cause, Daemon, DaemonInfo, DaemonStatus, DockerContainer, DockerNetwork,
        EngineProcess, EngineProgram, FormerRoot, Link, NetChange, Unreachable,
    },
    time::SECOND,
};
use zerocopy::IntoBytes as _;

use crate::{
    common::{ENDPOINT, HOST, link, network},
    story::Story,
};

/// A data root: the networks that docker makes once in it are known by its name.
pub(crate) fn networks(root: &str, start: u32, own: bool) -> Vec<DockerNetwork> {
    let predefined = |name: &str, driver: &str, id: String| DockerNetwork {
        id,
        name: name.to_owned(),
        driver: driver.to_owned(),
        ..DockerNetwork::default()
    };
    let mut all = vec![
        predefined("host", "host", format!("host-of-{root}")),
        predefined("none", "null", format!("none-of-{root}")),
        predefined("bridge", "bridge", format!("bridge-{start}")),
    ];
    all.extend(own.then(|| network(true)));
    all
}

pub(crate) fn container(name: &str, state: &str) -> DockerContainer {
    DockerContainer {
        id: format!("id-of-{name}"),
        name: name.to_owned(),
        state: state.to_owned(),
        ..DockerContainer::default()
    }
}

pub(crate) fn info(pid: Option<u32>, root: &str) -> DaemonInfo {
    DaemonInfo {
        version: "20.10.24".to_owned(),
        netns: Some(HOST),
        id: Some("A6JK".to_owned()),
        data_root: Some(format!("/{root}")),
        images: Some(7),
        pid,
        ..DaemonInfo::default()
    }
}

pub(crate) struct Life(pub(crate) Story);

impl Life {
    /// A daemon that answers, with one network and one container that runs.
    pub(crate) fn begin(pid: Option<u32>) -> Self {
        let mut life = Self(Story::begin());
        life.start(pid, EngineProgram::Dockerd);
        let containers = [container("web", "running")];
        assert_eq!(
            life.back(info(pid, "old"), &networks("old", 1, true), &containers),
            []
        );
        life.0.after(SECOND);
        life
    }

    pub(crate) fn status(&mut self, status: DaemonStatus) -> Vec<Finding> {
        let endpoint = ENDPOINT.to_owned();
        self.0.tell(Body::Daemon(Daemon { endpoint, status }))
    }

    pub(crate) fn start(&mut self, pid: Option<u32>, program: EngineProgram) -> Vec<Finding> {
        let Some(pid) = pid else {
            return Vec::new();
        };
        let process = EngineProcess {
            program,
            pid,
            unit: Some("docker.service".to_owned()),
        };
        let daemon = ENDPOINT.to_owned();
        self.0.tell(Body::EngineProcess { daemon, process })
    }

    pub(crate) fn end(&mut self, pid: u32) {
        let bystander = Bystander {
            pid: 99,
            name: "dpkg".to_owned(),
            command: "dpkg --configure -a".to_owned(),
            unit: None,
            parents: Vec::new(),
        };
        let body = Body::EngineProcessEnded {
            daemon: ENDPOINT.to_owned(),
            pid,
            bystanders: vec![bystander],
        };
        assert_eq!(self.0.tell(body), []);
    }

    /// A signal is sent, and time passes.
    pub(crate) fn signal(&mut self, number: u32, sender: &[(u32, &str)], target: &[(u32, &str)]) {
        let signal = Signal {
            hook: Hook::Signal as u8,
            number,
            netns: HOST,
            sender: line(sender),
            target: line(target),
            ..Signal::default()
        };
        self.0.tell(Body::Kernel(signal.as_bytes().to_vec()));
        self.0.now += SECOND;
    }

    /// Somebody sends SIGTERM, and it is told.
    fn stop(&mut self, sender: &[(u32, &str)], target: &[(u32, &str)]) {
        self.signal(15, sender, target);
        self.0.after(0);
    }

    pub(crate) fn lose(&mut self) {
        let why = Unreachable::new(Cause::Closed, "it closed the connection".to_owned());
        let status = DaemonStatus::Unreachable(why);
        assert_eq!(self.status(status), []);
        self.0.now += SECOND;
    }

    pub(crate) fn back(
        &mut self,
        info: DaemonInfo,
        networks: &[DockerNetwork],
        containers: &[DockerContainer],
    ) -> Vec<Finding> {
        assert_eq!(self.status(DaemonStatus::Reachable(Box::new(info))), []);
        self.0.tell(Body::DockerListing {
            daemon: ENDPOINT.to_owned(),
            networks: networks.to_vec(),
            containers: containers.to_vec(),
        })
    }
}

/// A process and its parents.
fn line<const N: usize>(members: &[(u32, &str)]) -> [Task; N] {
    let mut line = [Task::default(); N];
    for (place, (tgid, name)) in line.iter_mut().zip(members) {
        place.tgid = *tgid;
        place.comm[..name.len()].copy_from_slice(name.as_bytes());
    }
    line
}

fn only(said: Vec<Finding>, kind: Kind) -> (Finding, DaemonStory) {
    let [finding] = <[Finding; 1]>::try_from(said).expect("one finding");
    assert_eq!(finding.kind, kind, "{finding:#?}");
    let Some(Particulars::DaemonLife(story)) = finding.particulars.clone() else {
        panic!("no story");
    };
    (finding, *story)
}

#[test]
fn a_daemon_that_ends_and_comes_back_has_restarted() {
    let mut life = Life::begin(Some(1));
    // Docker stops the containers while it still answers.
    life.0.tell(Body::DockerContainer {
        daemon: ENDPOINT.to_owned(),
        container: container("web", "exited"),
    });
    life.lose();
    life.end(1);
    life.start(Some(2), EngineProgram::Dockerd);
    let containers = [container("web", "exited")];
    let said = life.back(info(Some(2), "old"), &networks("old", 2, true), &containers);
    let (finding, story) = only(said, Kind::DaemonRestarted);
    assert_eq!(
        (story.pid, story.unit.as_deref()),
        (Some(1), Some("docker.service"))
    );
    assert_eq!(
        (story.stopped.first, story.stopped.total),
        (vec!["web".to_owned()], 1)
    );
    assert!(story.networks.is_empty() && story.orphans.is_empty() && story.images == 0);
    assert_eq!(story.during[0].name, "dpkg");
    assert_eq!(
        finding.end.map(|end| end.since(finding.start)),
        Some(SECOND)
    );
    assert!(
        finding.reason.contains("1 of 1 containers"),
        "{}",
        finding.reason
    );
}

#[test]
fn the_kernels_log_tells_what_ended_it() {
    let mut life = Life::begin(Some(1));
    let killed = |by_kernel| Body::KernelLog {
        text: "Out of memory: Killed process 1 (dockerd) total-vm:1kB".to_owned(),
        by_kernel,
    };
    // Anybody who may write there can make such a line up.
    life.0.tell(killed(false));
    life.end(1);
    life.lose();
    let back = |life: &mut Life, pid| {
        let said = life.back(info(Some(pid), "old"), &networks("old", pid, true), &[]);
        only(said, Kind::DaemonRestarted)
    };
    life.start(Some(2), EngineProgram::Dockerd);
    let (finding, story) = back(&mut life, 2);
    assert_eq!(
        (story.ended_by, finding.unknown.len()),
        (EndedBy::Unknown, 1)
    );
    let other = Body::KernelLog {
        text: "dockerd[2]: segfault at 0 ip 00 sp 00 error 4 in dockerd".to_owned(),
        by_kernel: true,
    };
    life.0.tell(killed(true));
    life.0.tell(other);
    life.end(2);
    life.lose();
    let (finding, story) = back(&mut life, 3);
    assert_eq!((story.ended_by, finding.unknown.len()), (EndedBy::Crash, 0));
    let said = finding.evidence.iter().map(|piece| &piece.detail["text"]);
    assert!(
        said.clone()
            .any(|text| text.to_string().contains("segfault"))
    );
    assert!(
        !said
            .clone()
            .any(|text| text.to_string().contains("Out of memory"))
    );
}

/// What the kernel's log says of a network's bridge is normal noise until nobody has the bridge any more.
#[test]
fn the_kernels_log_and_links_are_part_of_the_story_of_orphans() {
    let mut life = Life::begin(Some(1));
    let port = Link {
        kind: Some("veth".to_owned()),
        name: "veth4ac7512".to_owned(),
        ..link(9)
    };
    life.0.net(NetChange::Link(port));
    life.0.tell(Body::KernelLog {
        text: "br-80cb5a0c07bc: port 1(veth4ac7512) entered disabled state".to_owned(),
        by_kernel: true,
    });
    life.0.net(NetChange::LinkGone(9));
    life.end(1);
    life.lose();
    let said = life.back(info(Some(2), "new"), &networks("new", 2, false), &[]);
    let (finding, _) = only(said, Kind::DaemonStateLost);
    let kinds: Vec<&str> = finding.evidence.iter().map(|it| it.kind.name()).collect();
    assert!(
        kinds.contains(&"kernel-log") && kinds.contains(&"link-change"),
        "{kinds:?}"
    );
    assert!(
        finding
            .evidence
            .is_sorted_by_key(|piece| (piece.at, piece.kind))
    );
}

#[test]
fn a_daemon_with_another_store_has_lost_its_state() {
    let mut life = Life::begin(Some(1));
    life.0.net(NetChange::Link(link(3)));
    life.end(1);
    life.lose();
    life.start(Some(2), EngineProgram::Dockerd);
    let former = FormerRoot {
        path: "/old".to_owned(),
        containers: 1,
    };
    let now = DaemonInfo {
        images: Some(0),
        former_root: Some(former.clone()),
        ..info(Some(2), "new")
    };
    let said = life.back(now, &networks("new", 2, false), &[]);
    let (finding, story) = only(said, Kind::DaemonStateLost);
    assert_eq!(story.networks.first, ["XXXX-openldap_default"]);
    assert_eq!(story.containers.first, ["web"]);
    assert_eq!(story.orphans.first, ["br-80cb5a0c07bc"]);
    assert_eq!((story.images, story.old_data), (7, Some(former)));
    assert_eq!(
        finding.reason,
        "Docker at unix:///var/run/docker.sock came back after 1.0 s without what it had: its data \
         root is /new now and was /old; 1 network, 1 container and 7 images vanished, and a bridge \
         lives on that it does not know."
    );
}

/// A disk that was not mounted: the same path, and nothing in it.
#[test]
fn the_same_path_may_hold_another_store() {
    let mut life = Life::begin(Some(1));
    life.end(1);
    life.lose();
    let said = life.back(info(Some(2), "old"), &networks("empty", 2, false), &[]);
    let (finding, _) = only(said, Kind::DaemonStateLost);
    assert!(
        finding.reason.contains("its data root /old is another"),
        "{}",
        finding.reason
    );
}

/// Copied by an administrator, with everything in it; and the key that was its identity removed.
#[test]
fn a_store_that_moved_is_not_lost() {
    let mut life = Life::begin(Some(1));
    life.end(1);
    life.lose();
    let now = DaemonInfo {
        id: Some("ANOTHER".to_owned()),
        ..info(Some(2), "new")
    };
    let containers = [container("web", "running")];
    let said = life.back(now, &networks("old", 2, true), &containers);
    let (finding, _) = only(said, Kind::DaemonRestarted);
    let text = "moved from /old to /new; every container that ran before runs.";
    assert!(finding.reason.contains(text), "{}", finding.reason);
}

#[test]
fn a_daemon_that_was_only_hung_is_no_news() {
    let mut life = Life::begin(Some(1));
    life.lose();
    assert_eq!(
        life.back(info(Some(1), "old"), &networks("old", 1, true), &[]),
        []
    );
    // The socket leads to another daemon by now; the one of before is still there.
    life.lose();
    life.start(Some(2), EngineProgram::Dockerd);
    assert_eq!(
        life.back(info(Some(2), "new"), &networks("new", 1, true), &[]),
        []
    );
}

#[test]
fn a_daemon_that_starts_after_bridgetrace_is_no_news() {
    let mut story = Story::begin();
    story.tell(Body::DaemonGone(ENDPOINT.to_owned()));
    let mut life = Life(story);
    life.lose();
    assert_eq!(
        life.back(info(Some(2), "new"), &networks("new", 1, true), &[]),
        []
    );
}

#[test]
fn a_daemon_far_away_restarted_if_its_bridge_is_another() {
    let mut life = Life::begin(None);
    life.lose();
    assert_eq!(
        life.back(info(None, "old"), &networks("old", 1, true), &[]),
        []
    );
    life.lose();
    let said = life.back(info(None, "old"), &networks("old", 2, true), &[]);
    let (finding, story) = only(said, Kind::DaemonRestarted);
    assert_eq!(story.pid, None);
    assert_eq!(
        finding.unknown,
        ["what ended dockerd: nothing was seen that did"]
    );
}

#[test]
fn a_containerd_that_is_back_while_dockerd_went_on_is_told_alone() {
    let mut life = Life::begin(Some(1));
    assert_eq!(life.start(Some(5), EngineProgram::Containerd), []);
    life.end(5);
    life.0.now += SECOND;
    let said = life.start(Some(6), EngineProgram::Containerd);
    let (finding, story) = only(said, Kind::DaemonRestarted);
    assert_eq!(
        (story.program, story.pid),
        (EngineProgram::Containerd, Some(5))
    );
    assert!(
        finding.reason.starts_with("containerd of docker at"),
        "{}",
        finding.reason
    );
    assert_eq!(life.start(Some(7), EngineProgram::Containerd), []);
}
