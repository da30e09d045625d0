//! The slow log: the last commands that took longer than `slowlog-log-slower-than`, with their words
//! cut to what a person can read.

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

    /// Drops all entries; ids go on.
    pub fn clear(&mut self) {
        self.entries.clear();
    }
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
