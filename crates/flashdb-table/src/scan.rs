//! SCAN: visits the table in small steps with nothing but a cursor kept between them.
//!
//! Hashes are put in a fixed order: by row (a range of positions), then by prefix. A cursor is a point in that order,
//! and a step visits exactly the entries between its cursor and the next. As the order does not depend on the table's
//! shape, an entry that is there during the whole scan is visited exactly once, whatever splits, merges or grows in
//! between. Rows rather than prefixes come first so that one step is about one bucket's worth of entries.
//!
//! ```text
//!  cursor: | 0 ... | position, 16 bits | prefix, 24 bits |      0 is both the start and the end
//! ```

use crate::hash::{POSITIONS, PREFIX_BITS, bucket_of_position, first_position, position, prefix};
use crate::regions::prefixes_of;
use crate::table::Table;

/// Positions in a row, unless the table is a single segment: about one bucket of a full-sized one.
const ROW: u32 = POSITIONS / 64;

const PREFIX_MASK: u64 = (1 << PREFIX_BITS) - 1;

fn row_of(position: u32) -> u32 {
    position / ROW
}

/// The first position after the row of `position`.
fn row_end(position: u32) -> u32 {
    (row_of(position) + 1) * ROW
}

/// Whether a scan that has returned `cursor` has already passed entries of this hash.
pub fn scan_passed(cursor: u64, hash: u64) -> bool {
    let (start, prefix_start) = ((cursor >> PREFIX_BITS) as u32, (cursor & PREFIX_MASK) as u32);
    let at = position(hash);
    at < start || (prefix_start > 0 && row_of(at) == row_of(start) && prefix(hash) < prefix_start)
}

impl<T> Table<T> {
    /// Visits a few entries, at most about two buckets' worth, and returns where to go on; 0 starts and ends a scan.
    ///
    /// Entries present during the whole scan are visited exactly once; others at most once for each time they are
    /// inserted. Cursors use at most 40 bits; a made-up one skips entries and does no harm. A step may visit nothing.
    pub fn scan(&self, cursor: u64, hasher: impl Fn(&T) -> u64, mut visit: impl FnMut(&T)) -> u64 {
        let (start, prefix_start) = (cursor >> PREFIX_BITS, (cursor & PREFIX_MASK) as u32);
        if start >= u64::from(POSITIONS) || self.is_empty() {
            return 0;
        }
        let start = start as u32;
        let depth = u32::from(self.directory.depth());
        let index = (prefix_start >> (PREFIX_BITS - depth)) as usize;
        let segment = self.directory.get(index);
        let buckets = segment.buckets();
        let first = bucket_of_position(start, buckets);
        // A row in which the scan has not begun may be of any width if this step completes it.
        let whole_bucket = depth == 0 && prefix_start == 0;
        let end = if whole_bucket {
            first_position(first + 1, buckets)
        } else {
            row_end(start)
        };
        let prefixes = prefixes_of(segment, prefix_start);
        for bucket in first..=bucket_of_position(end - 1, buckets) {
            // As a rule a step is one bucket, whole: nothing has to be hashed to know that an entry is in it.
            let is_whole = start <= first_position(bucket, buckets)
                && first_position(bucket + 1, buckets) <= end
                && prefix_start <= prefixes.start;
            segment.for_each_of_home(bucket, &hasher, &|_| (), &mut |value| {
                let is_inside = |hash| (start..end).contains(&position(hash)) && prefix(hash) >= prefix_start;
                if is_whole || is_inside(hasher(value)) {
                    visit(value);
                }
            });
        }
        let prefix_end = u64::from(prefixes.end);
        if prefix_end <= PREFIX_MASK {
            return u64::from(start) << PREFIX_BITS | prefix_end;
        }
        if end == POSITIONS {
            0
        } else {
            u64::from(end) << PREFIX_BITS
        }
    }
}
