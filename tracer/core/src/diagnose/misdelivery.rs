//! `misdelivery`: a reply is routed into a bridge although its remote came in by another device,
//! and reaches a container that happens to have the remote's address.

use crate::finding::Kind;

use super::{Judgement, Subject};

pub(super) fn judge(subject: &Subject<'_>) -> Judgement {
    if !subject.came_in_elsewhere() {
        return Judgement::Silent("the remote spoke from this very bridge");
    }
    if subject.came_in_by_containers() {
        return Judgement::Silent("a container asked by another network than it is answered by");
    }
    if !subject.is_inhabited() {
        return Judgement::Silent("nobody has the address: the neighbour slow path tells");
    }
    Judgement::Lost(Kind::Misdelivery)
}
