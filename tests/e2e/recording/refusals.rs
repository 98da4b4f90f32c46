//! Garbage, and files that must not be touched: one clear line, status 2.

use std::fs;
use std::os::unix::fs::symlink;

use anyhow::{Result, ensure};

use super::scene::{Folder, bridgetrace, refused};

#[test]
fn what_is_no_recording_is_not_replayed() -> Result<()> {
    let folder = Folder::new()?;
    let garbage: Vec<u8> = (0..100_000_u32).flat_map(u32::to_le_bytes).collect();
    for (name, content) in [
        ("empty", &[][..]),
        ("text", b"hello\n"),
        ("garbage", &garbage),
    ] {
        fs::write(folder.path(name), content)?;
        let ended = bridgetrace(&folder, &["replay", &folder.text(name)])?;
        refused(&ended, "is no recording of bridgetrace")?;
    }
    let missing = bridgetrace(&folder, &["replay", &folder.text("missing")])?;
    refused(&missing, "no such file")?;
    refused(&bridgetrace(&folder, &["replay", "/"])?, "no regular file")?;
    let when = ["replay", "/", "--from", "noon"];
    refused(&bridgetrace(&folder, &when)?, "--from: write 20")
}

#[test]
fn nothing_that_is_there_is_overwritten() -> Result<()> {
    let folder = Folder::new()?;
    let letters = folder.path("letters");
    fs::write(&letters, "somebody's letters")?;
    symlink(&letters, folder.path("link"))?;
    let record = |name: &str| bridgetrace(&folder, &["record", &folder.text(name)]);
    refused(&record("letters")?, "it is no recording")?;
    refused(&record("link")?, "symbolic link")?;
    refused(&record(".")?, "directory")?;
    refused(
        &bridgetrace(&folder, &["record", "/dev/null"])?,
        "regular file",
    )?;
    let letters = fs::read_to_string(letters)?;
    ensure!(letters == "somebody's letters", "{letters}");
    Ok(())
}
