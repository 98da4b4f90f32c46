//! The three files, and everything that can be wrong with them.

use std::{
    fs,
    io::{self, ErrorKind},
    path::{Path, PathBuf},
    sync::Arc,
};

use rustls::{
    ClientConfig, RootCertStore, SupportedProtocolVersion,
    crypto::{CryptoProvider, ring},
    pki_types::{
        CertificateDer, PrivateKeyDer,
        pem::{self, PemObject as _},
    },
};
use tracer_core::input::{Cause, Unreachable};

use super::{Certificates, client::Trusting, mount};

pub(super) const CA: &str = "ca.pem";
pub(super) const CERT: &str = "cert.pem";
pub(super) const KEY: &str = "key.pem";
/// Longer than any chain of certificates.
const MAX_FILE: u64 = 1 << 20;

/// What the files hold.
pub(super) struct Loaded {
    pub(super) certificates: Certificates,
    pub(super) provider: Arc<CryptoProvider>,
    /// Whom to believe.
    pub(super) roots: Arc<RootCertStore>,
    /// What to show to the daemon; like the docker client, nothing without the files.
    pub(super) own: Option<Own>,
}

/// The client's certificate, its chain and its key.
pub(super) struct Own {
    pub(super) chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

/// Reads what there is.
pub(super) fn load(certificates: &Certificates) -> Result<Loaded, Unreachable> {
    let Certificates { folder, verify } = certificates;
    there(folder)?;
    let provider = Arc::new(ring::default_provider());
    let mut roots = RootCertStore::empty();
    if *verify {
        let ca = read(folder, CA)?.ok_or_else(|| without_authority(folder))?;
        for certificate in parse(folder, CA, &ca)? {
            roots
                .add(certificate)
                .map_err(|_| unreadable(folder, CA, "holds a certificate that is none"))?;
        }
    }
    Ok(Loaded {
        certificates: certificates.clone(),
        provider,
        roots: Arc::new(roots),
        own: own(folder)?,
    })
}

fn there(folder: &Path) -> Result<(), Unreachable> {
    match fs::metadata(folder) {
        Ok(found) if found.is_dir() => Ok(()),
        Ok(_) => Err(Unreachable::new(
            Cause::CertificateMissing,
            format!("{} is no folder of certificates", folder.display()),
        )
        .with_remedy(WHERE)),
        Err(error) if error.kind() == ErrorKind::PermissionDenied => Err(Unreachable::new(
            Cause::CertificateUnreadable,
            format!("the folder {} may not be read", folder.display()),
        )
        .with_remedy("run bridgetrace as root, or as who may read it")),
        Err(_) => Err(Unreachable::new(
            Cause::CertificateMissing,
            format!(
                "there is no folder {}, which should hold {CA}, {CERT} and {KEY}",
                folder.display()
            ),
        )
        .with_remedy(WHERE)),
    }
}

const WHERE: &str = "set DOCKER_CERT_PATH to the folder of the certificates; without it docker looks \
                     into ~/.docker, which under sudo is root's";

fn own(folder: &Path) -> Result<Option<Own>, Unreachable> {
    match (read(folder, CERT)?, read(folder, KEY)?) {
        (None, None) => Ok(None),
        (Some(_), None) => Err(missing(folder, &[KEY])),
        (None, Some(_)) => Err(missing(folder, &[CERT])),
        (Some(cert), Some(key)) => Ok(Some(Own {
            chain: parse(folder, CERT, &cert)?,
            key: parse_key(folder, &key)?,
        })),
    }
}

/// The file, if there is one.
fn read(folder: &Path, name: &str) -> Result<Option<Vec<u8>>, Unreachable> {
    match read_some(&folder.join(name)) {
        Ok(bytes) if bytes.iter().all(u8::is_ascii_whitespace) => {
            Err(unreadable(folder, name, "is empty"))
        }
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {
            Err(unreadable(folder, name, "may not be read"))
        }
        Err(error) => {
            log::debug!("{}: {error}", folder.join(name).display());
            Err(unreadable(folder, name, "cannot be read"))
        }
    }
}

fn read_some(path: &PathBuf) -> io::Result<Vec<u8>> {
    use io::Read as _;
    // Opening a FIFO would wait for a writer.
    if !fs::metadata(path)?.is_file() {
        return Err(ErrorKind::InvalidInput.into());
    }
    let mut bytes = Vec::new();
    fs::File::open(path)?
        .take(MAX_FILE)
        .read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn parse(
    folder: &Path,
    name: &str,
    bytes: &[u8],
) -> Result<Vec<CertificateDer<'static>>, Unreachable> {
    let found: Result<Vec<_>, pem::Error> = CertificateDer::pem_slice_iter(bytes).collect();
    match found {
        Ok(found) if !found.is_empty() => Ok(found),
        _ => Err(unreadable(folder, name, "holds no certificate in PEM")),
    }
}

fn parse_key(folder: &Path, bytes: &[u8]) -> Result<PrivateKeyDer<'static>, Unreachable> {
    PrivateKeyDer::from_pem_slice(bytes).map_err(|_| {
        let text = String::from_utf8_lossy(bytes);
        let what = if text.contains("ENCRYPTED") {
            "holds a key that is locked by a password, which nobody can be asked for"
        } else {
            "holds no private key in PEM"
        };
        unreadable(folder, KEY, what)
    })
}

impl Loaded {
    /// How to speak TLS with these certificates.
    pub(super) fn config(
        &self,
        versions: &[&'static SupportedProtocolVersion],
    ) -> Result<ClientConfig, Unreachable> {
        let failed = |error: rustls::Error| {
            Unreachable::new(Cause::TlsFailed, format!("TLS cannot be used: {error}"))
        };
        let builder = ClientConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_protocol_versions(versions)
            .map_err(failed)?;
        let builder = if self.certificates.verify {
            builder.with_root_certificates(Arc::clone(&self.roots))
        } else {
            let trusting = Trusting(Arc::clone(&self.provider));
            builder
                .dangerous()
                .with_custom_certificate_verifier(Arc::new(trusting))
        };
        let Some(own) = &self.own else {
            return Ok(builder.with_no_client_auth());
        };
        let shown = builder.with_client_auth_cert(own.chain.clone(), own.key.clone_key());
        shown.map_err(|error| self.unusable(&error))
    }

    fn unusable(&self, error: &rustls::Error) -> Unreachable {
        let folder = &self.certificates.folder;
        if matches!(error, rustls::Error::InconsistentKeys(_)) {
            let sentence = format!(
                "{KEY} is not the key of {CERT} in {}: they are of two pairs",
                folder.display()
            );
            let mismatch = Unreachable::new(Cause::KeyMismatch, sentence)
                .with_remedy("take both from the same place, or make both anew");
            return mount::named(folder, mismatch);
        }
        log::debug!("{}: {error}", folder.display());
        unreadable(
            folder,
            CERT,
            "or its key.pem is of a kind that is not known",
        )
    }
}

fn without_authority(folder: &Path) -> Unreachable {
    let absent: Vec<&str> = [CA, CERT, KEY]
        .into_iter()
        .filter(|name| !folder.join(name).exists())
        .collect();
    missing(folder, &absent)
}

/// Files that are not there.
pub(super) fn missing(folder: &Path, names: &[&str]) -> Unreachable {
    let verb = if names.len() == 1 { "is" } else { "are" };
    let sentence = format!("{} {verb} missing in {}", list(names), folder.display());
    let missing = Unreachable::new(Cause::CertificateMissing, sentence).with_remedy(format!(
        "put the three files that belong to this daemon into {}: {CA}, {CERT} and {KEY}",
        folder.display()
    ));
    mount::named(folder, missing)
}

/// "ca.pem, cert.pem and key.pem".
fn list(names: &[&str]) -> String {
    match names {
        [] => "nothing".to_owned(),
        [only] => (*only).to_owned(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

fn unreadable(folder: &Path, name: &str, what: &str) -> Unreachable {
    let sentence = format!("{} {what}", folder.join(name).display());
    let unreadable = Unreachable::new(Cause::CertificateUnreadable, sentence).with_remedy(format!(
        "put the file that belongs to this daemon there, readable for who runs bridgetrace; see \
         ls -l {}",
        folder.display()
    ));
    mount::named(folder, unreadable)
}
