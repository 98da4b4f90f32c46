//! The figures, for people and as JSON, and whether they will do.

use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::json;

use super::outage::Outages;
use super::statistics::Times;

/// Half of the outages are told within this time of the first lost reply…
pub(super) const MEDIAN: Duration = Duration::from_millis(10);
/// …and every one within this.
const WORST: Duration = Duration::from_millis(100);

/// A table in milliseconds.
pub(super) fn print(starts: &Times, outages: &[Outages]) {
    println!(
        "{:<50} {:>4} {:>7} {:>7} {:>7} {:>7} {:>7}",
        "milliseconds", "runs", "min", "median", "p90", "p99", "max"
    );
    for outage in outages {
        println!("{}", row(outage.name, &outage.told));
        println!("{}", row("  since the client's packet", &outage.since_sent));
    }
    println!("{}", row("start of bridgetrace to `watching`", starts));
    println!(
        "targets, from the first lost reply to the line: median below {} ms, worst below {} ms",
        MEDIAN.as_millis(),
        WORST.as_millis()
    );
}

fn row(name: &str, times: &Times) -> String {
    let of = |percent| milliseconds(times.percentile(percent));
    let runs = times.all().len();
    let (min, median, max) = (times.min(), times.median(), times.max());
    let [min, median, max] = [min, median, max].map(milliseconds);
    format!(
        "{name:<50} {runs:>4} {min:>7.2} {median:>7.2} {:>7.2} {:>7.2} {max:>7.2}",
        of(90),
        of(99)
    )
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// Every single time, in milliseconds.
pub(super) fn json(starts: &Times, outages: &[Outages]) -> String {
    let list = |times: &Times| {
        let times = times.all().iter().copied();
        times.map(milliseconds).collect::<Vec<_>>()
    };
    let outages: Vec<_> = outages
        .iter()
        .map(|outage| {
            json!({"name": outage.name, "lost_to_line_ms": list(&outage.told),
                   "sent_to_line_ms": list(&outage.since_sent)})
        })
        .collect();
    let targets = json!({"median_ms": milliseconds(MEDIAN), "worst_ms": milliseconds(WORST)});
    let report =
        json!({"outages": outages, "start_to_watching_ms": list(starts), "targets": targets});
    format!("{report:#}\n")
}

/// An error that names the kind of outage that missed a target.
pub(super) fn judge(outages: &[Outages]) -> Result<()> {
    for Outages { name, told, .. } in outages {
        let (median, worst) = (told.median(), told.max());
        ensure!(
            median < MEDIAN && worst < WORST,
            "{name}: target missed, median {median:?}, worst {worst:?}"
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(microseconds: &[u64]) -> Times {
        let times = microseconds.iter().copied().map(Duration::from_micros);
        Times::new(times.collect()).unwrap()
    }

    fn outage(microseconds: &[u64]) -> Outages {
        Outages {
            name: "x",
            told: times(microseconds),
            since_sent: times(microseconds),
        }
    }

    #[test]
    fn one_slow_outage_is_a_missed_target() {
        assert!(judge(&[outage(&[900, 1_000, 99_999])]).is_ok());
        assert!(judge(&[outage(&[900, 1_000, 100_000])]).is_err());
        assert!(judge(&[outage(&[900, 10_000, 11_000])]).is_err());
    }

    #[test]
    fn a_row_is_in_milliseconds() {
        let row = row("x", &times(&[500, 1_250, 3_000]));
        let words: Vec<_> = row.split_whitespace().collect();
        assert_eq!(words, ["x", "3", "0.50", "1.25", "3.00", "3.00", "3.00"]);
    }

    #[test]
    fn the_file_holds_every_time() {
        let text = json(&times(&[200_000]), &[outage(&[900, 1_000])]);
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(value["outages"][0]["lost_to_line_ms"], json!([0.9, 1.0]));
        assert_eq!(value["start_to_watching_ms"], json!([200.0]));
    }
}
