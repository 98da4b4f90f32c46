//! What the kernel's log says of bridges and their ports, and of processes that met a bad end.
//!
//! A starting container makes half a dozen such lines and they mean nothing; the same lines are the trace
//! of a container that was torn from its bridge. They are kept, and told only as part of a story.

mod bridges;

use std::collections::VecDeque;

use crate::{
    finding::{Evidence, EvidenceKind},
    time::Timestamp,
};

/// Lines kept: those of some hundred containers that start and stop.
const KEPT: usize = 4096;
/// Ends of veths that left, kept: those of some hundred containers.
const DEPARTED: usize = 1024;
/// Longest name of a network device (`IFNAMSIZ` without the zero).
const NAME: usize = 15;

/// A line of the log that is understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// When it was written.
    pub at: Timestamp,
    /// As it was written. Hostile: names of devices are anybody's who may make some.
    pub text: String,
    /// What it says.
    pub note: Note,
    /// Whether the kernel wrote it; else somebody with access to `/dev/kmsg` did.
    pub by_kernel: bool,
}

impl Line {
    /// The line, if it is one of those that matter here.
    #[must_use]
    pub fn of(at: Timestamp, text: &str, by_kernel: bool) -> Option<Self> {
        let note = Note::of(text)?;
        Some(Self {
            at,
            text: text.to_owned(),
            note,
            by_kernel,
        })
    }

    /// The line as evidence.
    #[must_use]
    pub fn evidence(&self) -> Evidence {
        let text = format!("the kernel's log: {}", self.text);
        Evidence {
            kind: EvidenceKind::KernelLog,
            at: self.at,
            detail: [("text", text.into())].into(),
        }
    }
}

/// The last of what was said, at most so much of it, latest first. The kernel says some things twice: those
/// count once.
pub(crate) fn last(mut said: Vec<Evidence>, most: usize) -> Vec<Evidence> {
    said.sort_by_key(|piece| piece.at);
    let mut kept: Vec<Evidence> = Vec::new();
    for piece in said.into_iter().rev() {
        if kept.len() < most && !kept.iter().any(|it| it.detail == piece.detail) {
            kept.push(piece);
        }
    }
    kept
}

/// What a line says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Note {
    /// A port of a bridge changed its state (`disabled`, `blocking`, `forwarding`…).
    Port {
        /// The bridge.
        bridge: String,
        /// The port.
        port: String,
        /// Its new state.
        state: String,
    },
    /// A device began or ceased to take in everything that passes by, as ports of bridges do.
    Promiscuous {
        /// The device.
        device: String,
        /// Whether it began to.
        entered: bool,
    },
    /// A device was given another name: one end of a veth on its way into a container, or out.
    Renamed {
        /// Its name now.
        to: String,
        /// Its name before.
        from: String,
    },
    /// A process was killed because memory ran out.
    OutOfMemory {
        /// Its pid.
        pid: u32,
    },
    /// A process touched memory that is not its own.
    Segfault {
        /// Its pid.
        pid: u32,
    },
}

impl Note {
    /// What a line says, if it is one of those that matter here.
    ///
    /// <https://github.com/torvalds/linux/blob/v6.12/net/bridge/br_stp.c#L55>,
    /// <https://github.com/torvalds/linux/blob/v6.12/net/core/dev.c#L8914>,
    /// <https://github.com/torvalds/linux/blob/v6.12/mm/oom_kill.c#L950>
    #[must_use]
    pub fn of(text: &str) -> Option<Self> {
        port(text)
            .or_else(|| promiscuous(text))
            .or_else(|| renamed(text))
            .or_else(|| bad_end(text))
    }

    /// Whether the line is about a device of this name.
    #[must_use]
    pub fn names(&self, name: &str) -> bool {
        match self {
            Self::Port { bridge, port, .. } => bridge == name || port == name,
            Self::Promiscuous { device, .. } => device == name,
            Self::Renamed { to, from } => to == name || from == name,
            Self::OutOfMemory { .. } | Self::Segfault { .. } => false,
        }
    }

    /// The process that met a bad end.
    #[must_use]
    pub const fn victim(&self) -> Option<u32> {
        match self {
            Self::OutOfMemory { pid } | Self::Segfault { pid } => Some(*pid),
            _ => None,
        }
    }
}

/// `br-80cb5a0c07bc: port 1(veth4ac7512) entered blocking state`.
fn port(text: &str) -> Option<Note> {
    let (bridge, rest) = text.split_once(": port ")?;
    let (number, rest) = rest.split_once('(')?;
    let (port, rest) = rest.split_once(") entered ")?;
    let state = rest.strip_suffix(" state")?;
    let plain = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_lowercase());
    number.parse::<u32>().ok()?;
    (is_device(bridge) && is_device(port) && plain(state)).then(|| Note::Port {
        bridge: bridge.to_owned(),
        port: port.to_owned(),
        state: state.to_owned(),
    })
}

/// `veth4ac7512: entered promiscuous mode`, before 6.5 `device veth4ac7512 entered …`; a device that is
/// about to go is told of as `veth4ac7512 (unregistering)`.
fn promiscuous(text: &str) -> Option<Note> {
    let rest = text.strip_suffix(" promiscuous mode")?;
    let (device, verb) = rest.rsplit_once(' ')?;
    let entered = match verb {
        "entered" => true,
        "left" => false,
        _ => return None,
    };
    let device = device.strip_prefix("device ").unwrap_or(device);
    let device = device.strip_suffix(':').unwrap_or(device);
    let device = device.strip_suffix(" (unregistering)").unwrap_or(device);
    is_device(device).then(|| Note::Promiscuous {
        device: device.to_owned(),
        entered,
    })
}

/// `eth0: renamed from veth68eeed8`.
fn renamed(text: &str) -> Option<Note> {
    let (to, from) = text.split_once(": renamed from ")?;
    (is_device(to) && is_device(from)).then(|| Note::Renamed {
        to: to.to_owned(),
        from: from.to_owned(),
    })
}

/// `Out of memory: Killed process 812 (dockerd) …`, the same of a control group, and
/// `dockerd[812]: segfault at …`.
fn bad_end(text: &str) -> Option<Note> {
    if let Some((before, rest)) = text.split_once("Killed process ") {
        let pid = rest.split(' ').next()?.parse().ok()?;
        let memory = before.to_ascii_lowercase().contains("out of memory");
        return memory.then_some(Note::OutOfMemory { pid });
    }
    let (who, _) = text.split_once("]: segfault at ")?;
    let pid = who.rsplit_once('[')?.1.parse().ok()?;
    Some(Note::Segfault { pid })
}

fn is_device(name: &str) -> bool {
    (1..=NAME).contains(&name.len()) && !name.contains([' ', '/', ':'])
}

/// The latest lines, oldest first.
#[derive(Clone, Debug, Default)]
pub struct KernelLog {
    lines: VecDeque<Line>,
    /// Ends of veths that left a namespace, on their way into a container for the most part: of which
    /// namespace, under which name, and the other end.
    departed: VecDeque<(u32, String, u32)>,
}

impl KernelLog {
    pub(super) fn add(&mut self, at: Timestamp, text: &str, by_kernel: bool) {
        let Some(line) = Line::of(at, text, by_kernel) else {
            return;
        };
        if self.lines.len() >= KEPT {
            self.lines.pop_front();
        }
        self.lines.push_back(line);
    }

    /// An end of a veth leaves the namespace; the other end has the number `peer` there.
    pub(super) fn depart(&mut self, netns: u32, name: &str, peer: u32) {
        if self.departed.len() >= DEPARTED {
            self.departed.pop_front();
        }
        self.departed.push_back((netns, name.to_owned(), peer));
    }

    /// The other end, in the namespace, of the veth whose end of this name left it last.
    fn left_behind(&self, netns: u32, name: &str) -> Option<u32> {
        let mut latest = self.departed.iter().rev();
        let found = latest.find(|(place, known, _)| *place == netns && known == name);
        found.map(|(.., peer)| *peer)
    }

    /// Every line that is remembered, oldest first.
    pub fn lines(&self) -> impl DoubleEndedIterator<Item = &Line> {
        self.lines.iter()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn device(entered: bool) -> Option<Note> {
        let device = "veth4ac7512".to_owned();
        Some(Note::Promiscuous { device, entered })
    }

    #[test]
    fn lines_of_every_kernel_are_understood() {
        let port = Note::Port {
            bridge: "br-80cb5a0c07bc".to_owned(),
            port: "veth4ac7512".to_owned(),
            state: "disabled".to_owned(),
        };
        for (text, note) in [
            (
                "br-80cb5a0c07bc: port 1(veth4ac7512) entered disabled state",
                Some(port),
            ),
            ("veth4ac7512: entered promiscuous mode", device(true)),
            ("device veth4ac7512 entered promiscuous mode", device(true)),
            (
                "veth4ac7512 (unregistering): left promiscuous mode",
                device(false),
            ),
            (
                "eth0: renamed from veth68eeed8",
                Some(Note::Renamed {
                    to: "eth0".to_owned(),
                    from: "veth68eeed8".to_owned(),
                }),
            ),
            (
                "Out of memory: Killed process 812 (dockerd) total-vm:1kB",
                Some(Note::OutOfMemory { pid: 812 }),
            ),
            (
                "Memory cgroup out of memory: Killed process 812 (dockerd) total-vm:1kB",
                Some(Note::OutOfMemory { pid: 812 }),
            ),
            (
                "dockerd[812]: segfault at 0 ip 00 sp 00 error 4 in dockerd",
                Some(Note::Segfault { pid: 812 }),
            ),
            ("br-x: port 1(a b) entered disabled state", None),
            ("br-x: port one(vethx) entered disabled state", None),
            ("br-x: port 1(vethx) entered \u{1b}[2J state", None),
            ("a-name-of-sixteen: entered promiscuous mode", None),
            ("Killed process 812 (x)", None),
            ("usb 1-1: new device", None),
        ] {
            assert_eq!(Note::of(text), note, "{text}");
        }
    }

    #[test]
    fn the_latest_lines_are_kept() {
        let mut log = KernelLog::default();
        for number in 0..=KEPT as u64 {
            log.add(
                Timestamp(number),
                "veth4ac7512: entered promiscuous mode",
                true,
            );
        }
        log.add(Timestamp(0), "nothing", true);
        assert_eq!(log.lines().count(), KEPT);
        assert!(
            log.lines()
                .all(|line| line.note.names("veth4ac7512") && line.at.0 > 0)
        );
    }

    proptest! {
        #[test]
        fn no_line_breaks_the_parser(text in "\\PC{0,80}|(br-x|device |veth)?(: port )?[0-9(]{0,3}[a-z) ]{0,30}(entered | state|promiscuous mode)?") {
            if let Some(note) = Note::of(&text) {
                prop_assert!(!note.names(""));
            }
        }
    }
}
