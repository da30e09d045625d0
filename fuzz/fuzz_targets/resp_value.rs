//! The reply parser: no input panics, and the same bytes give the same replies or the same fault however the reads happen
//! to cut them. The first input byte chooses the cuts, the rest is the stream.

#![no_main]

use flashdb_resp::reply::{ReplyFault, ReplyParser, Value};
use libfuzzer_sys::fuzz_target;

/// What a program gets that reads `step` bytes at a time.
fn parse(stream: &[u8], step: usize) -> Result<Vec<Value>, ReplyFault> {
    let mut parser = ReplyParser::default();
    let (mut buffer, mut found) = (Vec::new(), Vec::new());
    for piece in stream.chunks(step) {
        buffer.extend_from_slice(piece);
        loop {
            let (taken, value) = parser.parse(&buffer)?;
            buffer.drain(..taken);
            match value {
                Some(value) => found.push(value),
                None => break,
            }
        }
    }
    Ok(found)
}

fuzz_target!(|input: &[u8]| {
    let [cut, stream @ ..] = input else { return };
    assert_eq!(parse(stream, stream.len().max(1)), parse(stream, usize::from(*cut).max(1)));
});
