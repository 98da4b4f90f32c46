//! The last minutes are taken out of a recording that goes on, over segments that were renamed.

use tracer_core::time::SECOND;

use super::*;
use crate::dump;

/// What is recorded, and how much of it is dumped, seconds.
const HOUR: u64 = 3600;
const LAST: u64 = 600;

/// What happens in this second.
fn second(number: u64) -> Input {
    let noise = (0..40).map(|n| RandomState::new().hash_one(n));
    let noise: Vec<String> = noise.map(|word| format!("{word:x}")).collect();
    Input {
        at: Timestamp((1_764_000_000 + number) * SECOND),
        body: Body::KernelLog {
            text: format!("{number} {}", noise.concat()),
            by_kernel: true,
        },
    }
}

fn seconds(told: &[Told]) -> Vec<u64> {
    let second = |told: &Told| match &told.input.body {
        Body::KernelLog { text, .. } => text.split(' ').next()?.parse().ok(),
        _ => None,
    };
    told.iter().filter_map(second).collect()
}

#[test]
fn ten_minutes_are_dumped_over_a_rotation_while_the_recorder_goes_on() {
    let folder = TempDir::new().unwrap();
    let (plan, core, session, mut recorder) = started(&folder);
    recorder.record(&Arc::new(session.clone()), &core);
    for number in 1..=HOUR {
        recorder.record(&Arc::new(second(number)), &core);
        if number % 60 == 0 {
            flushed(&recorder);
        }
    }
    let begins = open::first_time(&fs::File::open(&plan.file).unwrap()).unwrap();
    let from = second(HOUR - LAST).at;
    assert!(
        begins > from,
        "the last segment begins within the ten minutes"
    );

    let out = folder.path().join("out.btr");
    let last_minutes = |file: &Path| dump::Plan {
        file: file.to_owned(),
        last: Duration::from_secs(LAST),
        recorder: Some(plan.file.clone()),
    };
    dump::dump(&last_minutes(&out)).unwrap();
    let (told, problems) = play(&out);
    assert_eq!(problems, Problems::default());
    assert_eq!(told[0].input.body, session.body, "the state of the host");
    assert!(seconds(&told).into_iter().eq(HOUR - LAST..=HOUR));

    // It goes on, and so does what was dumped from it.
    recorder.record(&Arc::new(second(HOUR + 1)), &core);
    flushed(&recorder);
    let later = folder.path().join("later.btr");
    dump::dump(&last_minutes(&later)).unwrap();
    assert_eq!(seconds(&play(&later).0).last(), Some(&(HOUR + 1)));
    recorder.finish();
    let (told, problems) = play(&plan.file);
    assert_eq!(
        (problems, seconds(&told).last()),
        (Problems::default(), Some(&(HOUR + 1)))
    );
}
