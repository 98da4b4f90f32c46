//! The table of 80 columns, the file, and whether all targets were met.

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use super::row::{Row, Verdict};
use super::spread::short;

const WIDTH: usize = 80;
/// Of what, target and measured; ratio and verdict take five each.
const COLUMNS: [usize; 3] = [29, 14, 22];
const NOTE: &str = "    ";

/// Everything, for people.
pub(super) fn render(machine: &str, rows: &[Row]) -> String {
    let mut out = format!("{machine}\n");
    out += "Figures are medians, in brackets the span of the middle half.\n\n";
    out += &line(["what", "target", "measured"], "ratio", "");
    for row in rows {
        out += &format!("{}\n", "-".repeat(WIDTH));
        out += &entry(row);
    }
    let short = rows.iter().filter(|row| row.verdict == Verdict::Short);
    let judged = rows.iter().filter(|row| row.verdict != Verdict::None);
    out += &format!(
        "{}\n{} of {} targets missed\n",
        "=".repeat(WIDTH),
        short.count(),
        judged.count()
    );
    out
}

fn entry(row: &Row) -> String {
    let cells = [&row.what, &row.target, &row.measured];
    let mut cells: Vec<_> = cells
        .iter()
        .zip(COLUMNS)
        .map(|(text, width)| wrap(text, width).into_iter())
        .collect();
    let (mut ratio, mut verdict) = (row.ratio.map(short).unwrap_or_default(), row.verdict.word());
    let mut out = String::new();
    loop {
        let parts = [0, 1, 2].map(|column: usize| cells[column].next());
        if parts.iter().all(Option::is_none) {
            break;
        }
        out += &line(
            parts
                .map(Option::unwrap_or_default)
                .each_ref()
                .map(String::as_str),
            &ratio,
            verdict,
        );
        (ratio, verdict) = (String::new(), "");
    }
    for note in &row.notes {
        for text in wrap(note, WIDTH - NOTE.len()) {
            out += &format!("{NOTE}{text}\n");
        }
    }
    out
}

fn line(cells: [&str; 3], ratio: &str, verdict: &str) -> String {
    let [what, target, measured] = cells;
    let [a, b, c] = COLUMNS;
    let line = format!("{what:<a$} {target:<b$} {measured:<c$} {ratio:>5} {verdict:<5}");
    format!("{}\n", line.trim_end())
}

/// Lines of at most `width` characters, broken between words; a longer word has a line of its own.
fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let last = lines.last_mut().expect("one line at the least");
        if last.is_empty() {
            last.push_str(word);
        } else if last.chars().count() + 1 + word.chars().count() <= width {
            last.push(' ');
            last.push_str(word);
        } else {
            lines.push(word.to_owned());
        }
    }
    lines
}

/// Every figure.
pub(super) fn json(machine: &str, rows: &[Row]) -> String {
    let rows: Vec<Value> = rows.iter().map(Row::json).collect();
    format!("{:#}\n", json!({"machine": machine, "rows": rows}))
}

/// An error that names what missed its target.
pub(super) fn judge(rows: &[Row]) -> Result<()> {
    let missed = rows.iter().filter(|row| row.verdict == Verdict::Short);
    let missed: Vec<&str> = missed.map(|row| row.what.as_str()).collect();
    ensure!(missed.is_empty(), "targets missed: {}", missed.join("; "));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(met: bool) -> Row {
        Row::new(
            "the lookup of a route that leads into no bridge",
            "3.1 (2.9..3.4) ns",
        )
        .target("<= 5 ns", met)
        .ratio(1.16)
        .note("word ".repeat(40))
        .raw(json!({"ns": [3.1]}))
    }

    #[test]
    fn nothing_is_wider_than_a_terminal() {
        let text = render("2 × CPU", &[row(true), row(false)]);
        assert!(
            text.lines().all(|line| line.chars().count() <= WIDTH),
            "{text}"
        );
        assert!(text.contains("1.16 ok"), "{text}");
        assert!(text.ends_with("1 of 2 targets missed\n"), "{text}");
    }

    #[test]
    fn one_missed_target_is_an_error_that_names_it() {
        assert!(judge(&[row(true), Row::new("peer", "9 ns")]).is_ok());
        let error = judge(&[row(true), row(false)]).unwrap_err().to_string();
        assert!(error.contains("the lookup of a route"), "{error}");
    }

    #[test]
    fn the_file_holds_every_figure() {
        let value: Value = serde_json::from_str(&json("m", &[row(false)])).unwrap();
        assert_eq!(value["rows"][0]["raw"]["ns"][0], json!(3.1));
        assert_eq!(value["rows"][0]["verdict"], "SHORT");
    }
}
