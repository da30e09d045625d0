//! `--intrinsic-latency`: how long the machine itself keeps a busy program from running. No server is asked.

use super::is_json;
use crate::options::Options;
use crate::say;
use flashdb_base::clock::monotonic_ns;
use serde_json::json;
use std::hint::black_box;

/// Turns of the loop whose time is taken; one turn is some nanoseconds.
const TURNS: u32 = 256;

/// Measures for `seconds`; prints each new maximum.
pub fn run(options: &Options, seconds: u64) {
    let begin = monotonic_ns();
    let end = begin.saturating_add(seconds.saturating_mul(1_000_000_000));
    let (mut runs, mut worst_ns, mut worst_us) = (0_u64, 0_u64, 0_u64);
    let mut before = begin;
    while before < end {
        let mut state = u64::from(TURNS);
        for turn in 0..TURNS {
            state = black_box(state.rotate_left(5) ^ u64::from(turn));
        }
        let now = monotonic_ns();
        let elapsed_ns = now - before;
        before = now;
        runs += 1;
        worst_ns = worst_ns.max(elapsed_ns);
        if elapsed_ns / 1000 > worst_us {
            worst_us = elapsed_ns / 1000;
            if !is_json(options) {
                say!("Max latency so far: {worst_us} microseconds.\n");
            }
            // The time of printing is none of the machine's.
            before = monotonic_ns();
        }
    }
    let average_ns = (before - begin) as f64 / runs.max(1) as f64;
    let worst = worst_ns as f64 / average_ns;
    if is_json(options) {
        return say!(
            "{}\n",
            json!({"runs": runs, "average_ns": average_ns, "max_us": worst_us})
        );
    }
    say!(
        "\n{runs} total runs (avg latency: {:.4} microseconds / {average_ns:.2} nanoseconds per run).\n\
         Worst run took {worst:.0}x longer than the average latency.\n",
        average_ns / 1000.0
    );
}
