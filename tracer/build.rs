//! Builds the BPF object and leaves it in `OUT_DIR`, from where the binary embeds it.

use std::{
    env,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};
use aya_build::{Package, Toolchain};

fn main() -> Result<()> {
    add_linker()?;
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../tracer-ebpf");
    println!(
        "cargo:rerun-if-changed={}/../tracer-common/src",
        env!("CARGO_MANIFEST_DIR")
    );
    let package = Package {
        name: "tracer-ebpf",
        root_dir: root,
        ..Package::default()
    };
    aya_build::build_ebpf([package], Toolchain::default())
        .context("the BPF object did not build; `cargo xtask build` installs what it needs")
}

/// `cargo xtask` installs bpf-linker below the target directory; plain cargo calls find it there.
fn add_linker() -> Result<()> {
    let out = PathBuf::from(env::var_os("OUT_DIR").context("OUT_DIR is not set")?);
    let tools = |folder: &Path| folder.join("tools/bin");
    let installed = out
        .ancestors()
        .map(tools)
        .find(|bin| bin.join("bpf-linker").exists());
    let inherited = env::var_os("PATH").unwrap_or_default();
    let path = env::join_paths(env::split_paths(&inherited).chain(installed))?;
    // SAFETY: a build script has one thread.
    unsafe { env::set_var("PATH", path) };
    Ok(())
}
