//! The routes last told of, kept to find out about those the kernel changes without a word.
//!
//! IPv4 routes vanish silently when their interface goes down, loses its address or is deleted
//! (`fib_table_flush` tells nobody but the kernel's own listeners), and `linkdown` comes and
//! goes silently too. <https://github.com/torvalds/linux/blob/v6.12/net/ipv4/fib_trie.c#L2022>

use std::collections::BTreeSet;

use tracer_core::input::{NetChange, Route};

/// The routes as last told of.
#[derive(Debug, Default)]
pub(super) struct Routes {
    told: BTreeSet<Route>,
}

impl Routes {
    /// A route was announced; returns what to tell, and whether that is certain to be all.
    ///
    /// An announcement does not say which route it replaces (`ip route replace`), nor that it
    /// only adds a nexthop to one (IPv6).
    pub(super) fn announced(&mut self, route: Route, replaces: bool) -> (Vec<NetChange>, bool) {
        if self.told.contains(&route) {
            return (vec![NetChange::Route(route)], true);
        }
        // No more than two are looked at: each device has a route to `fe80::/64`.
        let rivals = beside(&self.told, &route).filter(|old| rival(old, &route));
        let rivals: Vec<Route> = rivals.take(2).cloned().collect();
        let mut tell = Vec::new();
        let certain = match rivals.as_slice() {
            [] => true,
            [old] if replaces => {
                tell.extend(self.withdraw(old, &route));
                true
            }
            _ => false,
        };
        self.told.insert(route.clone());
        tell.push(NetChange::Route(route));
        (tell, certain)
    }

    /// `route` was announced in front of its IPv4 rivals (`ip route prepend`), of which the first is
    /// taken: tells of them again, so that who listens has them behind it.
    pub(super) fn behind(&self, route: &Route) -> Vec<NetChange> {
        if route.destination.addr().is_ipv6() || self.told.contains(route) {
            return Vec::new();
        }
        beside(&self.told, route)
            .filter(|old| rival(old, route) && !same(old, route))
            .flat_map(|old| {
                [
                    NetChange::RouteGone(old.clone()),
                    NetChange::Route(old.clone()),
                ]
            })
            .collect()
    }

    /// A route was withdrawn; `false` if it was none that was told of.
    pub(super) fn withdrawn(&mut self, route: Route) -> (Vec<NetChange>, bool) {
        if self.told.remove(&route) {
            return (vec![NetChange::RouteGone(route)], true);
        }
        let likely = beside(&self.told, &route)
            .find(|old| same(old, &route))
            .cloned();
        match likely {
            Some(old) => {
                self.told.remove(&old);
                (vec![NetChange::RouteGone(old)], true)
            }
            None => (vec![NetChange::RouteGone(route)], false),
        }
    }

    /// All routes were read again; returns what has changed since.
    pub(super) fn compared(&mut self, present: Vec<Route>) -> Vec<NetChange> {
        let present: BTreeSet<Route> = present.into_iter().collect();
        let gone: Vec<Route> = self.told.difference(&present).cloned().collect();
        let new: BTreeSet<Route> = present.difference(&self.told).cloned().collect();
        let mut tell: Vec<NetChange> = gone
            .into_iter()
            .filter(|old| !beside(&present, old).any(|present| same(old, present)))
            .map(NetChange::RouteGone)
            .collect();
        tell.extend(new.into_iter().map(NetChange::Route));
        self.told = present;
        tell
    }

    /// Takes `old` out in favour of `new`; a route whose nexthops only lost or got their carrier
    /// has changed, not gone.
    fn withdraw(&mut self, old: &Route, new: &Route) -> Option<NetChange> {
        self.told.remove(old);
        (!same(old, new)).then(|| NetChange::RouteGone(old.clone()))
    }
}

/// The routes of a set to the same destination in the same table. They are neighbours in the
/// order of routes: a full table has a million, and each is looked up when it is announced.
fn beside<'a>(routes: &'a BTreeSet<Route>, route: &Route) -> impl Iterator<Item = &'a Route> {
    let (table, destination) = (route.table, route.destination);
    // The default is the least in every other field.
    let first = Route {
        table,
        destination,
        ..Route::default()
    };
    routes
        .range(first..)
        .take_while(move |other| (other.table, other.destination) == (table, destination))
}

/// Whether two routes are alternatives: same table, destination, metric and TOS.
fn rival(a: &Route, b: &Route) -> bool {
    (a.table, a.destination, a.metric, a.tos) == (b.table, b.destination, b.metric, b.tos)
}

/// Whether two routes differ in the carrier of their nexthops at most.
fn same(a: &Route, b: &Route) -> bool {
    rival(a, b) && devices(a).eq(devices(b)) && with_carrier(a) == with_carrier(b)
}

fn devices(route: &Route) -> impl Iterator<Item = u32> {
    route.nexthops.iter().map(|hop| hop.ifindex)
}

fn with_carrier(route: &Route) -> Route {
    let mut route = route.clone();
    for hop in &mut route.nexthops {
        hop.linkdown = false;
    }
    route
}

#[cfg(test)]
mod tests {
    use tracer_core::input::{Nexthop, RouteKind};

    use super::*;

    fn route(ifindex: u32, linkdown: bool) -> Route {
        Route {
            table: 254,
            destination: "172.22.0.0/16".parse().expect("prefix"),
            scope: 253,
            protocol: 2,
            nexthops: vec![Nexthop {
                ifindex,
                gateway: None,
                linkdown,
            }],
            ..Route::default()
        }
    }

    #[test]
    fn a_route_that_vanished_in_silence_is_reported_gone() {
        let mut routes = Routes::default();
        routes.announced(route(8, false), false);
        assert_eq!(
            routes.compared(vec![]),
            [NetChange::RouteGone(route(8, false))]
        );
        assert_eq!(routes.compared(vec![]), []);
    }

    #[test]
    fn losing_the_carrier_is_a_change_not_a_loss() {
        let mut routes = Routes::default();
        routes.announced(route(8, false), false);
        assert_eq!(
            routes.compared(vec![route(8, true)]),
            [NetChange::Route(route(8, true))]
        );
    }

    /// A link loses its carrier, goes down and comes up with a new route like the one it had: both
    /// were told of, one is there, and for who listens they are the same.
    #[test]
    fn a_route_that_came_back_with_its_carrier_is_not_withdrawn() {
        let mut routes = Routes::default();
        routes.announced(route(8, true), false);
        let (told, certain) = routes.announced(route(8, false), false);
        assert!(!certain);
        assert_eq!(told, [NetChange::Route(route(8, false))]);
        assert_eq!(routes.compared(vec![route(8, false)]), []);
        assert_eq!(
            routes.compared(vec![]),
            [NetChange::RouteGone(route(8, false))]
        );
    }

    #[test]
    fn the_withdrawal_of_a_route_with_another_carrier_is_understood() {
        let mut routes = Routes::default();
        routes.announced(route(8, false), false);
        let (told, certain) = routes.withdrawn(route(8, true));
        assert!(certain);
        assert_eq!(told, [NetChange::RouteGone(route(8, false))]);
    }

    #[test]
    fn a_replacement_withdraws_what_it_replaces() {
        let mut routes = Routes::default();
        routes.announced(route(8, false), false);
        let (told, certain) = routes.announced(route(9, false), true);
        assert!(certain);
        assert_eq!(
            told,
            [
                NetChange::RouteGone(route(8, false)),
                NetChange::Route(route(9, false))
            ]
        );
    }

    #[test]
    fn a_second_route_to_the_same_place_is_checked() {
        let mut routes = Routes::default();
        routes.announced(route(8, false), false);
        let (told, certain) = routes.announced(route(9, false), false);
        assert!(!certain);
        assert_eq!(told, [NetChange::Route(route(9, false))]);
        assert_eq!(routes.compared(vec![route(8, false), route(9, false)]), []);
    }

    #[test]
    fn a_route_put_in_front_of_another_leaves_that_behind() {
        let mut routes = Routes::default();
        routes.announced(route(8, false), false);
        let moved = [
            NetChange::RouteGone(route(8, false)),
            NetChange::Route(route(8, false)),
        ];
        assert_eq!(routes.behind(&route(9, false)), moved);
        assert_eq!(routes.behind(&route(8, true)), []);
    }

    #[test]
    fn routes_of_every_kind_and_metric_are_found_beside_each_other() {
        let mut all = BTreeSet::new();
        for kind in [
            RouteKind::Unicast,
            RouteKind::Local,
            RouteKind::Drop,
            RouteKind::Other,
        ] {
            for metric in [0, 7] {
                all.insert(Route {
                    kind,
                    metric,
                    ..route(8, false)
                });
                all.insert(Route {
                    kind,
                    metric,
                    table: 255,
                    ..route(8, false)
                });
                let destination = "172.23.0.0/16".parse().expect("prefix");
                all.insert(Route {
                    kind,
                    metric,
                    destination,
                    ..route(8, false)
                });
            }
        }
        assert_eq!(beside(&all, &route(9, true)).count(), 8);
    }

    #[test]
    fn a_withdrawal_out_of_nowhere_is_passed_on_and_checked() {
        let (told, certain) = Routes::default().withdrawn(route(8, false));
        assert!(!certain);
        assert_eq!(told, [NetChange::RouteGone(route(8, false))]);
    }
}
