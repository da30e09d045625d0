//! How much memory the data and the clients take: exact figures are summed on demand (INFO), and a
//! sample ten times a second serves the `maxmemory` gate and the peak.

use crate::census::{self, Lives};
use crate::core_loop::Message;
use crate::server::Server;
use flashdb_store::Access;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};

/// The last sample and the highest one.
#[derive(Default)]
pub struct MemorySample {
    used_bytes: AtomicUsize,
    peak_bytes: AtomicUsize,
    peak_time: AtomicI64,
    /// Highest measurement since free memory was last given back.
    high_bytes: AtomicUsize,
    /// Unix time, ms, before which a search for keys to evict would most likely find none.
    pub barren_until_ms: AtomicI64,
}

/// So much has to be freed before it is worth a look at the allocator's pages, besides an eighth of all.
const GIVE_BACK_BYTES: usize = 32 * 1024 * 1024;

static GIVE_BACK: OnceLock<fn()> = OnceLock::new();
static SPARSE: OnceLock<fn(*const u8) -> bool> = OnceLock::new();

/// Tells how the allocator of the program returns free pages of the calling thread to the system. To
/// be called once, before the server runs; without it they stay with the process.
pub fn set_give_back(give_back: fn()) {
    // The first one stays: there is one allocator.
    let _ = GIVE_BACK.set(give_back);
}

/// Tells how to ask the program's allocator whether the page of a live block holds little else, so that the block is
/// better put elsewhere. To be called once, before the server runs; without it nothing is moved.
pub fn set_sparse(sparse: fn(*const u8) -> bool) {
    // As in `set_give_back`.
    let _ = SPARSE.set(sparse);
}

/// What [`set_sparse`] was given.
pub(crate) fn sparse() -> Option<fn(*const u8) -> bool> {
    SPARSE.get().copied()
}

/// Lets every core loop return its free pages to the system, at once (MEMORY PURGE).
pub fn give_back(server: &Server) {
    server.post_all(|| Message::Run(Box::new(|_| give_back_here())));
}

/// Returns the free pages of the calling thread to the system.
pub fn give_back_here() {
    if let Some(&give_back) = GIVE_BACK.get() {
        give_back();
    }
}

/// Where memory is, in bytes.
#[derive(Default, Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemoryUse {
    /// Entries and values of all databases.
    pub data_bytes: usize,
    /// Hash tables of all databases, part of `data_bytes`.
    pub table_bytes: usize,
    /// Tables of what expires, part of `table_bytes`.
    pub expiry_bytes: usize,
    /// Counts by prefix, while somebody looks at them.
    pub index_bytes: usize,
    /// Connections with their buffers.
    pub clients_bytes: usize,
    /// What clients that cache remember to have read.
    pub tracking_bytes: usize,
    /// What an empty server takes: shards, loops, command table.
    pub fixed_bytes: usize,
}

impl MemoryUse {
    /// All of it (INFO used_memory).
    pub fn total_bytes(&self) -> usize {
        self.data_bytes + self.index_bytes + self.clients_bytes + self.tracking_bytes + self.fixed_bytes
    }
}

/// Sums the memory in use. Locks the shards one after the other; `data` holds none or all of them.
pub fn measure(server: &Server, data: &mut Access<'_>) -> MemoryUse {
    census::take(server, data, Lives::Recent).memory
}

impl MemorySample {
    /// Notes a measurement.
    pub fn note(&self, used_bytes: usize, now_ms: i64) {
        self.used_bytes.store(used_bytes, Ordering::Relaxed);
        if used_bytes > self.peak_bytes.load(Ordering::Relaxed) {
            self.peak_bytes.store(used_bytes, Ordering::Relaxed);
            self.peak_time.store(now_ms / 1000, Ordering::Relaxed);
        }
    }

    /// Notes that what no measurement may have seen was freed, so that it is given back: a large answer that came and went.
    pub fn let_go(&self, bytes: usize) {
        if bytes > GIVE_BACK_BYTES {
            let high_bytes = self.used_bytes.load(Ordering::Relaxed) + bytes;
            self.high_bytes.fetch_max(high_bytes, Ordering::Relaxed);
        }
    }

    /// Whether so much was freed since the last time this was true that it is to be given back.
    pub fn has_sunk(&self, used_bytes: usize) -> bool {
        let high_bytes = self.high_bytes.load(Ordering::Relaxed);
        let sunk = high_bytes.saturating_sub(used_bytes) > GIVE_BACK_BYTES.max(high_bytes / 8);
        if sunk || used_bytes > high_bytes {
            self.high_bytes.store(used_bytes, Ordering::Relaxed);
        }
        sunk
    }

    /// Notes that a command changed the data's size from one to the other since the last sample.
    #[inline]
    pub fn changed(&self, before_bytes: usize, after_bytes: usize) {
        if after_bytes > before_bytes {
            self.used_bytes
                .fetch_add(after_bytes - before_bytes, Ordering::Relaxed);
        } else if after_bytes < before_bytes {
            self.freed(before_bytes - after_bytes);
        }
    }

    /// Notes that about so many bytes were freed since the last sample.
    pub fn freed(&self, bytes: usize) {
        let less = |used: usize| Some(used.saturating_sub(bytes));
        // The update function never refuses.
        let _ = self
            .used_bytes
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
    }

    /// Bytes in use at the last sample.
    #[inline]
    pub fn used_bytes(&self) -> usize {
        self.used_bytes.load(Ordering::Relaxed)
    }

    /// Highest measurement, and when it was made (Unix seconds).
    pub fn peak(&self) -> (usize, i64) {
        (
            self.peak_bytes.load(Ordering::Relaxed),
            self.peak_time.load(Ordering::Relaxed),
        )
    }

    /// Makes the last sample the peak (CONFIG RESETSTAT).
    pub fn reset_peak(&self) {
        self.peak_bytes.store(self.used_bytes(), Ordering::Relaxed);
    }
}
