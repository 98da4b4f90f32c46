//! `tcp_retransmit_skb(const struct sock *, const struct sk_buff *, int err)` (no `err` in older
//! kernels) and `tcp_retransmit_synack(const struct sock *, const struct request_sock *)`
//! <https://elixir.bootlin.com/linux/v6.18/source/include/trace/events/tcp.h>
//!
//! Attached only while a remote is under suspicion: its peer misses the acknowledgement. What
//! TCP could not send again because the first copy still waits for the neighbour (`-EBUSY`) counts
//! too, where the kernel tells: the peer misses it all the same.

use aya_ebpf::{macros::btf_tracepoint, programs::BtfTracePointContext};
use tracer_common::{Hook, Way};

use crate::{emit, kernel::Sock};

/// SYN and ACK in the flags of TCP (RFC 9293 §3.1).
const SYN_ACK: u8 = 0x12;

#[btf_tracepoint(function = "tcp_retransmit_skb")]
pub(crate) fn on_tcp_retransmit(ctx: BtfTracePointContext) -> i32 {
    let sk = Sock(ctx.arg(0));
    let _ = again(Hook::TcpRetransmit, sk, sk, 0);
    0
}

#[btf_tracepoint(function = "tcp_retransmit_synack")]
pub(crate) fn on_synack_retransmit(ctx: BtfTracePointContext) -> i32 {
    let (listener, request) = (Sock(ctx.arg(0)), Sock(ctx.arg(1)));
    let _ = again(Hook::TcpRetransmitSynack, request, listener, SYN_ACK);
    0
}

/// `connection` knows the peer, `owner` the process.
#[inline(always)]
fn again(hook: Hook, connection: Sock, owner: Sock, tcp_flags: u8) -> Option<()> {
    let (netns, remote) = (connection.netns()?, connection.remote()?);
    let bridge = emit::suspected_bridge(netns, remote)?;
    let mut event = emit::event_at(hook, netns, bridge, remote);
    // SAFETY: `value` points to a live map value.
    event.before = emit::count(hook, &event, Way::Sent, |value| unsafe {
        &raw mut (*value).retransmitted
    });
    let mut flow = connection.tcp_flow(remote)?;
    flow.tcp_flags = tcp_flags;
    emit::add_flow(&mut event, flow);
    event.socket_inode = owner.inode().unwrap_or(0);
    emit::add_task(&mut event);
    emit::submit(hook, &mut event);
    Some(())
}
