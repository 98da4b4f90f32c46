//! Where people logged in from: `utmp` and the end of `wtmp`
//! (<https://man7.org/linux/man-pages/man5/utmp.5.html>).
//!
//! The crates that read these files read them whole, or for one architecture only; the end of one file
//! and three fields of a record are all that is needed.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, Read as _, Seek as _, SeekFrom},
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use tracer_core::{
    input::{Login, Peers},
    time::{SECOND, Timestamp},
};

const FILES: [&str; 2] = ["/var/run/utmp", "/var/log/wtmp"];
/// Records read from the end of a file: weeks on a busy host.
const RECORDS: usize = 4096;
/// Addresses kept, the latest first.
const KEPT: usize = 1024;

/// `USER_PROCESS`: somebody is logged in.
const USER_PROCESS: i16 = 7;
/// Where glibc puts what is needed. On `x86_64` the record is that of 32-bit programs
/// (`__WORDSIZE_TIME64_COMPAT32`), elsewhere times take 64 bits.
const COMPAT: bool = cfg!(target_arch = "x86_64");
const SIZE: usize = if COMPAT { 384 } else { 400 };
const USER: usize = 44;
const USER_LENGTH: usize = 32;
const SECONDS: usize = if COMPAT { 340 } else { 344 };
const ADDRESS: usize = if COMPAT { 348 } else { 360 };

/// Adds the latest login from each address. No file means that nobody keeps one, as on hosts that log
/// to the journal only.
pub(super) fn read(peers: &mut Peers) {
    let mut latest: BTreeMap<IpAddr, Login> = BTreeMap::new();
    for path in FILES {
        match tail(path) {
            Ok(bytes) => bytes.chunks_exact(SIZE).filter_map(login).for_each(|it| {
                let known = latest.entry(it.address).or_insert_with(|| it.clone());
                if known.at < it.at {
                    *known = it;
                }
            }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => peers.unread.push(format!("who logged in: {path}: {error}")),
        }
    }
    let mut logins: Vec<Login> = latest.into_values().collect();
    logins.sort_by_key(|login| (std::cmp::Reverse(login.at), login.address));
    logins.truncate(KEPT);
    peers.logins = logins;
}

fn tail(path: &str) -> io::Result<Vec<u8>> {
    let mut file = File::open(path)?;
    let length = usize::try_from(file.metadata()?.len()).unwrap_or(usize::MAX);
    let whole = length / SIZE * SIZE;
    let skip = whole.saturating_sub(RECORDS * SIZE);
    file.seek(SeekFrom::Start(skip as u64))?;
    let mut bytes = Vec::new();
    file.take((RECORDS * SIZE) as u64).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The login a record tells of, if it came from elsewhere.
fn login(record: &[u8]) -> Option<Login> {
    let kind = i16::from_ne_bytes(*record.first_chunk()?);
    let user = record.get(USER..USER + USER_LENGTH)?;
    let user = user.split(|byte| *byte == 0).next().unwrap_or_default();
    let address: [u8; 16] = *record.get(ADDRESS..)?.first_chunk()?;
    let address = address_of(address).filter(|it| !it.is_loopback() && !it.is_unspecified())?;
    (kind == USER_PROCESS).then(|| Login {
        address,
        user: String::from_utf8_lossy(user).into_owned(),
        at: Timestamp(seconds(record).saturating_mul(SECOND)),
    })
}

fn seconds(record: &[u8]) -> u64 {
    let from = record.get(SECONDS..).unwrap_or_default();
    let seconds = if COMPAT {
        from.first_chunk()
            .map(|bytes| u64::from(u32::from_ne_bytes(*bytes)))
    } else {
        from.first_chunk().map(|bytes| u64::from_ne_bytes(*bytes))
    };
    seconds.unwrap_or_default()
}

/// An IPv4 address is in the first of the four words.
fn address_of(bytes: [u8; 16]) -> Option<IpAddr> {
    let (first, rest) = bytes.split_first_chunk::<4>()?;
    if rest.iter().all(|byte| *byte == 0) {
        return Some(Ipv4Addr::from(*first).into());
    }
    Some(IpAddr::from(Ipv6Addr::from(bytes)).to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(kind: i16, user: &str, address: &[u8], seconds: u32) -> Vec<u8> {
        let mut record = vec![0; SIZE];
        record[..2].copy_from_slice(&kind.to_ne_bytes());
        record[USER..USER + user.len()].copy_from_slice(user.as_bytes());
        record[ADDRESS..ADDRESS + address.len()].copy_from_slice(address);
        let width = if COMPAT { 4 } else { 8 };
        let time = u64::from(seconds).to_ne_bytes();
        let time = if cfg!(target_endian = "little") {
            &time[..width]
        } else {
            &time[8 - width..]
        };
        record[SECONDS..SECONDS + width].copy_from_slice(time);
        record
    }

    #[test]
    fn a_login_from_elsewhere_is_read() {
        let found = login(&record(7, "dev", &[172, 22, 10, 119], 1_795_219_199)).expect("login");
        assert_eq!(found.address.to_string(), "172.22.10.119");
        assert_eq!(
            (found.user.as_str(), found.at),
            ("dev", Timestamp(1_795_219_199 * SECOND))
        );
        let v6 = Ipv6Addr::from_bits(0xfd00 << 112 | 1).octets();
        let found = login(&record(7, "dev", &v6, 1)).expect("login");
        assert_eq!(found.address.to_string(), "fd00::1");
    }

    #[test]
    fn consoles_ends_and_torn_records_are_none() {
        assert!(login(&record(7, "root", &[], 1)).is_none());
        assert!(login(&record(8, "dev", &[172, 22, 10, 119], 1)).is_none());
        assert!(login(&record(7, "dev", &[127, 0, 0, 1], 1)).is_none());
        assert!(login(&[7, 0]).is_none());
    }

    #[test]
    fn the_last_records_of_a_file_are_read() {
        let path = std::env::temp_dir().join(format!("bridgetrace-wtmp-{}", std::process::id()));
        let mut bytes: Vec<u8> = (0..RECORDS + 3)
            .flat_map(|_| record(7, "a", &[10, 0, 0, 1], 1))
            .collect();
        bytes.extend(record(7, "b", &[10, 0, 0, 2], 2));
        bytes.extend([0; 7]);
        std::fs::write(&path, bytes).expect("write");
        let read = tail(path.to_str().expect("text")).expect("read");
        std::fs::remove_file(&path).expect("clean up");
        assert_eq!(read.len(), RECORDS * SIZE);
        let last = login(&read[read.len() - SIZE..]).expect("login");
        assert_eq!(last.user, "b");
    }
}
