//! The uppermost layer: a client of a running server. It sends a batch in one write and waits for all of its replies before
//! the next, so that the server reads whole batches whatever else the machine does.

use crate::scenario::{Scenario, Shape};
use crate::stream::Stream;
use std::io::{BufRead, BufReader, Error, ErrorKind, Read, Result, Write};
use std::net::TcpStream;

/// Requests at a time while the data is being put there.
const PREPARATION_PIPELINE: usize = 256;
/// Batches that are sent before the measured part begins: what a connection takes when it is new is over by then.
const WARM_UP_BATCHES: usize = 4;

/// A connection and what will be sent over it.
pub struct ServerLayer {
    stream: TcpStream,
    input: BufReader<TcpStream>,
    requests: Stream,
    pipeline: usize,
}

impl ServerLayer {
    /// Empties the server and makes the data that the scenario needs.
    ///
    /// # Errors
    /// Those of the socket, and error replies.
    pub fn new(scenario: &Scenario, shape: &Shape, port: u16) -> Result<Self> {
        let stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_nodelay(true)?;
        let mut layer = ServerLayer {
            input: BufReader::with_capacity(1 << 18, stream.try_clone()?),
            stream,
            requests: scenario.requests(shape),
            pipeline: scenario.pipeline,
        };
        let mut warm_up = Stream::default();
        (0..WARM_UP_BATCHES * scenario.pipeline).for_each(|_| warm_up.push(&[b"PING"]));
        let mut empty = Stream::default();
        empty.push(&[b"FLUSHALL", b"SYNC"]);
        layer.send(&empty, 1)?;
        layer.send(&scenario.preparation(shape), PREPARATION_PIPELINE)?;
        layer.send(&warm_up, scenario.pipeline)?;
        Ok(layer)
    }

    /// Sends the requests; returns how many.
    ///
    /// # Errors
    /// As of [`ServerLayer::new`].
    pub fn run(&mut self) -> Result<usize> {
        let requests = std::mem::take(&mut self.requests);
        self.send(&requests, self.pipeline)?;
        Ok(requests.len())
    }

    fn send(&mut self, requests: &Stream, pipeline: usize) -> Result<()> {
        let mut line = Vec::new();
        for (bytes, count) in requests.batches(pipeline) {
            self.stream.write_all(bytes)?;
            for _ in 0..count {
                skip_reply(&mut self.input, &mut line)?;
            }
        }
        Ok(())
    }
}

/// Reads one RESP2 reply. `line` is memory to be used again.
fn skip_reply(input: &mut impl BufRead, line: &mut Vec<u8>) -> Result<()> {
    // Replies and elements of arrays that are still to come.
    let mut left = 1u64;
    while left > 0 {
        left -= 1;
        line.clear();
        input.read_until(b'\n', line)?;
        let text = std::str::from_utf8(line).unwrap_or_default().trim_end();
        let wrong = || Error::new(ErrorKind::InvalidData, format!("the server answered '{text}'"));
        let (kind, rest) = text.split_at_checked(1).ok_or(ErrorKind::UnexpectedEof)?;
        let number = || rest.parse::<i64>().map_err(|_| wrong());
        match kind {
            "+" | ":" => {}
            "*" => left += number()?.max(0) as u64,
            "$" => {
                // No reply of a scenario is that long.
                let bytes = number()?.min(1 << 30);
                if let Ok(bytes) = u64::try_from(bytes) {
                    std::io::copy(&mut input.take(bytes + 2), &mut std::io::sink())?;
                }
            }
            _ => return Err(wrong()),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::skip_reply;
    use std::io::Read;

    #[test]
    fn one_reply_is_one_however_deep() {
        let all = b"*3\r\n$2\r\na\n\r\n*2\r\n:1\r\n$-1\r\n*0\r\n+OK\r\n-ERR no\r\n";
        let (mut input, mut line) = (all.as_slice(), Vec::new());
        skip_reply(&mut input, &mut line).expect("an array");
        skip_reply(&mut input, &mut line).expect("a status");
        let error = skip_reply(&mut input, &mut line).expect_err("an error reply");
        assert_eq!(error.to_string(), "the server answered '-ERR no'");
        assert_eq!(input.read_to_end(&mut line).expect("memory"), 0);
        assert!(skip_reply(&mut input, &mut line).is_err(), "the end is no reply");
    }
}
