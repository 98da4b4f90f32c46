//! Each way in which a set of certificates can be broken.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use bridgetrace_lab::certificates::Authority;

use super::look::{NAMES, Secure, TLS, look_through, options, secured};

/// A copy of the good set, with something done to it.
fn broken(good: &Path, name: &str, spoil: impl FnOnce(&Path) -> Result<()>) -> Result<PathBuf> {
    let folder = good.with_file_name(name);
    fs::create_dir(&folder)?;
    for file in ["ca.pem", "cert.pem", "key.pem"] {
        fs::copy(good.join(file), folder.join(file))?;
    }
    spoil(&folder).with_context(|| name.to_owned())?;
    Ok(folder)
}

#[test]
fn every_broken_set_of_certificates_is_told_exactly() -> Result<()> {
    Secure::raise()?.play(|secure| {
        secure.look_with(&secure.client)?.answers()?;
        files_that_are_not_there(secure)?;
        files_that_hold_something_else(secure)?;
        files_of_others(secure)
    })
}

fn files_that_are_not_there(secure: &Secure) -> Result<()> {
    let good = &secure.client;
    let without = |name: &str, files: &'static [&'static str]| {
        broken(good, name, |folder| {
            let remove = |file: &&str| Ok(fs::remove_file(folder.join(file))?);
            files.iter().try_for_each(remove)
        })
    };
    for (name, files, words) in [
        (
            "empty",
            &["ca.pem", "cert.pem", "key.pem"][..],
            &["ca.pem, cert.pem and key.pem are missing"][..],
        ),
        ("no-ca", &["ca.pem"], &["ca.pem is missing"]),
        ("no-cert", &["cert.pem"], &["cert.pem is missing"]),
        ("no-key", &["key.pem"], &["key.pem is missing"]),
        // What the docker client calls a daemon that does not run.
        (
            "ca-only",
            &["cert.pem", "key.pem"],
            &[
                "nobody without a client certificate",
                "cert.pem and key.pem are missing",
            ],
        ),
    ] {
        let folder = without(name, files)?;
        secure
            .look_with(&folder)?
            .fails("certificate-missing", words)?;
    }
    let absent = good.with_file_name("absent");
    let told = secure.look_with(&absent)?;
    told.fails("certificate-missing", &["there is no folder", "absent"])
}

fn files_that_hold_something_else(secure: &Secure) -> Result<()> {
    let good = &secure.client;
    let holding = |name: &str, file: &str, text: &str| {
        broken(good, name, |folder| Ok(fs::write(folder.join(file), text)?))
    };
    let locked =
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
    for (name, file, text, words) in [
        ("ca-empty", "ca.pem", "", "ca.pem is empty"),
        ("ca-text", "ca.pem", "hello", "ca.pem holds no certificate"),
        (
            "cert-text",
            "cert.pem",
            "hello",
            "cert.pem holds no certificate",
        ),
        (
            "key-text",
            "key.pem",
            "hello",
            "key.pem holds no private key",
        ),
        ("key-locked", "key.pem", locked, "password"),
    ] {
        let told = secure.look_with(&holding(name, file, text)?)?;
        told.fails("certificate-unreadable", &[words])?;
    }
    let shut = broken(good, "shut", |folder| {
        let mode = fs::Permissions::from_mode(0o000);
        Ok(fs::set_permissions(folder.join("key.pem"), mode)?)
    })?;
    let shut = shut.display().to_string();
    // Without it, root obeys a file's mode like anybody else.
    let binary = bridgetrace_lab::tracer::binary()?.display().to_string();
    let words = ["--bounding-set", "-dac_override,-dac_read_search", &binary];
    let setpriv = Path::new("setpriv");
    let told = look_through(&secure.srv, setpriv, &words, &secured(TLS, &shut))?;
    told.fails("certificate-unreadable", &["key.pem may not be read"])
}

fn files_of_others(secure: &mut Secure) -> Result<()> {
    let registry = Authority::new("registry")?;
    let stranger = registry.issue("client", "DNS:client")?;
    let good = secure.client.clone();
    let with = |name: &str, files: &[&str], from: &Path| {
        broken(&good, name, |folder| {
            let copy = |file: &&str| Ok(fs::copy(from.join(file), folder.join(file)).map(drop)?);
            files.iter().try_for_each(copy)
        })
    };
    let other_key = with("other-key", &["key.pem"], &stranger)?;
    secure
        .look_with(&other_key)?
        .fails("key-mismatch", &["key.pem is not the key of cert.pem"])?;
    let other_ca = with("other-ca", &["ca.pem"], &stranger)?;
    secure.look_with(&other_ca)?.fails(
        "certificate-untrusted",
        &["not signed by", "other-ca/ca.pem"],
    )?;
    let other_client = with("other-client", &["cert.pem", "key.pem"], &stranger)?;
    secure.look_with(&other_client)?.fails(
        "client-certificate-refused",
        &["refuses the client certificate", "not signed by"],
    )?;
    let expired = secure.authority.issue_expired("expired", "DNS:client")?;
    secure
        .look_with(&expired)?
        .fails("expired", &["refuses", "expired/cert.pem", "has expired"])?;
    let good = good.display().to_string();
    secure
        .look(&secured("tcp://127.0.0.2:2376", &good))?
        .fails(
            "name-mismatch",
            &["localhost", "127.0.0.1", "not for 127.0.0.2"],
        )?;
    let server = secure.authority.issue_expired("server-expired", NAMES)?;
    secure.daemon.restart_with(options(&server))?;
    secure
        .look(&secured(TLS, &good))?
        .fails("expired", &["certificate of 127.0.0.1:2376 has expired"])
}
