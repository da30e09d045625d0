//! Connections of a user for a thread that waits: those of a benchmark. They enter the engine as those of `ask.rs` do, with
//! the user's rights and no password.

use crate::ask::encode;
use flashdb_benchmark::socket::{BlockingSocket, Socket};
use flashdb_resp::reply::{ReplyLimits, ReplyParser, Value};
use flashdb_server::engine::{Engine, Identity};
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::os::unix::net::UnixStream;
use std::time::Duration;

/// What CLIENT LIST calls them.
const NAME: &str = "flashdb-bench";
/// Time for the engine to answer.
const TIME: Duration = Duration::from_secs(10);
const READ_BYTES: usize = 4 << 10;

/// Makes connections of a user in a database.
pub(crate) struct Guests {
    engine: Engine,
    identity: Identity,
    peer: SocketAddr,
    db: u64,
}

impl Guests {
    pub fn new(engine: &Engine, identity: &Identity, peer: SocketAddr, db: u64) -> Self {
        Guests {
            engine: engine.clone(),
            identity: identity.clone(),
            peer,
            db,
        }
    }

    fn connect(&self) -> Result<Guest, String> {
        let connected = self
            .engine
            .connect(NAME, &self.peer.to_string(), Some(&self.identity));
        let (stream, _) = connected.map_err(|error| format!("no connection: {error}"))?;
        let ready = stream
            .set_nonblocking(false)
            .and_then(|()| stream.set_read_timeout(Some(TIME)))
            .and_then(|()| stream.set_write_timeout(Some(TIME)));
        ready.map_err(|error| format!("no connection: {error}"))?;
        let mut guest = Guest {
            stream,
            inbox: Vec::new(),
        };
        guest.ask(&[b"SELECT".to_vec(), self.db.to_string().into_bytes()])?;
        Ok(guest)
    }

    /// So many connections for an event loop.
    ///
    /// # Errors
    /// In words, as all here.
    pub fn sockets(&self, count: usize) -> Result<Vec<Socket>, String> {
        let one = || {
            let stream = self.connect()?.stream;
            let socket = BlockingSocket::Unix(stream).into_nonblocking();
            socket.map_err(|error| format!("no connection: {error}"))
        };
        (0..count).map(|_| one()).collect()
    }

    /// Removes keys.
    pub fn unlink(&self, keys: &[String]) -> Result<(), String> {
        self.connect()?.unlink(keys.iter().cloned())
    }

    /// Removes the keys `name` with twelve digits behind it, below `count`, so many together; tells how many were asked for.
    pub fn unlink_numbered(
        &self,
        name: &str,
        count: u64,
        together: u64,
        mut tell: impl FnMut(u64),
    ) -> Result<(), String> {
        let mut guest = self.connect()?;
        let mut next = 0;
        while next < count {
            let end = (next + together).min(count);
            guest.unlink((next..end).map(|number| format!("{name}{number:012}")))?;
            next = end;
            tell(next);
        }
        Ok(())
    }
}

/// A connection.
struct Guest {
    stream: UnixStream,
    inbox: Vec<u8>,
}

impl Guest {
    fn unlink(&mut self, keys: impl Iterator<Item = String>) -> Result<(), String> {
        let mut request = vec![b"UNLINK".to_vec()];
        request.extend(keys.map(String::into_bytes));
        self.ask(&request).map(drop)
    }

    /// Asks; an error of the engine is a failure.
    fn ask(&mut self, request: &[Vec<u8>]) -> Result<Value, String> {
        let lost = |error: std::io::Error| format!("the connection to the engine is lost: {error}");
        let mut bytes = Vec::new();
        encode(&mut bytes, request);
        self.stream.write_all(&bytes).map_err(lost)?;
        let mut parser = ReplyParser::new(ReplyLimits::default());
        loop {
            let parsed = parser.parse(&self.inbox);
            let (taken, reply) = parsed.map_err(|error| format!("the reply cannot be read: {error}"))?;
            self.inbox.drain(..taken);
            match reply {
                Some(Value::Error(text)) => return Err(String::from_utf8_lossy(&text).into_owned()),
                Some(Value::Push(_)) => {}
                Some(reply) => return Ok(reply),
                None => {
                    let mut piece = [0; READ_BYTES];
                    let length = self.stream.read(&mut piece).map_err(lost)?;
                    if length == 0 {
                        return Err("the engine has closed the connection".to_owned());
                    }
                    self.inbox.extend_from_slice(&piece[..length]);
                }
            }
        }
    }
}
