//! The terminal is whole after every way to crash: a child takes a real pseudo-terminal and crashes.

use std::{
    env,
    fs::File,
    io::Read as _,
    os::fd::OwnedFd,
    os::unix::process::ExitStatusExt as _,
    process::{Command, Stdio},
};

use nix::{
    pty::openpty,
    sys::signal::{Signal, raise},
    sys::termios::{Termios, tcgetattr},
};

use super::*;

/// Set in the child: how it is to crash.
const HOW: &str = "BRIDGETRACE_TEST_CRASH";

/// What a child left: its end, what it wrote, and the modes of the terminal before and after.
struct Left {
    signal: Option<i32>,
    written: Vec<u8>,
    before: Termios,
    after: Termios,
}

/// Runs [`child`] on a terminal of its own.
fn crash(how: &str) -> Left {
    let pty = openpty(None, None).unwrap();
    let before = tcgetattr(&pty.slave).unwrap();
    let slave = |fd: &OwnedFd| Stdio::from(fd.try_clone().unwrap());
    let mut command = Command::new(env::current_exe().unwrap());
    command
        .args([
            "--exact",
            "top::terminal::tests::child",
            "--nocapture",
            "--test-threads=1",
        ])
        .env(HOW, how)
        .stdin(slave(&pty.slave))
        .stdout(slave(&pty.slave))
        .stderr(slave(&pty.slave));
    let status = command.spawn().unwrap().wait().unwrap();
    let after = tcgetattr(&pty.slave).unwrap();
    drop((pty.slave, command));
    // What is left in the terminal is little: it fits its buffer. The end is an error on Linux.
    let mut written = Vec::new();
    let _ = File::from(pty.master).read_to_end(&mut written);
    Left {
        signal: status.signal(),
        written,
        before,
        after,
    }
}

/// Not a test of its own: what [`crash`] runs.
#[test]
fn child() {
    let Ok(how) = env::var(HOW) else {
        return;
    };
    enter().unwrap();
    Tty.write_all(b"the screen").unwrap();
    match how.as_str() {
        "panic" => panic!("it was a test"),
        "abort" => std::process::abort(),
        "fault" => fault(),
        "sent" => raise(Signal::SIGSEGV).unwrap(),
        "quit" => raise(Signal::SIGQUIT).unwrap(),
        _ => drop(restore()),
    }
}

/// Reads where nothing is.
fn fault() {
    let nowhere = std::hint::black_box(16) as *const u8;
    // SAFETY: none; the kernel ends the process for it, which is what is tried here.
    std::hint::black_box(unsafe { nowhere.read_volatile() });
}

fn at(left: &Left, bytes: &[u8]) -> Option<usize> {
    let mut windows = left.written.windows(bytes.len());
    windows.position(|window| window == bytes)
}

/// It was taken and given back, once, and its modes are as before.
fn is_whole(left: &Left) {
    let text = String::from_utf8_lossy(&left.written);
    let (entered, given_back) = (at(left, ENTER), at(left, LEAVE));
    assert!(entered.is_some() && entered < given_back, "{text:?}");
    assert_eq!(left.before, left.after, "{text:?}");
}

#[test]
fn a_panic_gives_the_terminal_back_before_it_is_told() {
    let left = crash("panic");
    is_whole(&left);
    assert!(at(&left, LEAVE) < at(&left, b"it was a test"));
}

#[test]
fn deadly_signals_give_it_back_and_kill() {
    for (how, signal) in [
        ("abort", Signal::SIGABRT),
        ("fault", Signal::SIGSEGV),
        ("sent", Signal::SIGSEGV),
        ("quit", Signal::SIGQUIT),
    ] {
        let left = crash(how);
        is_whole(&left);
        assert_eq!(left.signal, Some(signal as i32), "{how}");
    }
}

#[test]
fn an_end_in_order_gives_it_back() {
    let left = crash("none");
    is_whole(&left);
    assert_eq!(left.signal, None);
}
