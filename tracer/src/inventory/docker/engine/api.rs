//! The version of docker's API that is spoken.

use bollard::{BollardRequest, Docker};
use tracer_core::input::{Cause, Unreachable};

use crate::inventory::docker::Endpoint;

/// Speaks the version that was agreed on, or the one that `$DOCKER_API_VERSION` says: without one in
/// the path an engine answers in its own newest, whatever that is by then.
pub(super) fn speak(docker: Docker, pinned: Option<(usize, usize)>) -> Docker {
    let agreed = docker.client_version();
    let (major, minor) = pinned.unwrap_or((agreed.major_version, agreed.minor_version));
    docker.with_request_modifier(move |request| versioned(request, &format!("/v{major}.{minor}")))
}

fn versioned(mut request: BollardRequest, prefix: &str) -> BollardRequest {
    let uri = request.uri().to_string();
    let path = request.uri().path_and_query().map(ToString::to_string);
    let longer = path.and_then(|path| {
        let place = uri.strip_suffix(&path)?;
        format!("{place}{prefix}{path}").parse().ok()
    });
    if let Some(longer) = longer {
        *request.uri_mut() = longer;
    }
    request
}

/// The engine's own words when it does not speak the version: "client version 1.99 is too new. Maximum
/// supported API version is 1.41".
pub(super) fn refused(endpoint: &Endpoint, message: &str) -> Option<Unreachable> {
    let said = message.trim().trim_end_matches('.');
    let (cause, remedy) = if said.contains("is too new. Maximum") {
        (
            Cause::ApiTooOld,
            "unset DOCKER_API_VERSION, so that a version is agreed on, or bring the engine up to date",
        )
    } else if said.contains("is too old. Minimum") {
        (
            Cause::ApiTooNew,
            "unset DOCKER_API_VERSION, so that a version is agreed on, or take a newer bridgetrace",
        )
    } else {
        return None;
    };
    let sentence = format!("{endpoint} does not speak that version of docker's API: {said}");
    Some(Unreachable::new(cause, sentence).with_remedy(remedy))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_engine_says_itself_which_versions_it_speaks() {
        let endpoint = Endpoint::Tcp("docker:2375".to_owned());
        let cause = |message| refused(&endpoint, message).map(|why| why.cause);
        let new = "client version 1.99 is too new. Maximum supported API version is 1.41";
        let old = "client version 1.1 is too old. Minimum supported API version is 1.44, please \
                   upgrade your client to a newer version";
        assert_eq!(cause(new), Some(Cause::ApiTooOld));
        assert_eq!(cause(old), Some(Cause::ApiTooNew));
        assert_eq!(cause("page not found"), None);
        let why = refused(&endpoint, new).expect("a cause");
        assert!(why.sentence.contains("1.41"), "{}", why.sentence);
    }
}
