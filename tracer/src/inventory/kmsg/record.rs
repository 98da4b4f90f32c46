//! One record of `/dev/kmsg`: `priority,sequence,microseconds,flags;text`, then lines of `KEY=value`.

/// Characters of a line.
const TEXT: usize = 256;

/// A record.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Record {
    /// Its number, one higher for each record.
    pub(super) sequence: u64,
    /// When, since the machine was started.
    pub(super) micros: u64,
    /// Whether the kernel wrote it: the facility of everybody else is not 0.
    pub(super) by_kernel: bool,
    /// What it says, cut to a bearable length.
    pub(super) text: String,
}

impl Record {
    /// `None` for what is no record.
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let record = String::from_utf8_lossy(bytes);
        let (head, text) = record.split_once(';')?;
        let mut fields = head.split(',');
        let priority: u32 = fields.next()?.parse().ok()?;
        let sequence = fields.next()?.parse().ok()?;
        let micros = fields.next()?.parse().ok()?;
        let text = text.lines().next().unwrap_or_default();
        Some(Self {
            sequence,
            micros,
            by_kernel: priority >> 3 == 0,
            text: text.chars().take(TEXT).collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_of_the_kernel_and_of_others_are_told_apart() {
        let of = |text: &str| Record::parse(text.as_bytes()).expect("a record");
        let record = of("6,11314,4292470313,-;eth0: renamed from veth1\n SUBSYSTEM=net\n");
        assert_eq!((record.sequence, record.micros), (11314, 4_292_470_313));
        assert!(record.by_kernel && record.text == "eth0: renamed from veth1");
        assert!(!of("13,1,2,-;by somebody").by_kernel);
        assert_eq!(of("6,1,2,c,caller=T1;a;b").text, "a;b");
        for nothing in ["", "6,1,2,-", "x,1,2,-;t", "6,-1,2,-;t", "6,1;t"] {
            assert_eq!(Record::parse(nothing.as_bytes()), None, "{nothing}");
        }
        assert_eq!(
            of(&format!("6,1,2,-;{}", "x".repeat(5000))).text.len(),
            TEXT
        );
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_break_the_parser(bytes: Vec<u8>) {
            let _ = Record::parse(&bytes);
        }
    }
}
