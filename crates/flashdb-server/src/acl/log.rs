//! The log of what was refused: commands, keys and channels that a user may not use, and logins that
//! failed. The same thing again within a minute is counted, not entered anew.

use super::check::Lack;
use std::collections::VecDeque;

/// Entries are put together if not further apart than this.
const TOGETHER_MS: i64 = 60_000;
/// How many of the newest entries are looked at for one to be put together with.
const LOOKED_AT: usize = 10;

/// What was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// A command.
    Command,
    /// A key.
    Key,
    /// A channel.
    Channel,
    /// A login.
    Auth,
}

impl From<Lack> for Reason {
    fn from(lack: Lack) -> Self {
        match lack {
            Lack::Command => Reason::Command,
            Lack::Key => Reason::Key,
            Lack::Channel => Reason::Channel,
        }
    }
}

impl Reason {
    /// As ACL LOG shows it.
    pub fn name(self) -> &'static str {
        match self {
            Reason::Command => "command",
            Reason::Key => "key",
            Reason::Channel => "channel",
            Reason::Auth => "auth",
        }
    }
}

/// Where it was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Surroundings {
    /// As a request of its own.
    Toplevel,
    /// In a transaction, when queued or run.
    Multi,
    /// In a script or function.
    Lua,
}

impl Surroundings {
    /// As ACL LOG shows it.
    pub fn name(self) -> &'static str {
        match self {
            Surroundings::Toplevel => "toplevel",
            Surroundings::Multi => "multi",
            Surroundings::Lua => "lua",
        }
    }
}

/// One refusal, and how often it happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Number since the start.
    pub id: u64,
    /// How often.
    pub count: u64,
    /// What was refused.
    pub reason: Reason,
    /// Where.
    pub surroundings: Surroundings,
    /// The command, key or channel; of a login the command.
    pub object: Vec<u8>,
    /// Who.
    pub username: Vec<u8>,
    /// The client, as CLIENT LIST shows it, at the last time.
    pub client_info: Vec<u8>,
    /// Unix time of the first time, ms.
    pub created_ms: i64,
    /// Unix time of the last time, ms.
    pub updated_ms: i64,
}

/// The log, newest entry first.
#[derive(Debug, Default)]
pub struct AclLog {
    entries: VecDeque<Entry>,
    next_id: u64,
}

impl AclLog {
    /// Enters what was refused at `entry.updated_ms`; its id, count and first time are set here. Returns whether it is an
    /// entry of its own.
    pub fn add(&mut self, mut entry: Entry, max_len: usize) -> bool {
        let same = |known: &Entry| {
            (known.reason, known.surroundings) == (entry.reason, entry.surroundings)
                && known.object == entry.object
                && known.username == entry.username
                && entry.updated_ms - known.updated_ms <= TOGETHER_MS
        };
        let found = self.entries.iter().take(LOOKED_AT).position(same);
        let is_new = found.is_none();
        if let Some(known) = found.and_then(|at| self.entries.remove(at)) {
            (entry.id, entry.count, entry.created_ms) = (known.id, known.count + 1, known.created_ms);
        } else {
            (entry.id, entry.count, entry.created_ms) = (self.next_id, 1, entry.updated_ms);
            self.next_id += 1;
        }
        self.entries.push_front(entry);
        self.entries.truncate(max_len);
        is_new
    }

    /// Entries, newest first.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Entry> {
        self.entries.iter()
    }

    /// Drops all entries; ids go on.
    pub fn clear(&mut self) {
        self.entries.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(object: &str, updated_ms: i64) -> Entry {
        Entry {
            id: 0,
            count: 0,
            reason: Reason::Key,
            surroundings: Surroundings::Toplevel,
            object: object.into(),
            username: b"u".to_vec(),
            client_info: Vec::new(),
            created_ms: 0,
            updated_ms,
        }
    }

    #[test]
    fn the_same_within_a_minute_is_counted() {
        let mut log = AclLog::default();
        for (object, at) in [("a", 0), ("b", 1), ("a", 60_000), ("a", 120_001)] {
            log.add(entry(object, at), 128);
        }
        let shown: Vec<_> = log
            .iter()
            .map(|entry| (entry.object.clone(), entry.count, entry.id, entry.created_ms))
            .collect();
        assert_eq!(
            shown,
            [
                (b"a".to_vec(), 1, 2, 120_001),
                (b"a".to_vec(), 2, 0, 0),
                (b"b".to_vec(), 1, 1, 1)
            ]
        );
        log.add(entry("c", 0), 2);
        assert_eq!(log.iter().len(), 2);
        log.add(entry("d", 0), 0);
        assert_eq!(log.iter().len(), 0);
    }
}
