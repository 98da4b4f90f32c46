//! What the kernel keeps for each namespace: settings and counters.

use std::fs;

use anyhow::{Context, Result};

use super::Netns;

impl Netns {
    /// Sets a `net.…` sysctl inside, given with dots or slashes.
    pub fn sysctl(&self, key: &str, value: &str) -> Result<()> {
        let path = sysctl_path(key);
        // /proc/sys/net shows the namespace of the task that opens it.
        self.enter(|| fs::write(&path, value))?
            .with_context(|| format!("write {value} to {path} in {}", self.name()))
    }

    /// Switches IPv6 on, whatever the machine's own default is.
    pub fn enable_ipv6(&self) -> Result<()> {
        // The loopback device is there already and does not look at the default any more.
        for scope in ["all", "default", "lo"] {
            self.sysctl(&format!("net.ipv6.conf.{scope}.disable_ipv6"), "0")?;
        }
        Ok(())
    }

    /// Reads a `net.…` sysctl inside.
    pub fn read_sysctl(&self, key: &str) -> Result<String> {
        let path = sysctl_path(key);
        let value = self.enter(|| fs::read_to_string(&path))?;
        let value = value.with_context(|| format!("read {path} in {}", self.name()))?;
        Ok(value.trim_end().to_owned())
    }

    /// A counter of the kernel's network stack inside, such as `IPReversePathFilter` of
    /// the group `TcpExt`: what `nstat` calls `TcpExtIPReversePathFilter`.
    pub fn counter(&self, group: &str, name: &str) -> Result<u64> {
        let read = || fs::read_to_string("/proc/thread-self/net/netstat");
        let table = self.enter(read)??;
        value_of(&table, group, name).with_context(|| format!("no counter {group}{name}"))
    }
}

/// Each group is two lines, one of names and one of values.
fn value_of(table: &str, group: &str, name: &str) -> Option<u64> {
    let mut lines = table
        .lines()
        .filter_map(|line| line.strip_prefix(group)?.strip_prefix(':'))
        .map(str::split_whitespace);
    let mut both = lines.next()?.zip(lines.next()?);
    both.find(|(found, _)| *found == name)?.1.parse().ok()
}

fn sysctl_path(key: &str) -> String {
    // A device name may hold dots, so a key with slashes is taken as it is.
    let key = if key.contains('/') {
        key.to_owned()
    } else {
        key.replace('.', "/")
    };
    format!("/proc/sys/{key}")
}

#[cfg(test)]
mod tests {
    use super::value_of;

    #[test]
    fn a_value_stands_below_its_name() {
        let table = "TcpExt: A B\nTcpExt: 1 2\nIpExt: B C\nIpExt: 3 4\n";
        assert_eq!(value_of(table, "TcpExt", "B"), Some(2));
        assert_eq!(value_of(table, "IpExt", "B"), Some(3));
        assert_eq!(value_of(table, "IpExt", "A"), None);
    }
}
