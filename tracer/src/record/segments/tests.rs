use std::{
    fs,
    os::unix::fs::{PermissionsExt as _, symlink},
    path::Path,
};

use tempfile::TempDir;
use tracer_core::input::{Body, Input};
use tracer_record::{compose::Composer, header::Kind};

use super::*;

fn plan(folder: &TempDir) -> Plan {
    Plan {
        file: folder.path().join("outage.btr"),
        size: 1 << 20,
        age: None,
    }
}

/// A block of one input that happened at the second `at`.
fn block(number: u64, at: u64) -> Block {
    let mut composer = Composer::new(Kind::Inputs, 7).unwrap();
    composer.begin(number);
    let at = Timestamp(at * 1_000_000_000);
    let body = Body::Stop;
    composer.add(&Input { at, body }).unwrap();
    composer.take().unwrap().unwrap()
}

fn refusal(plan: &Plan) -> String {
    let refused = Segments::open(plan).err().expect("it is refused");
    format!("{refused:#}")
}

fn numbers_left(file: &Path) -> Vec<u64> {
    numbers(file).unwrap()
}

#[test]
fn what_is_no_recording_is_refused_and_left_as_it_is() {
    let folder = TempDir::new().unwrap();
    let plan = plan(&folder);
    fs::write(&plan.file, "somebody's letters").unwrap();
    assert!(
        refusal(&plan).contains("no recording"),
        "{}",
        refusal(&plan)
    );
    assert_eq!(fs::read(&plan.file).unwrap(), b"somebody's letters");
}

#[test]
fn a_link_and_a_device_and_a_folder_are_refused() {
    let folder = TempDir::new().unwrap();
    let link = plan(&folder);
    symlink("/nonexistent", &link.file).unwrap();
    assert!(
        refusal(&link).contains("symbolic link"),
        "{}",
        refusal(&link)
    );
    for file in ["/dev/null", "/tmp"] {
        let file = file.into();
        refusal(&Plan {
            file,
            ..link.clone()
        });
    }
}

#[test]
fn two_recorders_do_not_share_a_file() {
    let folder = TempDir::new().unwrap();
    let plan = plan(&folder);
    let _first = Segments::open(&plan).unwrap();
    assert!(
        refusal(&plan).contains("another bridgetrace"),
        "{}",
        refusal(&plan)
    );
}

#[test]
fn a_recording_is_private_even_if_it_was_not() {
    let folder = TempDir::new().unwrap();
    let plan = plan(&folder);
    drop(Segments::open(&plan).unwrap());
    let mode = || fs::metadata(&plan.file).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(), 0o600);
    fs::set_permissions(&plan.file, fs::Permissions::from_mode(0o644)).unwrap();
    drop(Segments::open(&plan).unwrap());
    assert_eq!(mode(), 0o600);
}

#[test]
fn an_unfinished_block_is_cut_off_before_the_recording_goes_on() {
    let folder = TempDir::new().unwrap();
    let plan = plan(&folder);
    let mut segments = Segments::open(&plan).unwrap();
    segments.write(&block(0, 1)).unwrap();
    drop(segments);
    let whole = fs::read(&plan.file).unwrap();
    let torn = [whole.as_slice(), &whole[..whole.len() - 5]].concat();
    fs::write(&plan.file, torn).unwrap();
    drop(Segments::open(&plan).unwrap());
    assert_eq!(fs::read(&plan.file).unwrap(), whole);
}

#[test]
fn a_first_block_that_was_on_its_way_is_no_strangers_file() {
    let folder = TempDir::new().unwrap();
    let plan = plan(&folder);
    let whole = block(0, 1).bytes;
    for left in [
        &whole[..1],
        &whole[..30],
        &whole[..whole.len() - 1],
        &[0; 4096],
    ] {
        fs::write(&plan.file, left).unwrap();
        let mut segments = Segments::open(&plan).unwrap();
        segments.write(&block(0, 1)).unwrap();
        drop(segments);
        assert_eq!(fs::read(&plan.file).unwrap(), whole);
    }
    // A disk image that somebody made.
    let image = fs::File::create(&plan.file).unwrap();
    image.set_len(2 << 20).unwrap();
    assert!(refusal(&plan).contains("no recording"));
}

#[test]
fn a_full_segment_gets_the_next_number_and_other_files_are_let_be() {
    let folder = TempDir::new().unwrap();
    let plan = plan(&folder);
    let other = numbered(&plan.file, 7);
    fs::write(&other, "somebody's letters").unwrap();
    let mut segments = Segments::open(&plan).unwrap();
    segments.write(&block(0, 1)).unwrap();
    segments.rotate(Timestamp(0)).unwrap();
    segments.write(&block(1, 2)).unwrap();
    drop(segments);
    assert_eq!(numbers_left(&plan.file), [7, 8]);
    let reopened = Segments::open(&plan).unwrap();
    assert_eq!(reopened.old.len(), 1, "only what is a recording is ours");
    assert_eq!(fs::read(&other).unwrap(), b"somebody's letters");
}

#[test]
fn the_oldest_segments_make_room() {
    let folder = TempDir::new().unwrap();
    let plan = Plan {
        // Five and a half blocks, whose lengths differ by a few bytes.
        size: 11 * block(0, 0).bytes.len() as u64 / 2,
        ..plan(&folder)
    };
    let mut segments = Segments::open(&plan).unwrap();
    for number in 0..9 {
        segments.write(&block(number, number)).unwrap();
        segments.rotate(Timestamp(0)).unwrap();
    }
    assert_eq!(numbers_left(&plan.file), [5, 6, 7, 8, 9]);
    segments.write(&block(9, 9)).unwrap();
    assert_eq!(numbers_left(&plan.file), [6, 7, 8, 9]);
}

#[test]
fn a_segment_that_no_other_follows_does_not_outgrow_the_recording() {
    let folder = TempDir::new().unwrap();
    let one = block(0, 0).bytes.len() as u64;
    let plan = Plan {
        size: 7 * one / 2,
        ..plan(&folder)
    };
    let mut segments = Segments::open(&plan).unwrap();
    let written = (0..9).take_while(|number| segments.write(&block(*number, *number)).is_ok());
    assert_eq!(written.count(), 3);
    assert!(fs::metadata(&plan.file).unwrap().len() <= plan.size);
    // The next one makes room.
    segments.rotate(Timestamp(0)).unwrap();
    segments.write(&block(9, 9)).unwrap();
    assert_eq!(numbers_left(&plan.file), [0; 0]);
}

#[test]
fn segments_that_ended_too_long_ago_are_dropped() {
    let folder = TempDir::new().unwrap();
    let plan = Plan {
        age: Some(Duration::from_secs(10)),
        ..plan(&folder)
    };
    let second = |at: u64| Timestamp(at * 1_000_000_000);
    let mut segments = Segments::open(&plan).unwrap();
    for at in [0, 4, 8, 12] {
        segments.write(&block(at, at)).unwrap();
        assert!(!segments.is_full(second(at + 1)), "{at}");
        assert!(segments.is_full(second(at + 2)), "{at}");
        segments.rotate(second(at + 4)).unwrap();
    }
    // At 16 s the first one's end, at 4 s, is older than ten seconds.
    assert_eq!(numbers_left(&plan.file), [2, 3, 4]);
}

#[test]
fn a_later_versions_recording_is_not_continued() {
    let folder = TempDir::new().unwrap();
    let plan = plan(&folder);
    let mut bytes = block(0, 1).bytes;
    let size = tracer_record::header::SIZE;
    bytes[20] += 1;
    let crc = crc32fast::hash(&bytes[..size - 4]);
    bytes[size - 4..size].copy_from_slice(&crc.to_le_bytes());
    fs::write(&plan.file, bytes).unwrap();
    assert!(refusal(&plan).contains("later"), "{}", refusal(&plan));
}
