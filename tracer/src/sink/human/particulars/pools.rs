//! What is left of a daemon's address pools, in words.

use tracer_core::world::pools::{HeldBy, Holder, PoolUse};

use super::super::{layout::Fields, numbers::listed};

/// Who has the subnets, those first that could give them back; and which come next.
pub(super) fn fields(page: &mut dyn Fields, pools: &PoolUse) {
    let network = |holder: &&Holder| matches!(holder.by, HeldBy::Network { .. });
    let (networks, others): (Vec<&Holder>, Vec<&Holder>) = pools.holders.iter().partition(network);
    let (unused, in_use): (Vec<&Holder>, Vec<&Holder>) =
        networks.into_iter().partition(|it| it.is_unused());
    for (label, holders) in [("unused", unused), ("in use", in_use), ("host", others)] {
        if !holders.is_empty() {
            let text = listed(&holders, holders.len() as u64, |it| name(it));
            page.field(label, &text);
        }
    }
    if !pools.next.is_empty() {
        let next = listed(&pools.next, pools.next.len() as u64, ToString::to_string);
        let sure = if pools.certain { "" } else { "likely " };
        page.field("next", &format!("{sure}{next}"));
        if !pools.certain && pools.possible.len() > 1 {
            let all = pools.possible.len() as u64 + pools.possible_more;
            let any = listed(&pools.possible, all, ToString::to_string);
            page.field("first", &format!("any of {any}"));
        }
    }
}

fn name(holder: &Holder) -> String {
    let prefix = holder.prefix;
    match &holder.by {
        HeldBy::Network {
            name, project, job, ..
        } => {
            let project = project.iter().map(|it| format!(" of project {it}"));
            let job = job.iter().filter_map(|it| it.job_id.as_ref());
            let job = job.map(|id| format!(" of job {id}"));
            let whose: String = project.chain(job).collect();
            format!("{name}{whose} ({prefix})")
        }
        HeldBy::Route(device) => format!("route to {prefix} dev {device}"),
        HeldBy::Nameserver => format!("nameserver {}", prefix.addr()),
    }
}
