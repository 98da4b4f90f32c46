//! Real peers that make real traffic.

mod http;
mod ping;
mod ssh;
mod tcp;
mod udp;

pub use http::get;
pub use ping::{Pings, ping, ping_from, reachable, reachable_from};
pub use ssh::Sshd;
pub use tcp::{EchoServer, begin_connect, connect, echo};
pub use udp::{UdpResponder, count_replies, udp_send_exactly};
