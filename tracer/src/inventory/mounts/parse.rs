//! Lines of `/proc/PID/mountinfo`, see proc_pid_mountinfo(5).

/// A mount.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    /// Part of the file system that is mounted.
    pub(super) root: String,
    /// Where, below the process' root.
    pub(super) point: String,
    pub(super) fs_type: String,
    pub(super) source: String,
}

/// `36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue`: fields up to
/// the dash vary in number.
pub(super) fn entry(line: &str) -> Option<Entry> {
    let (mount, file_system) = line.split_once(" - ")?;
    let mut mount = mount.split(' ').skip(3);
    let (root, point) = (mount.next()?, mount.next()?);
    let mut file_system = file_system.split(' ');
    let (fs_type, source) = (file_system.next()?, file_system.next()?);
    Some(Entry {
        root: unescape(root),
        point: unescape(point),
        fs_type: unescape(fs_type),
        source: unescape(source),
    })
}

/// Blanks, tabs, newlines and backslashes are written as `\` and three octal digits.
fn unescape(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        match (first, octal(tail)) {
            (b'\\', Some(byte)) => {
                bytes.push(byte);
                rest = &tail[3..];
            }
            _ => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn octal(text: &[u8]) -> Option<u8> {
    let digits = std::str::from_utf8(text.get(..3)?).ok()?;
    u8::from_str_radix(digits, 8).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn lines_are_read_whatever_stands_before_the_dash() {
        let line = r"36 35 98:0 /mnt1 /a\040b rw,noatime master:1 shared:2 - fuse.x my\134dev rw";
        let read = entry(line).expect("a mount");
        assert_eq!((read.root.as_str(), read.point.as_str()), ("/mnt1", "/a b"));
        assert_eq!(
            (read.fs_type.as_str(), read.source.as_str()),
            ("fuse.x", "my\\dev")
        );
        assert!(entry("25 1 0:22 / /run rw - tmpfs none rw").is_some());
        for torn in ["", "36 35 98:0 /mnt1", "1 2 3 4 5 6 - ", r"\"] {
            assert_eq!(entry(torn), None, "{torn}");
        }
    }

    proptest! {
        #[test]
        fn no_line_breaks_the_parser(line in ".*") {
            let _ = entry(&line);
        }
    }
}
