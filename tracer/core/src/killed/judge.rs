//! Whether a signal is worth telling: what `docker stop`, Ctrl-C and daemons do all day is not.

use crate::{
    decode::{Sent, Who},
    finding::Party,
    time::{SECOND, Timestamp},
    world::{
        World,
        kernel_log::Note,
        kills::{By, Kill},
        processes::{Role, looks_on, project},
    },
};

use super::party;

pub(super) const SIGINT: u32 = 2;
pub(crate) const SIGKILL: u32 = 9;
pub(crate) const SIGTERM: u32 = 15;

/// `SI_KERNEL` (`include/uapi/asm-generic/siginfo.h`); whatever is above 0 comes from the kernel.
pub(super) const SI_KERNEL: i32 = 0x80;

/// A daemon that was killed itself takes its helpers along within this time.
const AFTERWARDS: u64 = 60 * SECOND;
/// How long a containerd counts as starting: dockerd waits as long for its first one (`startupTimeout`).
const STARTING: u64 = 15 * SECOND;
/// A line of the kernel's log about a signal and the signal are this close.
const NEARBY: u64 = 2 * SECOND;

/// First processes of containers, which hand on what they are told.
const INITS: [&str; 6] = [
    "docker-init",
    "tini",
    "dumb-init",
    "catatonit",
    "s6-svscan",
    "init",
];

/// The kill that a signal is, if its target matters.
pub(super) fn kill(world: &World, at: Timestamp, sent: &Sent) -> Option<Kill> {
    let who = sent.target.first()?;
    let role = world.processes.role(who.pid, &who.name)?;
    let target = party(world, &sent.target)?;
    let info = world.processes.named(who.pid, &who.name);
    let by = by(world, at, sent);
    let usual = is_usual(world, at, sent, role, &by) || info.is_some_and(looks_on);
    Some(Kill {
        id: format!("process-killed-{}-{}", who.pid, at.0),
        start: at,
        signals: vec![(at, sent.number, sent.code)],
        netns: sent.netns,
        by,
        target,
        role,
        project: info.and_then(project),
        usual,
    })
}

/// Who sent the signal. One without an author comes with the end of whoever was running: the
/// target's parent (`PR_SET_PDEATHSIG`) or the first process of its pid namespace.
fn by(world: &World, at: Timestamp, sent: &Sent) -> By {
    let sender = party(world, &sent.sender).map(|party| Party {
        // Of one that was gone before it was looked at the kernel alone knows whose it was.
        user: party.user.or_else(|| Some(sent.uid.to_string())),
        ..party
    });
    match sender {
        Some(party) if sent.sender_ends && ends_with(world, at, sent, &party) => By::EndOf(party),
        Some(party) if sent.code <= 0 => By::Process(party),
        _ => By::Kernel,
    }
}

/// Whether the end of `party` is why the target got the signal. The kernel may have sent one of its own
/// while that happened to be running: because memory ran out, for one.
fn ends_with(world: &World, at: Timestamp, sent: &Sent, party: &Party) -> bool {
    sent.code <= 0 || takes_along(world, sent, party) && !ran_out_of_memory(world, at, sent)
}

/// Whether `party` may be the first process of the target's pid namespace: a parent of it, or one in the
/// same container (`docker exec` has its parents elsewhere).
fn takes_along(world: &World, sent: &Sent, party: &Party) -> bool {
    let target = &sent.target[0];
    let container = |pid| {
        world
            .processes
            .get(pid)
            .and_then(|info| info.container.as_deref())
    };
    let own = container(target.pid);
    sent.target[1..].iter().any(|it| it.pid == party.pid)
        || sent.target_cgroup.is_some() && sent.target_cgroup == sent.sender_cgroup
        || own.is_some() && own == container(party.pid)
}

/// Whether the kernel's log has it that the target was killed for memory just then.
fn ran_out_of_memory(world: &World, at: Timestamp, sent: &Sent) -> bool {
    let pid = sent.target[0].pid;
    world.kernel_log.lines().rev().any(|line| {
        line.by_kernel
            && line.note == Note::OutOfMemory { pid }
            && line.at.plus(NEARBY) >= at
            && at.plus(NEARBY) >= line.at
    })
}

fn is_usual(world: &World, at: Timestamp, sent: &Sent, role: Role, by: &By) -> bool {
    match by {
        // Ctrl-C.
        By::Kernel => sent.number == SIGINT,
        // Everything in a container ends with its first process.
        By::EndOf(_) if sent.code > 0 => true,
        By::Process(party) | By::EndOf(party) => {
            let itself = party.pid == sent.target[0].pid;
            // `docker stop` and the end of a container: the container's business, whatever is in it.
            let runtime = matches!(
                party.name.as_str(),
                "runc" | "crun" | "youki" | "sysbox-runc"
            );
            let parent = sent.target[1..].iter().any(|it| it.pid == party.pid);
            let init = parent && INITS.contains(&party.name.as_str());
            let keeper = world.processes.role(party.pid, &party.name);
            let keeper = keeper.filter(|keeper| *keeper != Role::Runner);
            let own = keeper == Some(Role::Dockerd) && parent && matches!(by, By::Process(_));
            itself
                || runtime
                || init
                || keeper.is_some_and(|_| is_order(world, at, sent.number, role, party.pid))
                // SIGKILL of a containerd, as all else is in order. One that refuses its first connection, as
                // each does for a moment, between `bind` and `listen`, docker 20.10 ends and starts anew: no
                // rarity on a busy host.
                // <https://github.com/moby/moby/blob/v20.10.24/libcontainerd/supervisor/remote_daemon.go> (`monitorDaemon`)
                || own && is_starting(world, at, &sent.target[0])
        }
    }
}

/// Whether what docker's own programs do to each other is in order: a client ends its plugin, a
/// daemon its helpers. That dockerd ends a containerd is not, unless somebody ended that dockerd.
fn is_order(world: &World, at: Timestamp, number: u32, role: Role, keeper: u32) -> bool {
    if role != Role::Containerd || number != SIGKILL {
        return true;
    }
    let before = world.kills.of_process(keeper);
    before.is_some_and(|kill| at.since(kill.last()) < AFTERWARDS)
}

/// Whether a process is known to have begun a moment ago.
fn is_starting(world: &World, at: Timestamp, who: &Who) -> bool {
    let info = world.processes.named(who.pid, &who.name);
    let began = info.and_then(|info| info.began);
    began.is_some_and(|began| at.since(began) < STARTING)
}
