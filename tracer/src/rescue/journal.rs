//! A line in the host's log for whoever asks later who set a route, and what became of it.

use std::{os::unix::net::UnixDatagram, process};

/// Where syslog, or systemd's journal in its place, listens.
const SOCKET: &str = "/dev/log";
/// Facility `daemon`, severity `notice` (RFC 3164).
const PRIORITY: u8 = 3 * 8 + 5;

/// Notes it down, if anybody listens.
pub(super) fn note(text: &str) {
    let line = format!("<{PRIORITY}>bridgetrace[{}]: {text}", process::id());
    if let Ok(socket) = UnixDatagram::unbound() {
        // A log that is full, or hangs, must not keep a route in its place.
        let _ = socket.set_nonblocking(true);
        let _ = socket.send_to(line.as_bytes(), SOCKET);
    }
}
