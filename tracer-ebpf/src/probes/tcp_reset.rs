//! `tcp_receive_reset(struct sock *)`
//! <https://elixir.bootlin.com/linux/v6.18/source/include/trace/events/tcp.h>
//!
//! A reply went to a container that has the client's address, and it answered that it knows of no
//! such connection: the server takes it for the client's word.

use aya_ebpf::{macros::btf_tracepoint, programs::BtfTracePointContext};
use tracer_common::{Hook, WatchKey};

use super::apart;
use crate::{emit, globals::last_astray, kernel::Sock, memory};

#[btf_tracepoint(function = "tcp_receive_reset")]
pub(crate) fn on_tcp_reset(ctx: BtfTracePointContext) -> i32 {
    let _ = try_tcp_reset(&ctx);
    0
}

#[inline(always)]
fn try_tcp_reset(ctx: &BtfTracePointContext) -> Option<()> {
    // Connections are refused all day; on a healthy host no reply ever went astray.
    if last_astray() != 0 {
        apart(ctx, refused);
    }
    None
}

#[inline(always)]
fn refused(ctx: &BtfTracePointContext) -> Option<()> {
    let sk = Sock(ctx.arg(0));
    let (netns, remote) = (sk.netns()?, sk.remote()?);
    let bridge = memory::astray_into(&WatchKey { netns, remote })?;
    let mut event = emit::event_at(Hook::TcpReset, netns, bridge, remote);
    emit::add_flow(&mut event, sk.tcp_flow(remote)?);
    event.socket_inode = sk.inode().unwrap_or(0);
    emit::submit(Hook::TcpReset, &mut event);
    Some(())
}
