//! Recordings made of inputs, damaged in every way, and played again.

mod damage;
mod hostile;
mod properties;
mod roundtrip;

use std::io::Cursor;

use tracer_core::{
    input::{Body, Input, Neighbour, NetChange, Session},
    time::{SECOND, Timestamp},
};

use crate::{
    compose::{Block, Composer},
    header::Kind,
    play::{Player, Problems, Told},
};

const RUN: u64 = 0x0123_4567_89ab_cdef;

fn input(seconds: u64, body: Body) -> Input {
    Input {
        at: Timestamp(1_764_000_000 * SECOND + seconds * SECOND),
        body,
    }
}

fn tick(seconds: u64) -> Input {
    input(seconds, Body::Tick)
}

fn session() -> Input {
    let session = Session {
        hostname: "r550".to_owned(),
        ..Session::default()
    };
    input(0, Body::Session(session))
}

/// Something with a number to tell it by, as JSON that is hard to pack.
fn event(number: u64) -> Input {
    let noise = (1..8_u64).map(|n| (number * 8 + n).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let bytes = noise.flat_map(|word| (word ^ word >> 29).to_le_bytes());
    input(number, Body::Kernel(bytes.collect()))
}

fn neighbour(seconds: u64, state: u16) -> Input {
    let neighbour = Neighbour {
        ifindex: 2,
        address: std::net::IpAddr::from([172, 42, 10, 1]),
        lladdr: Some("02:42:ac:2a:0a:01".to_owned()),
        state,
    };
    let body = Body::Net {
        netns: 4_026_531_840,
        change: NetChange::Neighbour(neighbour),
    };
    input(seconds, body)
}

/// One block of these inputs, the first of which has this number.
fn block_of(kind: Kind, run: u64, number: u64, inputs: &[Input]) -> Block {
    let mut composer = Composer::new(kind, run).unwrap();
    composer.begin(number);
    for input in inputs {
        composer.add(input).unwrap();
    }
    composer.take().unwrap().unwrap()
}

fn block(number: u64, inputs: &[Input]) -> Vec<u8> {
    block_of(Kind::Inputs, RUN, number, inputs).bytes
}

/// Everything files tell, and what was wrong.
fn play(files: &[Vec<u8>]) -> (Vec<Told>, Problems) {
    let mut player = Player::new(files.iter().map(Cursor::new)).unwrap();
    let told = player.by_ref().map(Result::unwrap).collect();
    (told, player.problems().clone())
}

/// The inputs alone.
fn inputs(told: Vec<Told>) -> Vec<Input> {
    told.into_iter().map(|told| told.input).collect()
}
