//! Registries and proxies a daemon is configured to use.
//!
//! Reads the `hosts` of the daemon, so it may block: call it off the runtime.

use std::net::IpAddr;

use bollard::models::SystemInfo;
use ipnet::IpNet;
use tracer_core::input::{Landmark, LandmarkRole};
use url::{Host, Url};

use crate::inventory::landmarks::{may_be_outside, resolve};

/// Addresses of one daemon; its configuration may come from anybody who can start one.
const MOST: usize = 256;

/// What `docker info` says is used, as far as it is an address or a name in the `hosts` of the
/// daemon's process.
pub(super) fn configured(endpoint: &str, pid: Option<u32>, info: SystemInfo) -> Vec<Landmark> {
    let named = |name: &str| pid.map_or_else(Vec::new, |pid| resolve(pid, name));
    let found = roles(info).into_iter().flat_map(|(text, role)| {
        let Some(url) = url(&text) else {
            return Vec::new();
        };
        let addresses = addresses(&url, named);
        let outside = addresses
            .into_iter()
            .filter(|address| may_be_outside(*address));
        let landmark = |address| Landmark {
            address,
            role: role(told(url.clone(), &text)),
            source: endpoint.to_owned(),
        };
        outside.map(landmark).collect()
    });
    let mut all: Vec<Landmark> = Vec::new();
    for landmark in found.take(MOST) {
        if !all.contains(&landmark) {
            all.push(landmark);
        }
    }
    all
}

/// Makes a role of the text that names the machine.
type Role = fn(String) -> LandmarkRole;

/// Everything that names a machine, and what it is.
fn roles(info: SystemInfo) -> Vec<(String, Role)> {
    let registries = info.registry_config.unwrap_or_default();
    let mut mirrors = registries.mirrors.unwrap_or_default();
    let mut indexes: Vec<_> = registries
        .index_configs
        .unwrap_or_default()
        .into_iter()
        .collect();
    indexes.sort_by(|a, b| a.0.cmp(&b.0));
    for (name, index) in indexes {
        mirrors.extend(index.mirrors.unwrap_or_default());
        mirrors.extend((index.secure == Some(false)).then_some(name));
    }
    let insecure = registries.insecure_registry_cidrs.unwrap_or_default();
    mirrors.extend(insecure.iter().filter_map(|range| single(range)));
    let proxies = [info.http_proxy, info.https_proxy].into_iter().flatten();
    let mirrors = mirrors
        .into_iter()
        .map(|it| (it, LandmarkRole::RegistryMirror as Role));
    mirrors
        .chain(proxies.map(|it| (it, LandmarkRole::Proxy as Role)))
        .collect()
}

/// A range that is one address.
fn single(range: &str) -> Option<String> {
    let range: IpNet = range.parse().ok()?;
    let literal: Host = match range.addr() {
        IpAddr::V4(ip) => Host::Ipv4(ip),
        IpAddr::V6(ip) => Host::Ipv6(ip),
    };
    (range.prefix_len() == range.max_prefix_len()).then(|| literal.to_string())
}

/// `http://host:port`, or without the scheme as registries and the environment are also written.
fn url(text: &str) -> Option<Url> {
    let whole = Url::parse(text).ok().filter(Url::has_host);
    whole.or_else(|| Url::parse(&format!("http://{text}")).ok())
}

fn addresses(url: &Url, named: impl Fn(&str) -> Vec<IpAddr>) -> Vec<IpAddr> {
    match url.host() {
        Some(Host::Ipv4(ip)) => vec![ip.into()],
        Some(Host::Ipv6(ip)) => vec![IpAddr::from(ip).to_canonical()],
        Some(Host::Domain(name)) => named(name),
        None => Vec::new(),
    }
}

/// As it was written, but without passwords.
fn told(mut url: Url, text: &str) -> String {
    if url.username().is_empty() && url.password().is_none() {
        return text.to_owned();
    }
    // Both fail for URLs without a host only.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told_of(info: &str) -> Vec<String> {
        let info = serde_json::from_str(info).expect("an answer of the engine");
        let text = |it: Landmark| {
            assert_eq!(it.source, "unix:///d");
            match it.role {
                LandmarkRole::RegistryMirror(url) => format!("{} mirror {url}", it.address),
                LandmarkRole::Proxy(url) => format!("{} proxy {url}", it.address),
                other => format!("{other:?}"),
            }
        };
        let all = configured("unix:///d", None, info);
        all.into_iter().map(text).collect()
    }

    #[test]
    fn registries_and_proxies_with_addresses_are_landmarks() {
        let info = r#"{"RegistryConfig":{"InsecureRegistryCIDRs":["10.9.0.0/16","10.8.8.8/32","127.0.0.0/8"],
            "IndexConfigs":{"docker.io":{"Mirrors":["https://10.1.1.1:5000/","https://mirror.invalid"],"Secure":true},
            "10.2.2.2:5000":{"Name":"10.2.2.2:5000","Secure":false},"10.3.3.3":{"Secure":true}},
            "Mirrors":["https://10.1.1.1:5000/"]},
            "HttpProxy":"http://user:secret@172.22.10.119:3128","HttpsProxy":"10.4.4.4:3128"}"#;
        assert_eq!(
            told_of(info),
            [
                "10.1.1.1 mirror https://10.1.1.1:5000/",
                "10.2.2.2 mirror 10.2.2.2:5000",
                "10.8.8.8 mirror 10.8.8.8",
                "172.22.10.119 proxy http://172.22.10.119:3128/",
                "10.4.4.4 proxy 10.4.4.4:3128",
            ]
        );
    }

    #[test]
    fn a_name_is_looked_up_where_it_is_told() {
        let proxy = url("http://proxy.corp:3128").expect("url");
        let hosts = |name: &str| match name {
            "proxy.corp" => vec!["10.5.5.5".parse().expect("address")],
            _ => Vec::new(),
        };
        assert_eq!(addresses(&proxy, hosts).len(), 1);
        assert!(addresses(&url("other:1").expect("url"), hosts).is_empty());
    }

    #[test]
    fn nonsense_is_no_landmark() {
        let info = r#"{"HttpProxy":"","HttpsProxy":"::::","RegistryConfig":{"Mirrors":["/", "localhost:5000", "http://[::1]:1"]}}"#;
        assert!(told_of(info).is_empty());
        assert!(told_of("{}").is_empty());
    }
}
