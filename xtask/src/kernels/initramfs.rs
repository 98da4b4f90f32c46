//! What runs inside: busybox, `ip`, bridgetrace, their libraries, the kernel's modules, and the
//! script that is PID 1.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::cache::Kernel;
use super::cpio::Archive;
use crate::{setup, sh};

const INIT: &[u8] = include_bytes!("guest.sh");

/// Where the kernel's own file systems will be.
const MOUNTED: [&str; 4] = ["dev", "proc", "run", "sys"];

/// Writes the image beside the kernel.
pub(super) fn write(kernel: &Kernel, bridgetrace: &Path) -> Result<PathBuf> {
    let mut archive = Archive::default();
    MOUNTED.iter().for_each(|folder| archive.folder(folder));
    archive.file("init", INIT.to_vec());
    archive.file("bin/busybox", read(&installed("busybox")?)?);
    for (name, program) in [
        ("ip", installed("ip")?),
        ("bridgetrace", bridgetrace.into()),
    ] {
        for library in libraries(&program)? {
            let place = library.trim_start_matches('/');
            archive.file(place, read(Path::new(&library))?);
        }
        archive.file(&format!("bin/{name}"), read(&program)?);
    }
    for (name, module) in kernel.modules() {
        archive.file(&format!("modules/{name}"), read(&module)?);
    }
    let image = kernel.file("initramfs");
    std::fs::write(&image, archive.bytes()?).context("write the initramfs")?;
    Ok(image)
}

fn read(file: &Path) -> Result<Vec<u8>> {
    std::fs::read(file).with_context(|| format!("read {}", file.display()))
}

fn installed(program: &str) -> Result<PathBuf> {
    sh::find_in(program, &setup::lab_path()).with_context(|| format!("no {program} in PATH"))
}

/// The libraries a program asks for, the loader included.
fn libraries(program: &Path) -> Result<BTreeSet<String>> {
    match sh::read(Command::new("ldd").arg(program)) {
        Ok(text) => Ok(parse_ldd(&text)),
        Err(error) if format!("{error:#}").contains("not a dynamic executable") => {
            Ok(BTreeSet::new())
        }
        Err(error) => Err(error),
    }
}

/// The paths in lines such as `libc.so.6 => /lib/libc.so.6 (0x1)` and `/lib64/ld.so (0x1)`.
fn parse_ldd(text: &str) -> BTreeSet<String> {
    let path = |line: &str| {
        let mut words = line.split_whitespace();
        words.find(|word| word.starts_with('/')).map(str::to_owned)
    };
    text.lines().filter_map(path).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_and_loader_are_read_from_ldd() {
        let text = "\tlinux-vdso.so.1 (0x1)\n\
                    \tlibc.so.6 => /lib/x/libc.so.6 (0x2)\n\
                    \t/lib64/ld-linux-x86-64.so.2 (0x3)\n";
        let found: Vec<_> = parse_ldd(text).into_iter().collect();
        assert_eq!(found, ["/lib/x/libc.so.6", "/lib64/ld-linux-x86-64.so.2"]);
    }

    #[test]
    fn a_program_that_stands_alone_has_none() {
        assert!(parse_ldd("\tstatically linked\n").is_empty());
    }
}
