//! Asks the running kernel's BTF where things are, instead of asking for its version.

mod format;

use std::collections::{BTreeMap, HashMap};

use thiserror::Error;
use tracer_common::{DropReason, HOOKS, Hook, KernelOffsets, Placeholder};

use self::format::{Type, Types, kind};

/// Where the kernel publishes its own types.
pub(crate) const VMLINUX: &str = "/sys/kernel/btf/vmlinux";

/// The kernel's types cannot be had.
#[derive(Debug, Error)]
pub(crate) enum BtfError {
    /// The file is missing or unreadable.
    #[error(
        "{VMLINUX} cannot be read: this kernel does not publish its types (BTF); use a kernel built with \
         CONFIG_DEBUG_INFO_BTF=y (Debian 11+, Ubuntu 20.10+, RHEL 8.2+ have it)"
    )]
    Read(#[source] std::io::Error),
    /// It is not BTF as we know it.
    #[error("{VMLINUX}: cannot be understood: {0}")]
    Parse(String),
}

/// What bridgetrace needs to know of the running kernel.
pub(crate) struct KernelTypes {
    /// Offsets for the kernel half.
    pub(crate) offsets: KernelOffsets,
    /// Kernel drop reason number → wire number, for the kernel half.
    pub(crate) reasons: [u8; 256],
    /// Members this kernel lacks, as `struct.member`.
    pub(crate) missing: Vec<&'static str>,
    prototypes: BTreeMap<&'static str, usize>,
}

impl KernelTypes {
    /// Reads the running kernel's.
    pub(crate) fn read() -> Result<Self, BtfError> {
        Self::parse(&std::fs::read(VMLINUX).map_err(BtfError::Read)?)
    }

    /// Understands the bytes of a BTF file.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, BtfError> {
        let types = Types::parse(bytes).map_err(BtfError::Parse)?;
        let structs = structs(&types);
        let mut missing = Vec::new();
        let offsets = KernelOffsets::resolve(|path| {
            let offset = offset_of(&types, &structs, path);
            if offset.is_none() {
                missing.push(path);
            }
            offset
        });
        Ok(Self {
            offsets,
            reasons: reasons(&types),
            missing,
            prototypes: prototypes(&types),
        })
    }

    /// Number of arguments the kernel passes at this hook; `None` if it has no such tracepoint.
    pub(crate) fn arguments(&self, hook: Hook) -> Option<usize> {
        self.prototypes.get(hook.tracepoint()).copied()
    }
}

/// By name. Functions and variables may share a struct's.
fn structs<'a>(types: &Types<'a>) -> HashMap<&'a str, Type<'a>> {
    let mut found = HashMap::new();
    for (name, kind) in types.named(kind::STRUCT) {
        // The first definition wins: later ones of the same name are drivers' private types.
        found.entry(name).or_insert(kind);
    }
    found
}

/// Bytes from the beginning of a struct to a member of it, `struct.member.member…`.
fn offset_of(types: &Types<'_>, structs: &HashMap<&str, Type<'_>>, path: &str) -> Option<u32> {
    let (name, member) = path.split_once('.')?;
    let bits = types.offset_of(*structs.get(name)?, member)?;
    // `priv_flags` is a bit-field of 32 bits since 6.10; anything unaligned is not for us, nor what lies further away than
    // an instruction can name.
    let near = (bits / 8) <= Placeholder::FARTHEST;
    (bits % 8 == 0 && near).then_some(bits / 8)
}

/// The reasons are renumbered in every release, so they are found by name.
fn reasons(types: &Types<'_>) -> [u8; 256] {
    let mut table = [0; 256];
    let all = types
        .named(kind::ENUM)
        .filter(|(name, _)| *name == "skb_drop_reason");
    for (name, number) in all.flat_map(|(_, kind)| types.values(kind)) {
        let wire = DropReason::ALL
            .into_iter()
            .find(|reason| name.strip_prefix("SKB_DROP_REASON_") == Some(reason.name()));
        if let (Some(wire), Some(slot)) = (wire, table.get_mut(number as usize)) {
            *slot = wire as u8;
        }
    }
    table
}

/// Tracepoint → number of arguments, from the `btf_trace_*` typedefs.
fn prototypes(types: &Types<'_>) -> BTreeMap<&'static str, usize> {
    let found = types.named(kind::TYPEDEF).filter_map(|(name, typedef)| {
        let traced = name.strip_prefix("btf_trace_")?;
        let hook = HOOKS.into_iter().find(|hook| hook.tracepoint() == traced)?;
        Some((hook.tracepoint(), arguments(types, typedef)?))
    });
    found.collect()
}

/// Of the function that a typedef is a pointer to.
fn arguments(types: &Types<'_>, typedef: Type<'_>) -> Option<usize> {
    let pointer = types
        .get(typedef.refers_to())
        .filter(|it| it.is(kind::PTR))?;
    let function = types.get(pointer.refers_to());
    let function = function.filter(|it| it.is(kind::FUNC_PROTO))?;
    // The first parameter is the tracepoint's private data.
    function.count().checked_sub(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_running_kernel_has_every_member() {
        let types = KernelTypes::read().unwrap();
        assert_eq!(types.missing, Vec::<&str>::new());
        assert_eq!(types.arguments(Hook::FibLookup), Some(4));
        assert_eq!(
            types.reasons.iter().filter(|r| **r != 0).count(),
            DropReason::ALL.len()
        );
    }

    #[test]
    fn garbage_is_an_error_that_names_the_file() {
        let error = KernelTypes::parse(b"not BTF").err().unwrap();
        assert!(error.to_string().starts_with(VMLINUX), "{error}");
    }
}
