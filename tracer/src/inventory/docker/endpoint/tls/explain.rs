//! What a failed greeting means.

use std::{io, sync::Arc};

use rustls::{
    AlertDescription, CertificateError, Error, pki_types::UnixTime, server::WebPkiClientVerifier,
};
use tracer_core::input::{Cause, Unreachable};

use super::{
    Greeting, Secure,
    files::{self, CA, CERT, KEY, Loaded},
    mount,
};

/// Whether the daemon speaks newer versions of TLS only.
pub(super) fn wants_newer(error: &Greeting) -> bool {
    let Greeting::Failed(error) = error else {
        return false;
    };
    let version = Error::AlertReceived(AlertDescription::ProtocolVersion);
    tls(error).is_some_and(|error| *error == version)
}

/// Why the daemon could not be greeted.
pub(super) fn greeting(secure: &Secure, loaded: &Loaded, error: &io::Error) -> Unreachable {
    let address = &secure.address;
    match tls(error) {
        Some(Error::InvalidCertificate(error)) => distrusted(secure, error),
        Some(Error::AlertReceived(alert)) if is_about_the_client(*alert) => {
            refused(secure, loaded, *alert)
        }
        Some(Error::InvalidMessage(_)) => Unreachable::new(
            Cause::TlsToPlain,
            format!("{address} answers TLS in plain text: nobody speaks TLS on that port"),
        )
        .with_remedy(
            "unset DOCKER_TLS_VERIFY if that daemon really is meant to be used without TLS, or name \
             its TLS port, usually 2376",
        ),
        Some(error) => Unreachable::new(
            Cause::TlsFailed,
            format!("{address} and bridgetrace do not agree on TLS: {error}"),
        ),
        None => Unreachable::new(
            Cause::Closed,
            format!("{address} closed the connection when it was greeted in TLS"),
        )
        .with_remedy("see whether it is dockerd that listens there, and what its log says"),
    }
}

/// The error of TLS in an error of the connection.
fn tls(error: &io::Error) -> Option<&Error> {
    error.get_ref()?.downcast_ref()
}

/// The daemon's certificate is not believed.
fn distrusted(secure: &Secure, error: &CertificateError) -> Unreachable {
    let (address, folder) = (&secure.address, &secure.certificates.folder);
    let ca = folder.join(CA);
    match error {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => Unreachable::new(
            Cause::Expired,
            format!("the certificate of {address} has expired"),
        )
        .with_remedy("give the daemon a new one, signed by the same authority, and restart it"),
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            Unreachable::new(
                Cause::Expired,
                format!("the certificate of {address} is not valid yet"),
            )
            .with_remedy("compare the clocks of both machines")
        }
        CertificateError::NotValidForName => other_name(secure, &[]),
        CertificateError::NotValidForNameContext { presented, .. } => other_name(secure, presented),
        error => {
            log::debug!("{address}: {error}");
            let sentence = format!(
                "the certificate of {address} is not signed by the authority in {}",
                ca.display()
            );
            let remedy = format!(
                "put the ca.pem there that signed the daemon's certificate; a registry's ca.pem \
                 belongs into /etc/docker/certs.d, not into {}",
                folder.display()
            );
            let untrusted = Unreachable::new(Cause::CertificateUntrusted, sentence);
            mount::named(folder, untrusted.with_remedy(remedy))
        }
    }
}

fn other_name(secure: &Secure, presented: &[String]) -> Unreachable {
    let (address, host) = (&secure.address, secure.host());
    let names: Vec<&str> = presented
        .iter()
        .take(8)
        .map(|name| readable(name))
        .collect();
    let names = if names.is_empty() {
        "another name".to_owned()
    } else {
        names.join(", ")
    };
    Unreachable::new(
        Cause::NameMismatch,
        format!("the certificate of {address} is for {names}, not for {host}"),
    )
    .with_remedy("name the daemon by what its certificate is for, or make it one for this name")
}

/// `DnsName("docker")` as a person writes it.
fn readable(name: &str) -> &str {
    let inner = name.split_once('(').map_or(name, |(_, rest)| rest);
    inner.trim_end_matches(')').trim_matches('"')
}

const fn is_about_the_client(alert: AlertDescription) -> bool {
    matches!(
        alert,
        AlertDescription::BadCertificate
            | AlertDescription::CertificateRequired
            | AlertDescription::UnknownCA
            | AlertDescription::CertificateUnknown
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateRevoked
            | AlertDescription::UnsupportedCertificate
            | AlertDescription::AccessDenied
            | AlertDescription::NoCertificate
            | AlertDescription::HandshakeFailure
    )
}

/// The daemon does not accept who asks.
fn refused(secure: &Secure, loaded: &Loaded, alert: AlertDescription) -> Unreachable {
    let (address, folder) = (&secure.address, &secure.certificates.folder);
    let Some(own) = &loaded.own else {
        let missing = files::missing(folder, &[CERT, KEY]);
        let sentence = format!(
            "{address} accepts nobody without a client certificate, and {}",
            missing.sentence
        );
        return Unreachable {
            sentence,
            ..missing
        };
    };
    let cert = folder.join(CERT);
    let (cause, sentence) = match verdict(loaded, own) {
        Some(CertificateError::Expired | CertificateError::ExpiredContext { .. }) => (
            Cause::Expired,
            format!(
                "{address} refuses the client certificate {}, which has expired",
                cert.display()
            ),
        ),
        Some(_) => (
            Cause::ClientCertificateRefused,
            format!(
                "{address} refuses the client certificate {}, which is not signed by the authority \
                 in {CA} beside it",
                cert.display()
            ),
        ),
        None => (
            Cause::ClientCertificateRefused,
            format!(
                "{address} refuses the client certificate {} ({alert:?}): it trusts another authority",
                cert.display()
            ),
        ),
    };
    let refused = Unreachable::new(cause, sentence).with_remedy(
        "make a client certificate that is signed by what the daemon was given as --tlscacert, valid \
         for client authentication",
    );
    mount::named(folder, refused)
}

/// What is wrong with the client's own certificate, by the authority beside it.
fn verdict(loaded: &Loaded, own: &files::Own) -> Option<CertificateError> {
    let (end, rest) = own.chain.split_first()?;
    let verifier = WebPkiClientVerifier::builder_with_provider(
        Arc::clone(&loaded.roots),
        Arc::clone(&loaded.provider),
    );
    let checked = verifier
        .build()
        .ok()?
        .verify_client_cert(end, rest, UnixTime::now());
    match checked {
        Err(Error::InvalidCertificate(error)) => Some(error),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_certificates_are_written_as_people_do() {
        assert_eq!(readable("DnsName(\"docker\")"), "docker");
        assert_eq!(readable("IpAddress(127.0.0.1)"), "127.0.0.1");
        assert_eq!(readable("odd"), "odd");
    }
}
