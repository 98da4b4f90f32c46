//! What was recorded is what is played.

use std::{
    io::Write as _,
    process::{Command, Stdio},
};

use super::*;

#[test]
fn inputs_come_back_as_they_were() {
    let recorded = [session(), event(1), tick(2), event(3)];
    let (told, problems) = play(&[block(0, &recorded)]);
    assert_eq!(inputs(told.clone()), recorded);
    assert_eq!(problems, Problems::default());
    let new: Vec<bool> = told.iter().map(|told| told.new_run).collect();
    assert_eq!(new, [true, false, false, false]);
}

#[test]
fn an_hour_of_nothing_is_one_line_and_comes_back_tick_by_tick() {
    let recorded: Vec<Input> = (0..3600).map(tick).collect();
    let block = block_of(Kind::Inputs, RUN, 0, &recorded);
    assert!(block.header.text < 100, "{} bytes", block.header.text);
    let (told, problems) = play(&[block.bytes]);
    assert_eq!(inputs(told), recorded);
    assert_eq!(problems, Problems::default());
}

#[test]
fn ticks_that_are_late_or_step_back_come_back_as_they_were() {
    let mut recorded: Vec<Input> = [0, 1, 2, 4, 3, 3, 3, 2, 9, 10, 12].map(tick).into();
    recorded.push(event(13));
    recorded.push(tick(14));
    assert_eq!(inputs(play(&[block(0, &recorded)]).0), recorded);
}

#[test]
fn files_of_one_recording_are_played_one_after_the_other() {
    let (told, problems) = play(&[block(0, &[session(), event(1)]), block(2, &[event(2)])]);
    assert_eq!(inputs(told), [session(), event(1), event(2)]);
    assert_eq!(problems, Problems::default());
}

#[test]
fn another_run_begins_anew() {
    let other = block_of(Kind::Inputs, RUN + 1, 0, &[session(), event(5)]);
    let (told, problems) = play(&[block(0, &[session(), event(1)]), other.bytes]);
    let new: Vec<bool> = told.iter().map(|told| told.new_run).collect();
    assert_eq!(new, [true, false, true, false]);
    assert_eq!(problems, Problems::default());
}

#[test]
fn a_snapshot_is_taken_in_only_where_the_inputs_before_it_are_not_there() {
    let first = block(0, &[session(), event(1)]);
    let snapshot = block_of(Kind::Snapshot, RUN, 2, &[session(), neighbour(1, 2)]).bytes;
    let more = block_of(Kind::Snapshot, RUN, 2, &[neighbour(1, 4)]).bytes;
    let last = block(2, &[event(2)]);
    let all = [first, snapshot.clone(), more.clone(), last.clone()];
    assert_eq!(inputs(play(&all).0), [session(), event(1), event(2)]);
    // The first segment was dropped.
    let (told, problems) = play(&[snapshot.clone(), more.clone(), last.clone()]);
    let wanted = [session(), neighbour(1, 2), neighbour(1, 4), event(2)];
    assert_eq!(inputs(told), wanted);
    assert_eq!(problems, Problems::default());
    let left_out = |files: &[Vec<u8>]| {
        let mut player = Player::new(files.iter().map(Cursor::new)).unwrap();
        assert!(player.by_ref().all(|told| told.is_ok()));
        player.left_out()
    };
    assert_eq!(left_out(&[snapshot, more, last]), 2, "as is said");
    assert_eq!(left_out(&all), 0);
}

#[test]
fn zstdcat_reads_a_recording() {
    let recorded = [session(), event(1)];
    let mut zstd = Command::new("zstdcat")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("zstd is installed");
    let file = [block(0, &recorded), block(2, &[event(2)])].concat();
    zstd.stdin.take().unwrap().write_all(&file).unwrap();
    let output = zstd.wait_with_output().unwrap();
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).unwrap();
    let inputs: Vec<Input> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(inputs, [session(), event(1), event(2)]);
}

/// Five minutes make a block on a quiet host: an hour in which each second is a tick and, in the
/// second figure, the gateway's neighbour entry grows stale and is asked for anew every half minute.
#[test]
fn a_quiet_hour_is_a_few_kibibytes() {
    let hour = |neighbours: bool| -> usize {
        let mut bytes = 0;
        for minutes in (0..60).step_by(5) {
            let mut recorded = Vec::new();
            for second in minutes * 60..(minutes + 5) * 60 {
                recorded.push(tick(second));
                if neighbours && second % 30 < 3 {
                    let mut change = neighbour(second, 2 << (second % 30));
                    change.at = change.at.plus(second.wrapping_mul(0x9e37_79b9) % SECOND);
                    recorded.push(change);
                }
            }
            bytes += block(0, &recorded).len();
        }
        bytes
    };
    let (idle, usual) = (hour(false), hour(true));
    assert!(idle < 3 << 10, "{idle} bytes");
    assert!(usual < 24 << 10, "{usual} bytes");
    println!("an idle hour: {idle} bytes; with a gateway's neighbour entry: {usual} bytes");
}
