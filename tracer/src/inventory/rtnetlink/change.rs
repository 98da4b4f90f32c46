//! From messages to what is told: passes changes on and notices when the routes are in doubt.

use std::collections::BTreeMap;

use netlink_packet_core::{NLM_F_APPEND, NLM_F_REPLACE};
use tracer_core::input::{Link, NetChange, Route};

use super::{convert, routes::Routes, socket::Message};

/// Nexthop objects came or went; routes that use them change without a word.
const RTM_NEWNEXTHOP: u16 = 104;
const RTM_DELNEXTHOP: u16 = 105;

/// What must be remembered of a namespace to tell its changes truly.
#[derive(Debug, Default)]
pub(super) struct Tracker {
    routes: Routes,
    /// Links as (up, carrier).
    links: BTreeMap<u32, (bool, bool)>,
    doubt: bool,
}

impl Tracker {
    /// Something the first dump brought.
    pub(super) fn dumped(&mut self, change: NetChange) -> Vec<NetChange> {
        let tell = self.apply(change, false);
        self.doubt = false;
        tell
    }

    /// A message of the change stream.
    pub(super) fn changed(&mut self, message: &Message<'_>) -> Vec<NetChange> {
        self.doubt |= matches!(message.kind, RTM_NEWNEXTHOP | RTM_DELNEXTHOP);
        let has = |flag| message.flags & flag != 0;
        let Some(change) = convert::change(message.kind, message.payload) else {
            return Vec::new();
        };
        let prepended = match &change {
            NetChange::Route(route) if !has(NLM_F_APPEND) && !has(NLM_F_REPLACE) => {
                self.routes.behind(route)
            }
            _ => Vec::new(),
        };
        let mut tell = self.apply(change, has(NLM_F_REPLACE));
        tell.extend(prepended);
        tell
    }

    /// All routes, read again.
    pub(super) fn compared(&mut self, present: Vec<Route>) -> Vec<NetChange> {
        self.routes.compared(present)
    }

    /// Whether the routes may have changed without a word since this was last asked.
    pub(super) fn take_doubt(&mut self) -> bool {
        std::mem::take(&mut self.doubt)
    }

    fn apply(&mut self, change: NetChange, replaces: bool) -> Vec<NetChange> {
        match change {
            NetChange::Route(route) => {
                let (tell, certain) = self.routes.announced(route, replaces);
                self.doubt |= !certain;
                tell
            }
            NetChange::RouteGone(route) => {
                let (tell, certain) = self.routes.withdrawn(route);
                self.doubt |= !certain;
                tell
            }
            other => {
                self.doubt |= self.unsettles(&other);
                vec![other]
            }
        }
    }

    /// Whether the kernel changes routes in silence along with this.
    fn unsettles(&mut self, change: &NetChange) -> bool {
        match change {
            NetChange::Link(Link {
                ifindex,
                up,
                carrier,
                ..
            }) => {
                let now = (*up, *carrier);
                self.links
                    .insert(*ifindex, now)
                    .is_some_and(|before| before != now)
            }
            NetChange::LinkGone(ifindex) => {
                self.links.remove(ifindex);
                true
            }
            NetChange::AddressGone(_) => true,
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link(up: bool) -> NetChange {
        NetChange::Link(Link {
            ifindex: 8,
            up,
            ..Link::default()
        })
    }

    #[test]
    fn a_link_going_down_puts_the_routes_in_doubt_once() {
        let mut tracker = Tracker::default();
        tracker.dumped(link(true));
        assert!(!tracker.take_doubt());
        tracker.apply(link(false), false);
        assert!(tracker.take_doubt());
        assert!(!tracker.take_doubt());
        tracker.apply(link(false), false);
        assert!(!tracker.take_doubt());
    }
}
