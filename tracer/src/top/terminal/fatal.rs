//! Signals that end the process on the spot: the terminal is given back first.

use std::sync::OnceLock;

use nix::{
    libc::{self, c_int, c_void, siginfo_t},
    sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, raise, sigaction},
};

/// Those that nobody else catches, or that a fault raises.
const FATAL: [Signal; 7] = [
    Signal::SIGABRT,
    Signal::SIGBUS,
    Signal::SIGFPE,
    Signal::SIGILL,
    Signal::SIGQUIT,
    Signal::SIGSEGV,
    Signal::SIGSYS,
];

/// What was to be done before: the standard library tells of a stack that overflows.
static BEFORE: OnceLock<Vec<(Signal, SigAction)>> = OnceLock::new();

/// From now on they give the terminal back.
pub(super) fn listen() {
    let ours = SigAction::new(
        SigHandler::SigAction(give_back),
        // The stack may be what has ended.
        SaFlags::SA_ONSTACK,
        SigSet::empty(),
    );
    let listen = |signal| {
        // SAFETY: the handler makes system calls only and reads what is never freed.
        let before = unsafe { sigaction(signal, &ours) }.ok()?;
        Some((signal, before))
    };
    // Nobody else sets it.
    let _ = BEFORE.set(FATAL.into_iter().filter_map(listen).collect());
}

extern "C" fn give_back(number: c_int, info: *mut siginfo_t, _: *mut c_void) {
    super::restore();
    let Ok(signal) = Signal::try_from(number) else {
        return;
    };
    // SAFETY: the kernel passes it with `SA_SIGINFO`, which nix sets for this kind of handler.
    let is_fault = is_fault(number, unsafe { info.as_ref() });
    let mut known = BEFORE.get().into_iter().flatten();
    let known = known.find(|(of, _)| *of == signal && is_fault);
    let default = SigAction::new(SigHandler::SigDfl, SaFlags::empty(), SigSet::empty());
    let next = known.map_or(&default, |(_, before)| before);
    // SAFETY: what was there before, or the kernel's own way to end a process.
    let _ = unsafe { sigaction(signal, next) };
    if !is_fault {
        // It is blocked until this returns, and then ends the process.
        let _ = raise(signal);
    }
}

/// Whether what raised it happens again as soon as the handler returns; otherwise somebody sent it.
fn is_fault(number: c_int, info: Option<&siginfo_t>) -> bool {
    let faults = [libc::SIGBUS, libc::SIGFPE, libc::SIGILL, libc::SIGSEGV];
    faults.contains(&number) && info.is_some_and(|info| info.si_code > 0)
}
