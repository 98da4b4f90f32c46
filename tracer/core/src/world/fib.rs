//! The mirrored routing policy: rules, tables, longest prefix, metric. Used to say which route
//! was taken and, with the bridges left out, which one should have been.

use std::{net::IpAddr, ops::ControlFlow};

use ipnet::IpNet;

use crate::{
    finding::RouteRef,
    input::{Nexthop, Route, RouteKind, Rule, RuleAction},
};

use super::namespace::Namespace;

/// Routes to so short a prefix are default routes in disguise, as VPNs make them (0.0.0.0/1).
pub(crate) const DEFAULT_LIKE: u8 = 3;

/// What a packet shows to the policy rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FlowKey {
    /// Destination.
    pub destination: IpAddr,
    /// Source, if chosen already.
    pub source: Option<IpAddr>,
    /// ifindex the sender is bound to, 0 if none.
    pub oif: u32,
    /// fwmark.
    pub mark: u32,
    /// ifindex a forwarded packet came in by, 0 for one made here.
    pub iif: u32,
}

impl FlowKey {
    /// A packet to `destination` of which nothing else is known.
    #[must_use]
    pub const fn to(destination: IpAddr) -> Self {
        Self {
            destination,
            source: None,
            oif: 0,
            mark: 0,
            iif: 0,
        }
    }
}

/// A lookup's answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Outgoing interface.
    pub ifindex: u32,
    /// The route, for people.
    pub route: RouteRef,
}

/// The route that a lookup finds, and its nexthop.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Found<'a> {
    pub(crate) route: &'a Route,
    pub(crate) hop: &'a Nexthop,
}

/// Looks `key` up as the kernel would, as if no route led to an
/// interface for which `without` holds; for people.
#[must_use]
pub fn lookup(
    namespace: &Namespace,
    key: FlowKey,
    without: impl Fn(u32) -> bool,
) -> Option<Answer> {
    find(namespace, key, without).map(|found| found.answer(namespace))
}

/// Looks `key` up as the kernel would, as if no route led to an
/// interface for which `without` holds.
pub(crate) fn find(
    namespace: &Namespace,
    key: FlowKey,
    without: impl Fn(u32) -> bool,
) -> Option<Found<'_>> {
    let ipv6 = key.destination.is_ipv6();
    let known = namespace.rules().any(|rule| rule.ipv6 == ipv6);
    let first = if known { &[][..] } else { &INITIAL[..] };
    let known = namespace.rules().filter(|rule| rule.ipv6 == ipv6);
    let mut goto = None;
    for rule in known.chain(first) {
        if goto.is_some_and(|target| rule.priority < target) || !matches(namespace, rule, key) {
            continue;
        }
        goto = None;
        match rule.action {
            RuleAction::Drop => return None,
            RuleAction::Nop => {}
            RuleAction::Goto(target) => goto = Some(target),
            RuleAction::Table(table) => {
                if let ControlFlow::Break(answer) = search(namespace, rule, table, key, &without) {
                    return answer;
                }
            }
        }
    }
    None
}

/// The three rules the kernel starts with: what holds while none are known.
static INITIAL: [Rule; 3] = [initial(0, 255), initial(32_766, 254), initial(32_767, 253)];

const fn initial(priority: u32, table: u32) -> Rule {
    Rule {
        priority,
        ipv6: false,
        action: RuleAction::Table(table),
        invert: false,
        from: None,
        to: None,
        iif: None,
        oif: None,
        fwmark: None,
        other_selectors: false,
        suppress_prefixlen: None,
    }
}

/// Whether the rule selects the packet. Selectors that cannot be evaluated do not.
fn matches(namespace: &Namespace, rule: &Rule, key: FlowKey) -> bool {
    if rule.other_selectors {
        return false;
    }
    let within = |prefix: Option<IpNet>, address: Option<IpAddr>| {
        prefix.is_none_or(|prefix| address.is_some_and(|address| prefix.contains(&address)))
    };
    let is = |name: &String, ifindex: u32| {
        namespace
            .link_named(name)
            .is_some_and(|link| link.ifindex == ifindex)
    };
    let from_here = |name: &String| key.iif == 0 && name == "lo";
    let selected = within(rule.from, key.source)
        && within(rule.to, Some(key.destination))
        && rule
            .iif
            .as_ref()
            .is_none_or(|name| from_here(name) || is(name, key.iif))
        && rule.oif.as_ref().is_none_or(|name| is(name, key.oif))
        && rule
            .fwmark
            .is_none_or(|(value, mask)| key.mark & mask == value & mask);
    selected != rule.invert
}

/// Breaks off with the answer, or lets the walk over the rules go on.
fn search<'a>(
    namespace: &'a Namespace,
    rule: &Rule,
    table: u32,
    key: FlowKey,
    without: &impl Fn(u32) -> bool,
) -> ControlFlow<Option<Found<'a>>> {
    let candidates = namespace.routes().holding(table, key.destination);
    let known = |route: &&Route| route.tos == 0 && route.kind != RouteKind::Other;
    for route in candidates.filter(known) {
        match route.kind {
            RouteKind::Throw => return ControlFlow::Continue(()),
            RouteKind::Drop => return ControlFlow::Break(None),
            RouteKind::Unicast | RouteKind::Local | RouteKind::Other => {}
        }
        // Over IPv6 the kernel prefers the interface a sender is bound to, but does not insist.
        let bound = key.oif != 0 && key.destination.is_ipv4();
        let usable = |hop: &&Nexthop| !without(hop.ifindex) && (!bound || hop.ifindex == key.oif);
        let Some(hop) = route.nexthops.iter().find(usable) else {
            continue;
        };
        let suppressed = |len| route.destination.prefix_len() <= len;
        if rule.suppress_prefixlen.is_some_and(suppressed) {
            return ControlFlow::Continue(());
        }
        return ControlFlow::Break(Some(Found { route, hop }));
    }
    ControlFlow::Continue(())
}

impl Found<'_> {
    pub(crate) fn answer(self, namespace: &Namespace) -> Answer {
        let Self { route, hop } = self;
        let device = namespace
            .link(hop.ifindex)
            .map_or_else(String::new, |link| link.name.clone());
        Answer {
            ifindex: hop.ifindex,
            route: RouteRef {
                prefix: route.destination,
                gateway: hop.gateway,
                device,
                table: route.table,
            },
        }
    }
}
