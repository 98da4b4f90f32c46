//! Who is concerned: containers, the service one runs, and the CI job behind it all.

use serde::Serialize;
use tracer_core::finding::{self, ContainerRef, ContainerRole, Finding};

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Container<'a> {
    #[serde(skip_serializing_if = "str::is_empty")]
    id: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    name: &'a str,
}

/// What `container` has to do with it.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Part {
    /// `sender`: its packets are forwarded and lost. `receiver`: it gets what is misdelivered.
    /// `cut-off`: what is lost is meant for it, but the route to its bridge loses. `resident`: the
    /// network exists for its sake.
    #[cfg_attr(test, schemars(extend("enum" = ["sender", "receiver", "cut-off", "resident"])))]
    role: &'static str,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Service<'a> {
    /// Compose service that `container` runs.
    name: &'a str,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(in crate::sink::ecs) struct Ci<'a> {
    /// `gitlab`, …
    #[serde(skip_serializing_if = "str::is_empty")]
    system: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    job_id: Option<&'a str>,
    /// Where to read about the job.
    #[serde(skip_serializing_if = "Option::is_none")]
    job_url: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pipeline_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    project_id: Option<&'a str>,
    /// Path of the project, perhaps with a folder in it at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    project_path: Option<&'a str>,
    /// What tells that it is this job.
    #[serde(skip_serializing_if = "str::is_empty")]
    known_by: &'a str,
    /// That does not prove it; absent where it does.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    uncertain: bool,
}

impl<'a> Container<'a> {
    /// Nothing for a container that has neither id nor name.
    pub(super) fn new(container: &'a ContainerRef) -> Option<Self> {
        let ContainerRef { id, name, .. } = container;
        (!id.is_empty() || !name.is_empty()).then_some(Self { id, name })
    }
}

impl Part {
    pub(super) const fn new(role: ContainerRole) -> Self {
        Self { role: role.name() }
    }
}

impl<'a> Service<'a> {
    pub(super) fn new(finding: &'a Finding) -> Option<Self> {
        let service = &finding.container.as_ref()?.container.service;
        said(service.as_ref()).map(|name| Self { name })
    }
}

impl<'a> Ci<'a> {
    /// Nothing when nothing is known of the job.
    pub(in crate::sink::ecs) fn new(job: &'a finding::CiJob) -> Option<Self> {
        let ids = [&job.job_id, &job.job_url, &job.pipeline_id];
        let [job_id, job_url, pipeline_id] = ids.map(|text| said(text.as_ref()));
        let project = [&job.project_id, &job.project_path];
        let [project_id, project_path] = project.map(|text| said(text.as_ref()));
        let system = job.system.as_str();
        let known = [job_id, job_url, pipeline_id, project_id, project_path]
            .iter()
            .any(Option::is_some);
        (known || !system.is_empty()).then_some(Self {
            system,
            job_id,
            job_url,
            pipeline_id,
            project_id,
            project_path,
            known_by: &job.known_by,
            uncertain: job.uncertain,
        })
    }
}

/// An empty text says no more than none.
fn said(text: Option<&String>) -> Option<&str> {
    text.map(String::as_str).filter(|text| !text.is_empty())
}
