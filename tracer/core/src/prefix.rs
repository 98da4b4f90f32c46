//! Prefixes that meet.

use ipnet::IpNet;

/// Whether two prefixes have an address in common: then one lies in the other.
pub(crate) fn overlaps(a: &IpNet, b: &IpNet) -> bool {
    a.contains(b) || b.contains(a)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_lies_in_the_other_or_they_have_nothing_in_common() {
        let overlaps = |a: &str, b: &str| {
            let (a, b) = (a.parse().unwrap(), b.parse().unwrap());
            assert_eq!(overlaps(&a, &b), overlaps(&b, &a));
            overlaps(&a, &b)
        };
        assert!(overlaps("172.22.0.0/16", "172.22.10.119/32"));
        assert!(overlaps("172.22.0.0/16", "172.16.0.0/12"));
        assert!(overlaps("0.0.0.0/0", "10.0.0.0/8"));
        assert!(!overlaps("172.22.0.0/16", "172.23.0.0/16"));
        assert!(!overlaps("::/0", "10.0.0.0/8"));
    }
}
