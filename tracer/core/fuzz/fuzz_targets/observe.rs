//! No records, in whatever order and at whatever times, make the core panic. They fall into the
//! world captured from the lab.
#![no_main]

use std::sync::LazyLock;

use tracer_common::{Event, Flow, Hook, Lookup, Signal, Task, v4_mapped};
use tracer_core::{
    Core,
    input::{Body, Input},
    time::Timestamp,
};
use zerocopy::IntoBytes as _;

/// The core after the captured inputs, the time of the last one, and the host's namespace.
static CAPTURED: LazyLock<(Core, Timestamp, u32)> = LazyLock::new(|| {
    let mut core = Core::default();
    let mut now = Timestamp(0);
    let mut netns = 0;
    for line in include_str!("../../tests/golden/ping.inputs.jsonl").lines() {
        let input: Input = serde_json::from_str(line).expect("a captured input");
        if let Body::Session(session) = &input.body {
            netns = session.netns;
        }
        now = input.at;
        core.observe(&input);
    }
    (core, now, netns)
});

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let (core, now, netns) = &*CAPTURED;
    let (mut core, mut now) = (core.clone(), *now);
    for chunk in bytes.chunks_exact(8) {
        now = now.plus(u64::from(chunk[0]) * 20_000_000);
        let body = match chunk[1] {
            255 => Body::Tick,
            254 => Body::Kernel(signal(*netns, chunk).as_bytes().to_vec()),
            hook => Body::Kernel(record(*netns, hook, chunk).as_bytes().to_vec()),
        };
        core.observe(&Input { at: now, body });
    }
    core.observe(&Input {
        at: now,
        body: Body::Stop,
    });
});

/// A signal between processes of few numbers and names.
fn signal(netns: u32, chunk: &[u8]) -> Signal {
    let task = |byte: u8| Task {
        tgid: u32::from(byte % 4),
        comm: match byte % 3 {
            0 => *b"docker-compose\0\0",
            1 => *b"dockerd\0\0\0\0\0\0\0\0\0",
            _ => [byte; 16],
        },
    };
    let mut signal = Signal {
        hook: Hook::Signal as u8,
        netns,
        number: u32::from(chunk[2] % 16),
        code: i32::from(chunk[3]) - 8,
        flags: chunk[4],
        ..Signal::default()
    };
    for (place, byte) in signal.sender.iter_mut().zip(&chunk[5..]) {
        *place = task(*byte);
    }
    for (place, byte) in signal.target.iter_mut().zip(chunk[5..].iter().rev()) {
        *place = task(*byte);
    }
    signal
}

/// A record built from a few bytes, so that the fuzzer finds its fields.
fn record(netns: u32, hook: u8, chunk: &[u8]) -> Event {
    let remote = v4_mapped([172, 22, 10, chunk[2]]);
    let flow = Flow {
        saddr: v4_mapped([172, 42, 10, 112]),
        daddr: remote,
        sport: u16::from(chunk[3]) << 8,
        dport: 43_848,
        proto: chunk[4] % 18,
        tcp_flags: chunk[5],
        icmp_type: chunk[5],
        ..Flow::default()
    };
    Event {
        netns: netns + u32::from(chunk[6] > 250),
        ifindex: u32::from(chunk[6] % 6),
        ingress_ifindex: u32::from(chunk[7] % 6),
        lookup: Lookup {
            oif: u32::from(chunk[7] % 3),
            ..Lookup::default()
        },
        flags: u32::from(chunk[7] >> 5),
        socket_inode: u64::from(chunk[3]),
        reason: chunk[7] % 8,
        remote,
        flow,
        hook,
        ..Event::default()
    }
}
