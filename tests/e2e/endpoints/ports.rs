//! What listens on a port, if anything does, and how it wants to be spoken to.

use anyhow::{Context, Result, ensure};
use bridgetrace_lab::dockerd::Options;

use super::look::{Secure, TLS, secured};

const PLAIN: &str = "tcp://127.0.0.1:2375";

#[test]
fn whoever_does_not_answer_as_expected_is_told_exactly() -> Result<()> {
    Secure::raise()?.play(|secure| {
        let good = secure.client.display().to_string();
        let host = |url| [("DOCKER_HOST", url)];
        secure
            .look(&host(TLS))?
            .fails("plain-to-tls", &["wants TLS"])?;
        let told = secure.look(&host(PLAIN))?;
        told.fails("refused", &["nothing listens", "somebody listens on 2376"])?;
        secure
            .look(&host("tcp://127.0.0.1:99"))?
            .fails("refused", &["nothing listens"])?;
        secure
            .look(&secured("tcp://docker.invalid:2376", &good))?
            .fails("name-unresolved", &["docker.invalid does not resolve"])?;
        secure
            .srv
            .run(&["ip", "route", "add", "unreachable", "203.0.113.0/24"])?;
        secure
            .look(&host("tcp://203.0.113.1"))?
            .fails("no-route", &["no packet gets to 203.0.113.1:2375"])?;
        versions(secure)?;
        secure.daemon.pause()?;
        let told = secure.look(&secured(TLS, &good))?;
        secure.daemon.resume()?;
        told.fails("no-answer", &["did not answer within 2 s"])?;
        without_tls(secure, &good)
    })
}

/// The engine is asked in a version that it does not speak, and its own words are passed on.
fn versions(secure: &Secure) -> Result<()> {
    let endpoint = secure.daemon.client().endpoint();
    for (version, cause, words) in [
        ("1.99", "api-too-old", "Maximum supported API version is 1."),
        ("1.1", "api-too-new", "Minimum supported API version is 1."),
    ] {
        let told = secure.look(&[("DOCKER_HOST", &endpoint), ("DOCKER_API_VERSION", version)])?;
        told.fails(cause, &[version, words])?;
    }
    secure
        .look(&[("DOCKER_HOST", &endpoint), ("DOCKER_API_VERSION", "1.40")])?
        .answers()
}

/// The same daemon without TLS.
fn without_tls(secure: &mut Secure, good: &str) -> Result<()> {
    let plain = Options::new().arg("--host=tcp://127.0.0.1:2375");
    secure.daemon.restart_with(plain)?;
    secure.look(&[("DOCKER_HOST", PLAIN)])?.answers()?;
    secure
        .look(&secured(PLAIN, good))?
        .fails("tls-to-plain", &["plain text"])?;
    let told = secure.look(&secured(TLS, good))?;
    told.fails("refused", &["somebody listens on 2375"])?;
    let remedy = told.finding.context("told")?["bridgetrace"]["daemon"]["remedy"].clone();
    ensure!(
        remedy
            .as_str()
            .is_some_and(|text| text.contains("DOCKER_TLS_VERIFY unset")),
        "{remedy}"
    );
    Ok(())
}
