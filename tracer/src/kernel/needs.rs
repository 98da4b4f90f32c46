//! What becomes of a run on a kernel that lacks something: without the heart of it there is none,
//! without the rest something is not seen, and that is said.

use tracer_common::{ABSENT, Hook, KernelOffsets};

use super::btf::KernelTypes;

/// Members without which something is not seen: what that is, and the members. Without any other
/// member there is no run.
const DISPENSABLE: [(&str, &[&str]); 8] = [
    (
        "which process sends the lost packets",
        &[
            "sk_buff.sk",
            "sock.__sk_common.skc_state",
            "sock.sk_socket",
            "request_sock.__req_common.skc_listener",
            "socket_alloc.vfs_inode",
            "inode.i_ino",
        ],
    ),
    (
        "which ports and messages misrouted replies belong to",
        &[
            "flowi4.uli.ports.sport",
            "flowi4.uli.ports.dport",
            "flowi4.uli.icmpt.type",
            "flowi6.uli.ports.sport",
            "flowi6.uli.ports.dport",
            "flowi6.uli.icmpt.type",
        ],
    ),
    (IPV6, IPV6_MEMBERS),
    (
        "forwarded packets that a firewall drops",
        &[
            "sk_buff.mark",
            "sk_buff._skb_refdst",
            "dst_entry.dev",
            "dst_entry.flags",
            "sk_buff.cb",
            "inet_skb_parm.flags",
        ],
    ),
    (
        "what TCP sends again, and who resets misdelivered connections",
        &[
            "sock.__sk_common.skc_family",
            "sock.__sk_common.skc_net.net",
            "sock.__sk_common.skc_daddr",
            "sock.__sk_common.skc_rcv_saddr",
            "sock.__sk_common.skc_dport",
            "sock.__sk_common.skc_num",
        ],
    ),
    (KILLS, PROCESSES),
    (
        "in which control group the killer of a process was, if it is gone at once",
        &[
            "task_struct.cgroups",
            "css_set.dfl_cgrp",
            "cgroup.kn",
            "kernfs_node.id",
        ],
    ),
    (
        COMMANDS,
        &["task_struct.mm", "mm_struct.arg_start", "mm_struct.arg_end"],
    ),
];
/// What is not seen without signals.
const KILLS: &str = "who kills docker, compose and CI runners";
/// What is not seen without the start of programs.
const COMMANDS: &str = "what short-lived docker and compose commands were started with";
/// What both say of processes.
const PROCESSES: &[&str] = &[
    "task_struct.tgid",
    "task_struct.comm",
    "task_struct.group_leader",
    "task_struct.real_parent",
    "task_struct.flags",
    "task_struct.nsproxy",
    "nsproxy.net_ns",
    "kernel_siginfo.si_code",
];
/// IPv6 is switched off as a whole: half of it would be misleading.
const IPV6: &str = "by which way packets come in and leave over IPv6";
/// What all of it takes.
const IPV6_MEMBERS: &[&str] = &[
    "flowi6.__fl_common.flowic_iif",
    "flowi6.__fl_common.flowic_oif",
    "flowi6.__fl_common.flowic_mark",
    "flowi6.__fl_common.flowic_proto",
    "flowi6.saddr",
    "flowi6.daddr",
    "fib6_result.nh",
    "fib6_nh.nh_common.nhc_dev",
    "sock.__sk_common.skc_v6_daddr",
    "sock.__sk_common.skc_v6_rcv_saddr",
];
/// The way to the socket's inode starts here.
const SOCKET: &str = "request_sock.__req_common.skc_listener";

/// The kernel lacks what nothing can be said without.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error(
    "the kernel is too old, or newer than this bridgetrace: it has no {0}; Linux 5.10 to 7.2 are \
     known to have it"
)]
pub(crate) struct Unsupported(String);

/// The offsets to use on this kernel; adds to `unseen` what will not be seen.
pub(crate) fn offsets(
    types: &KernelTypes,
    unseen: &mut Vec<String>,
) -> Result<KernelOffsets, Unsupported> {
    let mut offsets = types.offsets;
    for member in &types.missing {
        let dispensable = DISPENSABLE
            .iter()
            .find(|(_, members)| members.contains(member));
        let Some((what, members)) = dispensable else {
            return Err(Unsupported((*member).to_owned()));
        };
        if members.contains(&SOCKET) {
            // Half a way to the name leads nowhere, and the verifier refuses it.
            offsets.skb_sk = ABSENT;
            offsets.sock_state = ABSENT;
        }
        say(unseen, what, &format!("no {member}"));
    }
    Ok(offsets)
}

/// Whether the kernel has what `hook` needs; adds to `unseen` what is not seen without it.
pub(crate) fn hook(
    types: &KernelTypes,
    hook: Hook,
    unseen: &mut Vec<String>,
) -> Result<bool, Unsupported> {
    let tracepoint = hook.tracepoint();
    let members = indispensable_to(hook);
    if types.missing.iter().any(|it| members.contains(it)) {
        // That was said when the members were looked for.
        return Ok(false);
    }
    let lacks = match types.arguments(hook) {
        Some(arguments) if arguments >= needed_arguments(hook) => return Ok(true),
        Some(_) if hook == Hook::SkbDrop => {
            format!("the tracepoint {tracepoint} gives no reason")
        }
        Some(_) => format!("the tracepoint {tracepoint} does not tell"),
        None => format!("no tracepoint {tracepoint}"),
    };
    let unseen_things = unseen_without(hook);
    if unseen_things.is_empty() {
        return Err(Unsupported(format!("tracepoint {tracepoint}")));
    }
    for what in unseen_things {
        say(unseen, what, &lacks);
    }
    Ok(false)
}

/// Says once that `what` is not seen, however much of what it takes is missing.
fn say(unseen: &mut Vec<String>, what: &str, lacks: &str) {
    if !unseen.iter().any(|said| said.starts_with(what)) {
        unseen.push(format!("{what}: {lacks}"));
    }
}

/// Members without one of which the hook is left out.
const fn indispensable_to(hook: Hook) -> &'static [&'static str] {
    match hook {
        Hook::Signal | Hook::Exec => PROCESSES,
        Hook::Fib6Lookup => IPV6_MEMBERS,
        _ => &[],
    }
}

/// How many of the tracepoint's arguments the program reads.
const fn needed_arguments(hook: Hook) -> usize {
    match hook {
        Hook::Signal => 5,
        Hook::FibLookup | Hook::Fib6Lookup => 4,
        // The reason of a drop came with Linux 5.17, as the third argument.
        Hook::SkbDrop => 3,
        Hook::NeighSend | Hook::TcpRetransmitSynack => 2,
        Hook::NeighTimer
        | Hook::DevReceive
        | Hook::DevQueue
        | Hook::TcpRetransmit
        | Hook::TcpReset
        | Hook::Exec => 1,
    }
}

/// Empty: nothing is seen without it.
const fn unseen_without(hook: Hook) -> &'static [&'static str] {
    match hook {
        Hook::FibLookup | Hook::NeighSend | Hook::NeighTimer => &[],
        Hook::SkbDrop => &[
            "why the kernel drops packets",
            "lost packets that containers forward, and requests that rp_filter drops on arrival",
        ],
        Hook::DevReceive => &["packets that still come in from a victim"],
        Hook::DevQueue => &[
            "replies that leave by the right way again, and those that somebody on the bridge gets",
        ],
        Hook::Fib6Lookup => &[IPV6],
        Hook::TcpRetransmit | Hook::TcpRetransmitSynack => {
            &["how often TCP sends again what got lost"]
        }
        Hook::TcpReset => &["connections that a container with a remote's address resets"],
        Hook::Signal => &[KILLS],
        Hook::Exec => &[COMMANDS],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The running kernel's types without what bears one of these names.
    fn without(name: &str) -> KernelTypes {
        let mut btf = std::fs::read(super::super::btf::VMLINUX).unwrap();
        let whole = [b"\0", name.as_bytes(), b"\0"].concat();
        let found = btf.windows(whole.len()).position(|bytes| bytes == whole);
        btf[found.unwrap() + 1] = b'#';
        KernelTypes::parse(&btf).unwrap()
    }

    #[test]
    fn the_running_kernel_lacks_nothing() {
        let types = KernelTypes::read().unwrap();
        let mut unseen = Vec::new();
        assert_eq!(offsets(&types, &mut unseen), Ok(types.offsets));
        assert!(unseen.is_empty());
        for each in tracer_common::HOOKS {
            assert_eq!(hook(&types, each, &mut unseen), Ok(true));
        }
        assert!(unseen.is_empty());
    }

    #[test]
    fn nothing_is_seen_without_the_heart_of_it() {
        for name in ["nd_net", "nud_state", "nhc_dev"] {
            let error = offsets(&without(name), &mut Vec::new()).unwrap_err();
            assert!(error.0.contains(name), "{error}");
        }
        let types = without("btf_trace_fib_table_lookup");
        let error = hook(&types, Hook::FibLookup, &mut Vec::new()).unwrap_err();
        assert!(error.0.contains("tracepoint fib_table_lookup"), "{error}");
    }

    #[test]
    fn without_sockets_only_the_process_is_not_seen() {
        let mut unseen = Vec::new();
        let offsets = offsets(&without("skc_listener"), &mut unseen).unwrap();
        assert_eq!(offsets.skb_sk, ABSENT);
        assert!(unseen[0].contains("process"), "{unseen:?}");
    }

    #[test]
    fn without_drops_only_their_reason_is_not_seen() {
        let types = without("btf_trace_kfree_skb");
        let mut unseen = Vec::new();
        assert_eq!(hook(&types, Hook::SkbDrop, &mut unseen), Ok(false));
        assert_eq!(
            unseen[0],
            "why the kernel drops packets: no tracepoint kfree_skb"
        );
        assert!(unseen[1].contains("containers forward"), "{unseen:?}");
        assert_eq!(unseen.len(), 2);
    }

    #[test]
    fn without_ipv6_only_ipv6_is_not_seen() {
        let types = without("fib6_result");
        let mut unseen = Vec::new();
        let offsets = offsets(&types, &mut unseen).unwrap();
        assert_eq!(offsets.fib6_result_nh, ABSENT);
        let types = without("btf_trace_fib6_table_lookup");
        assert_eq!(hook(&types, Hook::Fib6Lookup, &mut unseen), Ok(false));
        assert_eq!(unseen, [format!("{IPV6}: no fib6_result.nh")]);
    }

    #[test]
    fn without_parents_only_kills_are_not_seen() {
        let types = without("real_parent");
        let mut unseen = Vec::new();
        offsets(&types, &mut unseen).unwrap();
        for each in [Hook::Signal, Hook::Exec] {
            assert_eq!(hook(&types, each, &mut unseen), Ok(false));
        }
        assert_eq!(hook(&types, Hook::FibLookup, &mut unseen), Ok(true));
        assert_eq!(unseen, [format!("{KILLS}: no task_struct.real_parent")]);
    }

    #[test]
    fn without_peers_of_sockets_there_is_a_run() {
        let mut unseen = Vec::new();
        offsets(&without("skc_num"), &mut unseen).unwrap();
        assert!(unseen[0].contains("TCP"), "{unseen:?}");
    }
}
