//! What the shards hold, counted in one pass: keys and memory by database. INFO counts when it is asked; the first core loop
//! counts ten times a second, for the `maxmemory` gate and for all who must not lock shards themselves: the metrics, which
//! another thread writes, take the newest census as it is.

use crate::memory::MemoryUse;
use crate::server::Server;
use flashdb_store::Access;
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// One database over all shards.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DatabaseCount {
    /// Keys, expired ones not yet removed included.
    pub keys: usize,
    /// Keys that carry an expiry.
    pub volatile: usize,
    /// Hashes with expiring fields.
    pub volatile_hashes: usize,
    /// Entries, values and tables, in bytes.
    pub bytes: usize,
    /// Mean of the times to live that were sampled, ms; 0 without any.
    pub mean_ttl_ms: i64,
}

/// The whole keyspace at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Census {
    /// When it was counted, Unix ms.
    pub taken_ms: i64,
    /// When times to live were sampled, Unix ms.
    pub lives_ms: i64,
    /// Memory by what it is for.
    pub memory: MemoryUse,
    /// Databases by number; those behind the last one hold nothing.
    pub databases: Vec<DatabaseCount>,
}

/// How new the times to live have to be: sampling them costs a look-up or two for each shard of each database.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Lives {
    /// Sampled now.
    Now,
    /// Those of the newest census, if they are less than a second old.
    Recent,
}

const LIVES_RECENT_MS: i64 = 1000;

/// What a shard, a core loop and the command table take besides data; measured on an empty server.
const SHARD_BYTES: usize = 4096;
const LOOP_BYTES: usize = 128 * 1024;
const TABLES_BYTES: usize = 256 * 1024;

/// Counts. Locks the shards one after the other; `data` holds none or all of them.
pub fn take(server: &Server, data: &mut Access<'_>, lives: Lives) -> Census {
    let now_ms = data.now_ms;
    let before = match lives {
        Lives::Now => None,
        Lives::Recent => server.census.get(),
    };
    let before = before.filter(|before| (0..LIVES_RECENT_MS).contains(&(now_ms - before.lives_ms)));
    let random = data.prng.next_u64();
    let mut databases: Vec<DatabaseCount> = Vec::new();
    // Sum and number of the times to live, by database.
    let mut sampled: Vec<(i64, i64)> = Vec::new();
    let (mut table_bytes, mut expiry_bytes, mut tracking_bytes) = (0, 0, 0);
    let mut index_bytes = server.key_tree.memory_bytes();
    data.held().count_in_each_shard(|id, shard| {
        if databases.len() < shard.databases_len() {
            databases.resize(shard.databases_len(), DatabaseCount::default());
            sampled.resize(shard.databases_len(), (0, 0));
        }
        for (db, count) in databases.iter_mut().enumerate().take(shard.databases_len()) {
            let database = shard.database(db as u16);
            count.keys += database.len();
            count.volatile += database.volatile_len();
            count.volatile_hashes += database.volatile_fields_len();
            count.bytes += database.memory_bytes();
            table_bytes += database.table_bytes();
            expiry_bytes += database.expiry_bytes();
            index_bytes += database.prefixes_bytes();
            if before.is_none()
                && let Some(at_ms) = database.sample_expiry_ms(random.rotate_left(u32::from(id)))
            {
                let ttl_ms = at_ms.saturating_sub(now_ms).max(0);
                sampled[db] = (sampled[db].0.saturating_add(ttl_ms), sampled[db].1 + 1);
            }
        }
        tracking_bytes += shard.tracked().memory_bytes();
    });
    for (db, (count, (sum_ms, samples))) in databases.iter_mut().zip(sampled).enumerate() {
        count.mean_ttl_ms = match &before {
            None => sum_ms / samples.max(1),
            Some(before) if count.volatile > 0 => before.databases.get(db).map_or(0, |old| old.mean_ttl_ms),
            Some(_) => 0,
        };
    }
    let data_bytes = databases.iter().map(|count| count.bytes).sum();
    Census {
        taken_ms: now_ms,
        lives_ms: before.map_or(now_ms, |before| before.lives_ms),
        memory: MemoryUse {
            data_bytes,
            table_bytes,
            expiry_bytes,
            index_bytes,
            clients_bytes: clients_bytes(server),
            tracking_bytes,
            fixed_bytes: server.space.shards_count() * SHARD_BYTES
                + server.loops.len() * LOOP_BYTES
                + TABLES_BYTES,
        },
        databases,
    }
}

fn clients_bytes(server: &Server) -> usize {
    let clients = server.clients.lock();
    let bytes = clients
        .values()
        .map(|client| client.total_bytes.load(Ordering::Relaxed));
    bytes.sum()
}

/// The census taken last.
#[derive(Default)]
pub struct Newest(Mutex<Option<Arc<Census>>>);

impl Newest {
    /// Replaces it.
    pub fn set(&self, census: Census) {
        *self.0.lock() = Some(Arc::new(census));
    }

    /// The newest one; `None` before the first.
    pub fn get(&self) -> Option<Arc<Census>> {
        self.0.lock().clone()
    }
}
