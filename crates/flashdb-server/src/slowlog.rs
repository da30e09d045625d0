//! The slow log: the last commands that took longer than `slowlog-log-slower-than`, with their words
//! cut to what a person can read.

use crate::client::ClientInfo;
use crate::server::Server;
use flashdb_base::clock;
use flashdb_base::rate_limit::RateLimit;
use flashdb_command::CommandSpec;
use flashdb_resp::Args;
use std::collections::VecDeque;

/// Words of a request that are kept.
const WORDS_MAX: usize = 32;
/// Bytes of a word that are kept.
const WORD_BYTES_MAX: usize = 128;

/// One slow command.
#[derive(Clone, Debug)]
pub struct SlowEntry {
    /// Number since the start.
    pub id: u64,
    /// Unix time, seconds.
    pub time: i64,
    /// Duration.
    pub duration_us: u64,
    /// Words, cut.
    pub words: Vec<Vec<u8>>,
    /// Address of the client.
    pub addr: String,
    /// Name of the client.
    pub name: Vec<u8>,
}

/// The log, newest entry first.
#[derive(Default)]
pub struct SlowLog {
    entries: VecDeque<SlowEntry>,
    next_id: u64,
}

impl SlowLog {
    /// Adds an entry and drops what exceeds `max_len`.
    #[expect(clippy::too_many_arguments, reason = "the parts of one entry")]
    pub fn add(
        &mut self,
        spec: &CommandSpec,
        args: &Args<'_>,
        duration_us: u64,
        time: i64,
        addr: &str,
        name: &[u8],
        max_len: usize,
    ) {
        let words = cut(spec, args);
        let id = self.next_id;
        self.next_id += 1;
        self.entries.push_front(SlowEntry {
            id,
            time,
            duration_us,
            words,
            addr: addr.into(),
            name: name.to_vec(),
        });
        self.entries.truncate(max_len);
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
