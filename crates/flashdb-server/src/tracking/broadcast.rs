//! Broadcasting: clients that are told of every change of a key with one of their prefixes. The changes of a turn are
//! told together, one notice per prefix, as Redis does.

use super::Trackers;
use super::notice::{News, Notice};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// Stands for changes by several authors.
const SEVERAL: u64 = 0;

/// Prefixes and the clients that are told of them.
#[derive(Default)]
pub struct Prefixes {
    clients: HashMap<Box<[u8]>, Vec<u64>>,
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
        self.clients.len()
    }

    /// Has `client` told of keys that begin with `prefix`.
    pub(super) fn add(&mut self, prefix: &[u8], client: u64) {
        let clients = self.clients.entry(prefix.into()).or_default();
        if clients.is_empty() {
            *self.lengths.entry(prefix.len()).or_default() += 1;
        }
        clients.push(client);
    }

    /// Takes that back.
    pub(super) fn remove(&mut self, prefix: &[u8], client: u64) {
        let Some(clients) = self.clients.get_mut(prefix) else {
            return;
        };
        clients.retain(|one| *one != client);
        if !clients.is_empty() {
            return;
        }
        self.clients.remove(prefix);
        if let Some(count) = self.lengths.get_mut(&prefix.len()) {
            *count -= 1;
            if *count == 0 {
                self.lengths.remove(&prefix.len());
            }
        }
    }

    /// Notes a change for the prefixes that `key` begins with.
    pub(super) fn note(&self, changes: &mut TurnChanges, key: &[u8], author: u64) {
        for &length in self.lengths.keys() {
            let Some(start) = key.get(..length) else { break };
            let Some((prefix, _)) = self.clients.get_key_value(start) else {
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
    pub(super) fn notices(&self, changes: TurnChanges, trackers: &Trackers, out: &mut Vec<Notice>) {
        for (prefix, keys) in changes.0 {
            let Some(clients) = self.clients.get(&prefix) else {
                continue;
            };
            let all: Arc<[Box<[u8]>]> = keys.keys().cloned().collect();
            for tracker in clients.iter().filter_map(|client| trackers.get(client)) {
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
    use super::super::{Mode, Tracker};
    use super::*;
    use crate::client::ClientInfo;

    #[derive(Default)]
    struct Told {
        prefixes: Prefixes,
        trackers: Trackers,
    }

    impl Told {
        fn add(&mut self, id: u64, no_loop: bool, prefixes: &[&str]) {
            let client = Arc::new(ClientInfo {
                id,
                ..ClientInfo::default()
            });
            let tracker = Tracker::new(client, None, Mode::Broadcast, no_loop);
            self.trackers.insert(id, Arc::new(tracker));
            prefixes
                .iter()
                .for_each(|one| self.prefixes.add(one.as_bytes(), id));
        }

        /// Client and keys of each notice.
        fn of(&self, changes: &[(&str, u64)]) -> Vec<(u64, String)> {
            let (mut turn, mut out) = (TurnChanges::default(), Vec::new());
            for (key, author) in changes {
                self.prefixes.note(&mut turn, key.as_bytes(), *author);
            }
            self.prefixes.notices(turn, &self.trackers, &mut out);
            let text = |notice: &Notice| match &notice.news {
                News::Keys(keys) => String::from_utf8_lossy(&keys.join(&b' ')).into_owned(),
                _ => "?".to_owned(),
            };
            out.iter()
                .map(|notice| (notice.tracker.client.id, text(notice)))
                .collect()
        }
    }

    #[test]
    fn one_notice_per_prefix() {
        let mut told = Told::default();
        told.add(1, false, &["a:", "b:"]);
        told.add(2, false, &[""]);
        let changes = [("b:2", 9), ("a:1", 9), ("c", 9), ("a:0", 9), ("a:1", 9)];
        assert_eq!(
            told.of(&changes),
            [
                (2, "a:0 a:1 b:2 c".to_owned()),
                (1, "a:0 a:1".to_owned()),
                (1, "b:2".to_owned())
            ]
        );
    }

    #[test]
    fn own_changes_are_left_out_unless_others_made_them_too() {
        let mut told = Told::default();
        told.add(1, true, &[""]);
        assert_eq!(told.of(&[("own", 1)]), []);
        let changes = [
            ("own", 1),
            ("both", 1),
            ("both", 2),
            ("went", 1),
            ("went", 0),
            ("other", 2),
        ];
        assert_eq!(told.of(&changes), [(1, "both other went".to_owned())]);
    }

    #[test]
    fn prefixes_go_with_their_last_client() {
        let mut told = Told::default();
        told.add(1, false, &["a", "bc"]);
        told.add(2, false, &["a"]);
        assert_eq!(told.prefixes.count(), 2);
        told.prefixes.remove(b"a", 1);
        told.prefixes.remove(b"bc", 1);
        assert_eq!(told.prefixes.count(), 1);
        assert_eq!(told.of(&[("abc", 0), ("bcd", 0)]), [(2, "abc".to_owned())]);
        told.prefixes.remove(b"a", 2);
        assert!(told.prefixes.count() == 0 && told.prefixes.lengths.is_empty());
    }
}
