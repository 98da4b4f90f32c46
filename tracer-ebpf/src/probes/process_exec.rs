//! `sched_process_exec(struct task_struct *p, pid_t old_pid, struct linux_binprm *bprm)`
//! <https://elixir.bootlin.com/linux/v6.18/source/include/trace/events/sched.h>
//!
//! A program starts that makes, keeps or orders docker networks. A process that is killed can not
//! be asked any more what it was started with.

use aya_ebpf::{
    helpers::generated::bpf_ktime_get_ns, macros::btf_tracepoint, programs::BtfTracePointContext,
};
use tracer_common::{
    ARGUMENTS, Exec, Hook, INTERPRETER, PROGRAMS, SCRIPT, Stat, Task as Named, is_beginning, words,
};

use super::apart;
use crate::{
    emit,
    kernel::Task,
    maps::{EVENTS, STARTED},
};

#[btf_tracepoint(function = "sched_process_exec")]
pub(crate) fn on_exec(ctx: BtfTracePointContext) -> i32 {
    let _ = try_exec(&ctx);
    0
}

/// Tens of thousands of programs start in a build: nearly all are told by the first four letters.
#[inline(always)]
fn try_exec(ctx: &BtfTracePointContext) -> Option<()> {
    let task = Task(ctx.arg(0));
    if is_beginning(task.beginning()?) {
        apart(ctx, started);
    }
    None
}

#[inline(always)]
fn started(ctx: &BtfTracePointContext) -> Option<()> {
    let task = Task(ctx.arg(0));
    let comm = task.comm()?;
    let interpreter = INTERPRETER.is(words(&comm));
    if !interpreter && !PROGRAMS.iter().any(|program| program.is(words(&comm))) {
        return None;
    }
    let tgid = task.tgid()?;
    let place = STARTED.get_ptr_mut(0)?;
    // SAFETY: the slot belongs to this CPU and to this program, which does not nest.
    let exec = unsafe { &mut *place };
    *exec = Exec {
        // SAFETY: no arguments, no preconditions.
        ktime_ns: unsafe { bpf_ktime_get_ns() },
        task: Named { tgid, comm },
        parent: task.parent().and_then(Task::tgid).unwrap_or(0),
        length: 0,
        hook: Hook::Exec as u8,
        reserved: [0; 3],
        arguments: [0; ARGUMENTS],
    };
    exec.length = task.arguments(&mut exec.arguments).unwrap_or(0);
    if interpreter && !holds_script(&exec.arguments) {
        return None;
    }
    let sent = EVENTS.output::<Exec>(&*exec, 0).is_ok();
    emit::bump(
        Hook::Exec,
        if sent { Stat::Emitted } else { Stat::Rejected },
    );
    Some(())
}

/// Where each byte stands in [`SCRIPT`], a bit for each place: the text is looked for without a branch, of which the
/// kernel's verifier would try every way.
static PLACES: [u8; 256] = {
    let mut places = [0; 256];
    let mut at = 0;
    while at < SCRIPT.len() {
        places[SCRIPT[at] as usize] |= 1 << at;
        at += 1;
    }
    places
};

/// Whether [`SCRIPT`] stands in the text: a bit wanders for each beginning of it, as long as the letters agree.
#[inline(always)]
fn holds_script(text: &[u8; ARGUMENTS]) -> bool {
    const WHOLE: u8 = 1 << (SCRIPT.len() - 1);
    let (mut agreeing, mut found) = (0_u8, 0);
    for byte in text {
        agreeing = (agreeing << 1 | 1) & PLACES[usize::from(*byte)];
        found |= agreeing & WHOLE;
    }
    found != 0
}
