//! Why nothing is done.

use std::{fmt, net::IpAddr};

use ipnet::IpNet;

use crate::{finding::RouteRef, remedy::shell::quote};

/// Why an address is not rescued. In words: one sentence without its full stop, and what to do. Hostile
/// text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Links and routes were not read.
    Unread,
    /// The address is nobody's: loopback, multicast and the like.
    Nobody(&'static str),
    /// It is one of this host's own, on this device.
    Own(String),
    /// It is the gateway of this docker network.
    Gateway(String),
    /// It means everybody in a prefix that is connected to this device.
    Everybody(IpNet, String),
    /// A running container has it.
    Container {
        /// Its name.
        name: String,
        /// Its id.
        id: String,
        /// The network it has the address in.
        network: String,
    },
    /// Somebody on the bridge answers for it.
    Answers {
        /// The address.
        address: IpAddr,
        /// The bridge.
        bridge: String,
    },
    /// Who has it cannot be asked, and why.
    Blind(String),
    /// Without the bridge there is no route to it.
    NoOtherWay,
    /// The bridge's own route is for this address alone.
    AsSpecific(RouteRef),
    /// The uplink's name cannot be shown, so nobody could agree to the plan.
    Unspeakable,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unread => f.write_str("links and routes of this host could not be read"),
            Self::Nobody(what) => write!(f, "that is {what} address: nobody is locked out by it"),
            Self::Own(device) => {
                write!(f, "that is this host's own address, on {device}")
            }
            Self::Gateway(network) => write!(
                f,
                "that is the gateway of docker network {network}, this host's own address there"
            ),
            Self::Everybody(prefix, device) => write!(
                f,
                "that address means everybody in {prefix}, which is connected to {device}"
            ),
            Self::Container { name, id, network } => write!(
                f,
                "container {name} runs with that address in network {network} and would be cut off; \
                 {}move the network to another subnet (bridgetrace check tells how)",
                command(&["docker stop "], id.get(..12).unwrap_or(id))
            ),
            Self::Answers { address, bridge } => write!(
                f,
                "somebody on {bridge} answers for that address and would be cut off, or did a short \
                 while ago; {}find out who it is",
                command(&["ip neigh del ", &address.to_string(), " dev "], bridge)
            ),
            Self::Blind(cause) => write!(
                f,
                "whether a running container has that address is not known: {cause}; with \
                 --without-docker only the bridge itself is asked"
            ),
            Self::NoOtherWay => f.write_str(
                "this host has no other route to it than the bridge's: set one first, or remove the \
                 network",
            ),
            Self::AsSpecific(route) => write!(
                f,
                "the route into {} is for {} alone: no route is more specific; remove that one (ip \
                 route del)",
                route.device, route.prefix
            ),
            Self::Unspeakable => f.write_str(
                "the name of the device it should leave by has characters that cannot be shown",
            ),
        }
    }
}

/// What to type, where that can be typed as it is seen, and what joins it with what else there is to do.
fn command(words: &[&str], name: &str) -> String {
    quote(name).map_or_else(String::new, |name| {
        format!("if it may go, {}{name}, and again; else ", words.concat())
    })
}

impl std::error::Error for Refusal {}
