//! Comparison with files that are checked in. `BRIDGETRACE_BLESS=1` writes them anew.

use std::{fs, path::Path};

/// Panics unless the file at `path`, relative to the package, holds exactly `actual`.
pub(crate) fn check(path: &str, actual: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    if std::env::var_os("BRIDGETRACE_BLESS").is_some() {
        fs::write(&path, actual).unwrap();
    }
    let expected = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        expected == actual,
        "{} differs; if the change is meant, set BRIDGETRACE_BLESS=1.\n--- checked in\n{expected}\n\
         --- now\n{actual}",
        path.display(),
    );
}
