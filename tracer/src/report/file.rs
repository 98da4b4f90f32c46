//! Where a report goes: as a whole or not at all.

use std::{
    fs::{self, Permissions},
    io::{self, Write as _},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, ensure};
use tempfile::Builder;

/// Writes `text` to `file`, in the place of a file that is there: whoever reads it meanwhile, or after
/// a full disk, finds the old one whole.
pub(super) fn write(file: &Path, text: &str) -> Result<()> {
    let file = place(file)?;
    let folder = file.parent().filter(|it| !it.as_os_str().is_empty());
    let written = || -> io::Result<()> {
        let mut part = Builder::new()
            .prefix(".bridgetrace-report-")
            // What the umask leaves of it.
            .permissions(Permissions::from_mode(0o666))
            .tempfile_in(folder.unwrap_or(Path::new(".")))?;
        part.write_all(text.as_bytes())?;
        part.as_file().sync_all()?;
        part.persist(&file)?;
        Ok(())
    };
    written().with_context(|| format!("write {}", file.display()))
}

/// Where the file really is. A device or a pipe would be replaced by a file.
fn place(file: &Path) -> Result<PathBuf> {
    match fs::canonicalize(file) {
        Ok(real) => {
            ensure!(
                real.is_file(),
                "{} is no regular file; -o - writes to standard output",
                file.display()
            );
            Ok(real)
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(file.to_owned()),
        Err(error) => Err(error).with_context(|| format!("write {}", file.display())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_whole_through_a_link_and_nothing_stays_behind() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::write(at("old.html"), "old").unwrap();
        std::os::unix::fs::symlink(at("old.html"), at("link.html")).unwrap();
        write(&at("link.html"), "new").unwrap();
        write(&at("fresh.html"), "fresh").unwrap();
        assert_eq!(fs::read_to_string(at("old.html")).unwrap(), "new");
        assert!(at("link.html").is_symlink());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 3);
    }

    #[test]
    fn what_is_no_file_stays_what_it_is() {
        let error = write(Path::new("/dev/null"), "x").unwrap_err().to_string();
        assert!(error.contains("no regular file"), "{error}");
        assert!(write(Path::new("/"), "x").is_err());
        let error = write(Path::new("/nowhere/out.html"), "x").unwrap_err();
        assert!(
            format!("{error:#}").starts_with("write /nowhere/out.html: "),
            "{error:#}"
        );
    }
}
