//! The slow log: the last commands that took longer than `slowlog-log-slower-than`, with their words
//! cut to what a person can read, and which of them are whole names of keys.

use crate::client::ClientInfo;
use crate::server::Server;
use flashdb_base::clock;
use flashdb_base::rate_limit::RateLimit;
use flashdb_command::CommandSpec;
use flashdb_resp::Args;
use std::collections::VecDeque;
use std::sync::atomic::Ordering;

/// Words of a request that are kept.
const WORDS_MAX: usize = 32;
/// Bytes of a word that are kept.
const WORD_BYTES_MAX: usize = 128;

/// Keys that are pointed at.
const KEYS_MAX: usize = 8;

/// One slow command.
#[derive(Clone, Debug)]
pub struct SlowEntry {
    /// Number since the start.
    pub id: u64,
    /// Unix time of its end, ms.
    pub time_ms: i64,
    /// Duration.
    pub duration_us: u64,
    /// Words, cut.
    pub words: Vec<Vec<u8>>,
    /// Which of the words are keys and not cut.
    pub keys: Vec<usize>,
    /// The database it ran in.
    pub db: u32,
    /// Id of the client.
    pub client_id: u64,
    /// Address of the client.
    pub addr: String,
    /// Name of the client.
    pub name: Vec<u8>,
}

impl SlowEntry {
    /// A command that has run, without its number. Built before the log is locked: others wait for that.
    pub fn of(
        spec: &CommandSpec,
        args: &Args<'_>,
        duration_us: u64,
        time_ms: i64,
        client: &ClientInfo,
    ) -> Self {
        SlowEntry {
            id: 0,
            time_ms,
            duration_us,
            words: cut(spec, args),
            keys: keys(spec, args),
            db: client.db.load(Ordering::Relaxed),
            client_id: client.id,
            addr: client.addr.clone(),
            name: client.names.lock().name.clone(),
        }
    }
}

/// The log, newest entry first.
#[derive(Default)]
pub struct SlowLog {
    entries: VecDeque<SlowEntry>,
    next_id: u64,
    clears: u64,
}

/// What has come since a look at the log.
#[derive(Clone, Debug, Default)]
pub struct SlowNews {
    /// The newest of what is there, oldest first.
    pub entries: Vec<SlowEntry>,
    /// Entries that are not among them.
    pub left_out: u64,
    /// Entries since the start.
    pub added: u64,
    /// How often the log was emptied since the start.
    pub clears: u64,
}

impl SlowLog {
    /// Numbers an entry, adds it, and drops what exceeds `max_len`.
    pub fn add(&mut self, mut entry: SlowEntry, max_len: usize) {
        entry.id = self.next_id;
        self.next_id += 1;
        self.entries.push_front(entry);
        self.entries.truncate(max_len);
    }

    /// What has been added since there were `added` entries, at most `max` of them.
    pub fn since(&self, added: u64, max: usize) -> SlowNews {
        let news = self.next_id.saturating_sub(added);
        let count = usize::try_from(news)
            .unwrap_or(max)
            .min(max)
            .min(self.entries.len());
        SlowNews {
            entries: self.entries.range(..count).rev().cloned().collect(),
            left_out: news - count as u64,
            added: self.next_id,
            clears: self.clears,
        }
    }

    /// Entries, newest first.
    pub fn iter(&self) -> impl Iterator<Item = &SlowEntry> {
        self.entries.iter()
    }

    /// Number of entries.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Number of entries since the start, dropped ones included.
    pub fn added(&self) -> u64 {
        self.next_id
    }

    /// Drops all entries; ids go on.
    pub fn clear(&mut self) {
        self.entries.clear();
        self.clears += 1;
    }
}

/// Logs a slow command as a warning, `slowlog-warnings-per-second` at most; of the others it is said how many there were.
/// The words are in the slow log only: the log of the server holds no data.
pub fn warn(server: &Server, client: &ClientInfo, spec: &CommandSpec, words: usize, duration_us: u64) {
    static LIMIT: RateLimit = RateLimit::new();
    let per_second = u64::from(server.settings().slowlog_warnings_per_second);
    let Some(left_out) = LIMIT.allow(clock::unix_ms() / 1000, per_second) else {
        return;
    };
    tracing::warn!(
        command = spec.full_name(),
        words,
        duration_us,
        client = client.id,
        addr = client.addr,
        left_out,
        "a slow command"
    );
}

fn cut(spec: &CommandSpec, args: &Args<'_>) -> Vec<Vec<u8>> {
    let mut words = Vec::with_capacity(args.len().min(WORDS_MAX));
    for (index, word) in args.iter().enumerate() {
        if index == WORDS_MAX - 1 && args.len() > WORDS_MAX {
            words.push(format!("... ({} more arguments)", args.len() - index).into_bytes());
            break;
        }
        if spec.is_secret(args, index) {
            words.push(b"(redacted)".to_vec());
        } else if word.len() > WORD_BYTES_MAX {
            let mut shown = word[..WORD_BYTES_MAX].to_vec();
            shown.extend_from_slice(format!("... ({} more bytes)", word.len() - WORD_BYTES_MAX).as_bytes());
            words.push(shown);
        } else {
            words.push(word.to_vec());
        }
    }
    words
}

/// The places of keys among the words that are kept whole. Of a request that does not fit the grammar there are none.
fn keys(spec: &CommandSpec, args: &Args<'_>) -> Vec<usize> {
    if !spec.accepts(args.len()) {
        return Vec::new();
    }
    let shown = if args.len() > WORDS_MAX {
        WORDS_MAX - 1
    } else {
        args.len()
    };
    let positions = spec.key_positions(args).unwrap_or_default();
    let places = positions.iter().map(|&at| at as usize);
    places
        .filter(|&at| at < shown && args.at(at).len() <= WORD_BYTES_MAX && !spec.is_secret(args, at))
        .take(KEYS_MAX)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry() -> SlowEntry {
        SlowEntry {
            id: 0,
            time_ms: 0,
            duration_us: 1,
            words: Vec::new(),
            keys: Vec::new(),
            db: 0,
            client_id: 1,
            addr: String::new(),
            name: Vec::new(),
        }
    }

    #[test]
    fn news_are_those_since_a_look_and_what_was_dropped_is_counted() {
        let mut log = SlowLog::default();
        let ids = |news: &SlowNews| news.entries.iter().map(|entry| entry.id).collect::<Vec<_>>();
        assert_eq!(
            (log.since(0, 10).entries.len(), log.since(0, 10).left_out),
            (0, 0)
        );
        for _ in 0..6 {
            log.add(entry(), 4);
        }
        let all = log.since(0, 10);
        assert_eq!((ids(&all), all.left_out, all.added), (vec![2, 3, 4, 5], 2, 6));
        let some = log.since(3, 2);
        assert_eq!((ids(&some), some.left_out), (vec![4, 5], 1));
        assert_eq!(ids(&log.since(6, 10)), [0_u64; 0]);
        log.clear();
        let news = log.since(5, 10);
        assert_eq!((news.entries.len(), news.left_out, news.clears), (0, 1, 1));
        log.add(entry(), 4);
        assert_eq!(ids(&log.since(6, 10)), [6], "ids go on");
    }
}
