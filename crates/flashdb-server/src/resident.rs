//! Resident memory by what it is for, in parts that add up to it: what the census and others count, the pages of files that
//! the system counts, and as the last part all the rest: free memory of the allocator, what its blocks are larger than
//! asked for, and stacks. Memory that is counted need not be resident: it may be swapped out, or never have been touched.
//! What there is no room for among the resident bytes is told apart, so that no part is negative and the sum stays true.

use crate::memory::MemoryUse;
use crate::process;
use crate::server::Server;
use std::sync::atomic::Ordering;

/// Parts of resident memory.
pub const PARTS: usize = 12;

/// Their names, in the order of [`Resident::parts`]; the last is what nobody counts.
pub const PART_NAMES: [&str; PARTS] = [
    "program", "server", "tables", "expiry", "data", "index", "clients", "tracking", "scripts", "log",
    "http", "other",
];

/// Resident memory of one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Resident {
    /// All of it, bytes.
    pub total_bytes: usize,
    /// Its parts by [`PART_NAMES`], in bytes: the total is their sum.
    pub parts: [usize; PARTS],
    /// What is counted and not resident.
    pub absent_bytes: usize,
}

impl Resident {
    /// Divides `total_bytes` into what is counted, in the order of [`PART_NAMES`] without the last, and the rest.
    fn divide(total_bytes: usize, counted: [usize; PARTS - 1]) -> Self {
        let mut resident = Resident {
            total_bytes,
            ..Resident::default()
        };
        let mut left = total_bytes;
        for (part, bytes) in resident.parts.iter_mut().zip(counted) {
            *part = bytes.min(left);
            left -= *part;
            resident.absent_bytes += bytes - *part;
        }
        resident.parts[PARTS - 1] = left;
        resident
    }

    /// Names and bytes.
    pub fn named(&self) -> impl Iterator<Item = (&'static str, usize)> {
        PART_NAMES.into_iter().zip(self.parts)
    }
}

/// Resident memory of now, with `used` as the newest count of what is in use. A read of a file of `/proc` and some loads.
pub(crate) fn measure(server: &Server, used: &MemoryUse) -> Resident {
    let pages = process::resident();
    let histograms_bytes: usize = server
        .loops
        .iter()
        .map(|handle| handle.stats.histograms_bytes())
        .sum();
    let counted = [
        pages.of_files_bytes,
        used.fixed_bytes + histograms_bytes,
        used.table_bytes.saturating_sub(used.expiry_bytes),
        used.expiry_bytes,
        used.data_bytes.saturating_sub(used.table_bytes),
        used.index_bytes,
        used.clients_bytes,
        used.tracking_bytes,
        server.scripts.size().1,
        server.space.log().backlog_bytes() as usize,
        server.http_bytes.load(Ordering::Relaxed),
    ];
    Resident::divide(pages.total_bytes, counted)
}

#[cfg(test)]
mod tests {
    use super::*;
    use flashdb_base::prng::Prng;

    #[test]
    fn the_parts_add_up_whatever_is_counted() {
        let mut random = Prng::from_seed(6);
        for _ in 0..10_000 {
            let total_bytes = random.below(1 << 20) as usize;
            let counted: [usize; PARTS - 1] = std::array::from_fn(|_| random.below(1 << 18) as usize);
            let resident = Resident::divide(total_bytes, counted);
            assert_eq!(resident.parts.iter().sum::<usize>(), total_bytes);
            let all: usize = counted.iter().sum();
            assert_eq!(resident.absent_bytes, all.saturating_sub(total_bytes));
        }
    }
}
