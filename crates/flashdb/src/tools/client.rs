//! A connection to a server: one request, one reply. Only what the tools need of the protocol (RESP2).

use super::arguments::Address;
use super::error::ToolError;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;

/// Longest text that a server is believed to send in one piece.
const TEXT_BYTES_MAX: u64 = 64 << 20;
/// Most elements of an array.
const ELEMENTS_MAX: u64 = 1 << 20;
/// Deepest nesting of arrays.
const DEPTH_MAX: usize = 8;
const LINE_BYTES_MAX: u64 = 64 << 10;

/// A reply; maps are arrays of names and values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// Any text.
    Text(Vec<u8>),
    /// A number.
    Integer(i64),
    /// None.
    Null,
    /// Several.
    Array(Vec<Reply>),
}

impl Reply {
    /// The value behind a name in a map.
    pub fn field(&self, name: &str) -> Option<&Reply> {
        let Reply::Array(items) = self else { return None };
        items
            .chunks_exact(2)
            .find(|pair| matches!(&pair[0], Reply::Text(text) if text == name.as_bytes()))
            .map(|pair| &pair[1])
    }

    /// As text.
    pub fn text(&self) -> Option<String> {
        match self {
            Reply::Text(text) => String::from_utf8(text.clone()).ok(),
            _ => None,
        }
    }
}

/// See the module's head.
pub struct Client {
    address: String,
    stream: BufReader<TcpStream>,
}

impl Client {
    /// Connects and logs in.
    ///
    /// # Errors
    /// When there is no server, or it does not let in.
    pub fn connect(to: &Address) -> Result<Self, ToolError> {
        let address = format!("{}:{}", to.host, to.port);
        let stream = TcpStream::connect((to.host.as_str(), to.port))
            .map_err(|error| ToolError::Connection(address.clone(), error))?;
        let mut client = Client {
            address,
            stream: BufReader::new(stream),
        };
        if let Some(password) = &to.password {
            match &to.user {
                Some(user) => client.ask(&[b"AUTH", user.as_bytes(), password.as_bytes()])?,
                None => client.ask(&[b"AUTH", password.as_bytes()])?,
            };
        }
        Ok(client)
    }

    /// Sends a request and waits for its reply, for as long as it takes.
    ///
    /// # Errors
    /// When the server answers with an error, or the connection breaks.
    pub fn ask(&mut self, words: &[&[u8]]) -> Result<Reply, ToolError> {
        let replies = self.ask_all(&[Self::encode(words)])?;
        let first = replies.into_iter().next();
        first
            .unwrap_or_else(|| Err("nothing".into()))
            .map_err(ToolError::Server)
    }

    /// A request as it is sent.
    pub fn encode(words: &[&[u8]]) -> Vec<u8> {
        let mut request = format!("*{}\r\n", words.len()).into_bytes();
        for word in words {
            request.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
            request.extend_from_slice(word);
            request.extend_from_slice(b"\r\n");
        }
        request
    }

    /// Sends several requests at once; a reply, or an error that the server answers, for each. Few enough that what they are answered
    /// fits in the system's buffers.
    ///
    /// # Errors
    /// When the connection breaks.
    pub fn ask_all(&mut self, requests: &[Vec<u8>]) -> Result<Vec<Result<Reply, String>>, ToolError> {
        let sent = self.stream.get_mut().write_all(&requests.concat());
        sent.map_err(|error| self.broken(error))?;
        let mut replies = Vec::with_capacity(requests.len());
        for _ in requests {
            replies.push(self.read(0).map_err(|error| self.broken(error))?);
        }
        Ok(replies)
    }

    fn broken(&self, error: io::Error) -> ToolError {
        ToolError::Connection(self.address.clone(), error)
    }

    /// The inner error is one that the server has sent.
    fn read(&mut self, depth: usize) -> io::Result<Result<Reply, String>> {
        let line = self.line()?;
        let (mark, text) = line.split_at_checked(1).ok_or_else(malformed)?;
        let length = || -> io::Result<Option<u64>> {
            match text {
                "-1" => Ok(None),
                _ => text.parse().map(Some).map_err(|_| malformed()),
            }
        };
        Ok(Ok(match mark {
            "+" => Reply::Text(text.as_bytes().to_vec()),
            "-" => return Ok(Err(text.to_owned())),
            ":" => Reply::Integer(text.parse().map_err(|_| malformed())?),
            "$" => match length()? {
                None => Reply::Null,
                Some(length) if length <= TEXT_BYTES_MAX => Reply::Text(self.bytes(length)?),
                Some(_) => return Err(malformed()),
            },
            "*" => match length()? {
                None => Reply::Null,
                Some(count) if count <= ELEMENTS_MAX && depth < DEPTH_MAX => {
                    let mut items = Vec::new();
                    for _ in 0..count {
                        match self.read(depth + 1)? {
                            Ok(item) => items.push(item),
                            Err(text) => return Ok(Err(text)),
                        }
                    }
                    Reply::Array(items)
                }
                Some(_) => return Err(malformed()),
            },
            _ => return Err(malformed()),
        }))
    }

    fn line(&mut self) -> io::Result<String> {
        let mut line = Vec::new();
        (&mut self.stream)
            .take(LINE_BYTES_MAX)
            .read_until(b'\n', &mut line)?;
        if line.is_empty() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let line = line.strip_suffix(b"\r\n").ok_or_else(malformed)?;
        String::from_utf8(line.to_vec()).map_err(|_| malformed())
    }

    fn bytes(&mut self, length: u64) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let read = (&mut self.stream).take(length + 2).read_to_end(&mut bytes)?;
        if read as u64 != length + 2 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        bytes.truncate(length as usize);
        Ok(bytes)
    }
}

fn malformed() -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        "what answers there does not speak the protocol",
    )
}
