//! What the kernel's log says of a bridge.

use super::*;

fn logged(world: &mut World, seconds: u64, text: &str) {
    let body = Body::KernelLog {
        text: text.to_owned(),
        by_kernel: true,
    };
    world.apply(at(seconds), &body);
}

fn log_of(finding: &Finding) -> Vec<(Timestamp, &str)> {
    let pieces = finding.evidence.iter();
    let pieces = pieces.filter(|piece| piece.kind == EvidenceKind::KernelLog);
    let text = |piece: &'_ Evidence| piece.detail.get("text").cloned();
    assert!(pieces.clone().all(|piece| text(piece).is_some()));
    let said = pieces.filter_map(|piece| Some((piece.at, piece.detail.get("text")?.as_str()?)));
    said.collect()
}

#[test]
fn the_last_lines_of_the_kernels_log_about_the_bridge_and_its_ports_are_evidence() {
    let mut world = listed(vec![network()], Vec::new());
    for (seconds, text) in [
        (11, "br-80cb5a0c07bc: port 1(veth1) entered disabled state"),
        (12, "br-80cb5a0c07bc: port 1(veth1) entered blocking state"),
        (
            13,
            "br-80cb5a0c07bc: port 1(veth1) entered forwarding state",
        ),
        (14, "br-80cb5a0c07bc: port 1(veth1) entered disabled state"),
        (15, "br-other: port 1(veth2) entered disabled state"),
        (16, "veth1 (unregistering): left promiscuous mode"),
        (17, "veth2 (unregistering): left promiscuous mode"),
        (18, "br-80cb5a0c07bc: port 1(veth1) entered disabled state"),
    ] {
        logged(&mut world, seconds, text);
    }
    let (finding, _) = only(ask(&world, LATER, Purpose::Check));
    let expected = [
        (
            at(16),
            "the kernel's log: veth1 (unregistering): left promiscuous mode",
        ),
        (
            at(18),
            "the kernel's log: br-80cb5a0c07bc: port 1(veth1) entered disabled state",
        ),
    ];
    assert_eq!(log_of(&finding), expected);
    assert!(finding.evidence.iter().map(|it| it.at).is_sorted());
}

#[test]
fn lines_that_others_push_out_of_memory_stay_evidence() {
    let mut world = listed(vec![network()], Vec::new());
    for port in 1..=5 {
        let text = format!("br-80cb5a0c07bc: port {port}(veth{port}) entered disabled state");
        logged(&mut world, 10 + port, &text);
    }
    let (told, _) = only(ask(&world, LATER, Purpose::Check));
    assert_eq!(log_of(&told).len(), 3);
    for number in 0..5000 {
        let text = format!("veth9{number}: entered promiscuous mode");
        logged(&mut world, 20, &text);
    }
    let known = BTreeMap::from([(told.id.clone(), told.clone())]);
    let again = find(Situation {
        world: &world,
        now: at(LATER),
        purpose: Purpose::Check,
        losing: &BTreeSet::new(),
        counters: &BTreeMap::new(),
        told: &known,
    });
    assert_eq!(log_of(&only(again).0), log_of(&told));
}
