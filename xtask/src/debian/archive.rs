//! Where Debian's archive is, as this machine's own apt knows it.

use std::process::Command;

use anyhow::{Context, Result};

use crate::sh;

/// The roots of Debian's two archives.
#[derive(Debug, PartialEq)]
pub(crate) struct Archive {
    main: Option<String>,
    security: Option<String>,
}

impl Archive {
    /// Asks apt which sources it reads.
    pub(crate) fn of_this_machine() -> Result<Self> {
        let mut apt = Command::new("apt-get");
        apt.args(["indextargets", "--format", "$(ORIGIN) $(LABEL) $(REPO_URI)"])
            .arg("Created-By: Packages");
        Ok(Self::parse(&sh::read(&mut apt)?))
    }

    fn parse(targets: &str) -> Self {
        let root = |label: &str| {
            let mut roots = targets
                .lines()
                .filter_map(|line| line.strip_prefix("Debian ")?.strip_prefix(label));
            roots.next().map(|root| root.trim().to_owned())
        };
        Self {
            main: root("Debian "),
            security: root("Debian-Security "),
        }
    }

    /// The archive that a suite is in.
    pub(crate) fn root_of(&self, suite: &str) -> Result<&str> {
        let (root, name) = if suite.ends_with("-security") {
            (&self.security, "security archive")
        } else {
            (&self.main, "archive")
        };
        let root = root.as_deref();
        root.with_context(|| format!("apt knows no mirror of Debian's {name}; `apt-get update`?"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TARGETS: &str = "\
        Debian Debian mirror:/debian/\n\
        Debian Debian mirror:/debian/\n\
        . nodistro mirror:/other/\n\
        Debian Debian-Security mirror:/debian-security/\n";

    #[test]
    fn each_suite_is_looked_for_where_its_kind_comes_from() {
        let archive = Archive::parse(TARGETS);
        assert_eq!(archive.root_of("sid").unwrap(), "mirror:/debian/");
        let security = archive.root_of("bullseye-security").unwrap();
        assert_eq!(security, "mirror:/debian-security/");
    }

    #[test]
    fn a_machine_without_debian_is_told_so() {
        let archive = Archive::parse("Ubuntu Ubuntu mirror:/ubuntu/\n");
        let error = archive.root_of("sid").unwrap_err();
        assert!(error.to_string().contains("no mirror of Debian's archive"));
    }
}
