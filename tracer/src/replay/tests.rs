//! Recordings of real outages keep being read, and give the findings they gave. Those of older versions
//! of the format stay as they are.

use std::{cell::RefCell, path::Path, rc::Rc};

use tracer_record::play::Problems;

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

/// Replays `tests/fixtures/recordings/NAME.btr` and compares with `NAME.jsonl`.
fn replayed(name: &str) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/recordings");
    let file = folder.join(format!("{name}.btr"));
    let mut reading = Reading::open(&file, None, None).unwrap();
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
    golden::check(&format!("../tests/fixtures/recordings/{name}.jsonl"), &text);
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
