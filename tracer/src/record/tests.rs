//! A whole recorder on real files.

mod dump;
mod killed;
mod months;
mod power;

use std::{fs, sync::Arc};

use tempfile::TempDir;
use tracer_core::{
    Core,
    input::{Body, Input, Session},
    time::Timestamp,
};
use tracer_record::play::{Player, Problems, Told};

use super::*;

/// The input with this number: noise, which fills a disk fast.
fn event(number: u64) -> Input {
    let noise = (0..8).map(|n| RandomState::new().hash_one(n));
    let mut bytes: Vec<u8> = noise.flat_map(u64::to_le_bytes).collect();
    bytes[..8].copy_from_slice(&number.to_le_bytes());
    Input {
        at: Timestamp(1_764_000_000_000_000_000 + number * 1_000_000),
        body: Body::Kernel(bytes),
    }
}

/// The number of such an input.
fn number_of(input: &Input) -> Option<u64> {
    match &input.body {
        Body::Kernel(bytes) => Some(u64::from_le_bytes(bytes.get(..8)?.try_into().ok()?)),
        _ => None,
    }
}

/// Everything the recording tells, and what is wrong with it.
fn play(file: &Path) -> (Vec<Told>, Problems) {
    let segments = open::open(file).unwrap().into_iter();
    let mut player = Player::new(segments.map(|segment| segment.file)).unwrap();
    let told = player.by_ref().map(Result::unwrap).collect();
    (told, player.problems().clone())
}

fn size(file: &Path) -> u64 {
    let segments = open::open(file).unwrap();
    let lengths = segments.iter().map(|it| it.file.metadata().unwrap().len());
    lengths.sum()
}

fn hostname(core: &mut Core) -> Input {
    let session = Session {
        hostname: "r550".to_owned(),
        ..Session::default()
    };
    let input = Input {
        at: event(0).at,
        body: Body::Session(session),
    };
    core.observe(&input);
    input
}

/// A recorder of a mebibyte that has begun, and the host it is about.
fn started(folder: &TempDir) -> (Plan, Core, Input, Recorder) {
    let plan = Plan {
        file: folder.path().join("flight.btr"),
        size: 1 << 20,
        age: None,
    };
    let mut core = Core::default();
    let session = hostname(&mut core);
    let recorder = Recorder::start(&plan).unwrap();
    (plan, core, session, recorder)
}

#[test]
fn a_recording_stays_within_its_size_and_what_is_left_can_be_replayed() {
    let folder = TempDir::new().unwrap();
    let (plan, core, session, mut recorder) = started(&folder);
    recorder.record(&Arc::new(session.clone()), &core);
    let last = 30_000;
    for number in 1..=last {
        recorder.record(&Arc::new(event(number)), &core);
        // As slow as a host that brings an event now and then.
        if number % 1000 == 0 {
            flushed(&recorder);
        }
    }
    recorder.finish();
    let size = size(&plan.file);
    assert!((500_000..=1 << 20).contains(&size), "{size} bytes");
    assert!(!fs::exists(numbered(&plan.file, 1)).unwrap(), "dropped");

    let (told, problems) = play(&plan.file);
    assert_eq!(problems, Problems::default());
    assert_eq!(told[0].input.body, session.body, "the state of the host");
    let numbers: Vec<u64> = told.iter().filter_map(|it| number_of(&it.input)).collect();
    let first = numbers[0];
    assert!(numbers.iter().copied().eq(first..=last), "from {first}");
}

#[test]
fn what_finds_no_room_in_the_queue_is_counted() {
    let folder = TempDir::new().unwrap();
    let plan = Plan {
        file: folder.path().join("flood.btr"),
        size: 64 << 20,
        age: None,
    };
    let core = Core::default();
    let mut recorder = Recorder::start(&plan).unwrap();
    let inputs: Vec<Arc<Input>> = (0..100_000).map(|n| Arc::new(event(n))).collect();
    for input in &inputs {
        recorder.record(input, &core);
    }
    // The writer is held up for as long as it takes to say so.
    flushed(&recorder);
    recorder.record(&Arc::new(event(100_000)), &core);
    flushed(&recorder);
    recorder.finish();
    let (told, problems) = play(&plan.file);
    let recorded = told
        .iter()
        .filter(|it| number_of(&it.input).is_some())
        .count();
    assert_eq!(recorded as u64 + problems.missing, 100_001);
}

#[test]
fn what_a_disk_that_stays_full_does_not_take_is_counted_at_the_end() {
    let folder = TempDir::new().unwrap();
    let plan = Plan {
        file: folder.path().join("full.btr"),
        size: 4096,
        age: None,
    };
    let core = Core::default();
    let mut recorder = Recorder::start(&plan).unwrap();
    recorder.record(&Arc::new(event(0)), &core);
    flushed(&recorder);
    // Noise: these do not fit, and nothing is written after them.
    for number in 1..=1000 {
        recorder.record(&Arc::new(event(number)), &core);
    }
    let tally = recorder.close().unwrap().unwrap();
    assert_eq!(tally.missing(recorder.number), 1000, "{tally}");
    let (told, problems) = play(&plan.file);
    assert_eq!(told.len(), 1);
    assert_eq!(problems, Problems::default(), "the recording cannot know");
}

/// Waits until everything is written that was recorded.
fn flushed(recorder: &Recorder) {
    let (done, flushed) = mpsc::sync_channel(1);
    let queue = recorder.queue.as_ref().unwrap();
    queue.send(Message::Flush(done)).unwrap();
    flushed.recv().unwrap();
}
