//! How long from the moment a network's route appears to the line of `subnet-overlap`, for a network over
//! somebody who is connected and silent: nothing is lost yet.
//!
//! The clock starts when a listener of its own, which knows nothing of the product, has received the
//! kernel's message about the route (RTM_NEWROUTE), and stops when the line has been read from the pipe.

use std::os::fd::AsRawFd as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use anyhow::Result;
use bridgetrace_lab::{Netns, peers};
use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, bind, recv, socket,
};
use serde_json::json;

use super::context::Context;
use super::row::Row;
use super::spread::{Spread, short};
use super::stage::{ALIVE, Stage};
use crate::{interrupt, sh};

const OVERLAP: &str = "subnet-overlap";
const PORT: u16 = 7023;
/// The kernel's message comes before docker's answer.
const HEARD: Duration = Duration::from_secs(5);
/// How often to say how far it is.
const NEWS: usize = 20;
/// Multicast group `RTNLGRP_IPV4_ROUTE` (`include/uapi/linux/rtnetlink.h`), as bit.
const IPV4_ROUTES: u32 = 1 << 6;
/// `RTM_NEWROUTE`.
const NEW_ROUTE: u16 = 24;
/// 172.22.0.0, as it stands in a message.
const SUBNET: [u8; 4] = [172, 22, 0, 0];

pub(super) fn measure(context: &Context) -> Result<Vec<Row>> {
    let mut stage = Stage::raise(&context.binary)?;
    let runs = context.times(10, 100);
    let times = stage.play(|stage| repeat(stage, runs))?;
    let times = Spread::new(times)?;
    let row = Row::new(
        "a network's route to its subnet-overlap",
        format!("{times} ms"),
    )
    .note(format!(
        "{runs} networks over a silent peer: p50 {} ms, p99 {}, worst {}.",
        short(times.median()),
        short(times.percentile(99)),
        short(times.max())
    ))
    .raw(json!({"route_to_line_ms": times.all()}));
    Ok(vec![row])
}

/// What each of `runs` networks took, in milliseconds.
fn repeat(stage: &mut Stage, runs: usize) -> Result<Vec<f64>> {
    let (_server, mut connection) = stage.connection(PORT)?;
    let routes = Routes::listen(&stage.lab.srv)?;
    let mut times = Vec::new();
    for run in 1..=runs {
        let began = SystemTime::now();
        let bridge = stage.collide()?;
        let heard = stage.hear(OVERLAP, "opened", &bridge)?;
        let appeared = routes.first_since(began)?;
        // Docker's word may come first, and the line before its route: less than nothing then.
        let took = match heard.at.duration_since(appeared) {
            Ok(after) => after.as_secs_f64(),
            Err(before) => -before.duration().as_secs_f64(),
        };
        times.push(took * 1e3);
        stage.part()?;
        stage.hear(OVERLAP, "resolved", &bridge)?;
        // Still there, and in use.
        peers::echo(&mut connection, b"still", ALIVE)?;
        if run % NEWS == 0 {
            sh::say(format!("overlap: {run} of {runs}"));
        }
    }
    Ok(times)
}

/// Moments at which the subnet's route came.
struct Routes(Arc<Mutex<Vec<SystemTime>>>);

impl Routes {
    fn listen(netns: &Netns) -> Result<Self> {
        let socket = netns.enter(|| {
            let protocol = SockProtocol::NetlinkRoute;
            let socket = socket(
                AddressFamily::Netlink,
                SockType::Raw,
                SockFlag::SOCK_CLOEXEC,
                protocol,
            )?;
            bind(socket.as_raw_fd(), &NetlinkAddr::new(0, IPV4_ROUTES))?;
            nix::Result::Ok(socket)
        })??;
        let moments = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&moments);
        // Ends with the process: a socket that nobody writes to any more costs nothing.
        std::thread::spawn(move || {
            let mut message = [0; 8192];
            while let Ok(length) = recv(socket.as_raw_fd(), &mut message, MsgFlags::empty()) {
                let at = SystemTime::now();
                if is_the_route(message.get(..length).unwrap_or_default()) {
                    sink.lock().unwrap_or_else(PoisonError::into_inner).push(at);
                }
            }
        });
        Ok(Self(moments))
    }

    fn first_since(&self, began: SystemTime) -> Result<SystemTime> {
        interrupt::wait_for("the kernel to tell of the route", HEARD, || {
            let moments = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            Ok(moments.iter().find(|at| **at >= began).copied())
        })
    }
}

/// Whether it tells that the subnet's route came, in the main table.
fn is_the_route(message: &[u8]) -> bool {
    let kind = message.get(4..6).and_then(|kind| kind.try_into().ok());
    // `struct rtmsg` after the header: family, then the destination's length.
    let prefix_length = message.get(17).copied();
    kind.map(u16::from_ne_bytes) == Some(NEW_ROUTE)
        && prefix_length == Some(16)
        && message.windows(SUBNET.len()).any(|bytes| bytes == SUBNET)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_subnets_route_counts() {
        let message = |kind: u16, length: u8| {
            let mut message = vec![0; 28];
            message[4..6].copy_from_slice(&kind.to_ne_bytes());
            message[17] = length;
            message.extend([8, 0, 1, 0, 172, 22, 0, 0]);
            message
        };
        assert!(is_the_route(&message(NEW_ROUTE, 16)));
        assert!(!is_the_route(&message(25, 16)), "it goes");
        assert!(
            !is_the_route(&message(NEW_ROUTE, 32)),
            "its broadcast address"
        );
        assert!(!is_the_route(&[]));
    }
}
