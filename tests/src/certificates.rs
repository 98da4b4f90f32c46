//! Certificates for a daemon and its clients, by openssl, as docker's documentation makes them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result};

use crate::home::Home;
use crate::{process, wait_until};

/// Elliptic curves: made within milliseconds.
const KEY: [&str; 5] = [
    "-newkey",
    "ec",
    "-pkeyopt",
    "ec_paramgen_curve:prime256v1",
    "-nodes",
];

/// An authority, and what it signed. The files go with it.
pub struct Authority {
    home: Home,
    name: String,
}

impl Authority {
    /// A new one of this name.
    pub fn new(name: &str) -> Result<Self> {
        let this = Self {
            home: Home::new("certificates")?,
            name: name.to_owned(),
        };
        let subject = format!("/CN={name}");
        openssl(
            &["req", "-x509", "-days", "30", "-subj", &subject],
            &[
                &KEY[..],
                &["-addext", "keyUsage=critical,keyCertSign,cRLSign"],
                &["-keyout", &this.file("ca-key.pem"), "-out", &this.ca()],
            ]
            .concat(),
        )?;
        Ok(this)
    }

    /// The file of its own certificate.
    pub fn ca(&self) -> String {
        self.file("ca.pem")
    }

    /// A folder of the three files, for a server at these names or for a client.
    pub fn issue(&self, folder: &str, names: &str) -> Result<PathBuf> {
        self.issue_for(folder, names, 30)
    }

    /// [`Authority::issue`] of a certificate that has expired.
    pub fn issue_expired(&self, folder: &str, names: &str) -> Result<PathBuf> {
        let path = self.issue_for(folder, names, 0)?;
        // Valid to the second it was made in; readers count in whole seconds.
        let expired = fs::metadata(path.join("cert.pem"))?.modified()? + Duration::from_secs(2);
        let soon = Duration::from_secs(10);
        wait_until("the certificate to expire", soon, || {
            Ok(SystemTime::now() > expired)
        })?;
        Ok(path)
    }

    fn issue_for(&self, folder: &str, names: &str, days: u32) -> Result<PathBuf> {
        let path = self.home.path().join(folder);
        fs::create_dir(&path).context("a folder of certificates")?;
        let inside = |name: &str| path.join(name).display().to_string();
        let request = inside("request.pem");
        let subject = format!("/CN={}", self.name);
        openssl(
            &["req", "-new", "-subj", &subject],
            &[&KEY[..], &["-keyout", &inside("key.pem"), "-out", &request]].concat(),
        )?;
        let extensions = format!(
            "subjectAltName={names}\nextendedKeyUsage=serverAuth,clientAuth\n\
             basicConstraints=CA:FALSE\n"
        );
        let extensions = self.home.write("extensions", &extensions)?;
        let (key, days) = (self.file("ca-key.pem"), days.to_string());
        openssl(
            &["x509", "-req", "-CAcreateserial", "-days", &days],
            &[
                "-in",
                &request,
                "-CA",
                &self.ca(),
                "-CAkey",
                &key,
                "-extfile",
                &extensions.display().to_string(),
                "-out",
                &inside("cert.pem"),
            ],
        )?;
        fs::remove_file(&request).context("remove the request")?;
        fs::copy(self.ca(), path.join("ca.pem")).context("copy ca.pem")?;
        Ok(path)
    }

    fn file(&self, name: &str) -> String {
        self.home.text(name)
    }
}

/// The options of a dockerd that serves TLS on this address, with the files in `folder`.
pub fn daemon_options(folder: &Path, address: &str) -> Vec<String> {
    let file = |option: &str, name: &str| format!("{option}={}", folder.join(name).display());
    vec![
        "--tlsverify".to_owned(),
        file("--tlscacert", "ca.pem"),
        file("--tlscert", "cert.pem"),
        file("--tlskey", "key.pem"),
        format!("--host=tcp://{address}"),
    ]
}

fn openssl(first: &[&str], rest: &[&str]) -> Result<()> {
    process::output(Command::new("openssl").args(first).args(rest)).map(drop)
}
