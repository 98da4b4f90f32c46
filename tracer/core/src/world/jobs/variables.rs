//! The environment a runner gives what it starts
//! (<https://docs.gitlab.com/ci/variables/predefined_variables/>).

use std::collections::BTreeMap;

use crate::finding::CiJob;

/// The job that these variables tell of; whose they are is for the caller to say.
pub(super) fn job(variables: &BTreeMap<String, String>) -> Option<CiJob> {
    let value = |name: &str| {
        let value = variables.get(name);
        value.filter(|value| !value.is_empty()).cloned()
    };
    let job = CiJob {
        system: "gitlab".to_owned(),
        job_id: value("CI_JOB_ID"),
        job_url: value("CI_JOB_URL"),
        pipeline_id: value("CI_PIPELINE_ID"),
        project_id: value("CI_PROJECT_ID"),
        project_path: value("CI_PROJECT_PATH"),
        known_by: String::new(),
        uncertain: false,
    };
    (job.job_id.is_some() || job.pipeline_id.is_some()).then_some(job)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_is_told_by_its_variables() {
        let variable = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let variables = BTreeMap::from([variable("CI_JOB_ID", "4711"), variable("CI_JOB_URL", "")]);
        let job = job(&variables).unwrap();
        assert_eq!((job.job_id.as_deref(), job.job_url), (Some("4711"), None));
        let none = BTreeMap::from([variable("CI_PROJECT_ID", "7")]);
        assert_eq!(super::job(&none), None);
    }
}
