//! What to type. Commands stand at column 0 and are never wrapped, so that copying a line, or a
//! whole heredoc, pastes exactly what was meant.

use tracer_core::finding::Remedy;

use super::layout::Page;

/// Every remedy: what it does and risks before what to type, for that is the order of deciding.
pub(super) fn all(page: &mut Page, remedies: &[Remedy]) {
    if remedies.is_empty() {
        return;
    }
    page.blank();
    page.title("What to type, as root (bridgetrace itself changes nothing):");
    for (number, remedy) in (1..).zip(remedies) {
        page.blank();
        one(page, number, remedy);
    }
}

fn one(page: &mut Page, number: usize, remedy: &Remedy) {
    page.item(number, &format!("{}: {}", remedy.id, remedy.effect));
    if !remedy.risk.is_empty() {
        page.prose(3, &format!("Risk: {}", remedy.risk));
    }
    command(page, &remedy.command);
    if !remedy.undo.is_empty() {
        page.prose(3, "To take it back:");
        command(page, &remedy.undo);
    }
}

/// A command, with a warning if the screen cannot show it exactly.
pub(super) fn command(page: &mut Page, command: &str) {
    if !page.command(command) {
        page.prose(
            3,
            "Do not copy this: it holds characters that cannot be shown here.",
        );
        page.prose(3, "The exact text is in --format jsonl.");
    }
}

/// The first command once more: what came before has scrolled off a small screen.
pub(super) fn first_again(page: &mut Page, remedies: &[Remedy]) {
    if let [first, _, ..] = remedies {
        page.blank();
        page.title("Number 1 once more:");
        command(page, &first.command);
    }
}
