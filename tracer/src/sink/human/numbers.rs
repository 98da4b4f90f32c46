//! Numbers and lists as people read them.

use std::fmt::Write as _;

/// Things named one by one; the rest is a number.
const NAMED: usize = 5;

/// `1 packet`, `415 packets`, `2 addresses`.
pub(crate) fn count(number: u64, noun: &str) -> String {
    let plural = match number {
        1 => "",
        _ if noun.ends_with('s') => "es",
        _ => "s",
    };
    format!("{} {noun}{plural}", digits(number))
}

/// As [`count`], for the length of a list.
pub(crate) fn number(length: usize, noun: &str) -> String {
    count(u64::try_from(length).unwrap_or(u64::MAX), noun)
}

/// From 10,000 on, digits in threes.
pub(crate) fn digits(number: u64) -> String {
    let plain = number.to_string();
    if plain.len() < 5 {
        return plain;
    }
    let grouped = plain
        .char_indices()
        .map(|(at, digit)| match plain.len() - at {
            left if at > 0 && left % 3 == 0 => format!(",{digit}"),
            _ => digit.to_string(),
        });
    grouped.collect()
}

/// The first few of a list by their names, and how many more there are of `all`: the list may be
/// cut itself.
pub(crate) fn listed<T>(first: &[T], all: u64, name: impl Fn(&T) -> String) -> String {
    let names: Vec<String> = first.iter().take(NAMED).map(name).collect();
    let mut text = names.join(", ");
    if let Some(more @ 1..) = all.checked_sub(names.len() as u64) {
        let _ = write!(text, " and {more} more");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        assert_eq!(count(1, "packet"), "1 packet");
        assert_eq!(count(8400, "packet"), "8400 packets");
        assert_eq!(count(44_674, "address"), "44,674 addresses");
        assert_eq!(digits(1_000_000), "1,000,000");
    }
}
