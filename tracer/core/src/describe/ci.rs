//! The CI job behind a container, by the labels its runner gave it.

use std::collections::BTreeMap;

use crate::finding::CiJob;

/// GitLab Runner's labels (<https://docs.gitlab.com/runner/executors/docker/#docker-executor-labels>).
const GITLAB: &str = "com.gitlab.gitlab-runner.";

/// The job that `labels` tell of.
pub(super) fn job(labels: &BTreeMap<String, String>) -> Option<CiJob> {
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
    };
    (job.job_id.is_some() || job.pipeline_id.is_some()).then_some(job)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_is_told_by_its_labels() {
        let label = |name: &str, value: &str| (format!("{GITLAB}{name}"), value.to_owned());
        let labels = BTreeMap::from([label("job.id", "4711"), label("project.id", "")]);
        let job = job(&labels).unwrap();
        assert_eq!(
            (job.job_id.as_deref(), job.project_id),
            (Some("4711"), None)
        );
        assert_eq!(super::job(&BTreeMap::new()), None);
    }
}
