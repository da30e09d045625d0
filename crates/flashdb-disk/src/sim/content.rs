//! The content of one simulated file: what a reader sees, what is durable, and every version that a crash may leave.
//!
//! Content is kept in sectors; a sector that is absent is a hole and reads as zeros. What was not made durable is noted per
//! sector and for the length, as all versions since the last sync. A sync that failed makes them *clean*: still
//! candidates at a crash, but no later sync takes them up, unless they are written anew.
//!
//! Invariant: the current sectors hold zeros behind the length, so that extending shows zeros.

use super::survival::Survival;
use flashdb_base::prng::Prng;
use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

/// The unit that survives a crash as a whole or not at all.
pub const SECTOR_BYTES: u64 = 512;

type Sector = Arc<[u8; SECTOR_BYTES as usize]>;
type Sectors = BTreeMap<u64, Sector>;

/// What was written since the last sync, oldest first.
#[derive(Clone, Debug)]
struct Unsynced<T> {
    versions: Vec<T>,
    /// Whether the next sync takes it up.
    dirty: bool,
}

impl<T> Default for Unsynced<T> {
    fn default() -> Self {
        Self {
            versions: Vec::new(),
            dirty: false,
        }
    }
}

impl<T> Unsynced<T> {
    fn add(&mut self, version: T) {
        self.versions.push(version);
        self.dirty = true;
    }
}

#[derive(Clone, Debug, Default)]
pub struct Content {
    current: Sectors,
    len: u64,
    durable: Sectors,
    durable_len: u64,
    /// By sector; a version `None` is a hole, made by cutting.
    unsynced: BTreeMap<u64, Unsynced<Option<Sector>>>,
    unsynced_len: Unsynced<u64>,
}

impl Content {
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Sectors that take room.
    pub fn allocated(&self) -> u64 {
        self.current.len() as u64
    }

    /// How many of `count` bytes at `offset` can be written when so many sectors more may be allocated.
    pub fn room_for(&self, count: usize, offset: u64, sectors_free: u64) -> usize {
        let end = offset + count as u64;
        let new = (offset / SECTOR_BYTES..end.div_ceil(SECTOR_BYTES))
            .filter(|sector| !self.current.contains_key(sector))
            .nth(usize::try_from(sectors_free).unwrap_or(usize::MAX));
        match new {
            None => count,
            Some(refused) => (refused * SECTOR_BYTES).saturating_sub(offset) as usize,
        }
    }

    /// Fills `bytes` up to the end of the file; how many bytes came.
    pub fn read(&self, bytes: &mut [u8], offset: u64) -> usize {
        let count = self.len.saturating_sub(offset).min(bytes.len() as u64) as usize;
        for (sector, within, part) in parts(offset, count) {
            let target = &mut bytes[part];
            match self.current.get(&sector) {
                Some(data) => target.copy_from_slice(&data[within..within + target.len()]),
                None => target.fill(0),
            }
        }
        count
    }

    /// All bytes. `OutOfMemory` where a sparse file is larger than memory.
    pub fn to_vec(&self) -> io::Result<Vec<u8>> {
        let len = usize::try_from(self.len).map_err(|_| io::ErrorKind::OutOfMemory)?;
        let mut bytes = Vec::new();
        bytes
            .try_reserve_exact(len)
            .map_err(|_| io::ErrorKind::OutOfMemory)?;
        bytes.resize(len, 0);
        self.read(&mut bytes, 0);
        Ok(bytes)
    }

    pub fn write(&mut self, bytes: &[u8], offset: u64) {
        for (sector, within, part) in parts(offset, bytes.len()) {
            let source = &bytes[part];
            let mut data = self.current.get(&sector).map_or_else(zeros, Arc::clone);
            Arc::make_mut(&mut data)[within..within + source.len()].copy_from_slice(source);
            self.put(sector, Some(data));
        }
        let end = offset + bytes.len() as u64;
        if !bytes.is_empty() && end > self.len {
            self.note_len(end);
        }
    }

    pub fn set_len(&mut self, len: u64) {
        if len < self.len {
            let cut: Vec<u64> = self.current.range(len / SECTOR_BYTES..).map(|at| *at.0).collect();
            for sector in cut {
                let kept = len.saturating_sub(sector * SECTOR_BYTES);
                let data = cut_sector(self.current.get(&sector), kept);
                self.put(sector, data);
            }
        }
        if len != self.len {
            self.note_len(len);
        }
    }

    fn put(&mut self, sector: u64, data: Option<Sector>) {
        // Writing what is there already adds no outcome, unless a failed sync has forgotten the sector.
        let forgotten = self.unsynced.get(&sector).is_some_and(|it| !it.dirty);
        if forgotten || self.current.get(&sector) != data.as_ref() {
            self.unsynced.entry(sector).or_default().add(data.clone());
            assign(&mut self.current, sector, data);
        }
    }

    fn note_len(&mut self, len: u64) {
        self.len = len;
        self.unsynced_len.add(len);
    }

    /// Makes durable what the system still knows to be dirty.
    pub fn sync(&mut self) {
        let (current, durable) = (&self.current, &mut self.durable);
        self.unsynced.retain(|sector, unsynced| {
            if unsynced.dirty {
                assign(durable, *sector, current.get(sector).cloned());
            }
            !unsynced.dirty
        });
        if self.unsynced_len.dirty {
            self.durable_len = self.len;
            self.unsynced_len = Unsynced::default();
        }
    }

    /// A sync failed: the system forgets what was dirty.
    pub fn fail_sync(&mut self) {
        for unsynced in self.unsynced.values_mut() {
            unsynced.dirty = false;
        }
        self.unsynced_len.dirty = false;
    }

    /// Whether all of it is durable.
    pub fn is_settled(&self) -> bool {
        self.unsynced.is_empty() && self.unsynced_len.versions.is_empty()
    }

    /// Leaves what a power cut leaves; all of it is durable then.
    pub fn crash(&mut self, prng: &mut Prng) {
        let survival = Survival::draw(prng);
        for (sector, unsynced) in std::mem::take(&mut self.unsynced) {
            if let Some(data) = survival.pick(unsynced.versions, prng) {
                assign(&mut self.durable, sector, data);
            }
        }
        let unsynced_len = std::mem::take(&mut self.unsynced_len);
        if let Some(len) = survival.pick(unsynced_len.versions, prng) {
            self.durable_len = len;
        }
        // A sector behind the length that survived is not part of the file.
        let behind = self.durable.split_off(&(self.durable_len / SECTOR_BYTES));
        if let Some((sector, data)) = behind.first_key_value() {
            let kept = self.durable_len.saturating_sub(sector * SECTOR_BYTES);
            assign(&mut self.durable, *sector, cut_sector(Some(data), kept));
        }
        self.current = self.durable.clone();
        self.len = self.durable_len;
    }

    /// Changes content behind the system's back, as a failing medium does: at once durable.
    pub fn damage(&mut self, bytes: &[u8], offset: u64) {
        for (sector, within, part) in parts(offset, bytes.len()) {
            let source = &bytes[part];
            let mut data = self.current.get(&sector).map_or_else(zeros, Arc::clone);
            Arc::make_mut(&mut data)[within..within + source.len()].copy_from_slice(source);
            self.current.insert(sector, data.clone());
            self.durable.insert(sector, data);
            self.unsynced.remove(&sector);
        }
    }

    /// As [`Content::damage`], of the length; content that was not durable becomes so.
    pub fn damage_len(&mut self, len: u64) {
        self.set_len(len);
        self.unsynced.clear();
        self.unsynced_len = Unsynced::default();
        self.durable = self.current.clone();
        self.durable_len = self.len;
    }
}

fn zeros() -> Sector {
    Arc::new([0; SECTOR_BYTES as usize])
}

fn assign(sectors: &mut Sectors, sector: u64, data: Option<Sector>) {
    match data {
        Some(data) => sectors.insert(sector, data),
        None => sectors.remove(&sector),
    };
}

/// The first `kept` bytes of a sector, then zeros; a hole if nothing is kept.
fn cut_sector(data: Option<&Sector>, kept: u64) -> Option<Sector> {
    let kept = usize::try_from(kept).unwrap_or(usize::MAX);
    let mut data = data.filter(|_| kept > 0)?.clone();
    if let Some(tail) = Arc::make_mut(&mut data).get_mut(kept..) {
        tail.fill(0);
    }
    Some(data)
}

/// The sectors that a range touches: sector, first byte within it, and the part of the range that lies in it.
fn parts(offset: u64, count: usize) -> impl Iterator<Item = (u64, usize, std::ops::Range<usize>)> {
    let mut done = 0;
    std::iter::from_fn(move || {
        let at = offset + done as u64;
        let within = (at % SECTOR_BYTES) as usize;
        let part = done..count.min(done + SECTOR_BYTES as usize - within);
        done = part.end;
        (!part.is_empty()).then_some((at / SECTOR_BYTES, within, part))
    })
}
