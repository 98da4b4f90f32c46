//! The BPF programs that hooks are measured against, built by the compiler and the linker that make the kernel half,
//! for the kernel at hand.

use std::fs::{self, File};
use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;

use anyhow::{Context as _, Result, anyhow};
use btfparse::{Offset, Readable, TypeInformation};
use tracer_common::KernelOffsets;

use crate::cargo::Cargo;
use crate::sh;
use crate::workspace::Workspace;

const TARGET: &str = "bpfel-unknown-none";
const BTF: &str = "/sys/kernel/btf/vmlinux";

/// Builds them; returns the object's path.
pub(super) fn build(cargo: &Cargo, workspace: &Workspace) -> Result<PathBuf> {
    let folder = workspace.bench();
    let mut command = cargo.nightly();
    command
        .args(["build", "--package=bench-ebpf", "--bins", "--release"])
        .args(["--target", TARGET, "-Zbuild-std=core"])
        .arg("--target-dir")
        .arg(&folder)
        .envs(offsets()?)
        .env(
            "RUSTFLAGS",
            r#"--cfg=bpf_target_arch="x86_64" -Clink-arg=--btf -Cdebuginfo=2"#,
        );
    sh::run(&mut command)?;
    let object = folder.join(TARGET).join("release/bench-ebpf");
    anyhow::ensure!(object.is_file(), "cargo made no {}", object.display());
    fs::canonicalize(object).context("where are the programs to measure against?")
}

/// Where this kernel has the members that the kernel half reads, by path, in bytes.
fn offsets() -> Result<Vec<(&'static str, String)>> {
    let file = Kernel(File::open(BTF).with_context(|| format!("open {BTF}"))?);
    let types = TypeInformation::new(&file).map_err(|error| anyhow!("read {BTF}: {error:?}"))?;
    let mut found = Vec::new();
    let _ = KernelOffsets::resolve(|path| {
        let (structure, member) = path.split_once('.')?;
        let bytes = match types.offset_of(types.id_of(structure)?, member).ok()?.1 {
            Offset::ByteOffset(bytes) => bytes,
            // `net_device.priv_flags` is a bit-field of 32 bits since 6.10.
            Offset::BitOffsetAndSize(bits, _) if bits % 8 == 0 => bits / 8,
            Offset::BitOffsetAndSize(..) => return None,
        };
        found.push((path, bytes.to_string()));
        Some(bytes)
    });
    Ok(found)
}

struct Kernel(File);

impl Readable for Kernel {
    fn read(&self, offset: u64, buffer: &mut [u8]) -> btfparse::Result<()> {
        Ok(self.0.read_exact_at(buffer, offset)?)
    }
}
