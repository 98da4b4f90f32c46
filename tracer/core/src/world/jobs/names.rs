//! Names that a runner gives to what it makes.

use crate::{finding::CiJob, input::Pod};

/// The job of a network that was made for it alone (`FF_NETWORK_PER_BUILD`), by its name
/// (`executors/docker/internal/networks/manager.go`):
/// `runner-<token>-project-<id>-concurrent-<n>-job-<id>-network`.
pub(super) fn network(name: &str) -> Option<CiJob> {
    let (project, job) = of_network(name)?;
    Some(CiJob {
        system: "gitlab".to_owned(),
        job_id: Some(job.to_owned()),
        project_id: Some(project.to_owned()),
        known_by: "the network's name, which the runner gave it".to_owned(),
        ..CiJob::default()
    })
}

/// The id of the job of such a network.
#[must_use]
pub(crate) fn job_id(name: &str) -> Option<&str> {
    of_network(name).map(|(_, job)| job)
}

/// Project and job of such a network.
fn of_network(name: &str) -> Option<(&str, &str)> {
    let (build, job) = name.strip_suffix("-network")?.rsplit_once("-job-")?;
    let (project, rest) = of_build(build)?;
    (rest.is_empty() && is_number(job)).then_some((project, job))
}

/// The project of a pod that the Kubernetes executor made, by its name:
/// `runner-<token>-project-<id>-concurrent-<n>-<random>`.
pub(super) fn pod(pod: &Pod) -> Option<CiJob> {
    let (project, _) = of_build(&pod.name)?;
    Some(CiJob {
        system: "gitlab".to_owned(),
        project_id: Some(project.to_owned()),
        known_by: format!("the name of pod {}", pod.name),
        ..CiJob::default()
    })
}

/// The project in `runner-<token>-project-<id>-concurrent-<n>`, and what follows the number. A token
/// is anything.
fn of_build(name: &str) -> Option<(&str, &str)> {
    let (before, concurrent) = name.rsplit_once("-concurrent-")?;
    let (runner, project) = before.rsplit_once("-project-")?;
    let token = runner.strip_prefix("runner-")?;
    let end = concurrent.find('-').unwrap_or(concurrent.len());
    let (number, rest) = concurrent.split_at_checked(end)?;
    let is_token = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    let is_whole = !token.is_empty() && token.chars().all(is_token);
    (is_whole && is_number(project) && is_number(number)).then_some((project, rest))
}

fn is_number(text: &str) -> bool {
    (1..=20).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_of_one_build_names_its_job() {
        for token in ["z3wu8uu", "t1-abc_d", "a-project-1-concurrent"] {
            let name = format!("runner-{token}-project-77-concurrent-3-job-98123-network");
            let job = network(&name).unwrap();
            assert_eq!(job.job_id.as_deref(), Some("98123"), "{name}");
            assert_eq!(job.project_id.as_deref(), Some("77"), "{name}");
            assert!(!job.uncertain);
        }
        for name in [
            "runner-z3wu8uu-project-77-concurrent-3-job-98123-networks",
            "runner-z3wu8uu-project-77-concurrent-3-0-job-98123-network",
            "runner-z3wu8uu-project-77-concurrent-3-job-x-network",
            "runner--project-77-concurrent-3-job-98123-network",
            "runner-z3 wu-project-77-concurrent-3-job-98123-network",
            "shop_default",
            "",
        ] {
            assert_eq!(network(name), None, "{name}");
        }
    }

    #[test]
    fn a_runners_pod_names_its_project() {
        let of = |name: &str| {
            pod(&Pod {
                namespace: "ci".to_owned(),
                name: name.to_owned(),
                container: None,
            })
        };
        let job = of("runner-z3wu8uu-project-77-concurrent-0-ab12cd34").unwrap();
        assert_eq!(job.project_id.as_deref(), Some("77"));
        assert_eq!(job.job_id, None);
        assert_eq!(of("nginx-64df67bd8b-xmzhv"), None);
    }
}
