//! `--latency` and `--latency-history`: the round-trip time of PING in whole milliseconds, sampled a hundred times a second.
//!
//! On a terminal one line is written over and over; elsewhere one line per interval, and `--latency` ends after the first.

use super::{Outcome, average};
use crate::connection::Connection;
use crate::format::Format;
use crate::options::Options;
use crate::say;
use flashdb_base::clock::monotonic_us;
use serde_json::json;
use std::time::Duration;

/// Pause between two samples.
pub const PAUSE: Duration = Duration::from_millis(10);
const HISTORY_INTERVAL: Duration = Duration::from_secs(15);
const SINGLE_INTERVAL: Duration = Duration::from_secs(1);

#[derive(Default)]
struct Samples {
    count: u64,
    sum: u64,
    min: u64,
    max: u64,
}

impl Samples {
    fn add(&mut self, latency: u64) {
        self.min = if self.count == 0 {
            latency
        } else {
            self.min.min(latency)
        };
        self.max = self.max.max(latency);
        self.sum += latency;
        self.count += 1;
    }

    fn line(&self, format: Format) -> String {
        let Samples { count, min, max, .. } = self;
        let average = average(self.sum, *count);
        match format {
            Format::Raw => format!("{min} {max} {average:.2} {count}"),
            Format::Csv => format!("{min},{max},{average:.2},{count}"),
            Format::Json { .. } => {
                let average = (average * 100.0).round() / 100.0;
                json!({"min": min, "max": max, "avg": average, "samples": count}).to_string()
            }
            Format::Terminal | Format::Table => {
                format!("min: {min}, max: {max}, avg: {average:.2} ({count} samples)")
            }
        }
    }
}

/// Measures; on a terminal for ever.
///
/// # Errors
/// When the connection breaks.
pub fn run(connection: &mut Connection, options: &Options, history: bool) -> Outcome {
    let format = options.style.format;
    let is_live = matches!(format, Format::Terminal | Format::Table);
    let default = if history {
        HISTORY_INTERVAL
    } else {
        SINGLE_INTERVAL
    };
    let interval = options.interval.unwrap_or(default);
    let mut samples = Samples::default();
    let mut begin_us = monotonic_us();
    loop {
        let before_us = monotonic_us();
        connection.ask(&["PING"])?;
        samples.add((monotonic_us() - before_us) / 1000);
        if is_live {
            // To the line's begin, and clear it.
            say!("\x1b[0G\x1b[2K{}", samples.line(format));
        }
        let elapsed = Duration::from_micros(monotonic_us() - begin_us);
        if elapsed > interval && (history || !is_live) {
            match is_live {
                true => say!(" -- {:.2} seconds range\n", elapsed.as_secs_f64()),
                false => say!("{}\n", samples.line(format)),
            }
            if !history {
                return Ok(());
            }
            samples = Samples::default();
            begin_us = monotonic_us();
        }
        std::thread::sleep(PAUSE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_as_redis_cli_writes_them() {
        let mut samples = Samples::default();
        [3, 1, 4].into_iter().for_each(|latency| samples.add(latency));
        assert_eq!(samples.line(Format::Raw), "1 4 2.67 3");
        assert_eq!(samples.line(Format::Csv), "1,4,2.67,3");
        assert_eq!(
            samples.line(Format::Terminal),
            "min: 1, max: 4, avg: 2.67 (3 samples)"
        );
        let json = samples.line(Format::Json { ascii: false });
        assert_eq!(json, r#"{"avg":2.67,"max":4,"min":1,"samples":3}"#);
    }
}
