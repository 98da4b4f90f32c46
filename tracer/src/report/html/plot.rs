//! Lost packets over time, as bars. Text stands beside them, so that it has its size on any screen.

use maud::{Markup, html};

use crate::{report::model::Plot, sink::human::numbers};

/// Height of the highest bar.
const HEIGHT: u64 = 1000;
/// Room of a bar, and how much of it is filled.
const ROOM: usize = 10;
const FILLED: usize = 8;

pub(super) fn section(plot: Option<&Plot>) -> Markup {
    html! {
        @if let Some(plot) = plot {
            section aria-labelledby="losses" {
                h2 id="losses" { "Packets lost over time" }
                (figure(plot))
            }
        }
    }
}

fn figure(plot: &Plot) -> Markup {
    let most = plot.bars.iter().max().copied().unwrap_or(0);
    let width = plot.bars.len() * ROOM;
    html! {
        figure.plot {
            p.most { (numbers::count(most, "packet")) }
            svg role="img" aria-labelledby="plot-title plot-desc" preserveAspectRatio="none"
                viewBox={ "0 0 " (width) " " (HEIGHT) } {
                title id="plot-title" { "Packets lost over time" }
                desc id="plot-desc" { (plot.told) }
                @for (nth, packets) in plot.bars.iter().enumerate() {
                    @if let height @ 1.. = height(*packets, most) {
                        rect x=(nth * ROOM + 1) y=(HEIGHT - height) width=(FILLED) height=(height) {}
                    }
                }
            }
            p.ends { span { (plot.ends.0) } span { (plot.ends.1) } }
            figcaption { (plot.told) }
            details {
                summary { "The same in figures" }
                table {
                    caption { "Packets lost, by when they were counted" }
                    thead { tr { th scope="col" { "From" } th.number scope="col" { "Packets" } } }
                    tbody {
                        @for (when, packets) in &plot.rows {
                            tr { th scope="row" { (when) } td.number { (numbers::digits(*packets)) } }
                        }
                    }
                }
            }
        }
    }
}

/// A single packet among thousands is seen, too.
fn height(packets: u64, most: u64) -> u64 {
    if packets == 0 {
        return 0;
    }
    let height = u128::from(packets) * u128::from(HEIGHT) / u128::from(most.max(1));
    u64::try_from(height).unwrap_or(HEIGHT).max(HEIGHT / 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_bar_fills_the_plot_and_none_vanishes() {
        assert_eq!(height(0, 9), 0);
        assert_eq!(height(9, 9), HEIGHT);
        assert_eq!(height(u64::MAX, u64::MAX), HEIGHT);
        assert_eq!(height(1, u64::MAX), 10);
    }
}
