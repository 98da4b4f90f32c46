//! What an event means, one rule a file. A rule says whether a packet is lost, whether that is
//! sure yet, and otherwise why it is not worth a word.

mod forward_blackhole;
mod misdelivery;
mod reply_blackhole;
mod request_blackhole;
mod reverse_path_drop;
mod subject;

use tracer_common::Way;

use crate::{
    decode::KernelEvent,
    finding::{EvidenceKind, Kind, Verdict},
    world::bridge,
};

pub(crate) use self::subject::Subject;

/// What a rule says of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Judgement {
    /// A lost packet.
    Lost(Kind),
    /// Lost, if it is no scan, no slip of the hand, and nobody's made-up address: told if it goes on.
    Doubtful {
        /// What it would be.
        kind: Kind,
        /// Whoever is missing is somebody outside, then.
        sure: bool,
    },
    /// Looks like a lost packet, but a container may be what is missing: why.
    Excused(&'static str),
    /// Something that needs no words: why.
    Silent(&'static str),
    /// Nothing can be said yet, or any more: why.
    Unknown(&'static str),
}

/// Judges one event.
pub(crate) fn judge(subject: &Subject<'_>) -> Judgement {
    if !bridge::can_swallow(subject.namespace, subject.bridge) {
        return Judgement::Silent("the bridge leads out of the host");
    }
    if subject
        .namespace
        .own_address(subject.event.remote)
        .is_some()
    {
        return Judgement::Silent("the packet was for this host itself");
    }
    match subject.event.way() {
        Way::Arriving => reverse_path_drop::judge(subject),
        Way::Forwarded => forward_blackhole::judge(subject),
        Way::Misdelivered => misdelivery::judge(subject),
        Way::Sent => match subject.own_address() {
            // The kernel half tells forwarded packets by their skb; what is left is checked by source.
            None => Judgement::Silent("forwarded, not sent by this host"),
            // Who came in a moment ago may be asked for something all the same.
            Some(own) if subject.came_in_elsewhere() && !subject.opens() || subject.is_reply() => {
                reply_blackhole::judge(subject, own)
            }
            Some(_) => request_blackhole::judge(subject),
        },
    }
}

/// Whether the event could be a lost reply, whatever its namespace looks like.
pub(crate) fn could_be_lost(event: &KernelEvent) -> bool {
    let is_reply = |packet| subject::is_reply(packet, event.tcp_flags);
    event.way() == Way::Sent && (event.elsewhere().is_some() || event.packet.is_some_and(is_reply))
}

/// How sure the evidence makes us. `sure`: whoever is missing is somebody outside. `blind`: something
/// that could excuse the bridge cannot be asked.
pub(crate) fn verdict(
    kind: Kind,
    sure: bool,
    has: impl Fn(EvidenceKind) -> bool,
    blind: bool,
) -> Verdict {
    let nobody_there = has(EvidenceKind::NeighbourFailed) && has(EvidenceKind::Drop);
    let proven = has(EvidenceKind::IngressAsymmetry)
        || match kind {
            Kind::ReplyBlackhole => nobody_there,
            Kind::RequestBlackhole => sure && nobody_there,
            Kind::ForwardBlackhole => sure && has(EvidenceKind::Drop),
            _ => true,
        };
    if proven {
        Verdict::Confirmed
    } else if blind {
        Verdict::Inconclusive
    } else {
        Verdict::Suspected
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verdict_needs_proof() {
        use EvidenceKind::{Drop, IngressAsymmetry, NeighbourFailed, RouteIntoBridge};
        let reply = |kinds: &'static [EvidenceKind], blind| {
            verdict(
                Kind::ReplyBlackhole,
                true,
                |kind| kinds.contains(&kind),
                blind,
            )
        };
        assert_eq!(reply(&[RouteIntoBridge], false), Verdict::Suspected);
        assert_eq!(reply(&[RouteIntoBridge], true), Verdict::Inconclusive);
        assert_eq!(reply(&[NeighbourFailed], false), Verdict::Suspected);
        assert_eq!(reply(&[NeighbourFailed, Drop], true), Verdict::Confirmed);
        assert_eq!(reply(&[IngressAsymmetry], true), Verdict::Confirmed);
    }

    #[test]
    fn a_request_to_nobody_known_stays_suspected() {
        use EvidenceKind::{Drop, NeighbourFailed};
        let has = |kind| [NeighbourFailed, Drop].contains(&kind);
        let request = |sure| verdict(Kind::RequestBlackhole, sure, has, false);
        assert_eq!(request(false), Verdict::Suspected);
        assert_eq!(request(true), Verdict::Confirmed);
    }
}
