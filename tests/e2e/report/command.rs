//! What `bridgetrace report` writes, where, and what it refuses.

use std::fs;

use anyhow::{Result, ensure};

use super::scene::{hostile, quiet, report};
use crate::recording::scene::{Folder, as_nobody, fixture, refused, succeeded};

#[test]
fn nobody_reports_a_recording_the_same_to_the_byte() -> Result<()> {
    let folder = Folder::new()?;
    fs::copy(fixture("ping-1.btr"), folder.path("ping.btr"))?;
    let file = folder.text("ping.btr");
    let page = succeeded(as_nobody(&folder, &["report", &file])?)?.stdout;
    ensure!(page.starts_with("<!DOCTYPE html>"), "{page}");
    ensure!(page == succeeded(as_nobody(&folder, &["report", &file, "-o", "-"])?)?.stdout);
    let (html, md) = (folder.text("out.html"), folder.text("out.md"));
    succeeded(report(&folder, &[&file, "-o", &html])?)?;
    ensure!(fs::read_to_string(&html)? == page);
    succeeded(report(&folder, &[&file, "-o", &md])?)?;
    let text = fs::read_to_string(&md)?;
    ensure!(
        text.starts_with("# On r550, replies vanish in a bridge\n"),
        "{text}"
    );
    for part in [
        "nobody         has 172.22.10.119 here",
        "## What was not seen",
        "```sh\nsysctl -w net/ipv4/conf/br-e0223cb76eb5/ignore_routes_with_linkdown=1",
    ] {
        ensure!(text.contains(part), "no {part:?} in {text}");
    }
    Ok(())
}

#[test]
fn a_quiet_recording_is_said_to_be_quiet() -> Result<()> {
    let folder = Folder::new()?;
    let file = quiet(&folder)?.display().to_string();
    let text = succeeded(report(&folder, &[&file, "--format", "markdown"])?)?.stdout;
    ensure!(text.contains("no lost packet was seen on r550"), "{text}");
    ensure!(text.contains("is not in the recording"), "{text}");
    Ok(())
}

#[test]
fn names_are_only_names_in_a_ticket() -> Result<()> {
    let folder = Folder::new()?;
    let file = hostile(&folder)?.display().to_string();
    let text = succeeded(report(&folder, &[&file, "--format", "markdown"])?)?.stdout;
    ensure!(text.contains("window.pwned"), "{text}");
    ensure!(!text.contains(['\u{202e}', '\u{1b}']), "{text}");
    let markup = unfenced(&text);
    for good in ["&#64;&#8288;all", "www&#8288;.evil.example"] {
        ensure!(markup.contains(good), "no {good:?} in {markup}");
    }
    for bad in [
        "<script",
        "<img",
        "@",
        "www.",
        "://",
        // Behind a bracket that is escaped it makes no link.
        "x](javascript",
    ] {
        let lines: Vec<&str> = markup.lines().filter(|it| it.contains(bad)).collect();
        ensure!(lines.is_empty(), "{bad}: {lines:?}");
    }
    Ok(())
}

/// What is not between fences, where nothing is markup.
fn unfenced(text: &str) -> String {
    let mut fence: Option<&str> = None;
    let mut outside = String::new();
    for line in text.lines() {
        match fence {
            Some(open) if line == open => fence = None,
            Some(_) => {}
            None if line.starts_with("```") => fence = Some(line.trim_end_matches(|it| it != '`')),
            None => outside.extend([line, "\n"]),
        }
    }
    outside
}

#[test]
fn what_cannot_be_reported_is_refused_in_one_line() -> Result<()> {
    let folder = Folder::new()?;
    fs::write(folder.path("text"), "hello\n")?;
    let (text, out) = (folder.text("text"), folder.text("out.html"));
    fs::write(&out, "somebody's page")?;
    refused(
        &report(&folder, &[&text, "-o", &out])?,
        "is no recording of bridgetrace",
    )?;
    refused(
        &report(&folder, &[&folder.text("missing"), "-o", &out])?,
        "no such file",
    )?;
    refused(
        &report(&folder, &[&text, "-o", &text])?,
        "is the recording itself",
    )?;
    refused(
        &report(&folder, &[&text, "--from", "noon"])?,
        "--from: write 20",
    )?;
    let file = fixture("ping-1.btr");
    refused(
        &report(&folder, &[&file, "-o", "/dev/null"])?,
        "no regular file",
    )?;
    refused(
        &report(&folder, &[&file, "-o", "/nowhere/out.html"])?,
        "write /nowhere/out.html",
    )?;
    ensure!(fs::read_to_string(&out)? == "somebody's page");
    Ok(())
}
