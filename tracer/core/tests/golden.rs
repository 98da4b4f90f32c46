//! Inputs captured from the lab (`CONTRIBUTING.md` says how), and the findings they must give.

use std::{env, fs, path::Path};

use tracer_core::{Core, input::Input};

/// Replays `golden/NAME.inputs.jsonl` and compares with `golden/NAME.findings.txt`, which
/// `BRIDGETRACE_BLESS=1` rewrites.
fn replay(name: &str) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let inputs =
        fs::read_to_string(folder.join(format!("{name}.inputs.jsonl"))).expect("captured inputs");
    let mut core = Core::default();
    let mut findings = String::new();
    for line in inputs.lines() {
        let input: Input = serde_json::from_str(line).expect("an input");
        for finding in core.observe(&input) {
            findings += &format!("{finding:#?}\n");
        }
    }
    let golden = folder.join(format!("{name}.findings.txt"));
    if env::var_os("BRIDGETRACE_BLESS").is_some() {
        fs::write(&golden, &findings).expect("bless");
    }
    let wanted = fs::read_to_string(&golden).expect("golden findings");
    assert!(
        wanted == findings,
        "{name} gives other findings:\n{findings}"
    );
}

#[test]
fn a_ping() {
    replay("ping");
}

#[test]
fn a_connection_open_before_the_network() {
    replay("established");
}

#[test]
fn a_compose_project_with_its_container() {
    replay("compose");
}
