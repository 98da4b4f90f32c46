//! A real sshd, and ssh logins to it.

use std::fs;
use std::io::Read;
use std::net::{IpAddr, Ipv4Addr, TcpStream};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, anyhow};

use crate::home::Home;
use crate::sandbox::{Plan, Sandbox};
use crate::{Netns, Process, process, wait_for};

const READY: Duration = Duration::from_secs(10);

/// An sshd on port 22 of a namespace, with keys of its own. Sessions end with it.
pub struct Sshd {
    // Before its home: fields are dropped in order.
    daemon: Sandbox,
    home: Home,
}

impl Sshd {
    /// Starts an sshd and waits until it greets.
    pub fn start(netns: &Netns) -> Result<Self> {
        let home = Home::new("sshd")?;
        for key in ["host", "client"] {
            let file = home.text(key);
            process::output(
                Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f", &file]),
            )?;
        }
        home.write("sshd_config", &configuration(&home))?;
        // The accounts are the lab's: sshd insists on a user of its own for privilege
        // separation, and refuses root where the machine's root account is locked.
        home.write(
            "passwd",
            "root:*:0:0:root:/tmp:/bin/sh\nsshd:*:33333:65534::/run/sshd:/usr/sbin/nologin\n",
        )?;
        home.write(
            "shadow",
            "root:*:20000:0:99999:7:::\nsshd:*:20000:0:99999:7:::\n",
        )?;
        let daemon = Sandbox::start(&Plan {
            netns,
            prelude: &format!(
                "mount -t tmpfs -o mode=755 tmpfs /run
                 mkdir /run/sshd
                 mount --bind '{}' /etc/passwd
                 mount --bind '{}' /etc/shadow",
                home.text("passwd"),
                home.text("shadow"),
            ),
            program: "/usr/sbin/sshd",
            arguments: &["-D", "-e", "-f", &home.text("sshd_config")].map(str::to_owned),
            path: &std::env::var_os("PATH").unwrap_or_default(),
            log: &home.path().join("sshd.log"),
        })?;
        let mut this = Self { daemon, home };
        let ready = wait_for("sshd to greet", READY, || match this.daemon.exited() {
            Ok(None) => netns
                .enter(greets)
                .map(|greets| greets.then_some(()))
                .transpose(),
            Ok(Some(status)) => Some(Err(anyhow!("sshd ended at once: {status}"))),
            Err(error) => Some(Err(error)),
        });
        ready.and_then(|ready| ready).with_context(|| this.log())?;
        Ok(this)
    }

    /// Starts `ssh root@host command` in `from`. Its stdin, stdout and stderr are pipes:
    /// `cat` as the command makes a session that can be held open and probed.
    ///
    /// Nothing outside the lab is read or written: no configuration, no known hosts.
    pub fn ssh(&self, from: &Netns, host: impl Into<IpAddr>, command: &str) -> Result<Process> {
        let mut ssh = from.command("ssh");
        ssh.args(["-F", "none", "-T", "-i", &self.home.text("client")]);
        for option in [
            "UserKnownHostsFile=/dev/null",
            "GlobalKnownHostsFile=/dev/null",
            "StrictHostKeyChecking=no",
            "UpdateHostKeys=no",
            "IdentitiesOnly=yes",
            "IdentityAgent=none",
            "BatchMode=yes",
            "ConnectTimeout=10",
            "LogLevel=ERROR",
        ] {
            ssh.args(["-o", option]);
        }
        ssh.arg(format!("root@{}", host.into())).arg(command);
        ssh.stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        Process::spawn(ssh)
    }

    /// What sshd has logged.
    pub fn log(&self) -> String {
        fs::read_to_string(self.home.path().join("sshd.log")).unwrap_or_default()
    }
}

fn configuration(home: &Home) -> String {
    format!(
        "Port 22\n\
         HostKey {}\n\
         AuthorizedKeysFile {}\n\
         PidFile none\n\
         StrictModes no\n\
         UsePAM no\n\
         UseDNS no\n\
         PermitRootLogin prohibit-password\n\
         PasswordAuthentication no\n\
         KbdInteractiveAuthentication no\n",
        home.text("host"),
        home.text("client.pub"),
    )
}

fn greets() -> bool {
    let greeting = || -> std::io::Result<[u8; 4]> {
        let address = (IpAddr::from(Ipv4Addr::LOCALHOST), 22).into();
        let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(1))?;
        stream.set_read_timeout(Some(Duration::from_secs(1)))?;
        let mut greeting = [0; 4];
        stream.read_exact(&mut greeting)?;
        Ok(greeting)
    };
    greeting().is_ok_and(|greeting| &greeting == b"SSH-")
}
