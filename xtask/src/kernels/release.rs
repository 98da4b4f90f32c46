//! Which packages of a suite are its newest kernel of a series.

/// Matches the packages of a series: one until Linux 6.12, its parts and an empty one since. The
/// flavour for clouds is a third of the size of the one for all machines.
pub(super) fn pattern(series: &str) -> String {
    let series = series.replace('.', r"\.");
    format!(r"^linux-(image|binary|modules)-{series}\..*-cloud-amd64$")
}

/// The newest release among packages that match [`pattern`], and which of them are its own.
pub(super) fn newest(packages: &[String]) -> Option<(String, Vec<String>)> {
    let releases = packages.iter().filter_map(|package| release(package));
    let newest = releases.max_by_key(|release| numbers(release))?;
    let own = packages
        .iter()
        .filter(|package| release(package) == Some(newest));
    Some((newest.to_owned(), own.cloned().collect()))
}

/// `6.1.0-50-cloud-amd64` of `linux-image-6.1.0-50-cloud-amd64`.
fn release(package: &str) -> Option<&str> {
    let (_part, release) = package.strip_prefix("linux-")?.split_once('-')?;
    Some(release)
}

/// The numbers in a text: by them 6.12.107 is newer than 6.12.94.
fn numbers(text: &str) -> Vec<u64> {
    let digits = text.split(|c: char| !c.is_ascii_digit());
    digits.filter_map(|digits| digits.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn newest_of(packages: &[&str]) -> Option<(String, Vec<String>)> {
        newest(&packages.iter().map(|p| (*p).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn the_newest_is_the_highest_number_and_not_the_last_word() {
        let (release, packages) = newest_of(&[
            "linux-image-6.12.94+deb13-cloud-amd64",
            "linux-image-6.12.107+deb13-cloud-amd64",
        ])
        .unwrap();
        assert_eq!(release, "6.12.107+deb13-cloud-amd64");
        assert_eq!(packages, ["linux-image-6.12.107+deb13-cloud-amd64"]);
    }

    #[test]
    fn a_kernel_in_parts_is_fetched_whole() {
        let parts = [
            "linux-modules-7.2.13+deb14-cloud-amd64",
            "linux-binary-7.2.13+deb14-cloud-amd64",
            "linux-binary-7.2.9+deb14-cloud-amd64",
        ];
        let (release, packages) = newest_of(&parts).unwrap();
        assert_eq!(release, "7.2.13+deb14-cloud-amd64");
        assert_eq!(packages, parts[..2]);
    }

    #[test]
    fn no_package_is_no_kernel() {
        assert_eq!(newest_of(&[]), None);
    }

    #[test]
    fn a_series_is_matched_to_its_dot() {
        assert_eq!(
            pattern("6.1"),
            r"^linux-(image|binary|modules)-6\.1\..*-cloud-amd64$"
        );
    }
}
