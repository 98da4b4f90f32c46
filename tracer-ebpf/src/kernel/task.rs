//! Processes: who they are, whom they descend from, and what they were started with.

use aya_ebpf::helpers::{bpf_probe_read_user_buf, generated::bpf_get_current_task};
use tracer_common::{ARGUMENTS, LINE, Task as Named};

use super::{
    offsets::{Offset, offset},
    present, probe_member,
};

/// `PF_EXITING`: <https://elixir.bootlin.com/linux/v6.18/A/ident/PF_EXITING>.
const PF_EXITING: u32 = 4;
/// What stands for a `struct kernel_siginfo` where there is none: <https://elixir.bootlin.com/linux/v6.18/A/ident/SEND_SIG_PRIV>.
const SEND_SIG_NOINFO: usize = 0;
const SEND_SIG_PRIV: usize = 1;
/// `SI_USER` and `SI_KERNEL` (`include/uapi/asm-generic/siginfo.h`).
const SI_USER: i32 = 0;
const SI_KERNEL: i32 = 0x80;

/// `si_code` of the signal that `info` (`struct kernel_siginfo`, or what stands for one) describes.
#[inline(always)]
pub(crate) fn signal_code(info: usize) -> Option<i32> {
    match info {
        SEND_SIG_NOINFO => Some(SI_USER),
        SEND_SIG_PRIV => Some(SI_KERNEL),
        info => probe_member(info as *const u8, offset!(siginfo_code)),
    }
}

/// `struct task_struct`, a thread. Its members are copied by the helper, as the kernel may take a parent away meanwhile;
/// but the name of whom a tracepoint hands over is loaded.
#[derive(Clone, Copy)]
pub(crate) struct Task(pub(crate) *const u8);

impl Task {
    /// Who is running.
    #[inline(always)]
    pub(crate) fn current() -> Self {
        // SAFETY: no arguments, no preconditions.
        Self(unsafe { bpf_get_current_task() } as *const u8)
    }

    #[inline(always)]
    fn pointer(self, offset: impl Offset) -> Option<*const u8> {
        probe_member::<*const u8>(self.0, offset).filter(|p| !p.is_null())
    }

    /// Process id in the initial pid namespace.
    #[inline(always)]
    pub(crate) fn tgid(self) -> Option<u32> {
        probe_member(self.0, offset!(task_tgid))
    }

    /// The first four letters of the thread's name, as a word.
    #[inline(always)]
    pub(crate) fn beginning(self) -> Option<u32> {
        present(self.0, offset!(task_comm))
    }

    /// Name of the process: that of its first thread.
    #[inline(always)]
    pub(crate) fn comm(self) -> Option<[u8; 16]> {
        probe_member(
            self.pointer(offset!(task_group_leader))?,
            offset!(task_comm),
        )
    }

    /// Whether the thread is about to end.
    #[inline(always)]
    pub(crate) fn ends(self) -> bool {
        probe_member::<u32>(self.0, offset!(task_flags)).unwrap_or(0) & PF_EXITING != 0
    }

    /// Who started it, or took it over.
    #[inline(always)]
    pub(crate) fn parent(self) -> Option<Self> {
        self.pointer(offset!(task_real_parent)).map(Self)
    }

    /// Inode number of its network namespace.
    #[inline(always)]
    pub(crate) fn netns(self) -> Option<u32> {
        let proxy = self.pointer(offset!(task_nsproxy))?;
        let net: *const u8 = probe_member(proxy, offset!(nsproxy_net))?;
        probe_member(net, offset!(net_inum))
    }

    /// Inode number of its control group in the unified hierarchy.
    #[inline(always)]
    pub(crate) fn cgroup(self) -> Option<u64> {
        let set = self.pointer(offset!(task_cgroups))?;
        let group: *const u8 = probe_member(set, offset!(css_set_cgroup))?;
        let node: *const u8 = probe_member(group, offset!(cgroup_node))?;
        probe_member(node, offset!(node_id))
    }

    /// Itself and its parents, as far as there is room. The first process has itself or the idle
    /// one, of number 0, as parent: there the line ends.
    #[inline(always)]
    pub(crate) fn line(self, line: &mut [Named; LINE]) -> Option<()> {
        let mut task = self;
        let mut below = 0;
        for place in line {
            let tgid = task.tgid()?;
            if tgid == 0 || tgid == below {
                return None;
            }
            *place = Named {
                tgid,
                comm: task.comm()?,
            };
            below = tgid;
            task = task.parent()?;
        }
        Some(())
    }

    /// The beginning of the command line of the running process `self`; how much of it there is.
    #[inline(always)]
    pub(crate) fn arguments(self, text: &mut [u8; ARGUMENTS]) -> Option<u32> {
        let mm = self.pointer(offset!(task_mm))?;
        let start: u64 = probe_member(mm, offset!(mm_arg_start))?;
        let end: u64 = probe_member(mm, offset!(mm_arg_end))?;
        let mut length = end.wrapping_sub(start);
        if length > ARGUMENTS as u64 {
            length = ARGUMENTS as u64;
        }
        let text = text.get_mut(..length as usize)?;
        // SAFETY: the helper checks the address and fails without touching bad memory.
        unsafe { bpf_probe_read_user_buf(start as *const u8, text) }.ok()?;
        Some(length as u32)
    }
}
