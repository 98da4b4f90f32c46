use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::{input::AddressPool, prefix::overlaps};

const ROLLING: Generation = Generation::Rolling {
    every_route: false,
    picks_default_bridge: false,
};

fn net(text: &str) -> IpNet {
    text.parse().expect("a prefix")
}

fn pool(base: &str, size: u8) -> AddressPool {
    AddressPool {
        base: net(base),
        size,
    }
}

fn taken(allocated: &[&str], reserved: &[&str]) -> Taken {
    let nets = |texts: &[&str]| texts.iter().map(|text| net(text)).collect();
    Taken {
        allocated: nets(allocated),
        reserved: nets(reserved),
    }
}

fn next_of(generation: Generation, cursor: u64, taken: &Taken, count: usize) -> Vec<String> {
    let slots = Slots::new(&defaults());
    let next = next(generation, &slots, cursor, taken, count);
    next.iter().map(ToString::to_string).collect()
}

#[test]
fn versions_tell_how_an_engine_chooses() {
    let rolling = |every_route, picks_default_bridge| {
        Some(Generation::Rolling {
            every_route,
            picks_default_bridge,
        })
    };
    assert_eq!(Generation::of("20.10.24+dfsg1"), rolling(false, false));
    assert_eq!(Generation::of("20.10.14"), rolling(true, false));
    assert_eq!(Generation::of("19.03.15-ce"), rolling(true, false));
    assert_eq!(Generation::of("26.1.5+dfsg1"), rolling(false, true));
    assert_eq!(Generation::of("28.5.2"), Some(Generation::Lowest));
    assert_eq!(Generation::of("29.0.0-rc.1"), Some(Generation::Lowest));
    // Podman speaks docker's language and has pools of its own.
    for other in ["4.9.3", "", "dev", "library-import"] {
        assert_eq!(Generation::of(other), None, "{other}");
    }
}

#[test]
fn the_built_in_pools_make_thirty_one_networks() {
    let slots = Slots::new(&defaults());
    assert_eq!((slots.len(), slots.ipv4_len()), (31, 31));
    let at = |place| slots.at(place).expect("a subnet").0.to_string();
    assert_eq!(
        (at(0), at(14)),
        ("172.17.0.0/16".into(), "172.31.0.0/16".into())
    );
    assert_eq!(
        (at(15), at(30)),
        ("192.168.0.0/20".into(), "192.168.240.0/20".into())
    );
    assert!(slots.at(31).is_none());
    assert_eq!(
        slots.free_ipv4([net("172.17.0.0/16"), net("172.18.3.0/24")].iter()),
        29
    );
    assert_eq!(
        slots.free_ipv4([net("0.0.0.0/0"), net("172.18.0.0/16")].iter()),
        0
    );
}

#[test]
fn pools_no_engine_accepts_do_not_count() {
    let odd = [
        pool("10.0.0.0/16", 8),
        pool("10.0.0.0/16", 33),
        pool("fd00::/8", 128),
    ];
    assert_eq!(Slots::new(&odd).len(), 0);
    assert_eq!(
        Slots::new(&[pool("10.1.2.3/16", 24)]).at(0).map(|it| it.0),
        Some(net("10.1.0.0/24"))
    );
}

#[test]
fn rolling_goes_on_from_the_last_one() {
    let bridge = taken(&["172.17.0.0/16"], &[]);
    assert_eq!(
        next_of(ROLLING, 0, &bridge, 2),
        ["172.18.0.0/16", "172.19.0.0/16"]
    );
    assert_eq!(next_of(ROLLING, 3, &bridge, 1), ["172.20.0.0/16"]);
    assert_eq!(
        next_of(ROLLING, 30, &bridge, 2),
        ["192.168.240.0/20", "172.18.0.0/16"]
    );
}

#[test]
fn having_gone_around_the_search_starts_anew() {
    // The last subnet is taken, so a search from there finds the first: and that is where the next
    // one begins too.
    let slots = Slots::new(&defaults());
    let taken = taken(&["172.17.0.0/16", "172.18.0.0/16", "192.168.240.0/20"], &[]);
    let pick = rolling::pick(&slots, 30, &taken, false).expect("one");
    assert_eq!((pick.subnet, pick.cursor), (net("172.19.0.0/16"), 0));
}

#[test]
fn what_the_host_uses_is_passed_over_by_all() {
    let taken = taken(&["172.17.0.0/16"], &["172.18.5.0/24", "172.20.0.53/32"]);
    for generation in [ROLLING, Generation::Lowest] {
        assert_eq!(
            next_of(generation, 0, &taken, 2),
            ["172.19.0.0/16", "172.21.0.0/16"],
            "{generation:?}"
        );
    }
}

#[test]
fn the_lowest_first_allocator_fills_gaps() {
    let taken = taken(&["172.17.0.0/16", "172.19.0.0/16"], &[]);
    assert_eq!(
        next_of(Generation::Lowest, 0, &taken, 3),
        ["172.18.0.0/16", "172.20.0.0/16", "172.21.0.0/16"]
    );
}

#[test]
fn the_lowest_first_allocator_forgets_what_a_longer_prefix_hides() {
    let slots = Slots::new(&[pool("10.0.0.0/16", 24)]);
    let taken = taken(&["10.0.0.0/20"], &["10.0.1.0/24"]);
    // The engine really gives away what is in the /20.
    assert_eq!(lowest::pick(&slots, &taken), Some(net("10.0.2.0/24")));
}

#[test]
fn nothing_is_left_of_full_pools() {
    let full: Vec<String> = next_of(ROLLING, 0, &Taken::default(), 40);
    assert_eq!(full.len(), 31);
    let full: Vec<&str> = full.iter().map(String::as_str).collect();
    let full = taken(&full, &[]);
    assert!(next_of(ROLLING, 7, &full, 1).is_empty());
    assert!(next_of(Generation::Lowest, 0, &full, 1).is_empty());
}

#[test]
fn a_wide_prefix_is_passed_in_one_step() {
    let slots = Slots::new(&[pool("10.0.0.0/8", 30), pool("10.0.0.0/8", 30)]);
    let taken = taken(&["10.0.0.0/9", "10.128.0.0/10"], &[]);
    let next = next(ROLLING, &slots, 0, &taken, 1);
    assert_eq!(next, [net("10.192.0.0/30")]);
    assert_eq!(slots.remaining_ipv4(taken.all(), 1).len(), 1);
}

/// Four million subnets, of which the host uses the first three: subnet by subnet, this would not end.
#[test]
fn a_huge_pool_costs_no_more_than_a_small_one() {
    let slots = Slots::new(&[pool("10.0.0.0/8", 30)]);
    let host = taken(
        &["10.224.0.0/30"],
        &["10.0.0.0/9", "10.128.0.0/10", "10.192.0.0/11"],
    );
    for generation in [ROLLING, Generation::Lowest] {
        let next = next(generation, &slots, 1_000_000, &host, 2);
        assert_eq!(next, [net("10.224.0.4/30"), net("10.224.0.8/30")]);
    }
    assert_eq!(slots.remaining_ipv4(host.all(), 3).len(), 3);

    let full = taken(&[], &["0.0.0.0/0"]);
    for last in [17, 4_194_303] {
        assert_eq!(rolling::after_failure(&slots, last, &full), Some(last));
    }
    assert!(next(ROLLING, &slots, 17, &full, 1).is_empty());
    assert!(slots.remaining_ipv4(full.all(), 3).is_empty());
    let mut cursor = Cursor::at_start(&slots, None);
    cursor.made(&slots, &full, Given::Unseen("gone"));
    assert!(cursor.possible().count() > 0);
}

/// The engine's own walk, subnet by subnet.
fn walked(slots: &Slots, cursor: u64, taken: &Taken, ipv6: bool) -> Result<(IpNet, u64), u64> {
    let (mut used, mut cursor) = (taken.allocated.clone(), cursor);
    let count = slots.len();
    loop {
        let start = if cursor < count { cursor } else { 0 };
        let free = |place: &u64| {
            let (subnet, _) = slots.at(*place).expect("a subnet");
            matches!(subnet, IpNet::V6(_)) == ipv6 && !used.iter().any(|it| overlaps(it, &subnet))
        };
        let ahead = (start..count)
            .find(free)
            .map(|place| (place, (place + 1) % count));
        let Some((place, after)) = ahead.or_else(|| (0..start).find(free).map(|it| (it, 0))) else {
            return Err(cursor);
        };
        let (subnet, _) = slots.at(place).expect("a subnet");
        cursor = after;
        if !taken.reserved.iter().any(|it| overlaps(it, &subnet)) {
            return Ok((subnet, cursor));
        }
        used.push(subnet);
    }
}

fn any_net() -> impl Strategy<Value = IpNet> {
    let ipv4 = (0_u32..0x1000, 16_u8..=28).prop_map(|(low, length)| {
        let address = 0x0a01_0000 + low;
        ipnet::Ipv4Net::new(address.into(), length)
            .expect("a prefix")
            .trunc()
            .into()
    });
    let ipv6 = (0_u128..16, 58_u8..=64).prop_map(|(low, length)| {
        let address = (0xfd00 << 112) | (low << 64);
        ipnet::Ipv6Net::new(address.into(), length)
            .expect("a prefix")
            .trunc()
            .into()
    });
    prop_oneof![4 => ipv4, 1 => ipv6]
}

/// A rolling daemon in itself: what it has, and where it stands.
struct Daemon {
    slots: Slots,
    cursor: u64,
    networks: BTreeMap<String, Vec<IpNet>>,
    reserved: Vec<IpNet>,
    made: usize,
}

#[derive(Clone, Debug)]
enum Step {
    Create,
    /// Gone before anybody could ask what it was like.
    CreateUnseen,
    Explicit(u64),
    Remove(usize),
    Reserve(u64),
    Free,
}

impl Daemon {
    fn taken(&self) -> Taken {
        Taken {
            allocated: self.networks.values().flatten().copied().collect(),
            reserved: self.reserved.clone(),
        }
    }

    /// Creates a network, as the engine does.
    fn create(&mut self) -> Option<(String, IpNet)> {
        let taken = self.taken();
        let Some(pick) = rolling::pick(&self.slots, self.cursor, &taken, false) else {
            let failed = rolling::after_failure(&self.slots, self.cursor, &taken);
            self.cursor = failed.expect("a failure");
            return None;
        };
        self.cursor = pick.cursor;
        self.made += 1;
        let id = self.made.to_string();
        self.networks.insert(id.clone(), vec![pick.subnet]);
        Some((id, pick.subnet))
    }

    fn next(&self) -> Vec<IpNet> {
        next(ROLLING, &self.slots, self.cursor, &self.taken(), 3)
    }

    /// Takes a step; `watched` sees it.
    fn step(&mut self, step: &Step, watched: &mut Cursor) {
        let taken = self.taken();
        match step {
            Step::Create => {
                if let Some((_, subnet)) = self.create() {
                    watched.made(&self.slots, &taken, Given::Seen(&[subnet]));
                }
            }
            Step::CreateUnseen => {
                if let Some((id, _)) = self.create() {
                    watched.made(&self.slots, &taken, Given::Unseen(&id));
                }
            }
            Step::Explicit(place) => {
                let (subnet, _) = self.slots.at(place % self.slots.len()).expect("one");
                if taken.allocated.iter().all(|used| !overlaps(used, &subnet)) {
                    self.made += 1;
                    self.networks.insert(self.made.to_string(), vec![subnet]);
                }
            }
            Step::Remove(which) => {
                let id = self
                    .networks
                    .keys()
                    .nth(which % self.networks.len().max(1))
                    .cloned();
                if let Some(id) = id {
                    self.networks.remove(&id);
                    watched.gone(&id);
                }
            }
            Step::Reserve(place) => {
                self.reserved
                    .extend(self.slots.at(place % self.slots.len()).map(|it| it.0));
            }
            Step::Free => drop(self.reserved.pop()),
        }
        watched.settle(&self.slots, &self.taken());
    }
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => Just(Step::Create),
        1 => Just(Step::CreateUnseen),
        1 => any::<u64>().prop_map(Step::Explicit),
        5 => any::<usize>().prop_map(Step::Remove),
        1 => any::<u64>().prop_map(Step::Reserve),
        1 => Just(Step::Free),
    ]
}

/// The subnets a watcher expects, and whether it is sure. What it did not see is its own guess.
fn expected(daemon: &Daemon, watched: &Cursor, unseen: &[String]) -> (Vec<IpNet>, bool) {
    let seen = daemon
        .networks
        .iter()
        .filter(|(id, _)| !unseen.contains(id));
    let allocated: Vec<IpNet> = seen.flat_map(|(_, subnets)| subnets).copied().collect();
    let mut all = watched.possible().map(|(cursor, guessed)| {
        let mut taken = Taken {
            allocated: allocated.clone(),
            reserved: daemon.reserved.clone(),
        };
        taken.allocated.extend(guessed);
        next(ROLLING, &daemon.slots, cursor, &taken, 3)
    });
    let first = all.next().unwrap_or_default();
    let agreed = all.all(|other| other == first);
    (first, agreed && watched.is_closed())
}

/// The subnets that the very next network may get, as far as a watcher can tell.
fn possible(daemon: &Daemon, watched: &Cursor, unseen: &[String]) -> Vec<IpNet> {
    let seen = daemon
        .networks
        .iter()
        .filter(|(id, _)| !unseen.contains(id));
    let allocated: Vec<IpNet> = seen.flat_map(|(_, subnets)| subnets).copied().collect();
    let next = watched.possible().flat_map(|(cursor, guessed)| {
        let mut taken = Taken {
            allocated: allocated.clone(),
            reserved: daemon.reserved.clone(),
        };
        taken.allocated.extend(guessed);
        next(ROLLING, &daemon.slots, cursor, &taken, 1)
    });
    next.collect()
}

fn small() -> Slots {
    Slots::new(&[pool("10.1.0.0/21", 24), pool("10.9.0.0/24", 26)])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// Whoever saw everything is always right, and sure of it unless requests may have failed.
    #[test]
    fn a_forecast_that_is_sure_is_right(
        steps in prop::collection::vec(step(), 1..60),
        from in prop::option::of(0_u64..12),
    ) {
        let slots = small();
        let mut daemon = Daemon {
            cursor: from.unwrap_or(0), slots, networks: BTreeMap::new(), reserved: Vec::new(), made: 0,
        };
        // Of a daemon that has been there for long, nobody knows where it stands.
        let mut watched = match from {
            None => Cursor::at_start(&daemon.slots, None),
            Some(_) => Cursor::unknown(&daemon.slots, None),
        };
        let mut unseen = Vec::new();
        let mut blind = from.is_some();
        for step in &steps {
            let made = daemon.made;
            daemon.step(step, &mut watched);
            if matches!(step, Step::CreateUnseen) && daemon.made > made {
                unseen.push(daemon.made.to_string());
                blind = true;
            }
            let (expected, sure) = expected(&daemon, &watched, &unseen);
            let truth = daemon.next();
            if let Some(next) = truth.first().filter(|_| watched.is_closed()) {
                let named = possible(&daemon, &watched, &unseen);
                prop_assert!(named.contains(next), "{step:?}: {next} is not of {named:?}");
            }
            prop_assert!(!sure || expected == truth, "{step:?}: {expected:?}, not {truth:?}");
            blind |= truth.is_empty();
            prop_assert!(sure || blind, "everything was seen, and it is not sure");
        }
    }

    /// Passing many subnets in one step comes to the same as the engine's own walk.
    #[test]
    fn rolling_in_steps_is_rolling(
        pools in prop::collection::vec(
            prop_oneof![
                Just(pool("10.1.0.0/21", 24)), Just(pool("10.1.8.0/22", 26)),
                Just(pool("10.1.4.0/22", 25)), Just(pool("fd00::/60", 64)),
            ],
            1..4,
        ),
        allocated in prop::collection::vec(any_net(), 0..6),
        reserved in prop::collection::vec(any_net(), 0..6),
        cursor in 0_u64..40,
        ipv6 in any::<bool>(),
    ) {
        let slots = Slots::new(&pools);
        let taken = Taken { allocated, reserved };
        let walked = walked(&slots, cursor, &taken, ipv6);
        let pick = rolling::pick(&slots, cursor, &taken, ipv6);
        prop_assert_eq!(pick.map(|it| (it.subnet, it.cursor)), walked.ok());
        if !ipv6 {
            prop_assert_eq!(rolling::after_failure(&slots, cursor, &taken), walked.err());
        }
    }

    /// Where networks and routes are of the pools' own subnets, the lowest free one is next.
    #[test]
    fn the_lowest_free_subnet_is_next(
        used in prop::collection::btree_set(0_u64..12, 0..12),
        reserved in prop::collection::btree_set(0_u64..12, 0..6),
    ) {
        let slots = small();
        let subnet = |place: &u64| slots.at(*place).expect("one").0;
        let taken = Taken {
            allocated: used.iter().map(subnet).collect(),
            reserved: reserved.iter().map(subnet).collect(),
        };
        let free = (0..12).find(|place| !used.contains(place) && !reserved.contains(place));
        prop_assert_eq!(lowest::pick(&slots, &taken), free.map(|place| subnet(&place)));
        let left = slots.remaining_ipv4(taken.all(), 100);
        prop_assert_eq!(left.len() as u64, slots.free_ipv4(taken.all()));
        prop_assert_eq!(next(Generation::Lowest, &slots, 0, &taken, 100).len(), left.len());
    }
}
