//! The stack of each program and of all that it calls, against what the verifier allows: 512 bytes together. Linux
//! before 6.13 rounds each frame up to 32 bytes, that of a function without any, too.
//! <https://elixir.bootlin.com/linux/v6.12/A/ident/check_max_stack_depth_subprog>

use std::collections::{BTreeMap, BTreeSet, HashSet};

use aya_obj::{Object, Program, generated::bpf_insn};

use super::load::OBJECT;

/// `MAX_BPF_STACK` (`include/linux/filter.h`), bytes.
const LIMIT: usize = 512;
/// A frame is a multiple of so many bytes, and not none.
const STEP: usize = 32;
/// The frame pointer.
const R10: u8 = 10;
/// Operations (`include/uapi/linux/bpf.h`): classes, and whole codes.
const LOAD: u8 = 0x01;
const STORES: [u8; 2] = [0x02, 0x03];
const MOVE: u8 = 0xbf;
const ADD: u8 = 0x07;
const CALL: u8 = 0x85;
/// Says of a call that it is one of a function of the object.
const PSEUDO_CALL: u8 = 1;

/// Where each function called begins, by where it is called.
fn calls(code: &[bpf_insn]) -> BTreeMap<usize, usize> {
    let calls = code
        .iter()
        .enumerate()
        .filter(|(_, it)| it.code == CALL && it.src_reg() == PSEUDO_CALL);
    let target =
        |(at, call): (usize, &bpf_insn)| (at, at.wrapping_add_signed(call.imm as isize + 1));
    calls.map(target).collect()
}

/// Bytes below the frame pointer that a function's code touches.
fn frame(code: &[bpf_insn]) -> usize {
    let (mut lowest, mut copies) = (0, [false; 16]);
    for it in code {
        let (to, from, class) = (it.dst_reg(), it.src_reg(), it.code & 7);
        if class == LOAD && from == R10 || STORES.contains(&class) && to == R10 {
            lowest = lowest.min(it.off.into());
        } else if it.code == MOVE {
            copies[usize::from(to)] = from == R10;
        } else if it.code == ADD && copies[usize::from(to)] {
            lowest = lowest.min(it.imm);
        }
    }
    lowest.unsigned_abs() as usize
}

/// The deepest stack below and with the function that begins at `start`.
fn depth(code: &[bpf_insn], calls: &BTreeMap<usize, usize>, start: usize) -> usize {
    let starts: BTreeSet<usize> = calls.values().copied().collect();
    let end = starts
        .range(start + 1..)
        .next()
        .copied()
        .unwrap_or(code.len());
    let own = frame(&code[start..end]).max(1).next_multiple_of(STEP);
    let below = calls
        .range(start..end)
        .map(|(_, to)| depth(code, calls, *to));
    own + below.max().unwrap_or(0)
}

/// The code of each program, with the functions that it calls behind its own.
pub(super) fn programs() -> BTreeMap<String, Vec<bpf_insn>> {
    let mut object = Object::parse(OBJECT).expect("an object");
    let text: HashSet<usize> = object
        .functions
        .keys()
        .map(|(section, _)| *section)
        .collect();
    object.relocate_calls(&text).expect("functions");
    let code = |program: &Program| {
        let function = &object.functions[&program.function_key()];
        function.instructions.clone()
    };
    let programs = object.programs.iter();
    programs
        .map(|(name, program)| (name.clone(), code(program)))
        .collect()
}

/// Of a program's own code, without the functions that it calls.
pub(super) fn own(code: &[bpf_insn]) -> &[bpf_insn] {
    &code[..calls(code).values().min().copied().unwrap_or(code.len())]
}

#[test]
fn every_program_fits_the_stack_of_old_kernels() {
    let programs = programs();
    let depths = programs
        .iter()
        .map(|(name, code)| (name.as_str(), depth(code, &calls(code), 0)));
    let seen: BTreeMap<&str, usize> = depths.collect();
    let called = |name| seen.get(name).copied().unwrap_or(0);
    assert!(
        called("on_fib_lookup") > 3 * STEP,
        "it calls functions: {seen:?}"
    );
    assert!(seen.values().all(|depth| *depth <= LIMIT), "{seen:?}");
}
