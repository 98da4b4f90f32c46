use std::{fs, path::PathBuf};

use super::*;

fn root(name: &str, files: &[(&str, &str)]) -> (Root, PathBuf) {
    let name = format!("bridgetrace-landmarks-{name}-{}", std::process::id());
    let folder = std::env::temp_dir().join(name);
    let _ = fs::remove_dir_all(&folder);
    for (path, text) in files {
        let path = folder.join(path.trim_start_matches('/'));
        fs::create_dir_all(path.parent().expect("folder")).expect("folder");
        fs::write(path, text).expect("file");
    }
    (Root::at(&folder).expect("root"), folder)
}

fn told(name: &str, files: &[(&str, &str)]) -> Vec<String> {
    let (root, folder) = root(name, files);
    let told = read(&root, PROCESS);
    fs::remove_dir_all(folder).expect("clean up");
    let text = |it: Landmark| match it.role {
        LandmarkRole::Host(name) => format!("{} {name} {}", it.address, it.source),
        _ => format!("{} {}", it.address, it.source),
    };
    told.into_iter().map(text).collect()
}

#[test]
fn nameservers_come_before_names() {
    let files = [
        (HOSTS, "127.0.0.1 localhost\n10.1.1.1 git.corp git\n"),
        (RESOLV_CONF, "nameserver 10.0.0.53\nnameserver 127.0.0.1\n"),
        (UPSTREAM[0], "nameserver 10.0.0.99\n"),
    ];
    let expected = ["10.0.0.53 /etc/resolv.conf", "10.1.1.1 git.corp /etc/hosts"];
    assert_eq!(told("order", &files), expected);
}

#[test]
fn behind_a_resolver_on_this_host_its_own_servers_count() {
    let files = [
        (RESOLV_CONF, "nameserver 127.0.0.53\noptions edns0\n"),
        (UPSTREAM[0], "nameserver 10.0.0.99\n"),
    ];
    assert_eq!(
        told("stub", &files),
        ["10.0.0.99 /run/systemd/resolve/resolv.conf"]
    );
}

#[test]
fn a_list_without_end_is_cut() {
    let text = "10.1.1.1 a\n".repeat(10_000);
    assert_eq!(told("long", &[(HOSTS, &text)]).len(), PROCESS.landmarks);
    assert!(told("none", &[("/etc/empty", "")]).is_empty());
}

#[test]
fn a_process_like_this_one_has_the_same_files() {
    assert!(!has_own_files(std::process::id()));
    assert!(!has_own_files(u32::MAX));
    assert!(of_process(u32::MAX).is_empty());
    assert_eq!(resolve(u32::MAX, "git.corp"), Vec::<IpAddr>::new());
}
