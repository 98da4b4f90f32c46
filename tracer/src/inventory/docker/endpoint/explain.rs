//! Why nobody could be connected to, in plain words.

use std::{
    io::{self, ErrorKind},
    path::Path,
};

use tracer_core::input::{Cause, Unreachable};

/// What came of connecting to a unix socket.
pub(super) fn unix(path: &str, error: &io::Error) -> Unreachable {
    match error.kind() {
        ErrorKind::NotFound => Unreachable::new(
            Cause::NoSocket,
            format!(
                "there is no socket {path}: docker is not installed, stopped, or listens elsewhere"
            ),
        )
        .with_remedy(
            "start it (systemctl start docker), or name its socket with --docker-host \
             unix:///path",
        ),
        ErrorKind::PermissionDenied => Unreachable::new(
            Cause::PermissionDenied,
            format!("permission denied on {path}: root or a member of its group may use it"),
        )
        .with_remedy("run bridgetrace as root of the host, with its default capabilities"),
        ErrorKind::ConnectionRefused if is_other_file(path) => {
            Unreachable::new(Cause::NotASocket, format!("{path} is not a socket"))
                .with_remedy("name the socket that dockerd listens on with --docker-host")
        }
        ErrorKind::ConnectionRefused => Unreachable::new(
            Cause::Refused,
            format!("nobody listens on {path}: dockerd has stopped and left the socket behind"),
        )
        .with_remedy("start it: systemctl start docker"),
        _ => Unreachable::new(Cause::Other, format!("{path} cannot be used: {error}")),
    }
}

fn is_other_file(path: &str) -> bool {
    use std::os::unix::fs::FileTypeExt as _;
    Path::new(path)
        .metadata()
        .is_ok_and(|meta| !meta.file_type().is_socket())
}

/// The host of `address` has no address.
pub(super) fn unresolved(address: &str, error: &io::Error) -> Unreachable {
    let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
    // The resolver's own words hold the word "failed" twice already.
    log::debug!("{host}: {error}");
    Unreachable::new(
        Cause::NameUnresolved,
        format!("the name {host} does not resolve to an address"),
    )
    .with_remedy(format!(
        "where a CI job has its daemon as a service called {host}, that name is known inside the \
         job only: give the daemon's address, or run bridgetrace beside it"
    ))
}

/// What came of connecting over TCP. `sibling` is the other one of docker's two ports, if
/// somebody listens there.
pub(super) fn tcp(address: &str, error: &io::Error, sibling: Option<u16>) -> Unreachable {
    match error.kind() {
        ErrorKind::ConnectionRefused => refused(address, sibling),
        ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable => Unreachable::new(
            Cause::NoRoute,
            format!("no packet gets to {address}: {}", plain(error)),
        )
        .with_remedy("look at the route with ip route get, and at firewalls on the way"),
        ErrorKind::TimedOut => super::knock::silent(address),
        _ => Unreachable::new(
            Cause::Other,
            format!("{address} cannot be reached: {error}"),
        ),
    }
}

fn refused(address: &str, sibling: Option<u16>) -> Unreachable {
    let sentence = format!("{address} refused the connection: nothing listens on that port");
    let Some(sibling) = sibling else {
        return Unreachable::new(Cause::Refused, sentence).with_remedy(
            "see where dockerd listens (its --host options, or hosts in daemon.json); plain \
             connections usually have port 2375, TLS 2376",
        );
    };
    let how = if sibling == super::PORT {
        "which usually is docker without TLS: try that port with DOCKER_TLS_VERIFY unset"
    } else {
        "which usually is docker with TLS: try that port with DOCKER_TLS_VERIFY=1 and \
         DOCKER_CERT_PATH"
    };
    Unreachable::new(
        Cause::Refused,
        format!("{sentence}, but somebody listens on {sibling}"),
    )
    .with_remedy(format!("somebody listens on {sibling}, {how}"))
}

/// The system's words without the number.
fn plain(error: &io::Error) -> String {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or_default();
    text.to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_to_connect_are_told_apart() {
        let said = [
            ErrorKind::NotFound,
            ErrorKind::PermissionDenied,
            ErrorKind::ConnectionRefused,
            ErrorKind::BrokenPipe,
        ]
        .map(|kind| unix("/proc/self/stat", &kind.into()));
        let words = [
            "no socket",
            "permission denied",
            "is not a socket",
            "cannot be used",
        ];
        for (said, words) in said.iter().zip(words) {
            assert!(said.sentence.contains(words), "{said:?}");
        }
        let causes = said.map(|it| it.cause);
        assert_eq!(causes[..2], [Cause::NoSocket, Cause::PermissionDenied]);
        assert_eq!(causes[2..], [Cause::NotASocket, Cause::Other]);
    }

    #[test]
    fn the_other_port_is_named_where_somebody_listens() {
        let error = ErrorKind::ConnectionRefused.into();
        let plain = tcp("docker:2376", &error, None);
        assert!(
            plain.sentence.contains("nothing listens"),
            "{}",
            plain.sentence
        );
        let mixed = tcp("docker:2376", &error, Some(2375));
        let remedy = mixed.remedy.unwrap_or_default();
        assert!(mixed.sentence.contains("listens on 2375"));
        assert!(remedy.contains("DOCKER_TLS_VERIFY unset"), "{remedy}");
    }
}
