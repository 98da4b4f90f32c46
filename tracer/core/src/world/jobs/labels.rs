//! The labels that a runner gives to what it makes for a job.

use std::collections::BTreeMap;

use crate::finding::CiJob;

/// GitLab Runner's labels (<https://docs.gitlab.com/runner/executors/docker/#docker-executor-labels>).
const GITLAB: &str = "com.gitlab.gitlab-runner.";

/// The label with the job's id.
pub(crate) const JOB_ID: &str = "com.gitlab.gitlab-runner.job.id";

/// The id of the job that `labels` tell of.
#[must_use]
pub(crate) fn job_id(labels: &BTreeMap<String, String>) -> Option<&str> {
    let id = labels.get(JOB_ID).map(String::as_str);
    id.filter(|id| !id.is_empty())
}

/// The job that `labels` tell of.
#[must_use]
pub(crate) fn job(labels: &BTreeMap<String, String>) -> Option<CiJob> {
    let label = |name: &str| {
        let value = labels.get(&format!("{GITLAB}{name}"));
        value.filter(|value| !value.is_empty()).cloned()
    };
    let job = CiJob {
        system: "gitlab".to_owned(),
        job_id: label("job.id"),
        job_url: label("job.url"),
        pipeline_id: label("pipeline.id"),
        project_id: label("project.id"),
        ..CiJob::default()
    };
    (job.job_id.is_some() || job.pipeline_id.is_some()).then_some(job)
}

/// Whether the runner keeps a container with these labels from one job to the next.
#[must_use]
pub(crate) fn is_cache(labels: &BTreeMap<String, String>) -> bool {
    let kind = labels.get(&format!("{GITLAB}type"));
    kind.is_some_and(|kind| kind.starts_with("cache"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_is_told_by_its_labels() {
        let labels = BTreeMap::from([label("job.id", "4711"), label("project.id", "")]);
        let job = job(&labels).unwrap();
        assert_eq!(
            (job.job_id.as_deref(), job.project_id),
            (Some("4711"), None)
        );
        assert_eq!(super::job(&BTreeMap::new()), None);
    }

    /// Every label that GitLab Runner gives to a build container of the docker executor
    /// (`executors/docker/internal/labels/labels.go`), with the values of a real kind of job.
    #[test]
    fn the_label_set_of_a_real_job_is_understood() {
        let labels: BTreeMap<String, String> = [
            ("job.id", "98123"),
            (
                "job.url",
                "https://gitlab.example.com/shop/backend/-/jobs/98123",
            ),
            ("job.sha", "4f0d8a7c2b1e6d5f9a3c8b7e0d1f2a3b4c5d6e7f"),
            ("job.before_sha", "0000000000000000000000000000000000000000"),
            ("job.ref", "main"),
            ("job.timeout", "1h0m0s"),
            ("project.id", "77"),
            ("project.runner_id", "0"),
            ("pipeline.id", "40112"),
            ("runner.id", "z3wU8uu-"),
            ("runner.local_id", "0"),
            ("runner.system_id", "s_0a1b2c3d4e5f"),
            ("managed", "true"),
            ("type", "build"),
        ]
        .map(|(name, value)| label(name, value))
        .into();
        let job = job(&labels).unwrap();
        let url = "https://gitlab.example.com/shop/backend/-/jobs/98123";
        assert_eq!(job.system, "gitlab");
        assert_eq!(job.job_id.as_deref(), Some("98123"));
        assert_eq!(job.job_url.as_deref(), Some(url));
        assert_eq!(job.pipeline_id.as_deref(), Some("40112"));
        assert_eq!(job.project_id.as_deref(), Some("77"));
        assert!(!is_cache(&labels));
        assert!(is_cache(&[label("type", "cache-init")].into()));
    }

    fn label(name: &str, value: &str) -> (String, String) {
        (format!("{GITLAB}{name}"), value.to_owned())
    }
}
