//! What keys mean.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

/// What a key asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    /// The end.
    Quit,
    /// Which keys there are.
    Help,
    /// Back to the list.
    Back,
    /// The line before.
    Up,
    /// The line behind.
    Down,
    /// The first line.
    First,
    /// The last line.
    Last,
    /// Text further up.
    PageUp,
    /// Text further down.
    PageDown,
    /// The other tab.
    Tab,
    /// The chosen one alone, with all the room there is.
    Open,
    /// Everything anew: something else has written to the screen.
    Redraw,
    /// The terminal back to the shell, for a while.
    Suspend,
    /// Another moment of the recording.
    Step(Step),
}

/// How the cursor moves in a recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// To the moment before at which something was told.
    TellingBack,
    /// To the next one.
    TellingForth,
    /// A second back.
    SecondBack,
    /// A second on.
    SecondForth,
    /// To the beginning.
    Begin,
    /// To the end.
    End,
    /// Goes on by itself as fast as it happened, or stops to.
    Play,
}

/// What a key means; a recording has more of them.
pub(super) fn action(key: KeyEvent, recorded: bool) -> Option<Action> {
    if key.kind == KeyEventKind::Release {
        return None;
    }
    if key.modifiers.contains(KeyModifiers::CONTROL) {
        return control(key.code);
    }
    let step = recorded.then(|| step(key.code)).flatten();
    step.map(Action::Step).or_else(|| plain(key.code))
}

const fn control(code: KeyCode) -> Option<Action> {
    match code {
        // The terminal is in raw mode: these are no signals.
        KeyCode::Char('c') => Some(Action::Quit),
        KeyCode::Char('z') => Some(Action::Suspend),
        KeyCode::Char('l') => Some(Action::Redraw),
        KeyCode::Char('b' | 'u') => Some(Action::PageUp),
        KeyCode::Char('f' | 'd') => Some(Action::PageDown),
        _ => None,
    }
}

const fn step(code: KeyCode) -> Option<Step> {
    match code {
        KeyCode::Left | KeyCode::Char('h') => Some(Step::TellingBack),
        KeyCode::Right | KeyCode::Char('l') => Some(Step::TellingForth),
        KeyCode::Char(',') => Some(Step::SecondBack),
        KeyCode::Char('.') => Some(Step::SecondForth),
        KeyCode::Home => Some(Step::Begin),
        KeyCode::End => Some(Step::End),
        KeyCode::Char(' ') => Some(Step::Play),
        _ => None,
    }
}

const fn plain(code: KeyCode) -> Option<Action> {
    match code {
        KeyCode::Char('q' | 'Q') => Some(Action::Quit),
        KeyCode::Char('?') | KeyCode::F(1) => Some(Action::Help),
        KeyCode::Esc | KeyCode::Backspace => Some(Action::Back),
        KeyCode::Up | KeyCode::Char('k') => Some(Action::Up),
        KeyCode::Down | KeyCode::Char('j') => Some(Action::Down),
        KeyCode::Home | KeyCode::Char('g') => Some(Action::First),
        KeyCode::End | KeyCode::Char('G') => Some(Action::Last),
        KeyCode::PageUp | KeyCode::Char('b') => Some(Action::PageUp),
        KeyCode::PageDown | KeyCode::Char('f' | ' ') => Some(Action::PageDown),
        KeyCode::Tab | KeyCode::BackTab => Some(Action::Tab),
        KeyCode::Enter => Some(Action::Open),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(code: KeyCode, recorded: bool) -> Option<Action> {
        action(KeyEvent::new(code, KeyModifiers::NONE), recorded)
    }

    #[test]
    fn control_c_ends_and_control_z_suspends() {
        let control = |key| {
            action(
                KeyEvent::new(KeyCode::Char(key), KeyModifiers::CONTROL),
                true,
            )
        };
        assert_eq!(control('c'), Some(Action::Quit));
        assert_eq!(control('z'), Some(Action::Suspend));
        assert_eq!(control('x'), None);
    }

    #[test]
    fn time_moves_in_recordings_only() {
        assert_eq!(typed(KeyCode::Left, false), None);
        assert_eq!(
            typed(KeyCode::Left, true),
            Some(Action::Step(Step::TellingBack))
        );
        assert_eq!(typed(KeyCode::Home, false), Some(Action::First));
        assert_eq!(typed(KeyCode::Home, true), Some(Action::Step(Step::Begin)));
        assert_eq!(typed(KeyCode::Char(' '), false), Some(Action::PageDown));
        assert_eq!(
            typed(KeyCode::Char(' '), true),
            Some(Action::Step(Step::Play))
        );
    }
}
