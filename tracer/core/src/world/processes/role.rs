//! What a process is, by its program and command line.

use crate::input::ProcessInfo;

use super::command;

/// What a process is to docker networks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Makes and removes the networks of a project.
    Compose,
    /// `docker build` and its kin.
    Buildx,
    /// The command line client.
    Docker,
    /// Builds, behind a client.
    Buildkitd,
    /// Keeps networks and containers.
    Dockerd,
    /// Keeps containers for dockerd.
    Containerd,
    /// Keeps one container for containerd.
    Shim,
    /// Runs jobs that do all of this.
    Runner,
}

impl Role {
    /// The name scripts know.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Compose => "compose",
            Self::Buildx => "buildx",
            Self::Docker => "docker",
            Self::Buildkitd => "buildkitd",
            Self::Dockerd => "dockerd",
            Self::Containerd => "containerd",
            Self::Shim => "containerd-shim",
            Self::Runner => "runner",
        }
    }

    /// Whether it orders what others do: clients start each other.
    #[must_use]
    pub const fn is_client(self) -> bool {
        matches!(self, Self::Compose | Self::Buildx | Self::Docker)
    }
}

/// What the process is, if it matters.
pub(super) fn of(comm: &str, info: Option<&ProcessInfo>) -> Option<Role> {
    let arguments = info.map_or(&[][..], |info| &info.arguments);
    let executable = info.and_then(|info| info.executable.as_deref());
    let program = match executable.map(base) {
        Some(name) if !is_interpreter(name) => name,
        Some(_) => script(arguments).unwrap_or(comm),
        None if is_interpreter(comm) => script(arguments)?,
        None => comm,
    };
    match of_program(program)? {
        Role::Docker => Some(of_client(arguments)),
        // dockerd starts helpers from its own program under other names.
        Role::Dockerd if !arguments.is_empty() && base(&arguments[0]) != "dockerd" => None,
        role => Some(role),
    }
}

/// Whether a process of this name may turn out to matter once its command line is known.
pub(crate) fn may_be_known_later(comm: &str) -> bool {
    is_interpreter(comm) || of_program(comm).is_some()
}

/// Whether a process of this name runs jobs.
#[must_use]
pub fn is_runner(comm: &str) -> bool {
    of_program(comm) == Some(Role::Runner)
}

fn of_program(name: &str) -> Option<Role> {
    match name {
        "docker" => Some(Role::Docker),
        "docker-compose" => Some(Role::Compose),
        "docker-buildx" | "buildx" => Some(Role::Buildx),
        "buildkitd" => Some(Role::Buildkitd),
        "dockerd" => Some(Role::Dockerd),
        "containerd" => Some(Role::Containerd),
        "gitlab-runner" | "act_runner" | "forgejo-runner" => Some(Role::Runner),
        _ if name.starts_with("containerd-shim") => Some(Role::Shim),
        _ if name.starts_with("docker-compose-") => Some(Role::Compose),
        _ if name.starts_with("Runner.") => Some(Role::Runner),
        _ => None,
    }
}

/// `docker compose` and `docker build` hand over to a plugin, or do it themselves.
fn of_client(arguments: &[String]) -> Role {
    match command::of_docker(arguments) {
        Some(("compose", _)) => Role::Compose,
        Some(("build" | "buildx" | "builder", _)) => Role::Buildx,
        _ => Role::Docker,
    }
}

fn is_interpreter(program: &str) -> bool {
    const SHELLS: [&str; 5] = ["sh", "bash", "dash", "busybox", "env"];
    program.starts_with("python") || SHELLS.contains(&program)
}

/// The program that an interpreter runs: its first word that is no option and no variable of `env`.
fn script(arguments: &[String]) -> Option<&str> {
    let mut words = arguments.iter().skip(1).map(String::as_str);
    let word = words.find(|word| !word.starts_with('-') && !word.contains('='))?;
    // The module, as in `python3 -m compose`.
    let program = if word == "compose" {
        "docker-compose"
    } else {
        base(word)
    };
    of_program(program).map(|_| program)
}

/// The last part of a path, without what the kernel adds to one that was removed.
fn base(path: &str) -> &str {
    let name = path.rsplit('/').next().unwrap_or(path);
    name.trim_end_matches(" (deleted)")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn role(comm: &str, executable: &str, command_line: &str) -> Option<Role> {
        let info = ProcessInfo {
            name: comm.to_owned(),
            executable: (!executable.is_empty()).then(|| executable.to_owned()),
            arguments: command_line.split(' ').map(str::to_owned).collect(),
            ..ProcessInfo::default()
        };
        of(comm, Some(&info))
    }

    #[test]
    fn every_way_to_run_compose_is_compose() {
        for (comm, executable, command_line) in [
            (
                "docker-compose",
                "/usr/bin/python3.11",
                "/usr/bin/python3 /usr/bin/docker-compose up",
            ),
            (
                "python3",
                "/usr/bin/python3.11",
                "python3 /usr/bin/docker-compose up",
            ),
            ("python3", "", "python3 -m compose up"),
            (
                "docker-compose",
                "/usr/libexec/docker/cli-plugins/docker-compose",
                "docker-compose compose up",
            ),
            (
                "docker-compose-",
                "/opt/docker-compose-linux-x86_64",
                "./docker-compose-linux-x86_64 up",
            ),
            (
                "docker",
                "/usr/bin/docker",
                "docker --context far compose -p shop up",
            ),
            ("docker-compose", "", "docker-compose up"),
        ] {
            assert_eq!(
                role(comm, executable, command_line),
                Some(Role::Compose),
                "{command_line}"
            );
        }
        assert_eq!(of("docker-compose", None), Some(Role::Compose));
    }

    #[test]
    fn daemons_shims_and_runners_are_known_by_their_program() {
        for (program, wanted) in [
            ("/usr/sbin/dockerd", Role::Dockerd),
            ("/usr/bin/dockerd (deleted)", Role::Dockerd),
            ("/usr/bin/containerd", Role::Containerd),
            ("/usr/bin/containerd-shim-runc-v2", Role::Shim),
            ("/usr/bin/buildkitd", Role::Buildkitd),
            ("/usr/bin/gitlab-runner", Role::Runner),
            ("/actions/bin/Runner.Worker", Role::Runner),
        ] {
            let name = base(program);
            assert_eq!(role("whatever", program, name), Some(wanted), "{program}");
        }
    }

    #[test]
    fn others_are_nobody() {
        for (comm, executable, command_line) in [
            ("python3", "/usr/bin/python3.11", "python3 app.py"),
            ("python3", "", "python3 manage.py"),
            ("python3", "", "python3 ansible-playbook -t docker site.yml"),
            ("python3", "", "python3 /usr/bin/pytest tests/compose"),
            ("dockerd", "/usr/sbin/dockerd", "docker-untar /"),
            (
                "gitlab-runner-h",
                "/usr/bin/gitlab-runner-helper",
                "gitlab-runner-helper x",
            ),
            ("docker", "/usr/bin/vim", "vim docker-compose"),
            ("bash", "/bin/bash", "bash"),
        ] {
            assert_eq!(role(comm, executable, command_line), None, "{command_line}");
        }
        assert_eq!(of("python3", None), None);
    }
}
