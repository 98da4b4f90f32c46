//! Kernels as files below `target/kernels`, fetched once; `cargo clean` or removing the folder
//! makes the next run fetch the newest again.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::{Supported, release};
use crate::debian::{Archive, Suite};
use crate::sh;

/// The modules that the outage needs, each after those it needs itself. One that is not there is
/// built in; if it is not, the machine will say what fails without it.
const MODULES: [&str; 4] = ["llc", "stp", "bridge", "veth"];

/// A kernel that can be booted.
pub(super) struct Kernel {
    folder: PathBuf,
}

impl Kernel {
    /// The kernel itself.
    pub(super) fn image(&self) -> PathBuf {
        self.folder.join("vmlinuz")
    }

    /// The file of a machine that is about this kernel.
    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Its modules in the order in which they are to be loaded, by name.
    pub(super) fn modules(&self) -> impl Iterator<Item = (String, PathBuf)> {
        let named = MODULES.into_iter().zip(1..).map(|(module, number)| {
            let name = format!("{number}-{module}.ko");
            let file = self.folder.join(&name);
            (name, file)
        });
        named.filter(|(_, file)| file.exists())
    }
}

/// The kernel at hand, or fetched.
pub(super) fn ensure(kernels: &Path, wanted: Supported) -> Result<Kernel> {
    let folder = kernels.join(wanted.series);
    let kernel = Kernel { folder };
    if kernel.image().exists() {
        return Ok(kernel);
    }
    let work = kernels.join(format!("{}.part", wanted.series));
    if work.exists() {
        remove(&work)?;
    }
    let fetched = fetch(&work, wanted, &kernel);
    if work.exists() {
        remove(&work)?;
    }
    fetched.map(|()| kernel)
}

fn remove(folder: &Path) -> Result<()> {
    std::fs::remove_dir_all(folder).with_context(|| format!("remove {}", folder.display()))
}

/// Works in a folder that goes away again, for the packages are large. The image is kept last:
/// where it is, everything is.
fn fetch(work: &Path, wanted: Supported, kernel: &Kernel) -> Result<()> {
    let archive = Archive::of_this_machine()?;
    let suite = Suite::open(work, &archive, wanted.suite)?;
    let names = suite.names(&release::pattern(wanted.series))?;
    let (release, packages) = release::newest(&names)
        .with_context(|| format!("{} has no Linux {} any more", wanted.suite, wanted.series))?;
    let unpacked = work.join("unpacked");
    suite.unpack(&packages, &unpacked)?;
    std::fs::create_dir_all(&kernel.folder).context("create the kernel's folder")?;
    for (module, number) in MODULES.into_iter().zip(1..) {
        if let Some(file) = find(&unpacked, &is_module(module))? {
            keep_module(&file, &kernel.file(&format!("{number}-{module}.ko")))?;
        }
    }
    let image = find(&unpacked, &is_image)?;
    let image = image.with_context(|| format!("no vmlinuz in the packages of {release}"))?;
    std::fs::rename(&image, kernel.image()).context("keep the kernel")
}

fn keep_module(file: &Path, to: &Path) -> Result<()> {
    if file.extension() != Some(OsStr::new("xz")) {
        return std::fs::rename(file, to).context("keep a module");
    }
    let to = std::fs::File::create(to).context("keep a module")?;
    sh::run(Command::new("busybox").arg("xzcat").arg(file).stdout(to))
}

fn is_image(name: &str) -> bool {
    name == "vmlinuz" || name.starts_with("vmlinuz-")
}

fn is_module(module: &str) -> impl Fn(&str) -> bool {
    move |name| matches!(name.strip_prefix(module), Some(".ko" | ".ko.xz"))
}

/// The first file below a folder that is called so.
fn find(folder: &Path, is_it: &dyn Fn(&str) -> bool) -> Result<Option<PathBuf>> {
    let entries =
        std::fs::read_dir(folder).with_context(|| format!("read {}", folder.display()))?;
    for entry in entries {
        let entry = entry?;
        let below = if entry.file_type()?.is_dir() {
            find(&entry.path(), is_it)?
        } else {
            is_it(&entry.file_name().to_string_lossy()).then(|| entry.path())
        };
        if below.is_some() {
            return Ok(below);
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_found_by_their_name_wherever_a_package_puts_them() {
        let dir = tempfile::tempdir().unwrap();
        let deep = dir.path().join("lib/modules/1/kernel/net");
        std::fs::create_dir_all(&deep).unwrap();
        std::fs::write(deep.join("bridge.ko.xz"), "").unwrap();
        std::fs::write(deep.join("br_netfilter.ko.xz"), "").unwrap();
        let found = find(dir.path(), &is_module("bridge")).unwrap();
        assert_eq!(found, Some(deep.join("bridge.ko.xz")));
        assert_eq!(find(dir.path(), &is_module("br")).unwrap(), None);
        assert_eq!(find(dir.path(), &is_image).unwrap(), None);
    }

    #[test]
    fn images_of_all_times_are_known() {
        assert!(is_image("vmlinuz-5.10.0-46-cloud-amd64"));
        assert!(is_image("vmlinuz"));
        assert!(!is_image("config-5.10.0-46-cloud-amd64"));
    }
}
