//! Whether an executable stands alone: the lab's container image is one busybox, no libraries.

use std::path::Path;

const PT_INTERP: u32 = 3;

/// Whether a file is an ELF executable that asks for no dynamic loader.
pub(super) fn is_static(file: &Path) -> bool {
    std::fs::read(file).is_ok_and(|bytes| asks_for_loader(&bytes) == Some(false))
}

/// Walks the program headers of a little-endian 64-bit ELF file; `None` if it is none.
fn asks_for_loader(elf: &[u8]) -> Option<bool> {
    if elf.get(..6)? != b"\x7fELF\x02\x01" {
        return None;
    }
    let table = usize::try_from(u64::from_le_bytes(at(elf, 32)?)).ok()?;
    let size = usize::from(u16::from_le_bytes(at(elf, 54)?));
    let count = usize::from(u16::from_le_bytes(at(elf, 56)?));
    for index in 0..count {
        let header = table.checked_add(index.checked_mul(size)?)?;
        if u32::from_le_bytes(at(elf, header)?) == PT_INTERP {
            return Some(true);
        }
    }
    Some(false)
}

fn at<const N: usize>(bytes: &[u8], offset: usize) -> Option<[u8; N]> {
    bytes.get(offset..offset.checked_add(N)?)?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An ELF header whose one program header has this type.
    fn elf(kind: u32) -> Vec<u8> {
        let mut bytes = vec![0; 64 + 56];
        bytes[..6].copy_from_slice(b"\x7fELF\x02\x01");
        bytes[32] = 64;
        bytes[54] = 56;
        bytes[56] = 1;
        bytes[64..68].copy_from_slice(&kind.to_le_bytes());
        bytes
    }

    #[test]
    fn a_loader_is_found_or_not() {
        assert_eq!(asks_for_loader(&elf(PT_INTERP)), Some(true));
        assert_eq!(asks_for_loader(&elf(1)), Some(false));
    }

    #[test]
    fn what_is_torn_or_no_elf_is_not_static() {
        assert_eq!(asks_for_loader(b"#!/bin/sh"), None);
        assert_eq!(asks_for_loader(&elf(1)[..66]), None);
        let mut wild = elf(1);
        wild[32..40].fill(0xff);
        assert_eq!(asks_for_loader(&wild), None);
    }

    #[test]
    fn this_test_binary_has_a_loader() {
        let me = std::env::current_exe().unwrap();
        assert!(cfg!(target_feature = "crt-static") || !is_static(&me));
    }
}
