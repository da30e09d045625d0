//! What a record runs and which shards it touches. Only the rows of data commands are known here: none of them needs a
//! client or a server, so they run during recovery as they do for clients. Changes of function libraries are executed by
//! `libraries`.

use super::error::Reason;
use flashdb_base::args::{Args, Span};
use flashdb_command::{CommandSpec, Registry};
use flashdb_log::{Kind, Record};
use flashdb_store::{Keyspace, ShardSet};

/// Commands that go through the log for followers only.
const FOR_FOLLOWERS: [&[u8]; 2] = [b"PUBLISH", b"SPUBLISH"];

/// The rows that records can name.
pub struct Commands {
    registry: Registry,
    /// The row of each kind that stands for a command, by its code.
    by_kind: Vec<Option<&'static CommandSpec>>,
}

impl Default for Commands {
    fn default() -> Self {
        Commands::new()
    }
}

/// What is to be done for a record.
#[derive(Clone, Copy)]
pub(super) enum Action {
    /// Nothing: the record is of the file or for followers.
    Nothing,
    /// One key is changed without a handler.
    Direct,
    /// The handler of a row runs.
    Handler(&'static CommandSpec),
    /// Function libraries are changed.
    Libraries,
}

/// Which shards a record touches.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Shards {
    /// One.
    One(u16),
    /// Several.
    Several(ShardSet),
    /// Any.
    All,
}

impl Commands {
    /// The commands of `flashdb-command`.
    pub fn new() -> Self {
        let registry = Registry::new(&flashdb_command::families());
        let mut by_kind = vec![None; 256];
        for &kind in Kind::ALL {
            by_kind[kind as usize] = kind
                .name()
                .and_then(|name| registry.find(name.as_bytes()))
                .map(|command| command.spec);
        }
        Commands { registry, by_kind }
    }

    /// What `record`, which is no group, asks for. `words` is used for the words of a request.
    pub(super) fn action(&self, record: &Record<'_>, words: &mut WordBuffer) -> Result<Action, Reason> {
        match record.kind {
            Kind::Set | Kind::SetWithTtl | Kind::Delete | Kind::Expire | Kind::Persist => Ok(Action::Direct),
            Kind::Command => self.named(record, words),
            kind => Ok(self.by_kind[kind as usize].map_or(Action::Nothing, Action::Handler)),
        }
    }

    fn named(&self, record: &Record<'_>, words: &mut WordBuffer) -> Result<Action, Reason> {
        let args = words.in_place(record)?;
        let name = args.get(0).ok_or(Reason::UnknownCommand)?;
        if FOR_FOLLOWERS.iter().any(|known| name.eq_ignore_ascii_case(known)) {
            return Ok(Action::Nothing);
        }
        if name.eq_ignore_ascii_case(b"FUNCTION") {
            return Ok(Action::Libraries);
        }
        let command = self.registry.resolve(&args).map_err(|_| Reason::UnknownCommand)?;
        if !command.spec.accepts(args.len()) {
            return Err(Reason::UnknownCommand);
        }
        Ok(Action::Handler(command.spec))
    }

    /// The shards that `record` touches when it does `action`.
    #[inline]
    pub(super) fn shards(
        &self,
        space: &Keyspace,
        record: &Record<'_>,
        action: Action,
        words: &mut WordBuffer,
    ) -> Result<Shards, Reason> {
        let spec = match action {
            Action::Handler(spec) if record.kind == Kind::Command => spec,
            Action::Libraries => return Ok(Shards::All),
            // All other kinds have one key.
            _ => return Ok(Shards::One(space.shard_of(record.key))),
        };
        let args = words.in_place(record)?;
        if spec.is_exclusive(&args) {
            return Ok(Shards::All);
        }
        let refused = |_| Reason::Refused("ERR".into());
        let positions = spec.key_positions(&args).map_err(refused)?;
        let mut shards: ShardSet = positions
            .iter()
            .map(|&at| space.shard_of(args.at(at as usize)))
            .collect();
        shards.sort_unstable();
        shards.dedup();
        Ok(match shards.as_slice() {
            [] => Shards::All,
            [one] => Shards::One(*one),
            _ => Shards::Several(shards),
        })
    }
}

/// Memory for the words of one request, used again and again.
#[derive(Default)]
pub(super) struct WordBuffer {
    bytes: Vec<u8>,
    spans: Vec<Span>,
}

/// Capacity kept from one request to the next.
const KEPT_BYTES: usize = 1 << 20;

impl WordBuffer {
    /// The words in the value of a record of kind `Command`, where they stand.
    pub(super) fn in_place<'w>(&'w mut self, record: &Record<'w>) -> Result<Args<'w>, Reason> {
        check_size(record)?;
        self.spans.clear();
        let start = record.value.as_ptr() as usize;
        for word in record.value_words() {
            let word = word?;
            self.spans.push(Span {
                start: (word.as_ptr() as usize - start) as u32,
                len: word.len() as u32,
            });
        }
        Ok(Args::new(record.value, &self.spans))
    }

    /// The request that a record of any kind stands for, copied unless it stands in the record as it is.
    pub(super) fn request<'w>(&'w mut self, record: &Record<'w>) -> Result<Args<'w>, Reason> {
        let Some(name) = record.kind.name() else {
            return self.in_place(record);
        };
        check_size(record)?;
        self.bytes.clear();
        self.bytes.shrink_to(KEPT_BYTES);
        self.spans.clear();
        self.push(name.as_bytes());
        self.push(record.key);
        for word in record.value_words() {
            self.push(word?);
        }
        Ok(Args::new(&self.bytes, &self.spans))
    }

    fn push(&mut self, word: &[u8]) {
        self.spans.push(Span {
            start: self.bytes.len() as u32,
            len: word.len() as u32,
        });
        self.bytes.extend_from_slice(word);
    }
}

/// Positions in a request have 32 bits, which no request exceeds that a client could send.
fn check_size(record: &Record<'_>) -> Result<(), Reason> {
    const NAME_BYTES_MAX: usize = 64;
    if record.key.len() + record.value.len() + NAME_BYTES_MAX > u32::MAX as usize {
        let too_long = flashdb_log::FrameError::Malformed("its request has more than 4 GiB");
        return Err(Reason::Frame(too_long));
    }
    Ok(())
}
