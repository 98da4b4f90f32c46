//! Reads what bridgetrace has printed for people, the way people do: by eye.

/// Text without the escape sequences that colour it.
pub(super) fn plain(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        match c {
            // CSI … m: everything up to the letter that ends it.
            '\u{1b}' => drop(rest.find(char::is_ascii_alphabetic)),
            '\r' => {}
            c => plain.push(c),
        }
    }
    plain
}

/// Whether the outage of this bridge has been opened, told to its last line.
pub(super) fn has_opened(text: &str, bridge: &str) -> bool {
    host_route(text, bridge).is_some()
}

/// Whether the outage of this bridge has been declared over.
pub(super) fn has_resolved(text: &str, bridge: &str) -> bool {
    pages(text).any(|page| is_about(page, bridge) && headline(page).contains(" RESOLVED: "))
}

/// The command under the `host-route` remedy of the page that opened the outage of this bridge.
pub(super) fn host_route<'a>(text: &'a str, bridge: &str) -> Option<&'a str> {
    let opened = pages(text).find(|page| is_about(page, bridge))?;
    let remedy = opened
        .lines()
        .skip_while(|line| !line.contains(". host-route: "));
    // What the remedy does and risks is numbered or indented; commands start at column 0.
    remedy.skip(1).find(|line| is_flush(line))
}

/// Cuts the text where a headline (`23:59:59Z WORD: …`) begins a page.
fn pages(text: &str) -> impl Iterator<Item = &str> {
    let starts: Vec<usize> = line_starts(text)
        .filter(|&start| is_headline(&text[start..]))
        .collect();
    let ends: Vec<usize> = starts.iter().skip(1).copied().chain([text.len()]).collect();
    starts
        .into_iter()
        .zip(ends)
        .map(|(start, end)| &text[start..end])
}

fn line_starts(text: &str) -> impl Iterator<Item = usize> {
    std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1))
}

/// `23:59:59Z ` and a word in capitals.
fn is_headline(text: &str) -> bool {
    let mut words = text.lines().next().unwrap_or_default().split(' ');
    let clock = words.next().is_some_and(|word| {
        let pattern = |(c, p): (u8, u8)| {
            if p == b'0' {
                c.is_ascii_digit()
            } else {
                c == p
            }
        };
        word.len() == 9 && word.bytes().zip(*b"00:00:00Z").all(pattern)
    });
    let word = words.next().and_then(|word| word.strip_suffix(':'));
    clock && word.is_some_and(|word| word.bytes().all(|c| c.is_ascii_uppercase()))
}

fn headline(page: &str) -> &str {
    page.lines().next().unwrap_or_default()
}

fn is_about(page: &str, bridge: &str) -> bool {
    page.contains(bridge)
}

fn is_flush(line: &str) -> bool {
    line.starts_with(|c: char| !c.is_whitespace())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the product's own tests say it prints.
    const OUTAGE: &str = include_str!("../../../tracer/src/sink/testdata/outage.rich.txt");
    const BRIDGE: &str = "br-80cb5a0c07bc";
    const COMMAND: &str = "ip route add 172.22.10.119/32 via 172.42.10.1 dev eno8303";

    #[test]
    fn the_suggested_route_is_read_from_the_page() {
        let text = plain(OUTAGE);
        assert_eq!(host_route(&text, BRIDGE), Some(COMMAND));
        assert_eq!(host_route(&text, "br-0123456789ab"), None);
    }

    #[test]
    fn nothing_is_opened_before_the_command_is_on_the_page() {
        let text = plain(OUTAGE);
        let (before, _) = text.split_once(COMMAND).unwrap();
        assert!(!has_opened(before, BRIDGE) && has_opened(&text, BRIDGE));
    }

    #[test]
    fn the_end_is_told_by_its_headline() {
        let text = plain(OUTAGE);
        let (before, _) = text.split_once("RESOLVED").unwrap();
        assert!(!has_resolved(before, BRIDGE) && has_resolved(&text, BRIDGE));
        assert!(!has_resolved(&text, "br-0123456789ab"));
    }

    #[test]
    fn colours_and_carriage_returns_are_nothing_to_read() {
        assert_eq!(plain("\u{1b}[1m\u{1b}[31mA\u{1b}[0m\r\nB"), "A\nB");
        assert_eq!(plain("torn \u{1b}[3"), "torn ");
    }
}
