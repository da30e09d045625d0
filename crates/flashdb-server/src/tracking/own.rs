//! What of client-side caching belongs to a client's own loop: whether the keys of its commands are remembered, and which
//! of them wait to be.

use super::{Mode, Tracker, Tracking};
use flashdb_command::registry::Command;
use flashdb_command::{CommandSpec, Flags};
use flashdb_resp::Args;
use flashdb_store::Access;
use std::collections::BTreeSet;
use std::sync::Arc;

/// See the module's head.
#[derive(Default)]
pub struct OwnTracking {
    /// How the client tracks; `None` if it does not.
    pub tracker: Option<Arc<Tracker>>,
    /// Beginnings of the keys it is told of, none the beginning of another.
    pub prefixes: BTreeSet<Box<[u8]>>,
    /// CLIENT CACHING was said for the next command.
    pub caching: bool,
    /// A command that the running script called has read something.
    pub script_read: bool,
    /// Keys that commands of the running transaction have read.
    reads: Vec<Box<[u8]>>,
}

impl OwnTracking {
    /// Whether the client tracks.
    #[inline]
    pub fn is_on(&self) -> bool {
        self.tracker.is_some()
    }

    /// Memory of it, about.
    pub fn memory_bytes(&self) -> usize {
        /// A prefix has a node here and an entry in the table of all prefixes.
        const PREFIX_BYTES: usize = 120;
        let prefixes: usize = self.prefixes.iter().map(|one| 2 * one.len() + PREFIX_BYTES).sum();
        let reads: usize = self
            .reads
            .iter()
            .map(|key| key.len() + size_of::<Box<[u8]>>())
            .sum();
        prefixes + reads
    }

    /// Whether the keys that the next command reads are remembered.
    pub fn remembers(&self) -> bool {
        self.tracker.as_ref().is_some_and(|tracker| match tracker.mode {
            Mode::Reads => true,
            Mode::OptIn => self.caching,
            Mode::OptOut => !self.caching,
            Mode::Broadcast => false,
        })
    }

    /// Remembers the keys of a command that is part of a greater one, if it reads and the client wants to know: at once, so
    /// that a later part which changes them is told, and again once the whole is committed.
    pub fn note_read(
        &mut self,
        tracking: &Tracking,
        data: &mut Access<'_>,
        command: &Command,
        args: &Args<'_>,
    ) {
        let reads = self.has_read(command.spec);
        let Some(tracker) = &self.tracker else { return };
        if self.remembers() && reads {
            remember(data, command, args, tracker.client.id, tracking);
            let positions = command.spec.key_positions(args).unwrap_or_default();
            self.reads
                .extend(positions.iter().map(|&at| args.at(at as usize).into()));
        }
    }

    /// Remembers what a command has read, after its commit and under the locks it ran under. The commit before has told
    /// of the command's own changes: what it read afterwards, in the same transaction, is known to the client and has to
    /// stay remembered, also where the client is not told of its own changes.
    pub fn end_command(
        &mut self,
        tracking: &Tracking,
        data: &mut Access<'_>,
        command: &Command,
        args: &Args<'_>,
        waits: bool,
    ) {
        let reads = self.has_read(command.spec);
        let Some(tracker) = &self.tracker else { return };
        let (reader, is_alive) = (tracker.client.id, |reader| tracking.of(reader).is_some());
        for key in self.reads.drain(..) {
            data.remember_reader(&key, reader, is_alive);
        }
        // One that waits reads when it is served.
        if !waits && reads && self.remembers() {
            remember(data, command, args, reader, tracking);
        }
    }

    /// Whether the keys of a command that has run are those it has read. Of a script all declared ones are, as in Redis, once
    /// it has called a command that reads.
    fn has_read(&mut self, spec: &CommandSpec) -> bool {
        if spec.flags.has(Flags::RUNS_SCRIPT) {
            return std::mem::take(&mut self.script_read);
        }
        reads(spec)
    }

    /// Forgets what CLIENT CACHING said, unless the command leaves it standing.
    pub fn end_caching(&mut self, spec: &CommandSpec, in_transaction: bool) {
        if self.caching && !in_transaction && !spec.flags.has(Flags::KEEPS_CACHING) {
            self.caching = false;
        }
    }
}

/// Whether the keys of a command are those it reads. Shard channels look like keys, but are none.
pub fn reads(spec: &CommandSpec) -> bool {
    spec.flags.has(Flags::READONLY) && !spec.flags.has(Flags::PUBSUB)
}

/// Remembers the keys of one command for `reader`.
pub fn remember(data: &mut Access<'_>, command: &Command, args: &Args<'_>, reader: u64, tracking: &Tracking) {
    let is_alive = |reader| tracking.of(reader).is_some();
    if let Some(at) = command.single_key {
        return data.remember_reader(args.at(at as usize), reader, is_alive);
    }
    for at in command.spec.key_positions(args).unwrap_or_default() {
        data.remember_reader(args.at(at as usize), reader, is_alive);
    }
}
