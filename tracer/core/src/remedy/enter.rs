//! How a command gets where the routes are.

use crate::{input::NetnsOwner, world::World};

use super::{Case, shell::quote};

/// `main` (`include/uapi/linux/rtnetlink.h`): the table `ip route` uses unless told otherwise.
const RT_TABLE_MAIN: u32 = 254;
const RT_TABLE_LOCAL: u32 = 255;

/// How to run a command in the namespace: nothing for the host's own, `None` if there is no way.
pub(super) fn enter(world: &World, netns: u32) -> Option<String> {
    if netns == world.session.netns {
        return Some(String::new());
    }
    match world.namespace(netns)?.owner.as_ref()? {
        NetnsOwner::Named(name) => {
            let file = quote(&format!("/run/netns/{name}"))?;
            Some(format!("nsenter --net={file} "))
        }
        NetnsOwner::Process(process) | NetnsOwner::Container { process, .. } => {
            Some(format!("nsenter --net -t {} ", process.pid))
        }
        NetnsOwner::Host | NetnsOwner::Unknown => None,
    }
}

/// The table of the bridge's route, for `ip route`: an earlier one would be found first.
pub(super) fn table(case: &Case<'_>) -> String {
    match case.route.map_or(RT_TABLE_MAIN, |route| route.table) {
        RT_TABLE_MAIN | RT_TABLE_LOCAL => String::new(),
        table => format!(" table {table}"),
    }
}
