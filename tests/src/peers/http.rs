//! Pages by the real `wget`.

use std::net::SocketAddr;

use anyhow::Result;

use crate::Netns;

/// Fetches `http://server/` from a namespace, within five seconds.
pub fn get(netns: &Netns, server: SocketAddr) -> Result<String> {
    let url = format!("http://{server}/");
    netns.run(&["busybox", "timeout", "5", "wget", "-q", "-O-", &url])
}
