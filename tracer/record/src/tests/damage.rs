//! Every readable block is recovered, the rest is reported.

use tracer_core::input::HookLoss;

use super::*;
use crate::{
    header::{Header, Parsed, SIZE},
    scan::{Damage, Found, Scan},
};

const BLOCKS: u64 = 40;
const EACH: u64 = 25;

/// The inputs of block `number`.
fn of_block(number: u64) -> Vec<Input> {
    (number * EACH..(number + 1) * EACH).map(event).collect()
}

/// A recording of many blocks, and where each begins.
fn recording() -> (Vec<u8>, Vec<usize>) {
    let mut file = Vec::new();
    let mut starts = Vec::new();
    for number in 0..BLOCKS {
        starts.push(file.len());
        file.extend(block(number * EACH, &of_block(number)));
    }
    (file, starts)
}

/// How the core is told of missing inputs.
fn loss(missing: u64) -> Body {
    Body::Loss(HookLoss {
        hook: "the recording".to_owned(),
        missing,
        ..HookLoss::default()
    })
}

/// What is told when block `gone` cannot be read.
fn without(gone: u64) -> Vec<Input> {
    let mut inputs = Vec::new();
    for number in (0..BLOCKS).filter(|number| *number != gone) {
        let block = of_block(number);
        if number == gone + 1 {
            let at = block[0].at;
            inputs.push(Input {
                at,
                body: loss(EACH),
            });
        }
        inputs.extend(block);
    }
    inputs
}

#[test]
fn a_bit_flipped_at_every_thousandth_byte_costs_the_block_it_is_in() {
    let (file, starts) = recording();
    assert!(file.len() > 50_000, "{} bytes", file.len());
    for place in (0..file.len()).step_by(1000) {
        let mut damaged = file.clone();
        damaged[place] ^= 1 << (place % 8);
        let (told, problems) = play(&[damaged]);
        let gone = starts.partition_point(|start| *start <= place) as u64 - 1;
        assert_eq!(inputs(told), without(gone), "byte {place}");
        assert_eq!(problems.damages, 1, "byte {place}");
        let at = problems.damaged[0].1.at;
        assert_eq!(at, starts[gone as usize] as u64, "byte {place}");
        // What was at the end is known to be damaged, but not how many inputs it held.
        let missing = if gone == BLOCKS - 1 { 0 } else { EACH };
        assert_eq!(problems.missing, missing, "byte {place}");
    }
}

/// Where blocks are found, and what is damaged.
fn scan(file: &[u8]) -> (Vec<usize>, Vec<Damage>) {
    let mut scan = Scan::new(Cursor::new(file)).unwrap();
    let (mut blocks, mut damages) = (Vec::new(), Vec::new());
    while let Some(found) = scan.find().unwrap() {
        match found {
            Found::Block { at, .. } => blocks.push(at as usize),
            Found::Damaged(damage) => damages.push(damage),
            Found::Newer(version) => panic!("version {version}"),
        }
    }
    (blocks, damages)
}

#[test]
fn a_bit_flipped_anywhere_costs_one_block() {
    let (file, starts) = recording();
    for place in (0..file.len()).step_by(31) {
        let mut damaged = file.clone();
        damaged[place] ^= 1 << (place % 8);
        let gone = starts.partition_point(|start| *start <= place) - 1;
        let (blocks, damages) = scan(&damaged);
        let mut wanted = starts.clone();
        let start = wanted.remove(gone) as u64;
        assert_eq!(blocks, wanted, "byte {place}");
        let end = starts.get(gone + 1).map_or(file.len(), |next| *next) as u64;
        let (at, bytes) = (start, end - start);
        // Only whoever knows what came next can tell that a whole header was written.
        let cut = damages[0].cut;
        assert_eq!(damages, [Damage { at, bytes, cut }], "byte {place}");
    }
}

#[test]
fn whatever_the_length_of_a_torn_file_every_whole_block_is_read() {
    let (file, starts) = recording();
    for length in (1..file.len()).step_by(31) {
        let (blocks, damages) = scan(&file[..length]);
        let ends = starts[1..].iter().copied().chain([file.len()]);
        let whole = ends.filter(|end| *end <= length).count();
        assert_eq!(blocks, starts[..whole], "{length} bytes");
        let torn = !starts.contains(&length);
        assert_eq!(damages.len(), usize::from(torn), "{length} bytes");
        assert!(damages.iter().all(|damage| damage.cut), "{length} bytes");
    }
}

#[test]
fn bytes_missing_in_the_middle_cost_the_block_they_were_in() {
    let (mut file, starts) = recording();
    let place = starts[7] + SIZE + 20;
    file.drain(place..place + 13);
    let (told, problems) = play(&[file]);
    assert_eq!(inputs(told), without(7));
    assert_eq!((problems.damages, problems.missing), (1, EACH));
}

#[test]
fn a_torn_block_that_others_follow_is_left_out() {
    let (file, starts) = recording();
    let torn = &file[..starts[8] - 10];
    let (told, problems) = play(&[[torn, &file[starts[8]..]].concat()]);
    assert_eq!(inputs(told), without(7));
    assert!(!problems.damaged[0].1.cut);
}

#[test]
fn behind_a_hole_the_state_of_the_host_is_taken_in() {
    let snapshot = block_of(Kind::Snapshot, RUN, 4, &[session(), neighbour(1, 2)]);
    let files = [
        block(0, &[session(), event(1)]),
        // Two inputs are missing here.
        snapshot.bytes,
        block(4, &[event(5)]),
    ];
    let (told, problems) = play(&files);
    let hole = Input {
        at: session().at,
        body: loss(2),
    };
    let wanted = [
        session(),
        event(1),
        hole,
        session(),
        neighbour(1, 2),
        event(5),
    ];
    assert_eq!(inputs(told), wanted);
    assert_eq!(problems.missing, 2);
}

#[test]
fn a_block_told_twice_counts_once() {
    let one = block(0, &[session(), event(1)]);
    let (told, _) = play(&[one.clone(), one]);
    assert_eq!(told.len(), 2);
}

#[test]
fn headers_alone_tell_where_blocks_are() {
    let (file, starts) = recording();
    let mut scan = Scan::headers(Cursor::new(&file)).unwrap();
    let mut found = Vec::new();
    while let Some(Found::Block { at, header, .. }) = scan.find().unwrap() {
        found.push(at as usize);
        assert_eq!(u64::from(header.inputs), EACH);
    }
    assert_eq!(found, starts);
}

#[test]
fn a_header_with_any_bit_flipped_is_none() {
    let whole = block_of(Kind::Inputs, RUN, 0, &[session()])
        .header
        .to_bytes();
    assert!(matches!(Header::parse(&whole), Parsed::Header(_)));
    for bit in 0..whole.len() * 8 {
        let mut flipped = whole;
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(Header::parse(&flipped), Parsed::Other, "bit {bit}");
    }
}
