//! Builds the BPF object and leaves it in `OUT_DIR`, from where the binary embeds it.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};
use aya_build::{Package, Toolchain};
use object::{
    build::elf::{Builder, SectionData},
    elf::SHT_STRTAB,
};

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
        .context("the BPF object did not build; `cargo xtask build` installs what it needs")?;
    strip().context("strip the BPF object")
}

/// The kernel takes BTF; the DWARF it is made from is nine tenths of the object.
fn strip() -> Result<()> {
    let file =
        Path::new(&env::var_os("OUT_DIR").context("OUT_DIR is not set")?).join("bridgetrace-ebpf");
    let bytes = fs::read(&file)?;
    let mut object = Builder::read(&*bytes)?;
    for section in &mut object.sections {
        let name = section.name.to_string();
        section.delete = name.starts_with(".debug_") || name.starts_with(".rel.debug_");
    }
    object.delete_orphans();
    // The linker keeps the names of sections and of symbols in one table; written apart they need two.
    let names = object.sections.add();
    names.name = b".shstrtab"[..].into();
    names.sh_type = SHT_STRTAB;
    names.data = SectionData::SectionString;
    let mut stripped = Vec::new();
    object.write(&mut stripped)?;
    Ok(fs::write(file, stripped)?)
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
