//! A blocking RESP2 connection that interprets nothing: requests are words, replies are values.
//!
//! The tasks that kill servers need to see every way in which a reply can fail to come, so each read returns an error where
//! a client library would reconnect. Lengths come from the server under test and are limited before memory is taken.

use std::io::{BufRead, BufReader, Error, ErrorKind, Read, Result, Write};
use std::net::TcpStream;
use std::time::Duration;

/// A request: the command's name and its arguments.
pub type Words = Vec<Vec<u8>>;

const BULK_BYTES_MAX: usize = 512 << 20;
const ITEMS_MAX: usize = 16 << 20;

/// A reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    Simple(String),
    Error(String),
    Int(i64),
    Bulk(Vec<u8>),
    Null,
    Array(Vec<Reply>),
}

impl Reply {
    /// A bulk string's bytes.
    pub fn bytes(&self) -> Option<&[u8]> {
        match self {
            Reply::Bulk(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// An integer, or a string that spells one.
    pub fn number(&self) -> Option<i64> {
        match self {
            Reply::Int(number) => Some(*number),
            Reply::Bulk(bytes) => std::str::from_utf8(bytes).ok()?.parse().ok(),
            _ => None,
        }
    }

    /// The elements of an array; none of anything else.
    pub fn items(&self) -> &[Reply] {
        match self {
            Reply::Array(items) => items,
            _ => &[],
        }
    }

    /// Text of a simple string, bulk string or error, lossy.
    pub fn text(&self) -> String {
        match self {
            Reply::Simple(text) | Reply::Error(text) => text.clone(),
            Reply::Bulk(bytes) => String::from_utf8_lossy(bytes).into_owned(),
            other => format!("{other:?}"),
        }
    }
}

/// Splits a line at blanks into a request.
pub fn words(line: &str) -> Words {
    line.split(' ').map(|word| word.as_bytes().to_vec()).collect()
}

/// Appends a request to `bytes`.
pub fn encode(request: &[Vec<u8>], bytes: &mut Vec<u8>) {
    bytes.extend_from_slice(format!("*{}\r\n", request.len()).as_bytes());
    for word in request {
        bytes.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
        bytes.extend_from_slice(word);
        bytes.extend_from_slice(b"\r\n");
    }
}

/// A connection; every read gives up after the limit it was opened with.
pub struct Connection {
    stream: TcpStream,
    input: BufReader<TcpStream>,
}

impl Connection {
    pub fn open(port: u16, reply_limit: Duration) -> Result<Self> {
        let stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(reply_limit))?;
        stream.set_write_timeout(Some(reply_limit))?;
        Ok(Self {
            input: BufReader::with_capacity(1 << 16, stream.try_clone()?),
            stream,
        })
    }

    pub fn send(&mut self, bytes: &[u8]) -> Result<()> {
        self.stream.write_all(bytes)
    }

    /// Sends a request written as a line and reads its reply.
    pub fn ask(&mut self, line: &str) -> Result<Reply> {
        Ok(self.ask_all(&[words(line)])?.remove(0))
    }

    /// Sends all requests at once and reads their replies.
    pub fn ask_all(&mut self, requests: &[Words]) -> Result<Vec<Reply>> {
        let mut bytes = Vec::new();
        for request in requests {
            encode(request, &mut bytes);
        }
        self.send(&bytes)?;
        requests.iter().map(|_| self.read()).collect()
    }

    /// Reads one reply.
    pub fn read(&mut self) -> Result<Reply> {
        let mut line = Vec::new();
        let count = (&mut self.input).take(1 << 20).read_until(b'\n', &mut line)?;
        if count == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        let text = std::str::from_utf8(&line)
            .map_err(|_| not_resp(&line))?
            .trim_end();
        let (kind, text) = text.split_at_checked(1).ok_or_else(|| not_resp(&line))?;
        let number = || text.parse::<i64>().map_err(|_| not_resp(&line));
        Ok(match kind {
            "+" => Reply::Simple(text.to_owned()),
            "-" => Reply::Error(text.to_owned()),
            ":" => Reply::Int(number()?),
            "$" => match length(number()?, BULK_BYTES_MAX)? {
                Some(length) => self.read_bulk(length)?,
                None => Reply::Null,
            },
            "*" => match length(number()?, ITEMS_MAX)? {
                Some(count) => Reply::Array((0..count).map(|_| self.read()).collect::<Result<_>>()?),
                None => Reply::Null,
            },
            _ => return Err(not_resp(&line)),
        })
    }

    fn read_bulk(&mut self, length: usize) -> Result<Reply> {
        let mut bytes = vec![0; length + 2];
        self.input.read_exact(&mut bytes)?;
        bytes.truncate(length);
        Ok(Reply::Bulk(bytes))
    }
}

fn length(number: i64, most: usize) -> Result<Option<usize>> {
    match usize::try_from(number) {
        Ok(length) if length <= most => Ok(Some(length)),
        Err(_) if number == -1 => Ok(None),
        _ => Err(Error::new(
            ErrorKind::InvalidData,
            format!("length {number} in a reply"),
        )),
    }
}

fn not_resp(line: &[u8]) -> Error {
    let text = String::from_utf8_lossy(line).into_owned();
    Error::new(ErrorKind::InvalidData, format!("not RESP: {text}"))
}
