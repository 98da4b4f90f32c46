//! Which registers hooks make the JIT save whenever they run: those of 6 to 9 that the program's own code uses anywhere.
//! What nearly always only looks is to need none, or as few as what it remembers takes.

use std::collections::BTreeSet;

use super::stack::{own, programs};

/// Hooks that run all the time, and how many registers they may have saved.
const FRUGAL: [(&str, usize); 7] = [
    // The context outlives helpers, and over IPv6 a word more.
    ("on_fib_lookup", 1),
    ("on_fib6_lookup", 2),
    ("on_skb_drop", 0),
    ("on_neigh_send", 0),
    ("on_neigh_timer", 0),
    ("on_tcp_reset", 0),
    ("on_exec", 0),
];

#[test]
fn hooks_that_mostly_look_have_few_registers_saved() {
    let programs = programs();
    for (name, may) in FRUGAL {
        let registers = own(&programs[name])
            .iter()
            .flat_map(|it| [it.dst_reg(), it.src_reg()]);
        let saved: BTreeSet<u8> = registers.filter(|it| (6..=9).contains(it)).collect();
        assert!(saved.len() <= may, "{name} has {saved:?} saved");
    }
}
