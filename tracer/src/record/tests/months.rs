//! A flight recorder runs for months in 64 MiB.

use std::collections::BTreeSet;

use tracer_core::time::SECOND;

use super::*;

const SIZE: u64 = 64 << 20;
const HOURS: u64 = 180 * 24;
/// What an hour brings, bytes: in half a year more than there is room for.
const HOUR: usize = 28 << 10;

/// Text that is hard to pack.
fn noise() -> String {
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digits = (0..HOUR as u64).map(|n| n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 58);
    let mix = digits.scan(7_u64, |state, digit| {
        *state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(digit);
        usize::try_from(*state >> 58).ok()
    });
    mix.map(|digit| char::from(alphabet[digit])).collect()
}

/// What happened in this hour.
fn hour(number: u64, text: &str) -> Input {
    Input {
        at: Timestamp((1_764_000_000 + number * 3600) * SECOND),
        body: Body::KernelLog {
            text: format!("{number} {text}"),
            by_kernel: true,
        },
    }
}

/// The hour an input is of.
fn hour_of(input: &Input) -> Option<u64> {
    match &input.body {
        Body::KernelLog { text, .. } => text.split(' ').next()?.parse().ok(),
        _ => None,
    }
}

/// Bytes of everything in the folder, whatever it is for.
fn everything(folder: &TempDir) -> u64 {
    let entries = fs::read_dir(folder.path()).unwrap();
    let lengths = entries.map(|entry| entry.unwrap().metadata().unwrap().len());
    lengths.sum()
}

#[test]
fn half_a_year_never_takes_more_than_its_room_and_ends_with_the_latest() {
    let folder = TempDir::new().unwrap();
    let plan = Plan {
        file: folder.path().join("flight.btr"),
        size: SIZE,
        age: None,
    };
    let mut core = Core::default();
    let session = hostname(&mut core);
    let mut recorder = Recorder::start(&plan).unwrap();
    recorder.record(&Arc::new(session.clone()), &core);
    let text = noise();
    let mut seen = BTreeSet::new();
    for number in 1..=HOURS {
        recorder.record(&Arc::new(hour(number, &text)), &core);
        flushed(&recorder);
        let size = everything(&folder);
        assert!(size <= SIZE, "{size} bytes in hour {number}");
        // Whole segments go, the oldest first.
        let numbers = open::numbers(&plan.file).unwrap();
        assert!(
            numbers.windows(2).all(|pair| pair[0] + 1 == pair[1]),
            "{numbers:?}"
        );
        seen.extend(numbers);
    }
    recorder.finish();
    assert!(everything(&folder) > SIZE * 3 / 4, "room is used");
    let kept = open::numbers(&plan.file).unwrap();
    assert!(
        kept.len() >= 6 && seen.len() > kept.len(),
        "{kept:?} of {seen:?}"
    );

    let segments = open::open(&plan.file).unwrap().into_iter();
    let mut player = Player::new(segments.map(|segment| segment.file)).unwrap();
    let told: Vec<Input> = player.by_ref().map(|told| told.unwrap().input).collect();
    assert_eq!(told[0].body, session.body, "the state of the host");
    let hours: Vec<u64> = told.iter().filter_map(hour_of).collect();
    assert!(
        hours.iter().copied().eq(hours[0]..=HOURS),
        "from {}",
        hours[0]
    );
    // The session was the first.
    assert_eq!(player.left_out(), hours[0], "and that is told");
    assert_eq!(player.problems(), &Problems::default());
}
