//! Recordings of real outages keep being read, and give the findings they gave. Those of older versions
//! of the format stay as they are.

use std::{cell::RefCell, collections::BTreeMap, fs, path::Path, rc::Rc};

use tracer_record::play::{Player, Problems};

use crate::sink::golden;

use super::*;

/// What sinks write.
#[derive(Clone, Default)]
struct Page(Rc<RefCell<Vec<u8>>>);

impl Write for Page {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Where recordings are that are checked in, relative to the package.
const FIXTURES: &str = "../tests/fixtures/recordings";
/// Where those of the lab's scenarios are, which `cargo xtask fixtures` makes anew.
const SCENARIOS: &str = "scenarios";
/// How many there are at least.
const LEAST: usize = 60;
/// Bytes of all of them at most: everybody who clones the repository pays for them.
const MOST: u64 = 2 << 20;

/// `NAME.btr`.
fn file(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(FIXTURES);
    folder.join(format!("{name}.btr"))
}

/// Replays `NAME.btr` and compares with `NAME.jsonl`.
fn replayed(name: &str) {
    let mut reading = Reading::open(&file(name), None, None).unwrap();
    let page = Page::default();
    let out = page.clone();
    let mut stage = Stage {
        output: config::Output::JsonLines,
        out: Box::new(move || Box::new(out.clone())),
        from: reading.from(),
        pace: None,
        run: Core::default(),
        sink: None,
    };
    stage.play(&mut reading).unwrap();
    assert_eq!(reading.problems(), &Problems::default());
    let text = String::from_utf8(page.0.take()).unwrap();
    golden::check(&format!("{FIXTURES}/{name}.jsonl"), &text);
}

/// Names of the scenarios' recordings, and their sizes.
fn scenarios() -> BTreeMap<String, u64> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join(FIXTURES)
        .join(SCENARIOS);
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        if let Some(name) = name.strip_suffix(".btr") {
            found.insert(
                format!("{SCENARIOS}/{name}"),
                entry.metadata().unwrap().len(),
            );
        }
    }
    found
}

#[test]
fn every_scenario_of_the_lab_is_told_as_it_was() {
    let scenarios = scenarios();
    assert!(scenarios.len() >= LEAST, "{} are there", scenarios.len());
    let size: u64 = scenarios.values().sum();
    assert!(size < MOST, "{size} bytes");
    for name in scenarios.keys() {
        replayed(name);
    }
}

/// Whoever reads a fixture learns nothing of the machine it was made on.
#[test]
fn no_scenario_tells_where_it_was_made() {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let workspace = workspace.canonicalize().unwrap().display().to_string();
    let foreign = [workspace.as_str(), "/home/", "/root/", "/tmp/", "/dev/shm/"];
    for name in scenarios().keys() {
        let recording = fs::File::open(file(name)).unwrap();
        for told in Player::new([recording]).unwrap() {
            let input = told.unwrap().input;
            if let Body::Session(session) = &input.body {
                assert_eq!(session.hostname, "r550", "{name}");
            }
            let text = match &input.body {
                Body::Kernel(bytes) => String::from_utf8_lossy(bytes).into_owned(),
                _ => serde_json::to_string(&input).unwrap(),
            };
            for path in foreign {
                assert!(!text.contains(path), "{name}: {path} in {text}");
            }
        }
    }
}

#[test]
fn format_1_of_a_ping() {
    replayed("ping-1");
}

#[test]
fn format_1_of_a_connection_open_before_the_network() {
    replayed("established-1");
}

#[test]
fn format_1_of_a_compose_project_with_its_container() {
    replayed("compose-1");
}
