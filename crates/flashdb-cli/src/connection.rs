//! A connection to a server: requests out, replies in.
//!
//! Reading waits for as long as it takes; with an [`Interrupt`] it ends at Ctrl-C, which is how the prompt comes back from
//! SUBSCRIBE, MONITOR or a BLPOP that nobody serves.

use crate::address::Address;
use flashdb_resp::reply::{ReplyFault, ReplyParser, Value};
use flashdb_resp::{Protocol, Reply};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::fmt;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

const READ_BYTES: usize = 64 * 1024;

/// Why a connection is of no use any more, or a reply did not come.
#[derive(Debug)]
pub enum ConnectionError {
    /// The server has closed it.
    Closed,
    /// The system says so.
    Io(io::Error),
    /// What came is no reply.
    Fault(ReplyFault),
    /// Ctrl-C.
    Interrupted,
    /// The time given for it is over.
    TimedOut,
}

impl fmt::Display for ConnectionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ConnectionError::Closed => f.write_str("Server closed the connection"),
            ConnectionError::Io(error) => f.write_str(&reason(error)),
            ConnectionError::Fault(fault) => fault.fmt(f),
            ConnectionError::Interrupted => f.write_str("Interrupted"),
            ConnectionError::TimedOut => f.write_str("Timed out"),
        }
    }
}

impl std::error::Error for ConnectionError {}

impl From<io::Error> for ConnectionError {
    fn from(error: io::Error) -> Self {
        ConnectionError::Io(error)
    }
}

/// The system's words for an error, without what the standard library adds.
pub fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    let text = text
        .strip_prefix("failed to lookup address information: ")
        .unwrap_or(&text);
    match text.rfind(" (os error ") {
        Some(at) => text[..at].to_owned(),
        None => text.to_owned(),
    }
}

/// Ctrl-C as something to wait for: the read end of a pipe into which the signal's handler writes.
pub struct Interrupt {
    pipe: UnixStream,
}

impl Interrupt {
    /// Catches SIGINT from now on.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn install() -> io::Result<Self> {
        let (pipe, sender) = UnixStream::pair()?;
        pipe.set_nonblocking(true)?;
        signal_hook::low_level::pipe::register(signal_hook::consts::SIGINT, sender)?;
        Ok(Interrupt { pipe })
    }

    /// Forgets earlier ones.
    pub fn clear(&self) {
        let mut bytes = [0; 64];
        while matches!((&self.pipe).read(&mut bytes), Ok(1..)) {}
    }
}

enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Stream {
    fn fd(&self) -> BorrowedFd<'_> {
        match self {
            Stream::Tcp(stream) => stream.as_fd(),
            Stream::Unix(stream) => stream.as_fd(),
        }
    }

    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        match self {
            Stream::Tcp(stream) => stream.read(bytes),
            Stream::Unix(stream) => stream.read(bytes),
        }
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Stream::Tcp(stream) => stream.write_all(bytes),
            Stream::Unix(stream) => stream.write_all(bytes),
        }
    }
}

/// See the module's head.
pub struct Connection {
    stream: Stream,
    /// Bytes that have come; those before `taken` are done with.
    buffer: Vec<u8>,
    taken: usize,
    parser: ReplyParser,
}

impl Connection {
    /// Connects; host names are looked up, and every address tried.
    ///
    /// # Errors
    /// The system's, for the last address.
    pub fn open(address: &Address) -> io::Result<Self> {
        let stream = match address {
            Address::Tcp(host, port) => {
                let stream = TcpStream::connect((host.as_str(), *port))?;
                stream.set_nodelay(true)?;
                Stream::Tcp(stream)
            }
            Address::Unix(path) => Stream::Unix(UnixStream::connect(path)?),
        };
        Ok(Connection {
            stream,
            buffer: Vec::new(),
            taken: 0,
            parser: ReplyParser::default(),
        })
    }

    /// Sends a request.
    ///
    /// # Errors
    /// When the connection is broken.
    pub fn send<W: AsRef<[u8]>>(&mut self, words: &[W]) -> Result<(), ConnectionError> {
        let mut request = Vec::new();
        push_request(&mut request, words);
        self.send_bytes(&request)
    }

    /// Sends bytes as they are.
    ///
    /// # Errors
    /// When the connection is broken.
    pub fn send_bytes(&mut self, bytes: &[u8]) -> Result<(), ConnectionError> {
        Ok(self.stream.write_all(bytes)?)
    }

    /// The next reply or push, for as long as it takes; Ctrl-C ends it, where one is given.
    ///
    /// # Errors
    /// When the connection is broken or was interrupted; it is of no use any more.
    pub fn read(&mut self, interrupt: Option<&Interrupt>) -> Result<Value, ConnectionError> {
        loop {
            if let Some(value) = self.take()? {
                return Ok(value);
            }
            if let Some(interrupt) = interrupt {
                self.wait(Some(interrupt), None)?;
            }
            self.fill()?;
        }
    }

    /// A reply that is already here, or has come by `limit`.
    ///
    /// # Errors
    /// As [`Connection::read`], and when the time is over; then the connection can still be used.
    pub fn read_until(&mut self, limit: Instant) -> Result<Value, ConnectionError> {
        loop {
            if let Some(value) = self.take()? {
                return Ok(value);
            }
            let left = limit.saturating_duration_since(Instant::now());
            self.wait(None, Some(left))?;
            self.fill()?;
        }
    }

    /// Asks and reads the reply; pushes before it are dropped.
    ///
    /// # Errors
    /// When the connection is broken.
    pub fn ask<W: AsRef<[u8]>>(&mut self, words: &[W]) -> Result<Value, ConnectionError> {
        self.send(words)?;
        self.read_reply()
    }

    /// The next reply; pushes before it are dropped.
    ///
    /// # Errors
    /// When the connection is broken.
    pub fn read_reply(&mut self) -> Result<Value, ConnectionError> {
        loop {
            match self.read(None)? {
                Value::Push(_) => {}
                reply => return Ok(reply),
            }
        }
    }

    /// Bytes that are no reply: those of a file that the server sends. At most `bytes_max`, at least one.
    ///
    /// # Errors
    /// When the connection is broken.
    pub fn read_bytes(&mut self, bytes_max: usize) -> Result<Vec<u8>, ConnectionError> {
        if self.taken == self.buffer.len() {
            self.fill()?;
        }
        let end = self.buffer.len().min(self.taken.saturating_add(bytes_max));
        let bytes = self.buffer[self.taken..end].to_vec();
        self.taken = end;
        Ok(bytes)
    }

    /// Puts back the last bytes of what [`Connection::read_bytes`] has just given.
    pub fn unread(&mut self, bytes: usize) {
        self.taken = self.taken.saturating_sub(bytes);
    }

    /// The bytes before the next line feed, without it and the carriage return before it; of at most `bytes_max`.
    ///
    /// # Errors
    /// When the connection is broken, or the line is longer.
    pub fn read_line(&mut self, bytes_max: usize) -> Result<Vec<u8>, ConnectionError> {
        let mut line = Vec::new();
        loop {
            match self.read_bytes(1)?.as_slice() {
                b"\n" => break,
                bytes => line.extend_from_slice(bytes),
            }
            if line.len() > bytes_max {
                return Err(ConnectionError::Fault(ReplyFault::TooLarge("line")));
            }
        }
        if line.last() == Some(&b'\r') {
            line.pop();
        }
        Ok(line)
    }

    /// A second handle on the socket, for a thread that only writes.
    ///
    /// # Errors
    /// The system's.
    pub fn writer(&self) -> io::Result<Box<dyn Write + Send>> {
        Ok(match &self.stream {
            Stream::Tcp(stream) => Box::new(stream.try_clone()?),
            Stream::Unix(stream) => Box::new(stream.try_clone()?),
        })
    }

    fn take(&mut self) -> Result<Option<Value>, ConnectionError> {
        let parsed = self.parser.parse(&self.buffer[self.taken..]);
        let (taken, value) = parsed.map_err(ConnectionError::Fault)?;
        self.taken += taken;
        Ok(value)
    }

    fn fill(&mut self) -> Result<(), ConnectionError> {
        self.buffer.drain(..self.taken);
        self.taken = 0;
        let filled = self.buffer.len();
        // A long string is read in ever larger pieces, so that it is copied a few times only.
        let wanted = READ_BYTES.max(filled.min(8 << 20));
        self.buffer.resize(filled + wanted, 0);
        let read = loop {
            match self.stream.read(&mut self.buffer[filled..]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => break other,
            }
        };
        self.buffer.truncate(filled + *read.as_ref().unwrap_or(&0));
        match read? {
            0 => Err(ConnectionError::Closed),
            _ => Ok(()),
        }
    }

    /// Waits for bytes.
    fn wait(&self, interrupt: Option<&Interrupt>, limit: Option<Duration>) -> Result<(), ConnectionError> {
        let limit = limit.map(|limit| Timespec {
            tv_sec: limit.as_secs() as i64,
            tv_nsec: limit.subsec_nanos().into(),
        });
        let socket = self.stream.fd();
        let mut waited = vec![PollFd::new(&socket, PollFlags::IN)];
        if let Some(interrupt) = interrupt {
            waited.push(PollFd::new(&interrupt.pipe, PollFlags::IN));
        }
        loop {
            match poll(&mut waited, limit.as_ref()) {
                Ok(0) => return Err(ConnectionError::TimedOut),
                Ok(_) => break,
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(ConnectionError::Io(error.into())),
            }
        }
        match waited.get(1).is_some_and(|pipe| !pipe.revents().is_empty()) {
            true => Err(ConnectionError::Interrupted),
            false => Ok(()),
        }
    }
}

/// Appends a request.
pub fn push_request<W: AsRef<[u8]>>(out: &mut Vec<u8>, words: &[W]) {
    let mut request = Reply::with_buffer(std::mem::take(out), Protocol::Resp2);
    request.array(words.len());
    words.iter().for_each(|word| request.bulk(word.as_ref()));
    *out = request.into_bytes();
}
