//! `signal_generate(int sig, struct kernel_siginfo *info, struct task_struct *task, int group,
//! int result)` <https://elixir.bootlin.com/linux/v6.18/source/include/trace/events/signal.h>
//!
//! Somebody ends a process that makes, keeps or orders docker networks. Both may be gone before
//! userspace can look, so whom they descend from is written down here.

use aya_ebpf::{
    helpers::{bpf_get_current_uid_gid, generated::bpf_ktime_get_ns},
    macros::btf_tracepoint,
    programs::BtfTracePointContext,
};
use tracer_common::{Hook, INTERPRETER, PROGRAMS, Signal, Stat, signal_flags, words};

use crate::{
    emit,
    kernel::{Task, signal_code},
    maps::EVENTS,
};

/// `SIGINT`, `SIGKILL`, `SIGTERM` (`include/uapi/asm-generic/signal.h`).
const SIGINT: i32 = 2;
const SIGKILL: i32 = 9;
const SIGTERM: i32 = 15;
/// `TRACE_SIGNAL_DELIVERED` and `TRACE_SIGNAL_LOSE_INFO`: it takes effect.
const DELIVERED: i32 = 0;
const LOSE_INFO: i32 = 4;

#[btf_tracepoint(function = "signal_generate")]
pub(crate) fn on_signal(ctx: BtfTracePointContext) -> i32 {
    let _ = try_signal(&ctx);
    0
}

#[inline(always)]
fn try_signal(ctx: &BtfTracePointContext) -> Option<()> {
    let number: i32 = ctx.arg(0);
    if number != SIGKILL && number != SIGTERM && number != SIGINT {
        return None;
    }
    let result: i32 = ctx.arg(4);
    if result != DELIVERED && result != LOSE_INFO {
        return None;
    }
    let target = Task(ctx.arg(2));
    let comm = words(&target.comm()?);
    if !INTERPRETER.is(comm) && !PROGRAMS.iter().any(|program| program.is(comm)) {
        return None;
    }
    let code = signal_code(ctx.arg(1))?;
    let Some(mut place) = EVENTS.reserve::<Signal>(0) else {
        emit::bump(Hook::Signal, Stat::Rejected);
        return None;
    };
    fill(place.write(Signal::default()), target, number, code);
    place.submit(0);
    emit::bump(Hook::Signal, Stat::Emitted);
    Some(())
}

#[inline(always)]
fn fill(signal: &mut Signal, target: Task, number: i32, code: i32) {
    let sender = Task::current();
    // SAFETY: no arguments, no preconditions.
    signal.ktime_ns = unsafe { bpf_ktime_get_ns() };
    signal.hook = Hook::Signal as u8;
    signal.number = number as u32;
    signal.code = code;
    signal.uid = bpf_get_current_uid_gid() as u32;
    signal.netns = target.netns().unwrap_or(0);
    signal.sender_cgroup = sender.cgroup().unwrap_or(0);
    signal.target_cgroup = target.cgroup().unwrap_or(0);
    if sender.ends() {
        signal.flags |= signal_flags::SENDER_ENDS;
    }
    let _ = sender.line(&mut signal.sender);
    let _ = target.line(&mut signal.target);
}
