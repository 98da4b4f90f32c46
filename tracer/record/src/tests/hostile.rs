//! Files made to do harm, and files of later versions.

use super::*;
use crate::{
    MAX_TEXT, VERSION,
    header::{Header, SIZE},
    play::Unplayable,
};

/// A block with a frame of one's own, its checksum right.
fn forged(header: Header, frame: &[u8]) -> Vec<u8> {
    let header = Header {
        frame: frame.len() as u32,
        frame_crc: crc32fast::hash(frame),
        ..header
    };
    [header.to_bytes().as_slice(), frame].concat()
}

fn header(text: usize) -> Header {
    Header {
        text: text as u32,
        ..block_of(Kind::Inputs, RUN, 0, &[session()]).header
    }
}

fn packed(text: &[u8]) -> Vec<u8> {
    zstd::bulk::compress(text, 3).unwrap()
}

/// A block of these lines.
fn lines(text: &str, inputs: u32) -> Vec<u8> {
    let header = Header {
        inputs,
        ..header(text.len())
    };
    forged(header, &packed(text.as_bytes()))
}

/// The last field of a header is its checksum.
fn sign(bytes: &mut [u8]) {
    let crc = crc32fast::hash(&bytes[..SIZE - 4]);
    bytes[SIZE - 4..SIZE].copy_from_slice(&crc.to_le_bytes());
}

#[test]
fn what_is_no_recording_has_no_blocks() {
    for garbage in [
        &b""[..],
        b"hello",
        &[0; 100_000],
        b"bridgetrace\n",
        &[0x5b; 300],
    ] {
        let mut player = Player::new([Cursor::new(garbage)]).unwrap();
        assert!(player.next().is_none());
        assert_eq!(player.blocks(), 0);
    }
}

#[test]
fn a_later_version_is_named() {
    let mut bytes = block(0, &[session()]);
    bytes[20..22].copy_from_slice(&(VERSION + 1).to_le_bytes());
    sign(&mut bytes);
    let mut player = Player::new([Cursor::new(bytes)]).unwrap();
    let Some(Err(Unplayable::Newer(version))) = player.next() else {
        panic!("it was played");
    };
    assert_eq!(version, VERSION + 1);
}

#[test]
fn a_frame_that_unpacks_to_more_than_it_says_is_damaged() {
    let bomb = packed(&vec![b' '; 10 << 20]);
    let (told, problems) = play(&[forged(header(1000), &bomb)]);
    assert!(told.is_empty());
    assert_eq!(problems.damages, 1);
}

#[test]
fn a_header_that_asks_for_too_much_is_none() {
    for header in [
        Header {
            text: MAX_TEXT as u32 + 1,
            ..header(0)
        },
        Header {
            frame: u32::MAX,
            ..header(0)
        },
        Header {
            inputs: u32::MAX,
            ..header(0)
        },
        Header {
            number: u64::MAX,
            ..header(0)
        },
    ] {
        let (told, problems) = play(&[header.to_bytes().to_vec()]);
        assert!(told.is_empty(), "{header:?}");
        assert_eq!(problems.damages, 1, "{header:?}");
    }
}

#[test]
fn a_header_that_ends_before_it_begins_is_none() {
    let whole = lines("{\"at\":2,\"body\":\"tick\"}", 1);
    let backwards = Header {
        first: Timestamp(2),
        last: Timestamp(1),
        inputs: 1,
        ..header(24)
    };
    let frame = packed(b"{\"at\":2,\"body\":\"tick\"}");
    let (told, problems) = play(&[forged(backwards, &frame), whole]);
    assert_eq!(told.len(), 1, "the other file is played");
    assert_eq!(problems.damages, 1);
}

#[test]
fn no_more_inputs_are_told_than_the_header_says() {
    let ticks = "{\"at\":1,\"ticks\":{\"every\":1,\"count\":4294967295}}\n";
    let (told, problems) = play(&[lines(&ticks.repeat(100), 5)]);
    assert!(told.is_empty());
    assert_eq!(problems.unknown, 1);
}

#[test]
fn what_this_version_does_not_know_is_counted_and_left_out() {
    let text = "{\"at\":1,\"body\":\"tick\"}\n\
                {\"at\":2,\"body\":{\"telepathy\":{\"mood\":\"dark\"}}}\n\
                {\"at\":3}\n\
                {\"at\":4,\"body\":\"tick\",\"mood\":\"dark\"}\n\
                not JSON\n\
                \n\
                {\"at\":5,\"body\":\"tick\"}";
    let (told, problems) = play(&[lines(text, 7)]);
    let at: Vec<u64> = told.iter().map(|told| told.input.at.0).collect();
    assert_eq!(at, [1, 4, 5]);
    assert_eq!((problems.unknown, problems.damages), (4, 0));
}

#[test]
fn a_kind_of_block_this_version_does_not_know_is_left_out() {
    let other = block_of(Kind::Other(7), RUN, 0, &[event(1)]).bytes;
    let (told, problems) = play(&[other, block(0, &[session()])]);
    assert_eq!(inputs(told), [session()]);
    assert_eq!(problems, Problems::default());
}

#[test]
fn deep_json_is_left_out() {
    let deep = format!("{{\"at\":1,\"body\":{}", "[".repeat(1 << 20));
    let (told, problems) = play(&[lines(&deep, 1)]);
    assert!(told.is_empty());
    assert_eq!(problems.unknown, 1);
}

#[test]
fn headers_that_all_claim_the_rest_of_the_file_do_not_make_it_endless() {
    // Each whole, none with a frame that fits its checksum: read one by one they would cost the
    // square of the file's length.
    let count = 20_000;
    let mut file = Vec::new();
    for left in (0..count).rev() {
        let header = Header {
            frame: (left * SIZE) as u32,
            frame_crc: 1,
            ..header(0)
        };
        file.extend(header.to_bytes());
    }
    let (told, problems) = play(&[file]);
    assert!(told.is_empty());
    assert!(problems.damages < 100, "{} damages", problems.damages);
}
