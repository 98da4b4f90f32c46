//! What the outer container is: its name, its place, and whose job it says it is.

use std::path::Path;

/// What dockerd needs of its container instead of `--privileged`.
const CAPABILITIES: [&str; 12] = [
    "NET_ADMIN",
    "NET_RAW",
    "SYS_ADMIN",
    "SYS_PTRACE",
    "SYS_CHROOT",
    "MKNOD",
    "DAC_READ_SEARCH",
    "SYS_NICE",
    "AUDIT_WRITE",
    "SETFCAP",
    "SETPCAP",
    "SYSLOG",
];

/// The same for mounts and devices.
const GRANTS: [&str; 9] = [
    "--security-opt=seccomp=unconfined",
    "--security-opt=systempaths=unconfined",
    "--device-cgroup-rule=a *:* rwm",
    "--volume=/sys/fs/cgroup:/sys/fs/cgroup:rw",
    "--volume=/usr:/usr:ro",
    "--volume=/etc:/etc:ro",
    "--tmpfs=/run",
    "--tmpfs=/tmp",
    "--tmpfs=/var/run",
];

/// The job of a GitLab runner that a container belongs to, as the runner labels it.
#[derive(Clone, Debug)]
pub struct Job {
    /// `CI_JOB_ID`.
    pub id: String,
    /// `CI_JOB_URL`.
    pub url: String,
    /// `CI_PIPELINE_ID`.
    pub pipeline: String,
    /// `CI_PROJECT_ID`.
    pub project: String,
}

impl Job {
    /// The labels of the runner on a container of this job.
    pub fn labels(&self) -> [(String, String); 4] {
        [
            ("job.id", &self.id),
            ("job.url", &self.url),
            ("pipeline.id", &self.pipeline),
            ("project.id", &self.project),
        ]
        .map(|(key, value)| (format!("com.gitlab.gitlab-runner.{key}"), value.clone()))
    }
}

/// How to start a [`Dind`](super::Dind).
#[derive(Clone, Debug)]
pub struct Options {
    pub(super) name: String,
    extra: Vec<String>,
    pub(super) daemon: Vec<String>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            name: "dind".to_owned(),
            extra: Vec::new(),
            daemon: Vec::new(),
        }
    }
}

impl Options {
    /// A container named `dind` on docker0.
    pub fn new() -> Self {
        Self::default()
    }

    /// Another name.
    pub fn name(mut self, name: &str) -> Self {
        name.clone_into(&mut self.name);
        self
    }

    /// The network of the outer daemon to be in.
    pub fn network(self, name: &str) -> Self {
        self.arg(format!("--network={name}"))
    }

    /// Publishes a port of the outer container on the host.
    pub fn publish(self, host: u16, container: u16) -> Self {
        self.arg(format!("--publish={host}:{container}"))
    }

    /// A label of the outer container.
    pub fn label(self, key: &str, value: &str) -> Self {
        self.arg(format!("--label={key}={value}"))
    }

    /// The labels that a GitLab runner gives to the containers of a job.
    pub fn job(self, job: &Job) -> Self {
        let label = |this: Self, (key, value): (String, String)| this.label(&key, &value);
        job.labels().into_iter().fold(self, label)
    }

    /// One more argument of `docker run`.
    pub fn arg(mut self, argument: impl Into<String>) -> Self {
        self.extra.push(argument.into());
        self
    }

    /// One more argument of the inner dockerd, without blanks.
    pub fn daemon_arg(mut self, argument: impl Into<String>) -> Self {
        self.daemon.push(argument.into());
        self
    }

    /// The arguments of `docker run` for a container whose files are in `home`.
    pub(super) fn arguments(&self, home: &Path) -> Vec<String> {
        let home = home.display();
        let mut arguments = vec![
            format!("--name={}", self.name),
            // vfs and the inner containers' files, on a real file system.
            format!("--volume={home}/data:/var/lib/docker"),
            format!("--volume={home}/lab:{}", super::SHARED),
        ];
        arguments.extend(CAPABILITIES.map(|capability| format!("--cap-add={capability}")));
        arguments.extend(GRANTS.map(str::to_owned));
        // The key in there is the engine's identity: the outer engine's is not the inner one's.
        if Path::new("/etc/docker").exists() {
            arguments.push("--tmpfs=/etc/docker".to_owned());
        }
        arguments.extend(self.extra.iter().cloned());
        arguments
    }
}
