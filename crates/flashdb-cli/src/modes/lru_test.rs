//! `--lru-test`: a cache under load, to see how many reads a `maxmemory` and its policy let hit. A fifth of the keys gets
//! four fifths of the requests, and so on within that fifth.

use super::{Outcome, checked, is_json, percent};
use crate::connection::{Connection, push_request};
use crate::options::Options;
use crate::say;
use flashdb_base::clock::monotonic_us;
use flashdb_base::prng::Prng;
use flashdb_resp::reply::Value;
use serde_json::json;

/// Requests per pipeline.
const PIPELINE: usize = 250;
const LINE_US: u64 = 1_000_000;

/// Runs for ever; a line each second.
///
/// # Errors
/// When the connection breaks, or the server refuses: for want of memory with `noeviction`, say.
pub fn run(connection: &mut Connection, options: &Options, keys: u64) -> Outcome {
    let mut random = Prng::from_entropy();
    loop {
        let begin_us = monotonic_us();
        let (mut hits, mut misses) = (0_u64, 0_u64);
        while monotonic_us() - begin_us < LINE_US {
            let mut request = Vec::new();
            for _ in 0..PIPELINE {
                let key = format!("lru:{}", draw(&mut random, keys));
                push_request(&mut request, &["SET", key.as_str(), "value"]);
            }
            for _ in 0..PIPELINE {
                let key = format!("lru:{}", draw(&mut random, keys));
                push_request(&mut request, &["GET", key.as_str()]);
            }
            connection.send_bytes(&request)?;
            for _ in 0..PIPELINE {
                checked(connection.read_reply()?)?;
            }
            for _ in 0..PIPELINE {
                match checked(connection.read_reply()?)? {
                    Value::Null => misses += 1,
                    _ => hits += 1,
                }
            }
        }
        let gets = hits + misses;
        if is_json(options) {
            say!("{}\n", json!({"gets": gets, "hits": hits, "misses": misses}));
        } else {
            let (hit_share, miss_share) = (percent(hits, gets), percent(misses, gets));
            say!("{gets} Gets/sec | Hits: {hits} ({hit_share:.2}%) | Misses: {misses} ({miss_share:.2}%)\n");
        }
    }
}

/// A key by the self-similar law with h = 0.2: the first h of any prefix has 1 - h of its draws.
fn draw(random: &mut Prng, keys: u64) -> u64 {
    const H: f64 = 0.2;
    let exponent = H.ln() / (1.0 - H).ln();
    ((keys as f64 * random.next_f64().powf(exponent)) as u64).min(keys - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fifth_of_the_keys_gets_four_fifths() {
        let mut random = Prng::from_seed(1);
        let of_first_fifth = (0..20_000).filter(|_| draw(&mut random, 1000) < 200).count();
        assert!((15_600..16_400).contains(&of_first_fifth), "{of_first_fifth}");
        assert!((0..100).all(|_| draw(&mut random, 1) == 0));
    }
}
