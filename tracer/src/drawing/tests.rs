//! What is drawn of each kind. `BRIDGETRACE_BLESS=1` writes the drawings anew.

use proptest::prelude::*;
use tracer_core::finding::{Finding, Interface, RouteRef};

use super::*;
use crate::sink::{fixtures, golden};

fn drawn(finding: &Finding) -> String {
    let drawing = Drawing::of(finding, "r550").unwrap();
    text::lines(&drawing).join("\n") + "\n"
}

#[test]
fn every_kind_of_loss_is_drawn() {
    for (name, [_, finding, _]) in [
        (
            "reply",
            [
                fixtures::opened(),
                fixtures::confirmed(),
                fixtures::resolved(),
            ],
        ),
        ("request", fixtures::request::life()),
        ("forward", fixtures::forward::life()),
        ("misdelivery", fixtures::misdelivery::life()),
        ("reverse-path", fixtures::reverse_path::life()),
        ("duplicate", fixtures::duplicate::life()),
        ("ipv6", fixtures::ipv6::life()),
    ] {
        let text = drawn(&finding);
        golden::check(&format!("src/drawing/testdata/{name}.txt"), &text);
        let drawing = Drawing::of(&finding, "r550").unwrap();
        assert!(drawing.told().contains("Marked, the wrong way"), "{name}");
    }
}

#[test]
fn what_loses_no_packets_has_no_ways() {
    for finding in fixtures::all() {
        let is_drawn = Drawing::of(&finding, "").is_some();
        assert_eq!(
            is_drawn,
            finding.kind.is_loss() && finding.bridge.is_some(),
            "{}",
            finding.id
        );
    }
}

#[test]
fn what_is_not_known_is_left_out() {
    let text = drawn(&Finding {
        expected_route: None,
        route: None,
        process: None,
        docker_network: None,
        container: None,
        ..fixtures::opened()
    });
    golden::check("src/drawing/testdata/unknown.txt", &text);
}

#[test]
fn packets_that_come_in_elsewhere_are_not_drawn_through_the_uplink() {
    let drawing = Drawing::of(
        &Finding {
            ingress: Some(Interface {
                name: "eth1".into(),
                ifindex: 3,
            }),
            ..fixtures::confirmed()
        },
        "",
    );
    let drawing = drawing.unwrap();
    assert_eq!(drawing.arrival, Arrival::By("eth1".into()));
    let text = text::lines(&drawing).join("\n");
    assert!(
        text.contains("its packets come in by eth1") && !text.contains('|'),
        "{text}"
    );
}

#[test]
fn a_sentence_tells_both_ways() {
    let drawing = Drawing::of(&fixtures::confirmed(), "r550").unwrap();
    assert_eq!(
        drawing.told(),
        "Dashed, the right way: this host r550, uplink eno8303, gateway 172.42.10.1, client \
         172.22.10.119; route default via 172.42.10.1. Marked, the wrong way: this host r550, \
         bridge br-80cb5a0c07bc, nobody has 172.22.10.119 here; route 172.22.0.0/16. Packets of \
         the client 172.22.10.119 come in by the right way."
    );
}

proptest! {
    #[test]
    fn no_name_breaks_the_drawing(name in "\\PC{0,90}|[\\x00-\\x20\u{7f}-\u{a0}\u{200b}-\u{202e}a-z]{0,200}") {
        let mut finding = fixtures::hostile();
        if let Some(bridge) = &mut finding.bridge {
            bridge.name.clone_from(&name);
        }
        finding.expected_route = finding.expected_route.map(|it| RouteRef { device: name.clone(), ..it });
        let drawing = Drawing::of(&finding, &name).unwrap();
        for line in text::lines(&drawing) {
            prop_assert!(line.len() <= text::WIDTH, "{line}");
            prop_assert!(line.bytes().all(|byte| matches!(byte, b' '..=b'~')), "{line}");
        }
    }
}
