//! bpf-linker, built against the very LLVM of the nightly compiler: no LLVM package is needed.
//!
//! A linker that is there may still be of no use: too old, linked to the library of a nightly
//! that was updated away, or to an LLVM that cannot read today's bitcode. So it is made to link.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::nightly::Nightly;
use crate::sh;
use crate::unmet::Unmet;

const NAME: &str = "bpf-linker";
/// The oldest version that will do, and the series that is installed.
const VERSION: (u32, u32) = (0, 13);

/// Finds a bpf-linker that works with this nightly, or installs one below `tools`.
pub(super) fn ensure(tools: &Path, nightly: &Nightly) -> Result<PathBuf> {
    let probe = Probe::compile(tools, nightly)?;
    if let Some(found) = candidates(tools)
        .into_iter()
        .find(|file| probe.accepts(file))
    {
        return Ok(found);
    }
    sh::say(format!(
        "no {NAME} works with this nightly: building one, about a minute"
    ));
    install(tools, nightly)?;
    let installed = tools.join("bin").join(NAME);
    probe
        .try_link(&installed)
        .context("the bpf-linker just installed does not work")?;
    Ok(installed)
}

/// Where a bpf-linker may be: on `PATH`, where cargo installs, where this file installs.
fn candidates(tools: &Path) -> Vec<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let on_path = std::env::split_paths(&path).map(|dir| dir.join(NAME));
    let cargo_bin = cargo_home().map(|home| home.join("bin").join(NAME));
    let cached = tools.join("bin").join(NAME);
    on_path
        .chain(cargo_bin)
        .chain([cached])
        .filter(|file| sh::is_executable(file))
        .collect()
}

fn cargo_home() -> Option<PathBuf> {
    let home = || std::env::home_dir().map(|home| home.join(".cargo"));
    std::env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(home)
}

/// A piece of this nightly's bitcode that a linker can be tried on.
struct Probe {
    folder: PathBuf,
}

impl Probe {
    /// Compiles an empty crate, without even `core`, for the BPF target.
    fn compile(tools: &Path, nightly: &Nightly) -> Result<Self> {
        let folder = tools.join("probe");
        std::fs::create_dir_all(&folder)
            .with_context(|| format!("cannot create {}", folder.display()))?;
        let probe = Self { folder };
        let source = "#![feature(no_core)]\n#![no_core]\n#![crate_type = \"lib\"]\n";
        std::fs::write(probe.file("rs"), source).context("cannot write the linker's probe")?;
        let mut rustc = nightly.command("rustc");
        rustc.args(["--target", "bpfel-unknown-none", "--emit", "llvm-bc", "-o"]);
        sh::read(rustc.arg(probe.file("bc")).arg(probe.file("rs")))?;
        Ok(probe)
    }

    fn file(&self, extension: &str) -> PathBuf {
        self.folder.join("probe").with_extension(extension)
    }

    /// Whether a linker will do; says what is wrong with one that is there and will not.
    fn accepts(&self, linker: &Path) -> bool {
        let verdict = self.try_link(linker);
        if let Err(error) = &verdict {
            sh::say(format!("{} is of no use: {error:#}", linker.display()));
        }
        verdict.is_ok()
    }

    fn try_link(&self, linker: &Path) -> Result<()> {
        let text = sh::read(Command::new(linker).arg("--version"))?;
        let version = parse_version(&text).with_context(|| format!("strange version {text:?}"))?;
        anyhow::ensure!(version >= VERSION, "{} is too old", text.trim());
        let mut link = Command::new(linker);
        link.args(["--export", "none", "--output"])
            .arg(self.file("o"))
            .arg(self.file("bc"));
        sh::read(&mut link).map(drop)
    }
}

/// `bpf-linker 0.13.0`: major and minor.
fn parse_version(text: &str) -> Option<(u32, u32)> {
    let mut numbers = text.trim().strip_prefix(NAME)?.trim().split('.');
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

/// Builds bpf-linker with the nightly toolchain, linked to that toolchain's own libLLVM.
fn install(tools: &Path, nightly: &Nightly) -> Result<()> {
    require_c_compiler()?;
    let prefix = llvm_prefix(tools, nightly)?;
    let scratch = tools.join("build");
    sh::run(&mut install_command(tools, nightly, &prefix, &scratch)).with_context(|| {
        format!(
            "bpf-linker may not know LLVM {} yet; an older nightly would do",
            nightly.llvm
        )
    })?;
    // 200 MB that nobody needs again.
    std::fs::remove_dir_all(&scratch)
        .with_context(|| format!("cannot remove {}", scratch.display()))
}

fn install_command(tools: &Path, nightly: &Nightly, prefix: &Path, scratch: &Path) -> Command {
    let mut rpath = OsString::from("-Clink-arg=-Wl,-rpath,");
    rpath.push(nightly.sysroot.join("lib"));
    let mut cargo = nightly.command("cargo");
    cargo
        .arg("install")
        .arg(NAME)
        .args(["--version", &format!("^{}.{}", VERSION.0, VERSION.1)]);
    cargo.args(["--locked", "--force", "--no-default-features"]);
    cargo.args(["--features", &format!("llvm-{}", nightly.llvm)]);
    cargo
        .arg("--root")
        .arg(tools)
        .arg("--target-dir")
        .arg(scratch);
    cargo.env("LLVM_PREFIX", prefix).env("RUSTFLAGS", rpath);
    // Either would win over what is asked for here.
    cargo
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .env_remove("CARGO_BUILD_TARGET");
    cargo
}

fn require_c_compiler() -> Result<(), Unmet> {
    if sh::succeeds(Command::new("cc").arg("--version")) {
        return Ok(());
    }
    let remedy = "sudo apt-get install -y --no-install-recommends gcc libc6-dev";
    Err(Unmet::new(
        "building bpf-linker needs a C compiler; type:",
        &[remedy.into()],
    ))
}

/// A folder that looks like an LLVM installation: `lib/libLLVM.so` is the nightly's.
fn llvm_prefix(tools: &Path, nightly: &Nightly) -> Result<PathBuf> {
    let library = find_llvm(&nightly.sysroot.join("lib"))?;
    let prefix = tools.join("llvm");
    let link = prefix.join("lib/libLLVM.so");
    std::fs::create_dir_all(prefix.join("lib"))
        .and_then(|()| {
            if link.is_symlink() {
                std::fs::remove_file(&link)
            } else {
                Ok(())
            }
        })
        .and_then(|()| std::os::unix::fs::symlink(&library, &link))
        .with_context(|| format!("cannot link {} to {}", link.display(), library.display()))?;
    Ok(prefix)
}

/// `libLLVM.so.22.1-rust-1.97.0-nightly`; its neighbour `libLLVM-22-…so` is a linker script.
fn find_llvm(lib: &Path) -> Result<PathBuf> {
    let entries =
        std::fs::read_dir(lib).with_context(|| format!("cannot list {}", lib.display()))?;
    let names = entries.flatten().map(|entry| entry.path());
    names
        .filter(|path| is_llvm(path))
        .max()
        .ok_or_else(|| no_llvm(lib).into())
}

fn is_llvm(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.strip_prefix("libLLVM.so.")
        .is_some_and(|rest| rest.contains("-rust-"))
}

fn no_llvm(lib: &Path) -> Unmet {
    let missing = format!(
        "no libLLVM.so in {}; bring a bpf-linker yourself, type:",
        lib.display()
    );
    Unmet::new(missing, &["cargo binstall bpf-linker".into()])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_and_compared() {
        assert_eq!(parse_version("bpf-linker 0.13.0\n"), Some((0, 13)));
        assert!(parse_version("bpf-linker 0.9.15").unwrap() < VERSION);
        assert!(parse_version("bpf-linker 1.0.0").unwrap() >= VERSION);
        assert_eq!(parse_version("ld.lld 22.1"), None);
    }

    #[test]
    fn the_library_is_found_and_not_its_linker_script() {
        let lib = tempfile::tempdir().unwrap();
        assert!(find_llvm(lib.path()).unwrap_err().is::<Unmet>());
        let library = "libLLVM.so.22.1-rust-1.97.0-nightly";
        for name in [
            library,
            "libLLVM-22-rust-1.97.0-nightly.so",
            "librustc_driver-b5.so",
        ] {
            std::fs::write(lib.path().join(name), "").unwrap();
        }
        assert_eq!(find_llvm(lib.path()).unwrap(), lib.path().join(library));
    }

    #[test]
    fn the_linker_is_built_against_the_nightly_it_serves() {
        let nightly = Nightly {
            sysroot: "/n".into(),
            llvm: 22,
        };
        let [tools, prefix, scratch] = ["/t", "/t/llvm", "/t/build"].map(Path::new);
        let shown = sh::render(&install_command(tools, &nightly, prefix, scratch));
        assert_eq!(
            shown,
            "LLVM_PREFIX=/t/llvm RUSTFLAGS=-Clink-arg=-Wl,-rpath,/n/lib \
             rustup run nightly cargo install bpf-linker --version ^0.13 --locked --force \
             --no-default-features --features llvm-22 --root /t --target-dir /t/build"
        );
    }

    #[test]
    fn a_stale_link_to_an_updated_nightly_is_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let nightly = Nightly {
            sysroot: dir.path().join("sysroot"),
            llvm: 22,
        };
        let lib = nightly.sysroot.join("lib");
        std::fs::create_dir_all(&lib).unwrap();
        for name in ["libLLVM.so.21.1-rust-old", "libLLVM.so.22.1-rust-new"] {
            std::fs::write(lib.join(name), "").unwrap();
            let prefix = llvm_prefix(dir.path(), &nightly).unwrap();
            let target = std::fs::read_link(prefix.join("lib/libLLVM.so")).unwrap();
            assert_eq!(target, lib.join(name));
        }
    }
}
