//! What is shown: what the host is like, what was told, and where the reader stands in it.

use std::sync::Arc;

use tracer_core::{
    finding::Finding,
    overview::{BridgeView, Overview},
    time::Timestamp,
};

use crate::sink::human::Look;

use super::{
    incidents::Incidents,
    keys::{Action, Step},
};

/// Everything the screen shows.
#[derive(Clone, Debug)]
pub(super) struct State {
    /// What the terminal can show.
    pub(super) look: Look,
    /// What the host is like.
    pub(super) overview: Arc<Overview>,
    /// What was told.
    pub(super) incidents: Incidents,
    /// The moment that is looked at.
    pub(super) now: Timestamp,
    /// Where in a recording that is.
    pub(super) cursor: Option<Cursor>,
    /// Last line of the log.
    pub(super) note: Option<String>,
    /// What is looked at.
    pub(super) tab: Tab,
    /// The incident that was chosen, by its id.
    chosen: Option<String>,
    /// The bridge that was chosen, by its number.
    bridge: usize,
    /// The chosen incident has the screen for itself.
    pub(super) is_open: bool,
    /// The keys are shown.
    pub(super) help: bool,
    /// Lines of text above those that are shown. Whoever draws keeps it within the text.
    pub(super) scroll: usize,
    /// Lines of text that were shown last.
    pub(super) page: usize,
}

/// What is looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Tab {
    /// Incidents.
    #[default]
    Incidents,
    /// Bridges, their owners, and address pools.
    Bridges,
}

/// Where in a recording.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Cursor {
    /// Name of the recording.
    pub(super) file: String,
    /// Its beginning.
    pub(super) first: Timestamp,
    /// Its end.
    pub(super) last: Timestamp,
    /// Time goes on by itself.
    pub(super) playing: bool,
    /// It is still being read.
    pub(super) reading: bool,
    /// Moments at which something was told: those up to now, and all.
    pub(super) tellings: (usize, usize),
}

/// What a key asks of others than the state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    /// The end.
    Quit,
    /// Everything anew.
    Redraw,
    /// The terminal back to the shell.
    Suspend,
    /// Another moment.
    Step(Step),
}

impl State {
    /// Nothing is known yet.
    pub(super) fn new(look: Look) -> Self {
        Self {
            look,
            overview: Arc::default(),
            incidents: Incidents::default(),
            now: Timestamp::default(),
            cursor: None,
            note: None,
            tab: Tab::default(),
            chosen: None,
            bridge: 0,
            is_open: false,
            help: false,
            scroll: 0,
            page: 1,
        }
    }

    /// Does what a key asks for.
    pub(super) fn act(&mut self, action: Action) -> Option<Wish> {
        let helped = std::mem::take(&mut self.help);
        match action {
            Action::Quit => return Some(Wish::Quit),
            Action::Redraw => return Some(Wish::Redraw),
            Action::Suspend => return Some(Wish::Suspend),
            Action::Step(step) => return Some(Wish::Step(step)),
            Action::Help => self.help = !helped,
            // It only closes the help.
            Action::Back if helped => {}
            Action::Back => self.close(),
            Action::Up => self.choose(|nth, _| nth.saturating_sub(1)),
            Action::Down => self.choose(|nth, last| last.min(nth + 1)),
            Action::First => self.choose(|_, _| 0),
            Action::Last => self.choose(|_, last| last),
            Action::PageUp => self.scroll = self.scroll.saturating_sub(self.leaf()),
            Action::PageDown => self.scroll += self.leaf(),
            Action::Tab => self.turn(),
            Action::Open => self.open(),
        }
        None
    }

    /// Number of the chosen incident in the list, and the incident: the most urgent one unless
    /// somebody chose another.
    pub(super) fn chosen(&self) -> Option<(usize, &Arc<Finding>)> {
        let listed = self.incidents.listed();
        let chosen = listed
            .iter()
            .position(|it| Some(&it.id) == self.chosen.as_ref());
        let nth = chosen.unwrap_or(0);
        listed.get(nth).map(|it| (nth, *it))
    }

    /// Number of the chosen bridge, and the bridge.
    pub(super) fn chosen_bridge(&self) -> Option<(usize, &BridgeView)> {
        let bridges = &self.overview.bridges;
        let nth = self.bridge.min(bridges.len().saturating_sub(1));
        bridges.get(nth).map(|it| (nth, it))
    }

    /// Lines that one page goes on: one of them is seen again.
    fn leaf(&self) -> usize {
        self.page.saturating_sub(1).max(1)
    }

    fn choose(&mut self, other: impl Fn(usize, usize) -> usize) {
        match self.tab {
            Tab::Incidents => {
                let listed = self.incidents.listed();
                let Some((nth, _)) = self.chosen() else {
                    return;
                };
                let nth = other(nth, listed.len() - 1);
                self.chosen = listed.get(nth).map(|it| it.id.clone());
            }
            Tab::Bridges => {
                let last = self.overview.bridges.len().saturating_sub(1);
                self.bridge = other(self.bridge.min(last), last);
            }
        }
        self.scroll = 0;
    }

    fn turn(&mut self) {
        self.tab = match self.tab {
            Tab::Incidents => Tab::Bridges,
            Tab::Bridges => Tab::Incidents,
        };
        self.close();
    }

    fn close(&mut self) {
        (self.is_open, self.scroll) = (false, 0);
    }

    /// The incident alone; of a bridge, the one it is in.
    fn open(&mut self) {
        match self.tab {
            Tab::Incidents => {
                let is_open = !self.is_open && self.chosen().is_some();
                (self.is_open, self.scroll) = (is_open, 0);
            }
            Tab::Bridges => {
                let Some((_, bridge)) = self.chosen_bridge() else {
                    return;
                };
                let (netns, ifindex) = (bridge.netns.inum, bridge.ifindex);
                let latest = self
                    .incidents
                    .of_bridge(netns, ifindex)
                    .max_by_key(|it| it.at);
                if let Some(id) = latest.map(|it| it.id.clone()) {
                    self.chosen = Some(id);
                    self.turn();
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::sink::fixtures;

    use super::*;

    fn told(findings: &[Finding]) -> State {
        let mut state = State::new(Look::PLAIN);
        for finding in findings {
            state.incidents.tell(Arc::new(finding.clone()));
        }
        state
    }

    fn chosen(state: &State) -> String {
        state.chosen().unwrap().1.id.clone()
    }

    #[test]
    fn the_most_urgent_is_shown_until_another_is_chosen() {
        let mut state = told(&[fixtures::ghost::bridge()]);
        let ghost = chosen(&state);
        state.incidents.tell(Arc::new(fixtures::opened()));
        assert_eq!(chosen(&state), fixtures::ID);
        state.act(Action::Down);
        state.incidents.tell(Arc::new(fixtures::resolved()));
        assert_eq!(chosen(&state), ghost, "it stays chosen as it moves");
    }

    #[test]
    fn enter_gives_the_incident_all_room_and_escape_takes_it_back() {
        let mut state = told(&[fixtures::opened()]);
        state.act(Action::Open);
        assert!(state.is_open);
        state.act(Action::Help);
        state.act(Action::Back);
        assert!(state.is_open && !state.help, "only the help was closed");
        state.act(Action::Back);
        assert!(!state.is_open);
    }

    #[test]
    fn nothing_can_be_opened_where_nothing_was_told() {
        let mut state = told(&[]);
        for action in [
            Action::Open,
            Action::Down,
            Action::Last,
            Action::Tab,
            Action::Open,
        ] {
            assert_eq!(state.act(action), None);
        }
        assert!(!state.is_open);
    }
}
