//! Broadcasting: clients that are told of every change of a key with one of their prefixes. The changes of a turn are
//! told together, one notice per prefix, as Redis does.

use super::notice::{News, Notice};
use super::{Mode, Tracker};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// Stands for changes by several authors.
const SEVERAL: u64 = 0;

/// Prefixes and who is told of them.
#[derive(Default)]
pub struct Prefixes {
    trackers: HashMap<Box<[u8]>, Vec<Arc<Tracker>>>,
    /// Lengths of the prefixes with how many have each: a key is looked up once per length, not once per prefix.
    lengths: BTreeMap<usize, usize>,
}

/// Keys that changed, with the only client that changed each; 0 for several, or nobody.
type Changes = BTreeMap<Box<[u8]>, u64>;

/// What changed in a turn, by prefix.
#[derive(Default)]
pub struct TurnChanges(BTreeMap<Box<[u8]>, Changes>);

impl Prefixes {
    /// Number of prefixes.
    pub fn count(&self) -> usize {
        self.trackers.len()
    }

    pub(super) fn add(&mut self, tracker: &Arc<Tracker>) {
        if tracker.mode != Mode::Broadcast {
            return;
        }
        for prefix in &tracker.prefixes {
            let trackers = self.trackers.entry(prefix.clone()).or_default();
            if trackers.is_empty() {
                *self.lengths.entry(prefix.len()).or_default() += 1;
            }
            trackers.push(tracker.clone());
        }
    }

    pub(super) fn remove(&mut self, tracker: &Tracker) {
        for prefix in &tracker.prefixes {
            let Some(trackers) = self.trackers.get_mut(prefix) else {
                continue;
            };
            trackers.retain(|one| one.client.id != tracker.client.id);
            if !trackers.is_empty() {
                continue;
            }
            self.trackers.remove(prefix);
            if let Some(count) = self.lengths.get_mut(&prefix.len()) {
                *count -= 1;
                if *count == 0 {
                    self.lengths.remove(&prefix.len());
                }
            }
        }
    }

    /// Notes a change for the prefixes that `key` begins with.
    pub(super) fn note(&self, changes: &mut TurnChanges, key: &[u8], author: u64) {
        for &length in self.lengths.keys() {
            let Some(start) = key.get(..length) else { break };
            let Some((prefix, _)) = self.trackers.get_key_value(start) else {
                continue;
            };
            if !changes.0.contains_key(prefix) {
                changes.0.insert(prefix.clone(), Changes::new());
            }
            let of_prefix = changes.0.get_mut(prefix).expect("inserted above");
            match of_prefix.get_mut(key) {
                Some(known) if *known != author => *known = SEVERAL,
                Some(_) => {}
                None => {
                    of_prefix.insert(key.into(), author);
                }
            }
        }
    }

    /// The notices of the changes of a turn.
    pub(super) fn notices(&self, changes: TurnChanges, out: &mut Vec<Notice>) {
        for (prefix, keys) in changes.0 {
            let Some(trackers) = self.trackers.get(&prefix) else {
                continue;
            };
            let all: Arc<[Box<[u8]>]> = keys.keys().cloned().collect();
            for tracker in trackers {
                let known = if keys.values().all(|author| tracker.wants(*author)) {
                    all.clone()
                } else {
                    let wanted = keys.iter().filter(|(_, author)| tracker.wants(**author));
                    wanted.map(|(key, _)| key.clone()).collect()
                };
                if !known.is_empty() {
                    Notice::push(out, tracker, News::Keys(known));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::ClientInfo;

    fn tracker(id: u64, no_loop: bool, prefixes: &[&str]) -> Arc<Tracker> {
        let client = Arc::new(ClientInfo {
            id,
            ..ClientInfo::default()
        });
        let prefixes = prefixes.iter().map(|one| one.as_bytes().into()).collect();
        Arc::new(Tracker::new(client, None, Mode::Broadcast, no_loop, prefixes))
    }

    /// Client and keys of each notice.
    fn told(prefixes: &Prefixes, changes: &[(&str, u64)]) -> Vec<(u64, String)> {
        let (mut turn, mut out) = (TurnChanges::default(), Vec::new());
        for (key, author) in changes {
            prefixes.note(&mut turn, key.as_bytes(), *author);
        }
        prefixes.notices(turn, &mut out);
        let text = |notice: &Notice| match &notice.news {
            News::Keys(keys) => keys
                .iter()
                .map(|key| String::from_utf8_lossy(key))
                .collect::<Vec<_>>()
                .join(" "),
            _ => "?".to_owned(),
        };
        out.iter()
            .map(|notice| (notice.tracker.client.id, text(notice)))
            .collect()
    }

    #[test]
    fn one_notice_per_prefix() {
        let mut prefixes = Prefixes::default();
        prefixes.add(&tracker(1, false, &["a:", "b:"]));
        prefixes.add(&tracker(2, false, &[""]));
        let changes = [("b:2", 9), ("a:1", 9), ("c", 9), ("a:0", 9), ("a:1", 9)];
        assert_eq!(
            told(&prefixes, &changes),
            [
                (2, "a:0 a:1 b:2 c".to_owned()),
                (1, "a:0 a:1".to_owned()),
                (1, "b:2".to_owned())
            ]
        );
    }

    #[test]
    fn own_changes_are_left_out_unless_others_made_them_too() {
        let mut prefixes = Prefixes::default();
        prefixes.add(&tracker(1, true, &[""]));
        assert_eq!(told(&prefixes, &[("own", 1)]), []);
        let changes = [
            ("own", 1),
            ("both", 1),
            ("both", 2),
            ("went", 1),
            ("went", 0),
            ("other", 2),
        ];
        assert_eq!(told(&prefixes, &changes), [(1, "both other went".to_owned())]);
    }

    #[test]
    fn prefixes_go_with_their_last_tracker() {
        let mut prefixes = Prefixes::default();
        let (first, second) = (tracker(1, false, &["a", "bc"]), tracker(2, false, &["a"]));
        prefixes.add(&first);
        prefixes.add(&second);
        assert_eq!(prefixes.count(), 2);
        prefixes.remove(&first);
        assert_eq!(prefixes.count(), 1);
        assert_eq!(
            told(&prefixes, &[("abc", 0), ("bcd", 0)]),
            [(2, "abc".to_owned())]
        );
        prefixes.remove(&second);
        assert!(prefixes.count() == 0 && prefixes.lengths.is_empty());
    }
}
