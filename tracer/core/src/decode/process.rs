//! Records about processes: signals and started programs.

use tracer_common::{ARGUMENTS, Exec, Hook, Signal, Task, signal_flags};
use zerocopy::{FromBytes, IntoBytes};

use super::DecodeError;
use crate::world::processes::{concealed, concealed_beginning};

/// A signal that was delivered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent {
    /// Number of the signal.
    pub number: u32,
    /// `si_code`.
    pub code: i32,
    /// User id of the sender.
    pub uid: u32,
    /// Network namespace of the target, inode number.
    pub netns: u32,
    /// Who was running, then the parents. The kernel's own signals have no other sender.
    pub sender: Vec<Who>,
    /// Who got it, then the parents; never empty.
    pub target: Vec<Who>,
    /// Control group of the sender in the unified hierarchy, inode number.
    pub sender_cgroup: Option<u64>,
    /// The same of the target.
    pub target_cgroup: Option<u64>,
    /// The sender was about to end.
    pub sender_ends: bool,
}

/// A process as the kernel names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Who {
    /// Pid in the initial pid namespace.
    pub pid: u32,
    /// `comm`. Hostile text.
    pub name: String,
}

/// A program that was started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Started {
    /// Who it is.
    pub who: Who,
    /// Pid of the parent.
    pub parent: u32,
    /// The beginning of the command line. Hostile text.
    pub arguments: Vec<String>,
}

/// Decodes a [`Signal`].
pub(super) fn signal(bytes: &[u8]) -> Result<Sent, DecodeError> {
    let signal = Signal::read_from_bytes(bytes).map_err(|_| DecodeError::Length(bytes.len()))?;
    expect(Hook::Signal, signal.hook)?;
    let target = line(&signal.target);
    if target.is_empty() {
        return Err(DecodeError::Target);
    }
    let known = |inode: u64| (inode != 0).then_some(inode);
    Ok(Sent {
        number: signal.number,
        code: signal.code,
        uid: signal.uid,
        netns: signal.netns,
        sender: line(&signal.sender),
        target,
        sender_cgroup: known(signal.sender_cgroup),
        target_cgroup: known(signal.target_cgroup),
        sender_ends: signal.flags & signal_flags::SENDER_ENDS != 0,
    })
}

/// Decodes an [`Exec`].
pub(super) fn exec(bytes: &[u8]) -> Result<Started, DecodeError> {
    let exec = Exec::read_from_bytes(bytes).map_err(|_| DecodeError::Length(bytes.len()))?;
    expect(Hook::Exec, exec.hook)?;
    Ok(Started {
        who: who(&exec.task),
        parent: exec.parent,
        arguments: arguments(&exec),
    })
}

fn arguments(exec: &Exec) -> Vec<String> {
    let length = usize::try_from(exec.length).unwrap_or(usize::MAX);
    let text = exec.arguments.get(..length).unwrap_or(&exec.arguments);
    let text = String::from_utf8_lossy(text);
    text.split_terminator('\0').map(str::to_owned).collect()
}

/// Leaves the secrets out of an [`Exec`]; of anything else nothing.
pub(super) fn conceal(record: &mut [u8]) {
    let Ok(mut exec) = Exec::read_from_bytes(record) else {
        return;
    };
    let words = arguments(&exec);
    let is_whole = usize::try_from(exec.length).is_ok_and(|length| length < ARGUMENTS);
    let shown = if is_whole {
        concealed(&words)
    } else {
        concealed_beginning(&words)
    };
    if shown == words {
        return;
    }
    let mut text: Vec<u8> = Vec::new();
    for word in shown {
        text.extend(word.bytes());
        text.push(0);
    }
    text.truncate(ARGUMENTS);
    exec.length = u32::try_from(text.len()).unwrap_or_default();
    text.resize(ARGUMENTS, 0);
    exec.arguments.copy_from_slice(&text);
    record.copy_from_slice(exec.as_bytes());
}

fn expect(hook: Hook, found: u8) -> Result<(), DecodeError> {
    if found == hook as u8 {
        Ok(())
    } else {
        Err(DecodeError::Hook(found))
    }
}

fn line(tasks: &[Task]) -> Vec<Who> {
    tasks
        .iter()
        .take_while(|task| task.tgid != 0)
        .map(who)
        .collect()
}

fn who(task: &Task) -> Who {
    let end = task.comm.iter().position(|byte| *byte == 0);
    let name = task.comm.get(..end.unwrap_or(task.comm.len()));
    Who {
        pid: task.tgid,
        name: String::from_utf8_lossy(name.unwrap_or_default()).into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{super::record, *};
    use crate::decode::Record;

    fn task(tgid: u32, name: &str) -> Task {
        let mut comm = [0; 16];
        comm[..name.len()].copy_from_slice(name.as_bytes());
        Task { tgid, comm }
    }

    #[test]
    fn a_signal_tells_both_lines_of_descent() {
        let mut signal = Signal {
            hook: Hook::Signal as u8,
            number: 9,
            ..Signal::default()
        };
        signal.target[0] = task(4711, "docker-compose");
        signal.sender[0] = task(812, "gitlab-runner");
        signal.sender[1] = task(1, "systemd");
        let Ok(Record::Signal(sent)) = record(signal.as_bytes()) else {
            panic!("no signal");
        };
        assert_eq!((sent.number, sent.target.len()), (9, 1));
        assert_eq!(sent.target[0].name, "docker-compose");
        let pids: Vec<u32> = sent.sender.iter().map(|who| who.pid).collect();
        assert_eq!((pids, sent.sender_cgroup), (vec![812, 1], None));
    }

    #[test]
    fn a_signal_to_nobody_is_none() {
        let signal = Signal {
            hook: Hook::Signal as u8,
            ..Signal::default()
        };
        assert_eq!(record(signal.as_bytes()), Err(DecodeError::Target));
    }

    #[test]
    fn a_command_line_loses_its_secrets_and_nothing_else_does() {
        let exec = |text: &[u8]| {
            let mut arguments = [0; ARGUMENTS];
            arguments[..text.len()].copy_from_slice(text);
            Exec {
                ktime_ns: 3,
                task: task(7, "docker"),
                parent: 1,
                length: u32::try_from(text.len()).unwrap(),
                hook: Hook::Exec as u8,
                reserved: [0; 3],
                arguments,
            }
        };
        let concealed = |text: &[u8]| {
            let mut bytes = exec(text).as_bytes().to_vec();
            super::super::conceal(&mut bytes);
            bytes
        };
        let plain = b"docker\0pull\0\xff\0";
        assert_eq!(concealed(plain), exec(plain).as_bytes());
        let bytes = concealed(b"docker\0login\0-p\0hunter2\0host\0");
        assert!(!bytes.windows(7).any(|part| part == b"hunter2"));
        let Ok(Record::Exec(started)) = record(&bytes) else {
            panic!("no program");
        };
        assert_eq!(started.arguments, ["docker", "login", "-p", "***", "host"]);
        let mut full = b"docker\0build\0".to_vec();
        full.resize(ARGUMENTS - 14, b'x');
        full.extend(b"\0https://ci:pw");
        assert!(!concealed(&full).windows(5).any(|part| part == b"ci:pw"));
        let mut others = Signal::default().as_bytes().to_vec();
        super::super::conceal(&mut others);
        assert_eq!(others, Signal::default().as_bytes());
    }

    #[test]
    fn a_started_program_tells_the_words_it_was_started_with() {
        let mut arguments = [0; ARGUMENTS];
        arguments[..12].copy_from_slice(b"docker\0pull\0");
        let exec = |length| Exec {
            ktime_ns: 0,
            task: task(7, "docker"),
            parent: 1,
            length,
            hook: Hook::Exec as u8,
            reserved: [0; 3],
            arguments,
        };
        for (length, words) in [
            (12, &["docker", "pull"][..]),
            (9, &["docker", "pu"]),
            (0, &[]),
        ] {
            let Ok(Record::Exec(started)) = record(exec(length).as_bytes()) else {
                panic!("no program");
            };
            assert_eq!(started.arguments, words);
        }
        assert!(record(exec(u32::MAX).as_bytes()).is_ok());
    }

    proptest! {
        #[test]
        fn bytes_of_the_right_length_decode_or_name_what_is_wrong(
            mut bytes in proptest::collection::vec(any::<u8>(), size_of::<Signal>()),
            known in any::<bool>(),
        ) {
            if known {
                bytes[std::mem::offset_of!(Signal, hook)] = Hook::Signal as u8;
            }
            for length in [size_of::<Signal>(), size_of::<Exec>()] {
                match record(&bytes[..length]) {
                    Ok(Record::Packet(_)) => prop_assert!(false, "no packet has this length"),
                    Err(DecodeError::Length(_)) => prop_assert!(false, "the length was right"),
                    _ => {}
                }
            }
        }
    }
}
