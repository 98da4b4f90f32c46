//! Findings of every kind, with figures of real outages; a file each.

use tracer_core::finding::Finding;

use super::{Banner, ecs::Origin};

pub(crate) mod check;
pub(crate) mod daemon;
pub(crate) mod daemon_life;
pub(crate) mod duplicate;
pub(crate) mod forward;
pub(crate) mod ghost;
pub(crate) mod ipv6;
pub(crate) mod killed;
pub(crate) mod misdelivery;
mod odd;
pub(crate) mod overlap;
mod parts;
pub(crate) mod pools;
mod remedies;
mod reply;
pub(crate) mod request;
pub(crate) mod reverse_path;

pub(crate) use odd::{HOSTILE, events_lost, hostile, many_victims, minimal, unknown_owner};
pub(crate) use reply::{HOST_ROUTE, ID, confirmed, opened, opened_confirmed, resolved};

/// Every step of every kind of outage, from beginning to end.
pub(crate) fn lives() -> [[Finding; 3]; 7] {
    [
        [opened(), confirmed(), resolved()],
        request::life(),
        forward::life(),
        misdelivery::life(),
        reverse_path::life(),
        duplicate::life(),
        ipv6::life(),
    ]
}

/// Every finding there is.
pub(crate) fn all() -> Vec<Finding> {
    let mut all = lives().concat();
    all.extend(daemon::unreachable());
    all.extend(killed::life());
    all.extend([
        unknown_owner(),
        many_victims(),
        hostile(),
        events_lost(),
        minimal(),
        ghost::bridge(),
    ]);
    all.extend(ghost::life());
    all.extend(overlap::life());
    all.extend(pools::life());
    all.extend(daemon_life::stories());
    all
}

pub(crate) fn origin() -> Origin {
    Origin {
        hostname: "r550".into(),
        version: "0.1.0".into(),
    }
}

pub(crate) fn banner() -> Banner {
    Banner {
        version: "0.1.0".into(),
        hostname: "r550".into(),
        bridges: 3,
        namespaces: 1,
        daemons: vec!["docker 20.10.24 at unix:///var/run/docker.sock".into()],
        unseen: vec![],
    }
}

pub(crate) fn blind_banner() -> Banner {
    Banner {
        bridges: 1,
        namespaces: 2,
        daemons: vec!["no docker at unix:///var/run/docker.sock: permission denied".into()],
        unseen: vec![
            "Reasons of drops: this kernel (5.10) does not tell them, so a drop is named by the place \
             in the kernel where it happened."
                .into(),
            "Bridges of network namespace 4026532177: its process ended.".into(),
        ],
        ..banner()
    }
}
