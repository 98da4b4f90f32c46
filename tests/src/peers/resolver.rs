//! Name resolution by real resolvers, with an /etc/resolv.conf of their own.

use std::net::{IpAddr, Ipv4Addr};
use std::process::Command;

use anyhow::{Context, Result};

use crate::home::Home;
use crate::{Netns, process};

/// The files of a machine whose names come from one nameserver.
pub struct Resolver {
    netns: Netns,
    home: Home,
}

impl Resolver {
    /// Processes in `netns` that ask `nameserver`, and ask once only: they wait a second.
    pub fn new(netns: &Netns, nameserver: impl Into<IpAddr>) -> Result<Self> {
        let home = Home::new("resolver")?;
        let nameserver = nameserver.into();
        let resolv = format!("nameserver {nameserver}\noptions timeout:1 attempts:1\n");
        home.write("resolv.conf", &resolv)?;
        // The machine's own sources of names would be asked too, some by sockets that
        // know no namespaces.
        home.write("nsswitch.conf", "hosts: dns\n")?;
        Ok(Self {
            netns: netns.clone(),
            home,
        })
    }

    /// A command inside the namespace that sees the resolver's /etc/resolv.conf.
    ///
    /// It is the program itself, of this pid, once the shell that mounts has become it.
    pub fn command(&self, program: &str) -> Command {
        let script = format!(
            "for file in resolv.conf nsswitch.conf; do
                 mount --bind '{}'/$file /etc/$file
             done
             if [ -d /run/nscd ]; then mount -t tmpfs tmpfs /run/nscd; fi
             exec \"$@\"",
            self.home.path().display(),
        );
        let mut command = self.netns.command("unshare");
        command.args(["--mount", "sh", "-ec", &script, "sh", program]);
        command
    }

    /// Resolves by glibc, as almost every program does: `getent ahostsv4`.
    pub fn getent(&self, name: &str) -> Result<Ipv4Addr> {
        let found = process::output(self.command("getent").args(["ahostsv4", name]))?;
        let address = found.split_whitespace().next().context("no address")?;
        address.parse().with_context(|| found.clone())
    }

    /// Resolves by busybox's own resolver; returns what `nslookup` says.
    pub fn nslookup(&self, name: &str) -> Result<String> {
        process::output(self.command("busybox").args(["nslookup", "-type=a", name]))
    }
}
