//! TLS to a daemon, as `dockerd --tlsverify` wants it: three files in a folder.
//!
//! Whatever is wrong with them is told exactly, before it is tried where that is possible: to the
//! docker client each of these failures looks like a daemon that does not run.

mod client;
mod explain;
mod files;
mod mount;

use std::{path::PathBuf, sync::Arc, time::Duration};

use rustls::{
    ClientConfig,
    pki_types::ServerName,
    version::{TLS12, TLS13},
};
use tokio::{net::TcpStream, time::timeout};
use tokio_rustls::TlsConnector;
use tracer_core::input::{Cause, Unreachable};

use super::knock;

pub(in super::super) use self::client::client;

/// A greeting takes two round trips.
const LIMIT: Duration = Duration::from_secs(2);

/// A daemon behind TLS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Secure {
    /// `host:port`.
    pub(super) address: String,
    pub(super) certificates: Certificates,
}

/// What to show to the daemon, and whom to believe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Certificates {
    /// Holds `ca.pem`, `cert.pem` and `key.pem`.
    pub(super) folder: PathBuf,
    /// Whether the daemon must prove who it is.
    pub(super) verify: bool,
}

impl Secure {
    /// Greets the daemon, certificates and all.
    pub(super) async fn knock(&self) -> Result<(), Unreachable> {
        let loaded = files::load(&self.certificates)?;
        // Until TLS 1.2 the daemon looks at the client's certificate before the greeting is over,
        // and its refusal arrives. With 1.3 it comes after that, in a race with the first request.
        let config = loaded.config(&[&TLS12])?;
        match self.greet(config).await {
            Err(error) if explain::wants_newer(&error) => {
                let config = loaded.config(&[&TLS13])?;
                self.greet(config).await
            }
            greeted => greeted,
        }
        .map_err(|error| match error {
            Greeting::Failed(error) => explain::greeting(self, &loaded, &error),
            Greeting::Refused(why) => why,
        })
    }

    async fn greet(&self, config: ClientConfig) -> Result<(), Greeting> {
        let name = self.server_name().map_err(Greeting::Refused)?;
        let stream: TcpStream = knock::connect(&self.address)
            .await
            .map_err(Greeting::Refused)?;
        let greeting = TlsConnector::from(Arc::new(config)).connect(name, stream);
        match timeout(LIMIT, greeting).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(Greeting::Failed(error)),
            Err(_) => Err(Greeting::Refused(knock::silent(&self.address))),
        }
    }

    /// The name the daemon's certificate must be for.
    fn host(&self) -> &str {
        let host = self.address.rsplit_once(':').map_or("", |(host, _)| host);
        host.trim_start_matches('[').trim_end_matches(']')
    }

    fn server_name(&self) -> Result<ServerName<'static>, Unreachable> {
        ServerName::try_from(self.host().to_owned()).map_err(|_| {
            let sentence = format!("{} is no name that a certificate can be for", self.host());
            Unreachable::new(Cause::NameMismatch, sentence)
        })
    }
}

/// How a greeting failed.
enum Greeting {
    /// In TLS.
    Failed(std::io::Error),
    /// Before.
    Refused(Unreachable),
}
