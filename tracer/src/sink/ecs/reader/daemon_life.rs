//! A daemon that was away.

use super::{nothing_empty, read, texts, value};
use crate::sink::fixtures;

#[test]
fn a_daemon_is_told_before_and_after() {
    let [lost, restarted, containerd] = fixtures::daemon_life::stories();
    let line = read(&lost);
    assert_eq!(line.event.action, "daemon-state-lost");
    assert_eq!(line.event.category, texts(&["host"]));
    assert_eq!(line.event.types, texts(&["change"]));
    let daemon = line.bridgetrace.daemon.unwrap();
    assert_eq!(daemon.endpoint, "unix:///var/run/docker.sock");
    assert_eq!(
        (daemon.pid, daemon.unit.as_deref()),
        (Some(812), Some("docker.service"))
    );
    assert_eq!(
        daemon.away_since.as_deref(),
        Some("2026-11-20T23:59:59.123456789Z")
    );
    assert_eq!(
        (daemon.orphans.map(|it| it.len()), daemon.orphans_total),
        (Some(2), Some(12))
    );
    assert_eq!(daemon.old_containers, Some(9));
    let (before, after) = (daemon.before.unwrap(), daemon.after.unwrap());
    assert_eq!(before.data_root.as_deref(), Some("/data/docker"));
    assert_eq!(after.data_root.as_deref(), Some("/var/lib/docker"));
    assert_eq!((before.networks, after.networks), (12, 0));
    assert_eq!((before.containers, after.images), (9, Some(0)));
    assert_eq!(
        (before.id, before.version.as_deref()),
        (after.id, Some("20.10.24"))
    );
    assert_eq!(
        (daemon.down_s, daemon.old_data.as_deref()),
        (Some(4.211), Some("/data/docker"))
    );
    let vanished = daemon.vanished.unwrap();
    assert_eq!(
        vanished.networks,
        Some(texts(&["gitlab_default", "shop_default"]))
    );
    assert_eq!((vanished.networks_total, vanished.images), (Some(12), 31));
    assert_eq!(
        (
            vanished.containers.map(|it| it.len()),
            vanished.containers_total
        ),
        (Some(3), Some(9))
    );
    let upgrade = &daemon.during.unwrap()[0];
    assert_eq!((upgrade.pid, upgrade.name.as_str()), (4711, "dpkg"));
    assert!(
        upgrade
            .command
            .as_ref()
            .is_some_and(|it| it.contains("--configure"))
    );
    assert_eq!(upgrade.unit.as_deref(), Some("apt-daily-upgrade.service"));
    assert_eq!(upgrade.parents.as_ref().map(Vec::len), Some(2));

    let daemon = read(&restarted).bridgetrace.daemon.unwrap();
    assert_eq!(daemon.stopped_by.unwrap().how, "out-of-memory");
    assert_eq!(daemon.stopped, Some(texts(&["shop-db", "shop-web"])));
    assert!(daemon.stopped_total.is_none() && daemon.vanished.is_none());
    let daemon = read(&containerd).bridgetrace.daemon.unwrap();
    let by = daemon.stopped_by.unwrap();
    assert_eq!(
        (by.how.as_str(), by.signal.as_deref(), by.number, by.then),
        ("signal", Some("SIGTERM"), Some(15), None)
    );
    let sender = by.sender.unwrap();
    assert_eq!((sender.pid, sender.ancestry.unwrap().len()), (4711, 2));
    assert_eq!(by.package_managers.unwrap()[1].name, "apt.systemd.daily");
    assert!(by.sender_ended.is_none());
    assert!(daemon.before.is_none() && daemon.program.as_deref() == Some("containerd"));
    for finding in [lost, restarted, containerd] {
        nothing_empty(&value(&finding), "");
    }
}
