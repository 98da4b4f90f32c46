//! What is left of a compose that was killed.

use super::*;

/// Somebody ended `docker-compose -p shop up` by this signal, at that time.
fn killed(world: &mut World, number: u32, seconds: u64) {
    let target = Party {
        pid: 4711,
        name: "docker-compose".to_owned(),
        directory: Some("/builds/shop/backend".to_owned()),
        ..Party::default()
    };
    let kill = Kill {
        id: "process-killed-1".to_owned(),
        start: at(seconds),
        signals: vec![(at(seconds), number, 0)],
        netns: HOST,
        by: By::Kernel,
        target,
        role: Role::Compose,
        project: Some("shop".to_owned()),
        usual: false,
    };
    world.kills.set(at(seconds), kill);
}

#[test]
fn what_a_killed_compose_left_is_told_at_once_and_for_sure() {
    let mut world = listed(vec![network()], vec![container("shop_web_1", "created")]);
    killed(&mut world, 9, MADE + 2);
    assert!(
        watch(&world, MADE + 4).is_empty(),
        "docker may still be at it"
    );
    let (finding, ghost) = only(watch(&world, MADE + 5));
    assert_eq!(finding.verdict, Verdict::Confirmed);
    let creator = "docker-compose (pid 4711), in /builds/shop/backend";
    assert_eq!(ghost.creator.as_deref(), Some(creator));
    let signal = finding
        .evidence
        .iter()
        .find(|it| it.kind == EvidenceKind::Signal);
    assert_eq!(signal.map(|it| it.at), Some(at(MADE + 2)));
}

#[test]
fn ctrl_c_and_a_kill_that_was_made_good_leave_no_ghost() {
    let exited = || vec![container("shop_web_1", "exited")];
    let mut world = listed(vec![network()], exited());
    killed(&mut world, 2, MADE + 4);
    assert!(watch(&world, LATER).is_empty(), "SIGINT");
    // Killed before: it was brought up again, and stopped for the night.
    let mut world = listed(vec![network()], exited());
    killed(&mut world, 9, MADE - 100);
    assert!(watch(&world, LATER).is_empty(), "made later");
    let again = DockerContainer {
        started: Some(at(MADE + 300)),
        finished: Some(at(MADE + 400)),
        ..container("shop_web_1", "exited")
    };
    let mut world = listed(vec![network()], vec![again]);
    killed(&mut world, 9, MADE + 2);
    assert!(watch(&world, LATER).is_empty(), "brought up again");
}
