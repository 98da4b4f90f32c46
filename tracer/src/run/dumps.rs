//! Which changes of links and routes alter what is known of bridges: a dump does when it is complete.

use std::collections::BTreeSet;

use tracer_core::input::NetChange;

/// Namespaces that are being read, by inode number. One that is gone meanwhile stays: whoever has its number next is
/// read from the beginning.
#[derive(Debug, Default)]
pub(super) struct Dumps(BTreeSet<u32>);

impl Dumps {
    /// Whether bridges may have other prefixes after this change. A look at all of them for each route of a large host
    /// that is read again would take longer than the reading.
    pub(super) fn is_news(&mut self, netns: u32, change: &NetChange) -> bool {
        match change {
            NetChange::Resync => {
                self.0.insert(netns);
                false
            }
            NetChange::Synced => {
                self.0.remove(&netns);
                true
            }
            _ => !change.is_about_neighbours() && !self.0.contains(&netns),
        }
    }
}

#[cfg(test)]
mod tests {
    use tracer_core::input::Route;

    use super::*;

    #[test]
    fn a_dump_is_news_when_it_is_complete() {
        let mut dumps = Dumps::default();
        let route = NetChange::Route(Route::default());
        assert!(dumps.is_news(1, &route));
        assert!(!dumps.is_news(1, &NetChange::Resync));
        assert!(!dumps.is_news(1, &route));
        assert!(dumps.is_news(2, &route), "of another namespace");
        assert!(dumps.is_news(1, &NetChange::Synced));
        assert!(dumps.is_news(1, &route));
    }
}
