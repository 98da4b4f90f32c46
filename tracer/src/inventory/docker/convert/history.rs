//! When a container was made, how it ended, and whether it may command the daemon.

use bollard::models::MountPoint;
use tracer_core::time::{SECOND, Timestamp};

/// A time of the listing, in seconds.
pub(super) fn seconds(seconds: i64) -> Option<Timestamp> {
    let seconds = u64::try_from(seconds).ok().filter(|it| *it > 0)?;
    seconds.checked_mul(SECOND).map(Timestamp)
}

/// `Exited (137) 5 minutes ago`, as the listing puts it.
pub(super) fn exit_code(status: &str) -> Option<i64> {
    let (code, _) = status.strip_prefix("Exited (")?.split_once(')')?;
    code.parse().ok()
}

/// Whether a daemon's socket is mounted, under whatever name.
pub(super) fn has_socket(mounts: &[MountPoint]) -> bool {
    let ends = |path: &Option<String>| {
        path.as_deref()
            .is_some_and(|path| path.ends_with("/docker.sock"))
    };
    mounts
        .iter()
        .any(|mount| ends(&mount.source) || ends(&mount.destination))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_listing_tells_how_a_container_ended() {
        assert_eq!(exit_code("Exited (137) 5 minutes ago"), Some(137));
        assert_eq!(exit_code("Exited (0) Less than a second ago"), Some(0));
        for status in ["Up 2 hours", "Created", "Exited (x) ago", "Exited (1", ""] {
            assert_eq!(exit_code(status), None, "{status}");
        }
        assert_eq!(seconds(2), Some(Timestamp(2 * SECOND)));
        assert_eq!(
            (seconds(0), seconds(-1), seconds(i64::MAX)),
            (None, None, None)
        );
    }

    #[test]
    fn a_mounted_socket_is_seen_on_either_side() {
        let mount = |source: &str, destination: &str| MountPoint {
            source: Some(source.to_owned()),
            destination: Some(destination.to_owned()),
            ..MountPoint::default()
        };
        assert!(has_socket(&[mount("/srv/docker.sock", "/var/run/engine")]));
        assert!(has_socket(&[mount("/srv/engine", "/var/run/docker.sock")]));
        assert!(!has_socket(&[
            mount("/srv/data", "/data"),
            MountPoint::default()
        ]));
    }
}
