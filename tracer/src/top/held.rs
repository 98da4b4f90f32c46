//! The log while a screen is held: it must not scribble over it. The last line is shown in the status
//! line, and all of them are written once the terminal is given back.

use std::{
    collections::VecDeque,
    io::{self, Write},
    sync::{Mutex, MutexGuard, PoisonError},
};

use super::terminal;

/// Lines kept for the end, the latest.
const KEPT: usize = 200;

static LINES: Mutex<Lines> = Mutex::new(Lines {
    kept: VecDeque::new(),
    dropped: 0,
});

struct Lines {
    kept: VecDeque<String>,
    dropped: u64,
}

impl Lines {
    fn get() -> MutexGuard<'static, Self> {
        LINES.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&mut self, line: String) {
        if self.kept.len() >= KEPT {
            self.kept.pop_front();
            self.dropped += 1;
        }
        self.kept.push_back(line);
    }

    /// Everything there is, for standard error.
    fn take(&mut self) -> String {
        let mut text = String::new();
        if self.dropped > 0 {
            text = format!(
                "bridgetrace: {} lines before these are lost\n",
                self.dropped
            );
        }
        self.dropped = 0;
        text.extend(self.kept.drain(..));
        text
    }
}

/// Standard error, or memory as long as a screen is held.
pub(crate) struct Log;

impl Write for Log {
    /// The log comes line by line.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if !terminal::is_held() {
            return io::stderr().write(line);
        }
        Lines::get().push(String::from_utf8_lossy(line).into_owned());
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

/// The last line that was held back.
pub(super) fn last() -> Option<String> {
    let lines = Lines::get();
    let line = lines.kept.back()?.trim_end();
    Some(
        line.strip_prefix("bridgetrace: ")
            .unwrap_or(line)
            .to_owned(),
    )
}

/// Writes what was held back. The terminal must have been given back.
pub(crate) fn release() {
    // Standard error may be gone too.
    let _ = io::stderr().write_all(Lines::get().take().as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_lines_are_kept_and_it_is_said_how_many_are_not() {
        let mut lines = Lines {
            kept: VecDeque::new(),
            dropped: 0,
        };
        (0..KEPT + 2).for_each(|nth| lines.push(format!("{nth}\n")));
        let text = lines.take();
        assert!(text.starts_with("bridgetrace: 2 lines before these are lost\n2\n3\n"));
        assert!(text.ends_with(&format!("\n{}\n", KEPT + 1)));
        assert_eq!(lines.take(), "");
    }
}
