//! Questions to a server outside of a run: what a connection says first (AUTH, HELLO, SELECT), a few settings, the
//! server's process.

use crate::options::Options;
use crate::scanner::{NotResp, ReplyScanner};
use crate::socket::{BlockingSocket, Endpoint};
use flashdb_base::number::write_u64;
use std::fmt;
use std::io::{self, Read, Write};

/// Why a server could not be measured at all.
#[derive(Debug)]
#[non_exhaustive]
pub enum ServerError {
    /// No connection, or it broke.
    Io {
        /// Where to.
        address: String,
        /// The system's word.
        source: io::Error,
    },
    /// It answered an error to what a connection says first.
    Refused {
        /// Where to.
        address: String,
        /// The server's word.
        text: String,
    },
    /// It speaks something else.
    NotResp {
        /// Where to.
        address: String,
        /// Where the stream broke.
        source: NotResp,
    },
}

impl fmt::Display for ServerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io { address, source } => write!(f, "could not talk to {address}: {source}"),
            Self::Refused { address, text } => write!(f, "{address} refused: {text}"),
            Self::NotResp { address, source } => write!(f, "{address}: {source}"),
        }
    }
}

impl std::error::Error for ServerError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io { source, .. } => Some(source),
            Self::NotResp { source, .. } => Some(source),
            Self::Refused { .. } => None,
        }
    }
}

/// What every connection sends first, and how many replies that brings.
#[derive(Clone, Debug, Default)]
pub struct Greeting {
    /// The requests, encoded.
    pub bytes: Vec<u8>,
    /// Replies to them.
    pub replies: u64,
}

impl Greeting {
    /// The greeting that the options ask for.
    pub fn new(options: &Options) -> Self {
        let mut greeting = Self::default();
        let database = options.database.to_string();
        if let Some(password) = &options.password {
            match &options.user {
                Some(user) => greeting.push(&["AUTH", user, password]),
                None => greeting.push(&["AUTH", password]),
            }
        }
        if options.is_resp3 {
            greeting.push(&["HELLO", "3"]);
        }
        if options.database != 0 {
            greeting.push(&["SELECT", &database]);
        }
        if options.has_tracking {
            greeting.push(&["CLIENT", "TRACKING", "ON"]);
        }
        greeting
    }

    fn push(&mut self, words: &[&str]) {
        encode(&mut self.bytes, words);
        self.replies += 1;
    }
}

fn encode(out: &mut Vec<u8>, words: &[&str]) {
    out.push(b'*');
    write_u64(out, words.len() as u64);
    for word in words {
        out.extend_from_slice(b"\r\n$");
        write_u64(out, word.len() as u64);
        out.extend_from_slice(b"\r\n");
        out.extend_from_slice(word.as_bytes());
    }
    out.extend_from_slice(b"\r\n");
}

/// A connection that has been greeted.
#[derive(Debug)]
pub struct Control {
    address: String,
    socket: BlockingSocket,
}

/// A longer answer to a question of ours is none.
const ANSWER_BYTES_MAX: usize = 4 << 20;

impl Control {
    /// Connects and greets.
    ///
    /// # Errors
    /// [`ServerError`], naming `address`.
    pub fn open(address: &str, endpoint: &Endpoint, greeting: &Greeting) -> Result<Self, ServerError> {
        let socket = BlockingSocket::connect(endpoint).map_err(|source| ServerError::Io {
            address: address.to_owned(),
            source,
        })?;
        let mut control = Self {
            address: address.to_owned(),
            socket,
        };
        if greeting.replies > 0 {
            control.exchange(&greeting.bytes, greeting.replies)?;
        }
        Ok(control)
    }

    /// The socket, for a run.
    pub fn into_socket(self) -> BlockingSocket {
        self.socket
    }

    /// The bulk strings in the answer to a command.
    ///
    /// # Errors
    /// [`ServerError`]; an error as answer is one too.
    pub fn ask(&mut self, words: &[&str]) -> Result<Vec<String>, ServerError> {
        let mut request = Vec::new();
        encode(&mut request, words);
        let answer = self.exchange(&request, 1)?;
        Ok(bulk_strings(&answer))
    }

    fn exchange(&mut self, request: &[u8], replies: u64) -> Result<Vec<u8>, ServerError> {
        let io_error = |address: &str, source| ServerError::Io {
            address: address.to_owned(),
            source,
        };
        self.socket
            .write_all(request)
            .map_err(|source| io_error(&self.address, source))?;
        let mut scanner = ReplyScanner::new();
        let (mut answer, mut chunk, mut found) = (Vec::new(), [0; 4096], 0);
        while found < replies {
            let count = match self.socket.read(&mut chunk) {
                // A signal that ends the run early is noticed by the run.
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                read => read.map_err(|source| io_error(&self.address, source))?,
            };
            if count == 0 || answer.len() > ANSWER_BYTES_MAX {
                let source = io::Error::new(
                    io::ErrorKind::UnexpectedEof,
                    "the connection ended without an answer",
                );
                return Err(io_error(&self.address, source));
            }
            let scanned = scanner
                .scan(&chunk[..count])
                .map_err(|source| ServerError::NotResp {
                    address: self.address.clone(),
                    source,
                })?;
            if scanned.errors > 0 {
                return Err(ServerError::Refused {
                    address: self.address.clone(),
                    text: String::from_utf8_lossy(scanner.error_text()).into_owned(),
                });
            }
            found += scanned.replies;
            answer.extend_from_slice(&chunk[..count]);
        }
        Ok(answer)
    }
}

/// The bulk strings of an answer, at whatever depth; what is not a bulk string is passed over.
fn bulk_strings(answer: &[u8]) -> Vec<String> {
    let mut strings = Vec::new();
    let mut rest = answer;
    while let Some(end) = rest.windows(2).position(|pair| pair == b"\r\n") {
        let (line, tail) = (&rest[..end], &rest[end + 2..]);
        rest = tail;
        let is_bulk = matches!(line.first(), Some(b'$' | b'='));
        let length = line.get(1..).and_then(flashdb_base::number::parse_u64);
        if let Some(length) = length.filter(|_| is_bulk) {
            let length = usize::try_from(length).unwrap_or(usize::MAX);
            let Some(body) = rest.get(..length) else { break };
            strings.push(String::from_utf8_lossy(body).into_owned());
            rest = rest.get(length.saturating_add(2)..).unwrap_or_default();
        }
    }
    strings
}

/// A setting that reports show, as redis-benchmark does; `None` where the server does not tell.
///
/// # Errors
/// That the server wants a password: every request of the load would be refused.
pub fn setting(control: &mut Control, name: &str) -> Result<Option<String>, ServerError> {
    match control.ask(&["CONFIG", "GET", name]) {
        Ok(pair) => Ok(pair.into_iter().nth(1)),
        Err(ServerError::Refused { address, text }) if text.starts_with("NOAUTH") => {
            Err(ServerError::Refused { address, text })
        }
        Err(_) => Ok(None),
    }
}

/// The server's process, by its own word: its id and the name of its program.
pub fn process(control: &mut Control) -> Option<(u32, String)> {
    let info = control.ask(&["INFO", "server"]).ok()?;
    process_in(info.first()?)
}

fn process_in(info: &str) -> Option<(u32, String)> {
    let field = |name: &str| {
        let mut fields = info.lines().filter_map(|line| line.split_once(':'));
        fields
            .find(|(field, _)| *field == name)
            .map(|(_, value)| value.trim())
    };
    let pid = field("process_id")?.parse().ok()?;
    let program = field("executable")?.rsplit('/').next()?;
    (!program.is_empty()).then(|| (pid, program.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_bulk_strings_in_anything() {
        assert_eq!(bulk_strings(b"*2\r\n$4\r\nsave\r\n$0\r\n\r\n"), ["save", ""]);
        assert_eq!(
            bulk_strings(b"%1\r\n$1\r\na\r\n*2\r\n:1\r\n$3\r\nx\r\n\r\n"),
            ["a", "x\r\n"]
        );
        assert_eq!(bulk_strings(b"=7\r\ntxt:abc\r\n"), ["txt:abc"]);
        for damaged in [
            &b"$5\r\nab"[..],
            b"$-1\r\n",
            b"$99999999999999999999\r\nx\r\n",
            b"",
            b"\r\n\r\n",
        ] {
            assert!(bulk_strings(damaged).is_empty());
        }
    }

    #[test]
    fn finds_the_process_in_info() {
        let info = "# Server\r\nprocess_id:77\r\nexecutable:/usr/bin/redis-server\r\n";
        assert_eq!(process_in(info), Some((77, "redis-server".to_owned())));
        for damaged in [
            "",
            "process_id:x\r\nexecutable:/a",
            "process_id:7",
            "process_id:7\nexecutable:/a/",
        ] {
            assert_eq!(process_in(damaged), None);
        }
    }

    #[test]
    fn greets_as_asked() {
        let words = ["-a", "p", "--user", "u", "-3", "--dbnum", "2"].map(str::to_owned);
        let Ok(crate::options::Request::Run(options)) = crate::options::parse(&words, None) else {
            panic!("sound");
        };
        let greeting = Greeting::new(&options);
        assert_eq!(greeting.replies, 3);
        assert_eq!(
            greeting.bytes,
            b"*3\r\n$4\r\nAUTH\r\n$1\r\nu\r\n$1\r\np\r\n*2\r\n$5\r\nHELLO\r\n$1\r\n3\r\n*2\r\n$6\r\nSELECT\r\n$1\r\n2\r\n"
        );
    }
}
