//! Puts the running kernel's offsets into the instructions of the BPF object, as a loader of CO-RE relocations does: what
//! stands in their places is [`Placeholder`].

use anyhow::{Context as _, Result};
use object::{Object as _, ObjectSection as _, SectionKind};
use tracer_common::{ABSENT, KernelOffsets, Placeholder};
use zerocopy::IntoBytes as _;

/// Bytes of an instruction.
const INSTRUCTION: usize = 8;
/// Operations (`include/uapi/linux/bpf.h`): one of two instructions' length, one that sets a register…
const LOAD_WIDE: u8 = 0x18;
const SET: u8 = 0xb7;
/// …and those that load from memory, by size.
const LOADS: [u8; 4] = [0x61, 0x69, 0x71, 0x79];

/// The object file with the kernel's offsets in it.
///
/// # Errors
/// A member lies further behind its structure's beginning than an instruction can name.
pub(super) fn relocated(file: &[u8], offsets: &KernelOffsets) -> Result<Vec<u8>> {
    let mut relocated = file.to_vec();
    for (start, length) in code(file)? {
        let code = relocated.get_mut(start..start + length);
        relocate(code.context("a section ends behind the file")?, offsets)?;
    }
    Ok(relocated)
}

/// Where instructions are: offset in the file and length, in bytes.
fn code(file: &[u8]) -> Result<Vec<(usize, usize)>> {
    let file = object::File::parse(file).context("read the BPF object")?;
    let code = file.sections().filter(|it| it.kind() == SectionKind::Text);
    let ranges = code.filter_map(|it| it.file_range());
    ranges
        .map(|(start, length)| Ok((start.try_into()?, length.try_into()?)))
        .collect()
}

fn relocate(code: &mut [u8], offsets: &KernelOffsets) -> Result<()> {
    let mut instructions = code.chunks_exact_mut(INSTRUCTION);
    while let Some(instruction) = instructions.next() {
        let [operation, _, off @ .., i0, i1, i2, i3] = instruction else {
            continue;
        };
        match *operation {
            LOAD_WIDE => drop(instructions.next()),
            SET => {
                let operand = i32::from_le_bytes([*i0, *i1, *i2, *i3]);
                if let Some(place) = Placeholder::of_value(operand) {
                    // Absent: all bits set, in 64 as in 32.
                    let offset = offset(offsets, place).to_le_bytes();
                    [*i0, *i1, *i2, *i3] = offset;
                }
            }
            load if LOADS.contains(&load) => {
                let operand = i16::from_le_bytes([off[0], off[1]]);
                if let Some(place) = Placeholder::of_load(operand) {
                    off.copy_from_slice(&displacement(offsets, place)?.to_le_bytes());
                }
            }
            _ => {}
        }
    }
    Ok(())
}

fn offset(offsets: &KernelOffsets, place: Placeholder) -> u32 {
    let (words, _) = offsets.as_bytes().as_chunks();
    words
        .get(place.at / 4)
        .map_or(ABSENT, |word| u32::from_ne_bytes(*word))
}

/// Of a member that is absent nothing is loaded: the verifier, to whom that is a constant, does not even look.
fn displacement(offsets: &KernelOffsets, place: Placeholder) -> Result<i16> {
    let offset = offset(offsets, place);
    if offset == ABSENT {
        return Ok(0);
    }
    let far = offset as usize + place.after;
    let near = i16::try_from(far).ok();
    near.with_context(|| format!("a structure of this kernel is too large: a member lies {far} bytes behind its beginning"))
}

#[cfg(test)]
mod tests {
    use zerocopy::FromBytes as _;

    use super::*;
    use crate::kernel::load::OBJECT;

    /// Every offset is told from every other.
    fn numbered() -> KernelOffsets {
        let mut bytes = [0; size_of::<KernelOffsets>()];
        for (number, word) in (100_u32..).zip(bytes.chunks_exact_mut(4)) {
            word.copy_from_slice(&number.to_ne_bytes());
        }
        KernelOffsets::read_from_bytes(&bytes).unwrap()
    }

    fn instruction(operation: u8, off: i16, imm: i32) -> [u8; 8] {
        let ([o0, o1], [i0, i1, i2, i3]) = (off.to_le_bytes(), imm.to_le_bytes());
        [operation, 0x21, o0, o1, i0, i1, i2, i3]
    }

    #[test]
    fn operands_become_offsets_and_nothing_else_does() {
        let (value, load) = (Placeholder::value(8), Placeholder::load(12, 4));
        let mut code = [
            instruction(SET, 0, value),
            instruction(0x79, load, 0),
            instruction(SET, 0, 7),
            instruction(0x61, 40, 0),
            // A store, and a wide load, whose second half is no instruction.
            instruction(0x63, load, 0),
            instruction(LOAD_WIDE, 0, value),
            instruction(SET, 0, value),
        ];
        relocate(code.as_flattened_mut(), &numbered()).unwrap();
        assert_eq!(
            code,
            [
                instruction(SET, 0, 102),
                instruction(0x79, 103 + 4, 0),
                instruction(SET, 0, 7),
                instruction(0x61, 40, 0),
                instruction(0x63, load, 0),
                instruction(LOAD_WIDE, 0, value),
                instruction(SET, 0, value),
            ]
        );
    }

    #[test]
    fn what_is_absent_is_no_member_and_never_loaded() {
        let mut code = [
            instruction(SET, 0, Placeholder::value(0)),
            instruction(0x79, Placeholder::load(0, 0), 0),
        ];
        relocate(code.as_flattened_mut(), &KernelOffsets::NONE).unwrap();
        assert_eq!(code, [instruction(SET, 0, -1), instruction(0x79, 0, 0)]);
    }

    #[test]
    fn what_lies_too_far_is_said() {
        let far = KernelOffsets {
            flowi4_iif: 40_000,
            ..numbered()
        };
        let mut code = instruction(0x79, Placeholder::load(0, 0), 0);
        let error = relocate(&mut code, &far).unwrap_err().to_string();
        assert!(error.contains("40000 bytes"), "{error}");
    }

    #[test]
    fn the_object_keeps_no_placeholder() {
        let once = relocated(OBJECT, &numbered()).unwrap();
        let changed = |(before, after): &(&u8, &u8)| before != after;
        let changes = OBJECT.iter().zip(&once).filter(changed).count();
        assert!(changes > 500, "{changes} bytes of the object changed");
        let twice = relocated(&once, &KernelOffsets::NONE).unwrap();
        assert!(twice == once, "some were left");
    }
}
