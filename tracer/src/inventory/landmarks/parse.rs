//! `resolv.conf` and `hosts`. What is wrong in them is passed over, as the C library does.

use std::net::IpAddr;

use resolv_conf::Config;

/// The longest name there can be; what is longer is no name.
const NAME: usize = 255;

/// The nameservers of a `resolv.conf`, those on this host included.
pub(super) fn nameservers(text: &str) -> impl Iterator<Item = IpAddr> {
    // Line by line: one bad line must not hide the others.
    let configs = text.lines().filter_map(|line| Config::parse(line).ok());
    let servers = configs.flat_map(|config| config.nameservers);
    servers.map(|server| IpAddr::from(server).to_canonical())
}

/// The lines of `hosts`: an address and its names, at least one.
pub(super) fn hosts(text: &str) -> impl Iterator<Item = (IpAddr, Vec<&str>)> {
    text.lines().filter_map(|line| {
        let mut words = line.split('#').next()?.split_ascii_whitespace();
        // A zone (`fe80::1%eth0`) tells the link, not the machine.
        let address = words.next()?.split('%').next()?;
        let address: IpAddr = address.parse().ok()?;
        let names: Vec<&str> = words.filter(|name| name.len() <= NAME).collect();
        (!names.is_empty()).then_some((address.to_canonical(), names))
    })
}

/// Whether packets to the address can leave the host at all.
pub(in crate::inventory) fn may_be_outside(address: IpAddr) -> bool {
    let broadcast = matches!(address, IpAddr::V4(ip) if ip.is_broadcast());
    !(address.is_loopback() || address.is_unspecified() || address.is_multicast() || broadcast)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("address")
    }

    #[test]
    fn nameservers_are_found_among_all_the_rest() {
        let text = "# made by hand\nsearch corp.example\nnameserver 10.0.0.53 # first\n\
                    nameserver nonsense\nnonsense 1.2.3.4\noptions edns0 trust-ad\n\
                    nameserver fe80::1%eth0\nnameserver 127.0.0.53\n;nameserver 9.9.9.9\n\
                    nameserver ::ffff:10.0.0.54";
        let expected = ["10.0.0.53", "fe80::1", "127.0.0.53", "10.0.0.54"].map(ip);
        assert_eq!(nameservers(text).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn hosts_have_an_address_and_names() {
        let text = "127.0.0.1 localhost\n\n10.1.1.1\tgit.corp git # the forge\n10.1.1.2\n\
                    nonsense name\n10.1.1.3 #none\nfe80::7%2 printer";
        let found: Vec<_> = hosts(text).collect();
        assert_eq!(
            found,
            [
                (ip("127.0.0.1"), vec!["localhost"]),
                (ip("10.1.1.1"), vec!["git.corp", "git"]),
                (ip("fe80::7"), vec!["printer"]),
            ]
        );
    }

    #[test]
    fn what_stays_on_the_host_is_not_outside() {
        for address in ["127.0.1.1", "::1", "0.0.0.0", "ff02::1", "255.255.255.255"] {
            assert!(!may_be_outside(ip(address)), "{address}");
        }
        assert!(may_be_outside(ip("172.22.10.119")) && may_be_outside(ip("fd00::1")));
    }

    proptest::proptest! {
        #[test]
        fn no_text_breaks_the_parsers(text in "(nameserver |[0-9.:a-f%]+|[ \t#;\n]|.)*") {
            let _ = (nameservers(&text).count(), hosts(&text).count());
        }
    }
}
