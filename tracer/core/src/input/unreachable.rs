//! Why a daemon cannot be asked.

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};

use super::{NetnsOwner, Process};

/// Why a daemon cannot be asked, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Recorded")]
pub struct Unreachable {
    /// What kind of cause, for scripts.
    pub cause: Cause,
    /// The cause in one plain sentence, without its full stop.
    pub sentence: String,
    /// What to do about it, in a sentence without its full stop.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
    /// The mount that hides the certificates, where one does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mount: Option<Box<Mount>>,
}

/// Causes, told apart (contract: `bridgetrace.daemon.cause`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// It was not asked yet, or has not answered yet.
    NotYet,
    /// There is no such socket.
    NoSocket,
    /// The path of the socket is something else's.
    NotASocket,
    /// The socket may not be used.
    PermissionDenied,
    /// The name of its host does not resolve.
    NameUnresolved,
    /// Nobody listens there.
    Refused,
    /// No packet gets there.
    NoRoute,
    /// No answer in time.
    NoAnswer,
    /// The connection was closed without an answer.
    Closed,
    /// Plain HTTP was spoken to a port that wants TLS.
    PlainToTls,
    /// TLS was spoken to a port that speaks plain HTTP.
    TlsToPlain,
    /// A file of certificates is not there.
    CertificateMissing,
    /// A file of certificates may not be read, or holds none.
    CertificateUnreadable,
    /// The key is not the certificate's.
    KeyMismatch,
    /// The daemon's certificate is not signed by the authority that is trusted.
    CertificateUntrusted,
    /// The daemon's certificate is for another name.
    NameMismatch,
    /// A certificate is not valid any more, or not yet.
    Expired,
    /// The daemon does not accept the client's certificate.
    ClientCertificateRefused,
    /// TLS failed in some other way.
    TlsFailed,
    /// The daemon speaks only versions of the API older than what it is asked in.
    ApiTooOld,
    /// The daemon speaks only versions of the API newer than what it is asked in.
    ApiTooNew,
    /// Whoever answers is no docker daemon.
    NotDocker,
    /// It answers with an error.
    ErrorAnswer,
    /// Its process has ended.
    Ended,
    /// Anything else.
    Other,
}

/// A mount, as the process sees it that it concerns.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mount {
    /// Where it is mounted.
    pub point: String,
    /// What is mounted, as the kernel names it. Hostile text.
    pub source: String,
    /// The part of that file system which is mounted.
    pub root: String,
    /// Type of the file system.
    pub fs_type: String,
    /// Names of the files in it, sorted; the first few. Hostile text.
    pub files: Vec<String>,
}

/// A client of a daemon that runs beside it, and that it cannot use.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sidecar {
    /// Namespace the client lives in, inode number.
    pub netns: u32,
    /// Whose that is.
    pub owner: NetnsOwner,
    /// The client.
    pub process: Process,
    /// Where it looks for the daemon, as its environment says. Hostile text.
    pub endpoint: String,
    /// Why it cannot use the daemon.
    pub why: Unreachable,
    /// What its environment says of its CI job: of the [`super::VARIABLES`] those that are set.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub variables: BTreeMap<String, String>,
}

impl Unreachable {
    /// A cause without a remedy.
    #[must_use]
    pub const fn new(cause: Cause, sentence: String) -> Self {
        Self {
            cause,
            sentence,
            remedy: None,
            mount: None,
        }
    }

    /// The same with something to do about it.
    #[must_use]
    pub fn with_remedy(self, remedy: impl Into<String>) -> Self {
        Self {
            remedy: Some(remedy.into()),
            ..self
        }
    }

    /// What is true before the first answer.
    #[must_use]
    pub fn not_yet() -> Self {
        Self::new(Cause::NotYet, "it has not answered yet".to_owned())
    }
}

impl fmt::Display for Unreachable {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.sentence)
    }
}

impl Cause {
    /// The name scripts know.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::NotYet => "not-yet",
            Self::NoSocket => "no-socket",
            Self::NotASocket => "not-a-socket",
            Self::PermissionDenied => "permission-denied",
            Self::NameUnresolved => "name-unresolved",
            Self::Refused => "refused",
            Self::NoRoute => "no-route",
            Self::NoAnswer => "no-answer",
            Self::Closed => "closed",
            Self::PlainToTls => "plain-to-tls",
            Self::TlsToPlain => "tls-to-plain",
            Self::CertificateMissing => "certificate-missing",
            Self::CertificateUnreadable => "certificate-unreadable",
            Self::KeyMismatch => "key-mismatch",
            Self::CertificateUntrusted => "certificate-untrusted",
            Self::NameMismatch => "name-mismatch",
            Self::Expired => "expired",
            Self::ClientCertificateRefused => "client-certificate-refused",
            Self::TlsFailed => "tls-failed",
            Self::ApiTooOld => "api-too-old",
            Self::ApiTooNew => "api-too-new",
            Self::NotDocker => "not-docker",
            Self::ErrorAnswer => "error-answer",
            Self::Ended => "ended",
            Self::Other => "other",
        }
    }
}

/// What inputs of any age hold: once it was a bare sentence.
#[derive(Deserialize)]
#[serde(untagged)]
enum Recorded {
    Sentence(String),
    Full {
        cause: Cause,
        sentence: String,
        remedy: Option<String>,
        mount: Option<Box<Mount>>,
    },
}

impl From<Recorded> for Unreachable {
    fn from(recorded: Recorded) -> Self {
        match recorded {
            Recorded::Sentence(sentence) => Self::new(Cause::Other, sentence),
            Recorded::Full {
                cause,
                sentence,
                remedy,
                mount,
            } => Self {
                cause,
                sentence,
                remedy,
                mount,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::DaemonStatus;

    #[test]
    fn inputs_of_any_age_are_read() {
        let old: DaemonStatus =
            serde_json::from_str(r#"{"unreachable":"it hangs"}"#).expect("a bare sentence");
        let hangs = Unreachable::new(Cause::Other, "it hangs".to_owned());
        assert_eq!(old, DaemonStatus::Unreachable(hangs));
        let full = Unreachable::new(Cause::NoSocket, "no socket".to_owned()).with_remedy("look");
        let full = DaemonStatus::Unreachable(full);
        let text = serde_json::to_string(&full).expect("JSON");
        assert!(text.contains(r#""cause":"no-socket""#), "{text}");
        assert_eq!(
            serde_json::from_str::<DaemonStatus>(&text).expect("read"),
            full
        );
    }

    #[test]
    fn a_cause_has_one_name() {
        for cause in [
            Cause::NotYet,
            Cause::NotASocket,
            Cause::ClientCertificateRefused,
            Cause::ApiTooOld,
        ] {
            let written = serde_json::to_value(cause).expect("JSON");
            assert_eq!(written, cause.name());
        }
    }
}
