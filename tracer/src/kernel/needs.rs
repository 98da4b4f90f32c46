//! What becomes of a run on a kernel that lacks something: without the heart of it there is none,
//! without the rest something is not seen, and that is said.

use tracer_common::{ABSENT, Hook, KernelOffsets};

use super::btf::KernelTypes;

/// Members behind the name of the process, read one after the other.
const SOCKET: [&str; 6] = [
    "sk_buff.sk",
    "sock.__sk_common.skc_state",
    "sock.sk_socket",
    "request_sock.__req_common.skc_listener",
    "socket_alloc.vfs_inode",
    "inode.i_ino",
];
/// Members that policy rules select routes by.
const SELECTORS: [&str; 2] = [
    "flowi4.__fl_common.flowic_oif",
    "flowi4.__fl_common.flowic_mark",
];

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
        if SOCKET.contains(member) {
            // Half a way to the name leads nowhere, and the verifier refuses it.
            offsets.skb_sk = ABSENT;
            unseen.push(format!("which process sends the lost packets: no {member}"));
        } else if SELECTORS.contains(member) {
            unseen.push(format!("which policy rule chose a route: no {member}"));
        } else {
            return Err(Unsupported((*member).to_owned()));
        }
    }
    Ok(offsets)
}

/// Whether the kernel has what `hook` needs: `None` if it does, else what is not seen without it.
pub(crate) fn hook(types: &KernelTypes, hook: Hook) -> Result<Option<String>, Unsupported> {
    let tracepoint = hook.tracepoint();
    match (types.arguments(hook), unseen_without(hook)) {
        // The reason came with Linux 5.17, as the third argument.
        (Some(0..3), Some(what)) if hook == Hook::SkbDrop => Ok(Some(format!(
            "{what}: the tracepoint {tracepoint} gives no reason"
        ))),
        (Some(_), _) => Ok(None),
        (None, Some(what)) => Ok(Some(format!("{what}: no tracepoint {tracepoint}"))),
        (None, None) => Err(Unsupported(format!("tracepoint {tracepoint}"))),
    }
}

/// `None`: nothing is seen without it.
const fn unseen_without(hook: Hook) -> Option<&'static str> {
    match hook {
        Hook::FibLookup | Hook::NeighSend | Hook::NeighTimer => None,
        Hook::SkbDrop => Some(
            "why the kernel drops packets, those that containers forward to each other's networks \
             and those that rp_filter drops on arrival",
        ),
        Hook::DevReceive => Some("packets that still come in from a victim"),
        Hook::DevQueue => Some("replies that leave by the right way again"),
        Hook::Fib6Lookup => Some("which routes packets take over IPv6"),
        Hook::TcpRetransmit | Hook::TcpRetransmitSynack => {
            Some("how often TCP sends again what got lost")
        }
        Hook::TcpReset => Some("connections that a container with a remote's address resets"),
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
        KernelTypes::parse(btf).unwrap()
    }

    #[test]
    fn the_running_kernel_lacks_nothing() {
        let types = KernelTypes::read().unwrap();
        let mut unseen = Vec::new();
        assert_eq!(offsets(&types, &mut unseen), Ok(types.offsets));
        assert!(unseen.is_empty());
        for each in tracer_common::HOOKS {
            assert_eq!(hook(&types, each), Ok(None));
        }
    }

    #[test]
    fn nothing_is_seen_without_the_heart_of_it() {
        for name in ["nd_net", "nud_state", "nhc_dev"] {
            let error = offsets(&without(name), &mut Vec::new()).unwrap_err();
            assert!(error.0.contains(name), "{error}");
        }
        let types = without("btf_trace_fib_table_lookup");
        let error = hook(&types, Hook::FibLookup).unwrap_err();
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
        let said = hook(&types, Hook::SkbDrop).unwrap().unwrap();
        assert_eq!(
            said,
            "why the kernel drops packets, those that containers forward to each other's networks \
             and those that rp_filter drops on arrival: no tracepoint kfree_skb"
        );
    }
}
