//! Tries whether anybody listens, and says exactly what is wrong where nobody does.

use std::{io, net::SocketAddr, time::Duration};

use tokio::{
    net::{TcpStream, UnixStream, lookup_host},
    time::timeout,
};
use tracer_core::input::{Cause, Unreachable};

use super::{Endpoint, PORT, TLS_PORT, explain};

/// Seconds that a connection may take.
const LIMIT_SECONDS: u64 = 2;
const LIMIT: Duration = Duration::from_secs(LIMIT_SECONDS);
/// The other port only makes the explanation better.
const SIBLING_LIMIT: Duration = Duration::from_millis(300);

impl Endpoint {
    /// Tries whether anything listens. Returns the pid of who listens on a unix socket, in
    /// bridgetrace's pid namespace; 0 or nothing when it cannot be told.
    pub(in super::super) async fn knock(&self) -> Result<Option<u32>, Unreachable> {
        match self {
            Self::Unix(path) => match within(&self.to_string(), UnixStream::connect(path)).await? {
                Ok(stream) => Ok(peer(&stream)),
                Err(error) => Err(explain::unix(path, &error)),
            },
            Self::Tcp(address) => connect(address).await.map(|_| None),
            Self::Tls(secure) => secure.knock().await.map(|()| None),
        }
    }
}

/// A connection over TCP.
pub(super) async fn connect(address: &str) -> Result<TcpStream, Unreachable> {
    let found = within(address, lookup_host(address)).await?;
    let found: Vec<SocketAddr> = found
        .map_err(|error| explain::unresolved(address, &error))?
        .collect();
    match within(address, TcpStream::connect(found.as_slice())).await? {
        Ok(stream) => Ok(stream),
        Err(error) => Err(explain::tcp(address, &error, sibling(&found).await)),
    }
}

/// Nobody says anything, not even no.
pub(super) fn silent(address: &str) -> Unreachable {
    Unreachable::new(
        Cause::NoAnswer,
        format!("{address} did not answer within {LIMIT_SECONDS} s"),
    )
    .with_remedy("see whether that machine is up, and whether a firewall drops what goes there")
}

async fn within<T>(
    address: &str,
    attempt: impl Future<Output = io::Result<T>>,
) -> Result<io::Result<T>, Unreachable> {
    timeout(LIMIT, attempt).await.map_err(|_| silent(address))
}

fn peer(stream: &UnixStream) -> Option<u32> {
    let pid = stream.peer_cred().ok()?.pid()?;
    u32::try_from(pid).ok().filter(|pid| *pid != 0)
}

/// The other one of docker's two ports, if somebody listens there.
async fn sibling(addresses: &[SocketAddr]) -> Option<u16> {
    let other = match addresses.first()?.port() {
        PORT => TLS_PORT,
        TLS_PORT => PORT,
        _ => return None,
    };
    let addresses: Vec<SocketAddr> = addresses
        .iter()
        .map(|address| SocketAddr::new(address.ip(), other))
        .collect();
    let attempt = timeout(SIBLING_LIMIT, TcpStream::connect(addresses.as_slice())).await;
    matches!(attempt, Ok(Ok(_))).then_some(other)
}
