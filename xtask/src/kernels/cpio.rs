//! An initramfs as the kernel reads it: a cpio archive in the "newc" format.
//! <https://docs.kernel.org/driver-api/early-userspace/buffer-format.html>

use std::collections::BTreeMap;

use anyhow::{Context, Result};

const FOLDER: u32 = 0o040_755;
const FILE: u32 = 0o100_755;
const LAST: &str = "TRAILER!!!";

/// Files and folders by path, without a leading slash. Sorted, a folder comes before what is in it.
#[derive(Default)]
pub(super) struct Archive {
    entries: BTreeMap<String, (u32, Vec<u8>)>,
}

impl Archive {
    /// Adds an empty folder, and those it is in.
    pub(super) fn folder(&mut self, path: &str) {
        let ends = path.match_indices('/').map(|(end, _)| end);
        for end in ends.chain([path.len()]) {
            let folder = path[..end].to_owned();
            self.entries.entry(folder).or_insert((FOLDER, Vec::new()));
        }
    }

    /// Adds a file that may be executed, and the folders it is in.
    pub(super) fn file(&mut self, path: &str, content: Vec<u8>) {
        if let Some((folder, _)) = path.rsplit_once('/') {
            self.folder(folder);
        }
        self.entries.insert(path.to_owned(), (FILE, content));
    }

    /// The archive's bytes.
    pub(super) fn bytes(&self) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        for (inode, (path, (mode, content))) in (1..).zip(&self.entries) {
            add(&mut bytes, inode, path, *mode, content)?;
        }
        add(&mut bytes, 0, LAST, 0, &[])?;
        Ok(bytes)
    }
}

fn add(to: &mut Vec<u8>, inode: u32, path: &str, mode: u32, content: &[u8]) -> Result<()> {
    let size = u32::try_from(content.len()).context("a file of 4 GiB or more")?;
    let name = u32::try_from(path.len() + 1).context("a name of 4 GiB or more")?;
    // inode, mode, uid, gid, links, mtime, size, device (2), special device (2), name, checksum
    let fields = [inode, mode, 0, 0, 1, 0, size, 0, 0, 0, 0, name, 0];
    to.extend(b"070701");
    to.extend(
        fields
            .iter()
            .flat_map(|field| format!("{field:08x}").into_bytes()),
    );
    to.extend(path.as_bytes());
    to.push(0);
    pad(to);
    to.extend(content);
    pad(to);
    Ok(())
}

/// Names and contents begin at multiples of four.
fn pad(to: &mut Vec<u8>) {
    to.resize(to.len().next_multiple_of(4), 0);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_come_before_what_is_in_them() {
        let mut archive = Archive::default();
        archive.file("lib/x/y.so", vec![1]);
        archive.folder("dev");
        let paths: Vec<_> = archive.entries.keys().collect();
        assert_eq!(paths, ["dev", "lib", "lib/x", "lib/x/y.so"]);
    }

    #[test]
    fn an_entry_is_a_header_a_name_and_a_content_each_padded() {
        let mut archive = Archive::default();
        archive.file("init", b"hello".to_vec());
        let bytes = archive.bytes().unwrap();
        let header = "070701\
            00000001000081ed000000000000000000000001000000000000000500000000\
            00000000000000000000000000000005000000 00"
            .replace(' ', "");
        assert_eq!(String::from_utf8_lossy(&bytes[..110]), header);
        assert_eq!(&bytes[110..124], b"init\0\0hello\0\0\0");
        assert!(bytes[124..].starts_with(b"070701"));
        assert_eq!(bytes.len() % 4, 0);
    }
}
