//! The error for what this machine lacks and only its owner can supply.

use std::fmt;

/// Something is missing that `xtask` may not or cannot install. The text ends with the exact
/// remedy; `main` turns it into exit status 2. Keep it outermost: context hides it.
#[derive(Debug)]
pub(crate) struct Unmet(String);

impl Unmet {
    /// What is missing, and the commands that supply it, one a line.
    pub(crate) fn new(missing: impl fmt::Display, remedy: &[String]) -> Self {
        let mut text = missing.to_string();
        for line in remedy {
            text.push_str("\n    ");
            text.push_str(line);
        }
        Self(text)
    }
}

impl fmt::Display for Unmet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Unmet {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_remedy_is_a_line_to_type() {
        let unmet = Unmet::new("no rustup; type:", &["a b".into(), "c".into()]);
        assert_eq!(unmet.to_string(), "no rustup; type:\n    a b\n    c");
    }
}
