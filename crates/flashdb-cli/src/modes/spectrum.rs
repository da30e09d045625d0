//! `--latency-dist`: the round-trip times of PING as a spectrum, one row per interval, in 256 colours.

use super::Outcome;
use super::latency::PAUSE;
use crate::connection::Connection;
use crate::options::Options;
use crate::say;
use flashdb_base::clock::monotonic_us;
use std::time::Duration;

/// Colours from nothing to all, as xterm numbers them.
const PALETTE: [u8; 19] = [
    0, 233, 234, 235, 237, 239, 241, 243, 245, 247, 144, 143, 142, 184, 226, 214, 208, 202, 196,
];
/// Rows between two legends.
const LEGEND_ROWS: u64 = 20;
const INTERVAL: Duration = Duration::from_secs(1);

/// Columns: up to which latency in microseconds, and the letter.
const COLUMNS: [(u64, char); 31] = [
    (10, '.'),
    (125, '-'),
    (250, '*'),
    (500, '#'),
    (1_000, '1'),
    (2_000, '2'),
    (3_000, '3'),
    (4_000, '4'),
    (5_000, '5'),
    (6_000, '6'),
    (7_000, '7'),
    (8_000, '8'),
    (9_000, '9'),
    (10_000, 'A'),
    (20_000, 'B'),
    (30_000, 'C'),
    (40_000, 'D'),
    (50_000, 'E'),
    (100_000, 'F'),
    (200_000, 'G'),
    (300_000, 'H'),
    (400_000, 'I'),
    (500_000, 'J'),
    (1_000_000, 'K'),
    (2_000_000, 'L'),
    (4_000_000, 'M'),
    (8_000_000, 'N'),
    (16_000_000, 'O'),
    (30_000_000, 'P'),
    (60_000_000, 'Q'),
    (u64::MAX, '?'),
];

/// Measures for ever.
///
/// # Errors
/// When the connection breaks.
pub fn run(connection: &mut Connection, options: &Options) -> Outcome {
    let interval = options.interval.unwrap_or(INTERVAL);
    for row in 0_u64.. {
        let mut counts = [0_u64; COLUMNS.len()];
        let begin_us = monotonic_us();
        while Duration::from_micros(monotonic_us() - begin_us) <= interval {
            let before_us = monotonic_us();
            connection.ask(&["PING"])?;
            counts[column(monotonic_us() - before_us)] += 1;
            std::thread::sleep(PAUSE);
        }
        if row % LEGEND_ROWS == 0 {
            say!("{}", legend());
        }
        say!("{}", line(&counts));
    }
    Ok(())
}

fn column(latency_us: u64) -> usize {
    COLUMNS
        .partition_point(|(limit, _)| *limit < latency_us)
        .min(COLUMNS.len() - 1)
}

fn line(counts: &[u64; COLUMNS.len()]) -> String {
    let total: u64 = counts.iter().sum();
    let mut line = String::from("\x1b[38;5;0m");
    for (count, (_, letter)) in counts.iter().zip(COLUMNS) {
        let share = *count as f64 / total.max(1) as f64;
        // Rounded up: a single sample is seen.
        let colour = PALETTE[((share * (PALETTE.len() - 1) as f64).ceil() as usize).min(PALETTE.len() - 1)];
        line.push_str(&format!("\x1b[48;5;{colour}m{letter}"));
    }
    line + "\x1b[0m\n"
}

fn legend() -> String {
    let rule = "---------------------------------------------\n";
    let colours: String = PALETTE
        .iter()
        .map(|colour| format!("\x1b[48;5;{colour}m "))
        .collect();
    format!(
        "{rule}. - * #          .01 .125 .25 .5 milliseconds\n\
         1,2,3,...,9      from 1 to 9     milliseconds\n\
         A,B,C,D,E        10,20,30,40,50  milliseconds\n\
         F,G,H,I,J        .1,.2,.3,.4,.5       seconds\n\
         K,L,M,N,O,P,Q,?  1,2,4,8,16,30,60,>60 seconds\n\
         From 0 to 100%: {colours}\x1b[0m\n{rule}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_latency_has_its_column() {
        let letter = |us| COLUMNS[column(us)].1;
        assert_eq!(
            [0, 10, 11, 500, 501, 1000, 9500].map(letter),
            ['.', '.', '-', '#', '1', '1', 'A']
        );
        assert_eq!([60_000_000, 60_000_001, u64::MAX].map(letter), ['Q', '?', '?']);
    }

    #[test]
    fn shares_are_coloured() {
        let mut counts = [0; COLUMNS.len()];
        counts[0] = 1;
        let line = line(&counts);
        assert!(line.starts_with("\x1b[38;5;0m\x1b[48;5;196m.\x1b[48;5;0m-"));
        assert!(line.ends_with("\x1b[48;5;0m?\x1b[0m\n"));
    }
}
