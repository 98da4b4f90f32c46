//! Who is concerned: the container and its part in it, the CI job, the socket that waits, and the
//! container whose namespace it happens in.

use std::fmt::Write as _;

use tracer_core::finding::{CiJob, Concerned, ContainerRef, ContainerRole, Finding};

use super::layout::Fields;
use crate::sink::time;

/// Digits of a container's id that docker shows and takes.
const SHORT_ID: usize = 12;

/// The container it concerns, unless the line about the network says as much.
pub(super) fn container(page: &mut dyn Fields, finding: &Finding) {
    let Some(Concerned { role, container }) = &finding.container else {
        return;
    };
    let label = match role {
        ContainerRole::Sender => "sender",
        ContainerRole::Receiver => "reaches",
        ContainerRole::CutOff => "cut off",
        ContainerRole::Resident if is_told(finding, container) => return,
        ContainerRole::Resident => "serves",
    };
    page.field(label, &container_line(container));
}

/// Whether the line about the network says all there is to say of a container.
fn is_told(finding: &Finding, container: &ContainerRef) -> bool {
    let named = finding.docker_network.as_ref().is_some_and(|network| {
        let mut names = network.endpoints.iter().map(|(name, _)| name);
        names.any(|name| *name == container.name)
    });
    named && service(container).is_none()
}

/// The CI job behind it: whom to ask, and where to read about it.
pub(super) fn job(page: &mut dyn Fields, finding: &Finding) {
    if let Some(job) = &finding.ci {
        page.field("job", &job_line(job));
    }
}

/// When the sender's socket gives up: until then the outage can end without anybody noticing.
pub(super) fn timeout(page: &mut dyn Fields, finding: &Finding) {
    let Some(gives_up) = &finding.gives_up else {
        return;
    };
    let text = format!(
        "the socket gives up about {} after the first loss ({} = {})",
        time::wait(gives_up.after_s),
        gives_up.sysctl,
        gives_up.value
    );
    page.field("timeout", &text);
}

/// The namespace, if it is not the host's own.
pub(super) fn place(page: &mut dyn Fields, finding: &Finding) {
    let netns = &finding.netns;
    if netns.owner == "host" {
        return;
    }
    let whose = match &netns.container {
        Some(container) => format!(" inside {}", container_line(container)),
        None => format!(", {}", netns.owner),
    };
    let text = format!(
        "network namespace {}{whose}; not the host's own",
        netns.inum
    );
    page.field("where", &text);
}

pub(super) fn container_line(container: &ContainerRef) -> String {
    let id: String = container.id.chars().take(SHORT_ID).collect();
    let mut text = match (container.name.as_str(), id.as_str()) {
        ("", id) => format!("container {id}"),
        (name, "") => format!("container {name}"),
        (name, id) => format!("container {name} ({id})"),
    };
    if let Some(service) = service(container) {
        let _ = write!(text, ", compose service {service}");
    }
    text
}

fn service(container: &ContainerRef) -> Option<&str> {
    let service = container.service.as_deref();
    service.filter(|service| !service.is_empty())
}

fn job_line(job: &CiJob) -> String {
    let parts = [
        ("job", &job.job_id),
        ("pipeline", &job.pipeline_id),
        ("project", &job.project_id),
        ("project", &job.project_path),
    ];
    let parts: Vec<String> = parts
        .iter()
        .filter_map(|(what, id)| id.as_ref().map(|id| format!("{what} {id}")))
        .collect();
    let named = format!("{} {}", job.system, parts.join(", "));
    let page = job.job_url.as_deref().filter(|url| !url.is_empty());
    let told = match (named.trim(), page) {
        (named, None) => named.to_owned(),
        ("", Some(url)) => url.to_owned(),
        (named, Some(url)) => format!("{named}: {url}"),
    };
    let known = match job.known_by.as_str() {
        "" => String::new(),
        how => format!(" (known by {how})"),
    };
    let doubt = if job.uncertain { "probably " } else { "" };
    format!("{doubt}{told}{known}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_is_named_by_what_is_known_of_it() {
        let mut job = CiJob {
            system: "gitlab".into(),
            job_url: Some("https://gitlab.example.com/-/jobs/1".into()),
            ..CiJob::default()
        };
        assert_eq!(
            job_line(&job),
            "gitlab: https://gitlab.example.com/-/jobs/1"
        );
        job.job_id = Some("1".into());
        job.project_id = Some("77".into());
        job.job_url = None;
        assert_eq!(job_line(&job), "gitlab job 1, project 77");
        job.known_by = "the time".into();
        job.uncertain = true;
        assert_eq!(
            job_line(&job),
            "probably gitlab job 1, project 77 (known by the time)"
        );
    }
}
