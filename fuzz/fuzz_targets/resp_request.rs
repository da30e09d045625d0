//! The request parser: no input panics, and the same bytes give the same requests and the same error however the reads
//! happen to cut them. The first two input bytes choose the cuts and the limits, the rest is the stream.

#![no_main]

use flashdb_resp::{Batch, ProtocolError, RequestLimits, RequestParser};
use libfuzzer_sys::fuzz_target;

type Requests = Vec<Vec<Vec<u8>>>;

/// What a connection would see that reads at most `step` bytes at a time.
fn parse(stream: &[u8], limits: &RequestLimits, step: usize) -> (Requests, Option<ProtocolError>) {
    let (mut parser, mut buffer, mut requests) = (RequestParser::default(), Vec::new(), Vec::new());
    for piece in stream.chunks(step) {
        buffer.extend_from_slice(piece);
        let mut batch = Batch::default();
        let result = parser.parse(&buffer, limits, usize::MAX, &mut batch);
        for index in 0..batch.len() {
            requests.push(batch.args(index, &buffer).iter().map(<[u8]>::to_vec).collect());
        }
        match result {
            Ok(used) => drop(buffer.drain(..used)),
            Err(error) => return (requests, Some(error)),
        }
    }
    (requests, None)
}

fuzz_target!(|input: &[u8]| {
    let [cut, choice, stream @ ..] = input else { return };
    let limits = match choice % 2 {
        0 => RequestLimits::authenticated(512 << 20),
        _ => RequestLimits::unauthenticated(),
    };
    let whole = parse(stream, &limits, stream.len().max(1));
    let cut = parse(stream, &limits, usize::from(*cut).max(1));
    assert_eq!(whole, cut);
});
