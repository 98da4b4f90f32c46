//! A power cut: what was synced is there, of what came after it any part, and at the end half a block.

use super::*;

const CUTS: u64 = 20;
/// Number of what is recorded when the power is back.
const AFTER: u64 = 1_000_000_000_000;
/// What disks write at once.
const SECTOR: usize = 512;

/// Numbers without a pattern.
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (self.0 >> 33) as usize % most.max(1)
    }
}

/// Copies a recording while it is being written to.
fn copy(file: &Path, to: &Path) -> PathBuf {
    let copy = to.join("cut.btr");
    for segment in open::open(file).unwrap() {
        let name = segment
            .path
            .to_string_lossy()
            .replace("flight.btr", "cut.btr");
        let name = Path::new(&name).file_name().unwrap().to_owned();
        let mut file = segment.file;
        let mut to = fs::File::create(to.join(name)).unwrap();
        std::io::copy(&mut file, &mut to).unwrap();
    }
    copy
}

/// What a power cut may leave of a file whose first `synced` bytes are safe: behind these, some sectors are
/// zeros, and the file ends anywhere.
fn cut(mut bytes: Vec<u8>, synced: usize, dice: &mut Dice) -> Vec<u8> {
    bytes.truncate(synced + dice.below(bytes.len() - synced + 1));
    let sectors = (bytes.len() - synced) / SECTOR;
    for _ in 0..dice.below(3).min(sectors) {
        let begin = synced + dice.below(sectors) * SECTOR;
        bytes[begin..begin + SECTOR].fill(0);
    }
    bytes
}

/// Where the last block but a few ends: what a sync a second ago would have made safe. The first block always is, once
/// it is written: a segment that has just begun has none.
fn synced(file: &Path, dice: &mut Dice) -> usize {
    let mut scan = tracer_record::scan::Scan::new(fs::File::open(file).unwrap()).unwrap();
    let mut ends = Vec::new();
    while let Some(found) = scan.find().unwrap() {
        if matches!(found, tracer_record::scan::Found::Block { .. }) {
            ends.push(usize::try_from(scan.position()).unwrap());
        }
    }
    let back = 1 + dice.below(ends.len().min(4));
    ends.len().checked_sub(back).map_or(0, |nth| ends[nth])
}

fn numbers(told: &[Told]) -> Vec<u64> {
    told.iter().filter_map(|it| number_of(&it.input)).collect()
}

/// At random moments of a recording.
#[test]
fn after_a_power_cut_what_was_synced_is_told_and_the_recording_goes_on() {
    let folder = TempDir::new().unwrap();
    let (plan, core, session, mut recorder) = started(&folder);
    recorder.record(&Arc::new(session), &core);
    let mut dice = Dice(7);
    let mut number = 0;
    for round in 0..CUTS {
        for _ in 0..100 + dice.below(400) {
            number += 1;
            recorder.record(&Arc::new(event(number)), &core);
            if number % 40 == 0 {
                flushed(&recorder);
            }
        }
        // The last block may be on its way while it is copied.
        let there = TempDir::new().unwrap();
        let file = copy(&plan.file, there.path());
        let whole = numbers(&play(&file).0);
        let bytes = fs::read(&file).unwrap();
        let safe = synced(&file, &mut dice);
        fs::write(&file, &bytes[..safe]).unwrap();
        let safely = numbers(&play(&file).0);
        fs::write(&file, cut(bytes, safe, &mut dice)).unwrap();
        let left = numbers(&play(&file).0);
        let is_part = left
            .iter()
            .all(|number| whole.binary_search(number).is_ok());
        assert!(
            left.is_sorted() && is_part,
            "round {round}: nothing is made up"
        );
        let told = safely
            .iter()
            .all(|number| left.binary_search(number).is_ok());
        assert!(told, "round {round}: what was synced is told");
        goes_on(&file, &left, round);
    }
    recorder.finish();
}

/// A recorder that starts after the power is back continues, and loses nothing that could be read.
fn goes_on(file: &Path, left: &[u64], round: u64) {
    let plan = Plan {
        file: file.to_owned(),
        size: 8 << 20,
        age: None,
    };
    let mut core = Core::default();
    let session = hostname(&mut core);
    let mut recorder = Recorder::start(&plan).unwrap();
    recorder.record(&Arc::new(session), &core);
    recorder.record(&Arc::new(event(AFTER)), &core);
    recorder.finish();
    let (told, _) = play(file);
    let wanted: Vec<u64> = left.iter().copied().chain([AFTER]).collect();
    assert_eq!(numbers(&told), wanted, "round {round}");
}
