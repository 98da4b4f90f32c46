//! Real peers that make real traffic.

mod http;
mod nameserver;
mod ping;
mod resolver;
mod ssh;
mod tcp;
mod udp;

pub use http::get;
pub use nameserver::NameServer;
pub use ping::{Pings, ping, ping_from, reachable, reachable_from};
pub use resolver::Resolver;
pub use ssh::Sshd;
pub use tcp::{EchoServer, begin_connect, connect, echo};
pub use udp::{UdpResponder, count_replies, udp_send_exactly};
