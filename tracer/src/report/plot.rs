//! Lost packets over time: as fine as they were counted, as coarse as fits on a page.

use tracer_core::time::{SECOND, Timestamp};

use crate::sink::human::numbers::count;

use super::{clock::Clock, model::Plot, story::Story, text::Text};

/// Bars at most.
const BARS: u64 = 48;
/// Seconds a bar may stand for.
const STEPS: [u64; 16] = [
    1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 21_600, 86_400,
];

/// The losses of a story, if there were any.
pub(super) fn of(story: &Story, clock: Clock) -> Option<Plot> {
    let (first, last) = (
        *story.losses.keys().next()?,
        *story.losses.keys().next_back()?,
    );
    let ends = story.tales.iter().filter(|it| it.standing.kind.is_loss());
    let ends = ends
        .filter_map(|it| it.last().end)
        .map(|end| end.0 / SECOND);
    let last = ends.chain([last]).max().unwrap_or(last);
    let step = step(last - first + 1);
    // A bar before, so that it is seen to begin.
    let start = (first - first % step).saturating_sub(step);
    let number = usize::try_from((last - start) / step).unwrap_or(0) + 1;
    let mut bars = vec![0_u64; number];
    for (second, packets) in &story.losses {
        let at = usize::try_from((second - start) / step).unwrap_or(0);
        if let Some(bar) = bars.get_mut(at) {
            *bar += packets;
        }
    }
    let when = |nth: usize| moment(start + step * nth as u64);
    let rows = (0..).zip(&bars).filter(|(_, packets)| **packets > 0);
    let rows = rows.map(|(nth, packets)| (Text::from(clock.second(when(nth))), *packets));
    let text = |at| Text::from(clock.second(at));
    Some(Plot {
        start,
        step,
        ends: (text(when(0)), text(when(number))),
        rows: rows.collect(),
        told: told(&bars, step, |nth| clock.second(when(nth))),
        bars,
    })
}

fn moment(second: u64) -> Timestamp {
    Timestamp(second.saturating_mul(SECOND))
}

/// The finest step that fits; beyond that as many days as it takes.
fn step(seconds: u64) -> u64 {
    let fits = |step: &u64| seconds.div_ceil(*step) < BARS;
    let finest = STEPS.into_iter().find(fits);
    finest.unwrap_or_else(|| seconds.div_ceil(BARS - 1).next_multiple_of(86_400))
}

fn told(bars: &[u64], step: u64, when: impl Fn(usize) -> String) -> Text {
    let total: u64 = bars.iter().sum();
    let (nth, most) = bars
        .iter()
        .enumerate()
        .max_by_key(|(nth, it)| (**it, std::cmp::Reverse(*nth)))
        .map_or((0, 0), |(nth, most)| (nth, *most));
    Text::from(format!(
        "{} in all. A bar stands for {}; the highest, from {} on, for {}. The kernel counts every \
         packet, and its counters are read every second or so: a packet stands where it was counted, \
         not where it was lost.",
        count(total, "packet"),
        length(step),
        when(nth),
        count(most, "packet"),
    ))
}

fn length(seconds: u64) -> String {
    match seconds {
        0..60 => count(seconds, "second"),
        60..3600 => count(seconds / 60, "minute"),
        3600..86_400 => count(seconds / 3600, "hour"),
        _ => count(seconds / 86_400, "day"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plot(losses: &[(u64, u64)]) -> Option<Plot> {
        let mut story = Story::new(Timestamp(0));
        story.losses.extend(losses.iter().copied());
        of(&story, Clock::between(Timestamp(0), Timestamp(0)))
    }

    #[test]
    fn bars_hold_every_packet_and_nothing_else() {
        let plot = plot(&[(100, 3), (101, 1), (145, 7)]).unwrap();
        assert_eq!((plot.start, plot.step), (99, 1));
        assert_eq!(plot.bars.len(), 47);
        assert_eq!(plot.bars.iter().sum::<u64>(), 11);
        assert_eq!((plot.bars[0], plot.bars[1], plot.bars[46]), (0, 3, 7));
        assert_eq!(plot.rows.last().unwrap().1, 7);
    }

    #[test]
    fn a_long_outage_has_wider_bars_and_no_more_of_them() {
        for length in [1, 47, 48, 5000, 86_400, 40_000_000, 4_000_000_000] {
            let plot = plot(&[(10_000, 1), (10_000 + length, 2)]).unwrap();
            assert!(plot.bars.len() <= 50, "{length}: {}", plot.bars.len());
            assert_eq!(plot.bars.iter().sum::<u64>(), 3, "{length}");
        }
    }

    #[test]
    fn without_losses_there_is_nothing_to_plot() {
        assert_eq!(plot(&[]), None);
    }
}
