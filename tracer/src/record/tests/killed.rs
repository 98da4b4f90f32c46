//! SIGKILL at any moment costs what was in memory, and no block that was written.

use std::{
    env,
    process::{Child, Command, Stdio},
    thread::sleep,
    time::Instant,
};

use tracer_record::scan::{Found, Scan};

use super::*;

/// Tells the child where to record.
const FILE: &str = "BRIDGETRACE_TEST_RECORDING";
/// The child's name among the tests.
const CHILD: &str = "record::tests::killed::records_until_it_is_killed";
const ROUNDS: u64 = 100;

fn plan(file: PathBuf) -> Plan {
    let size = 4 << 20;
    Plan {
        file,
        size,
        age: None,
    }
}

#[test]
#[ignore = "the recorder that the test below starts and kills"]
fn records_until_it_is_killed() {
    let Some(file) = env::var_os(FILE) else {
        return;
    };
    let mut core = Core::default();
    let session = hostname(&mut core);
    let mut recorder = Recorder::start(&plan(file.into())).unwrap();
    recorder.record(&Arc::new(session), &core);
    for number in 1.. {
        recorder.record(&Arc::new(event(number)), &core);
        if number % 100 == 0 {
            flushed(&recorder);
        }
    }
}

fn start(file: &Path) -> Child {
    let mut child = Command::new(env::current_exe().unwrap());
    child.args(["--exact", CHILD, "--ignored"]).env(FILE, file);
    child.stdout(Stdio::null()).stderr(Stdio::null());
    child.spawn().unwrap()
}

/// Waits until the recording has grown.
fn wait_for_growth(file: &Path, child: &mut Child) {
    let before = open::open(file).map_or(0, |_| written(file));
    let deadline = Instant::now() + Duration::from_secs(60);
    while open::open(file).map_or(0, |_| written(file)) == before {
        assert!(child.try_wait().unwrap().is_none(), "it ended by itself");
        assert!(Instant::now() < deadline, "nothing is written");
        sleep(Duration::from_millis(1));
    }
}

/// Bytes in the file that is written, or that segments came before.
fn written(file: &Path) -> u64 {
    let numbers = open::numbers(file).unwrap();
    numbers.last().unwrap_or(&0) * (1 << 32) + fs::metadata(file).map_or(0, |it| it.len())
}

#[test]
fn a_recorder_killed_a_hundred_times_loses_no_block() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("killed.btr");
    for round in 0..ROUNDS {
        let mut child = start(&file);
        wait_for_growth(&file, &mut child);
        // The moment is what is tried out here: in the middle of blocks, of rotations, of anything.
        sleep(Duration::from_micros(round * 7919 % 20_000));
        child.kill().unwrap();
        child.wait().unwrap();
        assert_whole(&file, round);
        if round % 20 == 19 {
            assert_contiguous(&file, round);
        }
    }
    assert!(size(&file) <= plan(file.clone()).size);
}

/// All that may be wrong is that the last block is unfinished.
fn assert_whole(file: &Path, round: u64) {
    let segments = open::open(file).unwrap();
    let last = segments.len() - 1;
    for (index, segment) in segments.iter().enumerate() {
        let mut scan = Scan::new(&segment.file).unwrap();
        while let Some(found) = scan.find().unwrap() {
            if let Found::Damaged(damage) = found {
                assert!(damage.cut && index == last, "round {round}: {damage:?}");
            }
        }
    }
}

/// Each run holds its inputs one after the other, from the first if no segment was dropped.
fn assert_contiguous(file: &Path, round: u64) {
    let (told, problems) = play(file);
    assert_eq!(
        (problems.missing, problems.unknown),
        (0, 0),
        "round {round}"
    );
    let mut last = None;
    for told in told {
        if told.new_run {
            last = None;
        }
        let Some(number) = number_of(&told.input) else {
            continue;
        };
        if let Some(last) = last {
            assert_eq!(number, last + 1, "round {round}");
        }
        last = Some(number);
    }
}
