//! Asks the running kernel's BTF where things are, instead of asking for its version.

use std::collections::BTreeMap;

use btfparse::{Integer32Value, Offset, Readable, TypeInformation, TypeVariant};
use thiserror::Error;
use tracer_common::{DropReason, Hook, KernelOffsets};

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

struct Bytes(Vec<u8>);

impl Readable for Bytes {
    fn read(&self, offset: u64, buffer: &mut [u8]) -> btfparse::Result<()> {
        let start = usize::try_from(offset).unwrap_or(usize::MAX);
        match start
            .checked_add(buffer.len())
            .and_then(|end| self.0.get(start..end))
        {
            Some(bytes) => {
                buffer.copy_from_slice(bytes);
                Ok(())
            }
            None => Err(btfparse::Error::new(
                btfparse::ErrorKind::IOError,
                "read past the end",
            )),
        }
    }
}

impl KernelTypes {
    /// Reads the running kernel's.
    pub(crate) fn read() -> Result<Self, BtfError> {
        Self::parse(std::fs::read(VMLINUX).map_err(BtfError::Read)?)
    }

    /// Understands the bytes of a BTF file.
    pub(super) fn parse(bytes: Vec<u8>) -> Result<Self, BtfError> {
        let types = TypeInformation::new(&Bytes(bytes))
            .map_err(|e| BtfError::Parse(e.message().to_owned()))?;
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

/// Struct names → type id. Functions and variables may share a struct's name.
fn structs(types: &TypeInformation) -> BTreeMap<String, u32> {
    let named = types.get().iter().filter_map(|(id, kind)| match kind {
        TypeVariant::Struct(s) => s.name().clone().map(|name| (name, *id)),
        _ => None,
    });
    // The first definition wins: later ones of the same name are drivers' private types.
    named.fold(BTreeMap::new(), |mut map, (name, id)| {
        map.entry(name).or_insert(id);
        map
    })
}

fn offset_of(types: &TypeInformation, structs: &BTreeMap<String, u32>, path: &str) -> Option<u32> {
    let (name, member) = path.split_once('.')?;
    match types.offset_of(*structs.get(name)?, member).ok()?.1 {
        Offset::ByteOffset(bytes) => Some(bytes),
        // `priv_flags` is a bit-field of 32 bits since 6.10; anything unaligned is not for us.
        Offset::BitOffsetAndSize(bits, _) => (bits % 8 == 0).then_some(bits / 8),
    }
}

/// The reasons are renumbered in every release, so they are found by name.
fn reasons(types: &TypeInformation) -> [u8; 256] {
    let mut table = [0; 256];
    let values = types.get().values().filter_map(|kind| match kind {
        TypeVariant::Enum(e) if e.name().as_deref() == Some("skb_drop_reason") => {
            Some(e.named_value_list())
        }
        _ => None,
    });
    for value in values.flatten() {
        let wire = DropReason::ALL
            .into_iter()
            .find(|reason| value.name.strip_prefix("SKB_DROP_REASON_") == Some(reason.name()));
        let number = match value.value {
            Integer32Value::Unsigned(number) => usize::try_from(number).ok(),
            Integer32Value::Signed(number) => usize::try_from(number).ok(),
        };
        if let (Some(wire), Some(slot)) = (wire, number.and_then(|n| table.get_mut(n))) {
            *slot = wire as u8;
        }
    }
    table
}

/// Tracepoint → number of arguments, from the `btf_trace_*` typedefs.
fn prototypes(types: &TypeInformation) -> BTreeMap<&'static str, usize> {
    let mut found = BTreeMap::new();
    for hook in tracer_common::HOOKS {
        let name = format!("btf_trace_{}", hook.tracepoint());
        if let Some(arguments) = types.id_of(&name).and_then(|id| arguments(types, id)) {
            found.insert(hook.tracepoint(), arguments);
        }
    }
    found
}

fn arguments(types: &TypeInformation, typedef: u32) -> Option<usize> {
    let TypeVariant::Typedef(typedef) = types.from_id(typedef)? else {
        return None;
    };
    let TypeVariant::Ptr(pointer) = types.from_id(*typedef.tid())? else {
        return None;
    };
    let TypeVariant::FuncProto(function) = types.from_id(*pointer.tid())? else {
        return None;
    };
    // The first parameter is the tracepoint's private data.
    function.parameter_list().len().checked_sub(1)
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
        let error = KernelTypes::parse(b"not BTF".to_vec()).err().unwrap();
        assert!(error.to_string().starts_with(VMLINUX), "{error}");
    }
}
