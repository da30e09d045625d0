//! Large values in a snapshot: taken in pieces instead of as a whole, so that neither a walker nor a core loop ever does more
//! under a shard's lock than some hundred members (`docs/design/0008-capture-in-pieces.md`).
//!
//! Whoever meets a large value captures its head and begins to take it ([`flashdb_types::pieces`]). From then on the value
//! itself knows, wherever it goes: a database has only the hashes of keys where a walker is to look for values that are being
//! taken, and one that leaves the keyspace is given to the walker.

use crate::database::Database;
use crate::entry::Entry;
use crate::snapshot::{Piece, SnapshotJob, WalkBudget};
use flashdb_types::pieces::{Amount, Kind, Part, Takeable, Taker};
use std::any::Any;
use std::sync::Arc;

/// Values of fewer bytes are captured as a whole, in some 20 us.
const LARGE_BYTES: usize = 64 << 10;
/// Values under longer keys too: each piece has the key.
const KEY_BYTES_MAX: usize = 1 << 10;
/// Memory for the next piece that is kept between pieces.
const PAYLOAD_KEPT_BYTES: usize = 16 << 10;

/// Where to look for values that are being taken; more than there are, as such values move.
pub(crate) struct Opened {
    pub(crate) job: Arc<SnapshotJob>,
    hashes: Vec<u64>,
}

/// Takes one value.
pub(crate) struct PieceTaker {
    job: Arc<SnapshotJob>,
    /// Shard and database at the cut.
    shard: u16,
    db: u16,
    key: Box<[u8]>,
    kind: Kind,
    members: usize,
    payload: Vec<u8>,
}

/// The collection in the entry if it is to be captured in pieces.
#[inline]
fn large_collection(entry: &Entry) -> Option<&dyn Takeable> {
    let collection = entry.takeable()?;
    let is_large = entry.memory_bytes() > LARGE_BYTES && entry.key().len() <= KEY_BYTES_MAX;
    (is_large && collection.is_takeable() && collection.taker().is_none()).then_some(collection)
}

/// Captures the head of an entry that is large, which then has to be opened with what is returned. `None`, and nothing
/// captured, for others.
#[inline]
pub(crate) fn capture_large(
    job: &Arc<SnapshotJob>,
    shard: u16,
    db: u16,
    entry: &Entry,
) -> Option<PieceTaker> {
    let collection = large_collection(entry)?;
    job.sink().capture_head(shard, db, entry, collection.members());
    Some(PieceTaker {
        job: job.clone(),
        shard,
        db,
        key: entry.key().into(),
        kind: collection.kind(),
        members: 0,
        payload: Vec::new(),
    })
}

impl Taker for PieceTaker {
    fn take(&mut self, part: Part<'_>) {
        if !self.job.is_abandoned() {
            self.members += 1;
            self.job.sink().encode(&part, &mut self.payload);
        }
    }

    fn close(&mut self) {
        if self.members > 0 {
            self.job.sink().capture_piece(&Piece {
                shard: self.shard,
                db: self.db,
                key: &self.key,
                kind: self.kind,
                members: self.members,
                payload: &self.payload,
            });
            self.members = 0;
            self.payload.clear();
            self.payload.shrink_to(PAYLOAD_KEPT_BYTES);
        }
    }
}

/// Who takes the value of an entry, if it is being taken.
#[inline]
pub(crate) fn taker_of(entry: &Entry) -> Option<&PieceTaker> {
    let taker: &dyn Any = entry.takeable()?.taker()?;
    taker.downcast_ref()
}

impl PieceTaker {
    pub(crate) fn job(&self) -> &Arc<SnapshotJob> {
        &self.job
    }
}

/// Takes a piece of an entry's value; false when nothing is left of it.
pub(crate) fn take_some(entry: &mut Entry, budget: &mut WalkBudget) -> bool {
    let Some(collection) = entry.takeable_mut() else {
        return false;
    };
    let most = Amount {
        members: budget.entries,
        bytes: budget.bytes,
    };
    let (taken, more) = collection.take_some(most);
    budget.spend(taken.members, taken.bytes);
    more
}

impl Database {
    /// Begins to take the values whose heads were captured.
    pub(crate) fn open(&mut self, takers: Vec<PieceTaker>) {
        for taker in takers {
            let hash = flashdb_base::hash::hash_bytes(&taker.key);
            let job = taker.job.clone();
            let entry = self
                .table
                .find_mut_unmarked(hash, |entry| *entry.key() == *taker.key);
            let collection = entry
                .and_then(Entry::takeable_mut)
                .expect("captured a moment ago under the same lock");
            collection.begin_taking(job.epoch(), Box::new(taker));
            self.note_opened(hash, &job);
        }
    }

    /// To be called when an entry came here from elsewhere: if its value is being taken, that goes on here.
    pub(crate) fn follow(&mut self, key: &[u8], hash: u64, shard: u16) {
        let entry = self.find(key, hash);
        if let Some(job) = entry.and_then(taker_of).map(|taker| taker.job.clone()) {
            self.note_opened(hash, &job);
            job.walk_again(shard);
        }
    }

    fn note_opened(&mut self, hash: u64, job: &Arc<SnapshotJob>) {
        let opened = self.opened.get_or_insert_with(|| {
            Box::new(Opened {
                job: job.clone(),
                hashes: Vec::new(),
            })
        });
        opened.hashes.push(hash);
    }

    /// Takes pieces of the values that are being taken; false when there are none any more.
    pub(crate) fn walk_opened(&mut self, budget: &mut WalkBudget) -> bool {
        let Some(opened) = &mut self.opened else {
            return false;
        };
        while let Some(&hash) = opened.hashes.last() {
            if budget.is_spent() {
                return true;
            }
            budget.spend(1, 0);
            let is_taken = |entry: &Entry| taker_of(entry).is_some();
            let entry = self
                .table
                .find_mut_unmarked(hash, |entry| entry_is(entry, hash) && is_taken(entry));
            match entry {
                Some(entry) if opened.job.is_abandoned() => {
                    entry.takeable_mut().into_iter().for_each(|of| of.end_taking());
                }
                Some(entry) => _ = take_some(entry, budget),
                None => drop(opened.hashes.pop()),
            }
        }
        self.opened = None;
        false
    }
}

fn entry_is(entry: &Entry, hash: u64) -> bool {
    crate::database::entry_hash(entry) == hash
}
