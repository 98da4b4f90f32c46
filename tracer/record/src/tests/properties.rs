//! Whatever the bytes: no panic, and what was whole is recovered.

use proptest::prelude::*;

use super::*;

fn one() -> impl Strategy<Value = Input> {
    prop_oneof![
        4 => (0_u64..1000).prop_map(tick),
        2 => (0_u64..1000).prop_map(event),
        1 => (0_u64..1000, any::<u16>()).prop_map(|(at, state)| neighbour(at, state)),
    ]
}

proptest! {
    #[test]
    fn any_inputs_come_back(recorded in proptest::collection::vec(one(), 1..200), cut in 0_usize..200) {
        let cut = cut.min(recorded.len() - 1);
        let mut files = Vec::new();
        if cut > 0 {
            files.push(block(0, &recorded[..cut]));
        }
        files.push(block(cut as u64, &recorded[cut..]));
        prop_assert_eq!(inputs(play(&files).0), recorded);
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..2000)) {
        let (told, _) = play(&[bytes]);
        prop_assert!(told.is_empty());
    }

    #[test]
    fn a_block_between_any_bytes_is_found(
        before in proptest::collection::vec(any::<u8>(), 0..200),
        after in proptest::collection::vec(any::<u8>(), 0..200),
    ) {
        let whole = block(0, &[session(), event(1)]);
        let (told, problems) = play(&[[before.clone(), whole, after.clone()].concat()]);
        prop_assert_eq!(inputs(told), [session(), event(1)]);
        let damages = u64::from(!before.is_empty()) + u64::from(!after.is_empty());
        prop_assert_eq!(problems.damages, damages);
    }
}
