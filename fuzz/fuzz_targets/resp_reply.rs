//! The load generator's scanner of replies: no input panics, and the same bytes give the same count or the same error
//! however the reads happen to cut them. The first input byte chooses the cuts, the rest is the stream.

#![no_main]

use flashdb_benchmark::scanner::{NotResp, ReplyScanner};
use libfuzzer_sys::fuzz_target;

/// Replies and errors that a connection would count that reads `step` bytes at a time.
fn scan(stream: &[u8], step: usize) -> Result<(u64, u64), NotResp> {
    let mut scanner = ReplyScanner::new();
    stream.chunks(step).try_fold((0, 0), |(replies, errors), piece| {
        let scanned = scanner.scan(piece)?;
        Ok((replies + scanned.replies, errors + scanned.errors))
    })
}

fuzz_target!(|input: &[u8]| {
    let [cut, stream @ ..] = input else { return };
    assert_eq!(scan(stream, stream.len().max(1)), scan(stream, usize::from(*cut).max(1)));
});
