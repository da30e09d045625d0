//! `--hotkeys`: the keys that are used most, by OBJECT FREQ over the whole keyspace.

use super::{Outcome, Pages, ask, checked, is_json, percent, quoted};
use crate::connection::{Connection, push_request};
use crate::options::Options;
use crate::say;
use serde_json::json;

/// As many are kept.
const KEPT: usize = 16;
const PROGRESS_KEYS: u64 = 1_000_000;
const PAUSE_PAGES: u64 = 100;

/// The hottest keys so far, hottest first; of equals the earlier.
#[derive(Default)]
struct Hottest(Vec<(Vec<u8>, u64)>);

impl Hottest {
    /// Whether the key is among them now.
    fn offer(&mut self, key: &[u8], counter: u64) -> bool {
        let at = self.0.partition_point(|(_, other)| *other >= counter);
        if counter == 0 || at == KEPT {
            return false;
        }
        self.0.insert(at, (key.to_vec(), counter));
        self.0.truncate(KEPT);
        true
    }
}

/// Looks at all keys.
///
/// # Errors
/// When the connection breaks, or the server counts no uses (`maxmemory-policy` other than `*lfu`).
pub fn run(connection: &mut Connection, options: &Options) -> Outcome {
    let total = ask(connection, &["DBSIZE"])?
        .integer()
        .unwrap_or(0)
        .unsigned_abs();
    let is_json = is_json(options);
    if !is_json {
        say!(
            "\n# Scanning the entire keyspace to find hot keys as well as\n\
             # average sizes per key type.  You can use -i 0.1 to sleep 0.1 sec\n\
             # per 100 SCAN commands (not usually needed).\n\n"
        );
    }
    let (mut hottest, mut sampled) = (Hottest::default(), 0);
    let (mut pages, mut count) = (Pages::new(options), 0);
    while let Some(keys) = pages.next(connection)? {
        let done = percent(sampled, total);
        let mut request = Vec::new();
        for key in &keys {
            push_request(&mut request, &[&b"OBJECT"[..], b"FREQ", key.as_slice()]);
        }
        connection.send_bytes(&request)?;
        for key in &keys {
            // A null is a key that is gone meanwhile.
            let counter = checked(connection.read_reply()?)?
                .integer()
                .unwrap_or(0)
                .unsigned_abs();
            sampled += 1;
            if sampled.is_multiple_of(PROGRESS_KEYS) && !is_json {
                say!("[{done:05.2}%] Sampled {sampled} keys so far\n");
            }
            if hottest.offer(key, counter) && !is_json {
                say!(
                    "[{done:05.2}%] Hot key '{}' found so far with counter {counter}\n",
                    quoted(key)
                );
            }
        }
        count += 1;
        if let (Some(pause), true) = (options.interval, count % PAUSE_PAGES == 0) {
            std::thread::sleep(pause);
        }
    }
    if is_json {
        let keys = hottest.0.iter();
        let keys =
            keys.map(|(key, counter)| json!({"key": String::from_utf8_lossy(key), "counter": counter}));
        say!(
            "{}\n",
            json!({"sampled": sampled, "hot_keys": keys.collect::<Vec<_>>()})
        );
        return Ok(());
    }
    say!("\n-------- summary -------\n\nSampled {sampled} keys in the keyspace!\n");
    for (key, counter) in &hottest.0 {
        say!(
            "hot key found with counter: {counter}\tkeyname: {}\n",
            quoted(key)
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use flashdb_base::prng::Prng;

    #[test]
    fn keeps_the_hottest_in_order() {
        let mut random = Prng::from_seed(3);
        let (mut hottest, mut model) = (Hottest::default(), Vec::new());
        for number in 0..500_u64 {
            let counter = random.below(40);
            let key = number.to_string().into_bytes();
            hottest.offer(&key, counter);
            model.push((key, counter));
        }
        model.retain(|(_, counter)| *counter > 0);
        // Stable: of equals the earlier stay in front.
        model.sort_by_key(|(_, counter)| std::cmp::Reverse(*counter));
        model.truncate(KEPT);
        assert_eq!(hottest.0, model);
    }
}
