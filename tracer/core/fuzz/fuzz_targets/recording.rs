//! No recording, however damaged or made to do harm, makes the reader or the core panic.
#![no_main]

use std::io::Cursor;

use tracer_core::Core;
use tracer_record::{
    header::{Header, Kind},
    play::Player,
};

/// The bytes as a file, and the same as the text of a block that is whole: a fuzzer finds no checksum.
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    play(vec![bytes.to_vec(), block(bytes)]);
});

fn play(files: Vec<Vec<u8>>) {
    let mut core = Core::default();
    let Ok(player) = Player::new(files.into_iter().map(Cursor::new)) else {
        return;
    };
    for told in player.map_while(Result::ok) {
        if told.new_run {
            core = Core::default();
        }
        core.observe(&told.input);
    }
}

fn block(text: &[u8]) -> Vec<u8> {
    let frame = zstd::bulk::compress(text, 1).expect("packed");
    let header = Header {
        kind: Kind::Inputs,
        run: 1,
        number: 0,
        first: Default::default(),
        last: Default::default(),
        // Runs of ticks that are as long as allowed prove nothing, slowly.
        inputs: 1000,
        text: text.len() as u32,
        frame: frame.len() as u32,
        frame_crc: crc32fast::hash(&frame),
    };
    [header.to_bytes().as_slice(), &frame].concat()
}
