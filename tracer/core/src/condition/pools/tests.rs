use super::*;
use crate::pools::Generation;

fn holder(prefix: &str, name: &str, containers: usize) -> Holder {
    Holder {
        prefix: prefix.parse().expect("a prefix"),
        by: HeldBy::Network {
            job: None,
            id: name.to_owned(),
            name: name.to_owned(),
            project: None,
            containers,
            is_default: name == "bridge",
        },
    }
}

fn pools(total: u64, free: u64) -> PoolUse {
    PoolUse {
        daemon: "unix:///d".to_owned(),
        generation: Generation::Lowest,
        netns: 1,
        total,
        used: total - free,
        free,
        next: Vec::new(),
        certain: true,
        possible: Vec::new(),
        possible_more: 0,
        remaining: Vec::new(),
        holders: vec![
            holder("172.17.0.0/16", "bridge", 0),
            holder("172.18.0.0/16", "a", 0),
            holder("172.19.0.0/16", "b", 2),
        ],
    }
}

#[test]
fn three_networks_more_are_few_unless_there_were_never_many() {
    for (total, free, short) in [
        (31, 4, false),
        (31, 3, true),
        (31, 0, true),
        (256, 3, true),
        (4, 3, false),
        (2, 1, false),
        (1, 0, true),
    ] {
        assert_eq!(is_short(Room { total, free }), short, "{free} of {total}");
    }
}

#[test]
fn the_reason_counts_what_could_go_and_says_what_docker_says() {
    assert_eq!(
        reason(&pools(31, 2)),
        "Docker at unix:///d can make 2 more networks: 29 of the 31 subnets of its address pools are \
         taken, 1 of them by a network without a running container."
    );
    let mut full = pools(31, 0);
    full.holders.truncate(1);
    assert_eq!(
        reason(&full),
        "Docker at unix:///d can make no more networks: all 31 subnets of its address pools are \
         taken. Who tries is told \"all predefined address pools have been fully subnetted\"."
    );
}
