//! Prevention: address pools for docker that stay out of everybody's way.

use ipnet::IpNet;

use crate::{
    finding::Remedy,
    input::{DaemonInfo, DockerNetwork},
    world::World,
};

use super::{Case, recreate, shell::quote, subnets};

/// Size docker cuts the pool into: 256 networks of 254 addresses.
const NETWORK: u8 = 24;
/// Docker does not reload its pools (SIGHUP): only a restart does.
const RESTART: &str = "systemctl restart docker";
/// Without it nothing may happen at all.
pub(super) const NEEDS_PYTHON: &str =
    "command -v python3 > /dev/null || { echo 'this needs python3' >&2; exit 1; }\n";
/// Sets the pools and keeps the rest, which is nobody's business and is not printed. It is
/// written in place: owner and mode stay. No single quote in here.
const EDIT: &str = r#"import json, sys
path, base, size = sys.argv[1:]
config = json.loads(open(path, encoding="utf-8-sig").read().strip() or "{}")
config["default-address-pools"] = [{"base": base, "size": int(size)}]
text = json.dumps(config, indent=2)
open(path, "w").write(text + "\n")"#;

/// Commands that put the pools into `daemon.json`, and that take them out again.
struct Change {
    set: String,
    unset: String,
}

/// A `daemon.json` with a pool that overlaps nothing known, everything else in it kept; and this
/// network made anew, so that it moves there.
pub(super) fn remedy(case: &Case<'_>) -> Option<Remedy> {
    // Docker's pools are for IPv4.
    let (daemon, network) = case.network.filter(|_| !case.is_ipv6())?;
    let pool = subnets::free_sixteen(&subnets::used(case))?.to_string();
    let Change { set, unset } = change(case.world.docker.info(daemon)?, &pool)?;
    let renewal = recreate::renew(case)?;
    Some(Remedy {
        id: "default-address-pools",
        command: format!("({set} &&\n{RESTART} &&\n{})", renewal.again),
        undo: format!("({unset} &&\n{RESTART} &&\n{})", renewal.back),
        effect: format!(
            "every network created from now on gets a /{NETWORK} of {pool}, starting with {}",
            network.name
        ),
        risk: risk(network, renewal.loses),
    })
}

/// A `daemon.json` with a pool that overlaps nothing in `used`, everything else in it kept. Networks
/// that are there stay as they are.
fn elsewhere(
    world: &World,
    daemon: &str,
    used: &[IpNet],
    room: &str,
    id: &'static str,
) -> Option<Remedy> {
    let pool = subnets::free_sixteen(used)?.to_string();
    let Change { set, unset } = change(world.docker.info(daemon)?, &pool)?;
    Some(Remedy {
        id,
        command: format!("({set} &&\n{RESTART})"),
        undo: format!("({unset} &&\n{RESTART})"),
        effect: format!("every network created from now on gets a /{NETWORK} of {pool}{room}"),
        risk: format!(
            "restarting docker stops running containers unless live-restore is on, and may give docker0 \
             another subnet; networks that are there keep theirs; {}",
            subnets::UNKNOWABLE
        ),
    })
}

/// Room for 256 more networks.
pub(super) fn bigger(world: &World, netns: u32, daemon: &str) -> Option<Remedy> {
    let used = subnets::used_in(world, netns);
    let room = ", which has room for 256 of them";
    elsewhere(world, daemon, &used, room, "bigger-address-pools")
}

/// Keeps the next networks of a daemon away from whoever they would cover.
pub(super) fn for_daemon(case: &Case<'_>, daemon: &str) -> Option<Remedy> {
    elsewhere(
        case.world,
        daemon,
        &subnets::used(case),
        "",
        "default-address-pools",
    )
}

/// `None` without a file at hand, as with a remote daemon.
fn change(info: &DaemonInfo, pool: &str) -> Option<Change> {
    let path = info.config_file.as_deref()?;
    let file = quote(path)?;
    if !info.has_config {
        let folder = quote(path.rsplit_once('/')?.0)?;
        let pools =
            format!(r#"{{"default-address-pools": [{{"base": "{pool}", "size": {NETWORK}}}]}}"#);
        return Some(Change {
            set: format!("test ! -e {file} &&\nmkdir -p {folder} &&\necho '{pools}' > {file}"),
            unset: format!("rm {file}"),
        });
    }
    let backup = quote(&format!("{path}.before-bridgetrace"))?;
    Some(Change {
        set: format!(
            "{NEEDS_PYTHON}test ! -e {backup} &&\ncp -p {file} {backup} &&\npython3 -c '{EDIT}' {file} {pool} \
             {NETWORK}"
        ),
        unset: format!("cp -p {backup} {file} &&\nrm {backup}"),
    })
}

fn risk(network: &DockerNetwork, loses: &str) -> String {
    format!(
        "restarting docker stops running containers unless live-restore is on, and the containers \
         of {} lose their connections; other networks keep their subnets until they are made anew; \
         a subnet that a compose file names stays; {loses}; {}",
        network.name,
        subnets::UNKNOWABLE
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change_of(file: Option<&str>, has_config: bool) -> Option<Change> {
        let info = DaemonInfo {
            config_file: file.map(str::to_owned),
            has_config,
            ..DaemonInfo::default()
        };
        change(&info, "10.201.0.0/16")
    }

    #[test]
    fn a_file_that_is_there_is_edited_and_comes_back() {
        let change = change_of(Some("/etc/docker/daemon.json"), true).unwrap();
        assert!(change.set.contains("cp -p /etc/docker/daemon.json"));
        assert!(
            change
                .set
                .ends_with("' /etc/docker/daemon.json 10.201.0.0/16 24")
        );
        assert!(
            change
                .unset
                .starts_with("cp -p /etc/docker/daemon.json.before-bridgetrace ")
        );
        assert!(!EDIT.contains('\''));
    }

    #[test]
    fn a_file_that_is_not_there_is_made_with_its_folder() {
        let change = change_of(Some("/etc/my docker/daemon.json"), false).unwrap();
        assert!(
            change.set.starts_with(
                "test ! -e '/etc/my docker/daemon.json' &&\nmkdir -p '/etc/my docker' &&\n"
            ),
            "{}",
            change.set
        );
        assert_eq!(change.unset, "rm '/etc/my docker/daemon.json'");
    }

    #[test]
    fn a_file_that_cannot_be_named_is_left_alone() {
        assert!(change_of(None, false).is_none());
        assert!(change_of(Some("/etc/a\nb"), true).is_none());
    }
}
