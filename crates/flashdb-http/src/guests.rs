//! Connections for a thread that waits: those of a benchmark. They enter the engine as those of `ask.rs` do, with the user's
//! rights and no password; and as the server itself for what is tidied up behind the user, who may be gone by then.

use crate::ask::encode;
use flashdb_benchmark::socket::{BlockingSocket, Socket};
use flashdb_resp::reply::{ReplyLimits, ReplyParser, Value};
use flashdb_server::engine::{Aim, Engine, Identity};
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
            .connect(NAME, &self.peer.to_string(), Some(&self.identity), Aim::Use);
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
        guest.select(self.db)?;
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
}

/// Gives keys an end and removes them as the server itself, wherever SWAPDB may have moved them.
pub(crate) struct Tidier {
    guests: Guests,
    databases: u64,
    /// To the database in which the keys were made.
    guest: Option<Guest>,
}

impl Tidier {
    /// For keys that are made in `db`; `peer` is whom CLIENT LIST shows.
    pub fn new(engine: &Engine, peer: SocketAddr, db: u64) -> Self {
        Tidier {
            guests: Guests::new(engine, &engine.of_server(), peer, db),
            databases: engine.databases_count() as u64,
            guest: None,
        }
    }

    /// Has those of `keys` that have no end yet end in `ttl_s` seconds. Tried again by the next call where it fails.
    pub fn give_end(&mut self, keys: impl Iterator<Item = String>, ttl_s: u64) {
        if self.guest.is_none() {
            self.guest = self.guests.connect().ok();
        }
        let ttl_s = ttl_s.to_string().into_bytes();
        let expire = |key: String| {
            vec![
                b"EXPIRE".to_vec(),
                key.into_bytes(),
                ttl_s.clone(),
                b"NX".to_vec(),
            ]
        };
        let requests: Vec<_> = keys.map(expire).collect();
        if let Some(guest) = &mut self.guest
            && guest.ask_all(&requests).is_err()
        {
            self.guest = None;
        }
    }

    /// The databases that hold keys, that of the keys first.
    ///
    /// # Errors
    /// In words, as all here.
    pub fn databases(&self) -> Result<Vec<u64>, String> {
        let mut guest = self.guests.connect()?;
        let mut found = vec![self.guests.db];
        for db in (0..self.databases).filter(|&db| db != self.guests.db) {
            guest.select(db)?;
            if !matches!(guest.ask(&[b"DBSIZE".to_vec()])?, Value::Integer(0)) {
                found.push(db);
            }
        }
        Ok(found)
    }

    /// Removes keys in a database, so many together; tells how many were asked for.
    pub fn unlink(
        &self,
        db: u64,
        keys: impl Iterator<Item = String>,
        together: usize,
        mut tell: impl FnMut(u64),
    ) -> Result<(), String> {
        let mut guest = self.guests.connect()?;
        guest.select(db)?;
        let (mut keys, mut asked) = (keys.peekable(), 0);
        while keys.peek().is_some() {
            let some: Vec<String> = keys.by_ref().take(together).collect();
            asked += some.len() as u64;
            guest.unlink(some.into_iter())?;
            tell(asked);
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
    fn select(&mut self, db: u64) -> Result<(), String> {
        self.ask(&[b"SELECT".to_vec(), db.to_string().into_bytes()])
            .map(drop)
    }

    fn unlink(&mut self, keys: impl Iterator<Item = String>) -> Result<(), String> {
        let mut request = vec![b"UNLINK".to_vec()];
        request.extend(keys.map(String::into_bytes));
        self.ask(&request).map(drop)
    }

    /// Asks; an error of the engine is a failure.
    fn ask(&mut self, request: &[Vec<u8>]) -> Result<Value, String> {
        self.send(std::slice::from_ref(&request))?;
        self.read()
    }

    /// Asks one behind the other; the first error is a failure.
    fn ask_all(&mut self, requests: &[Vec<Vec<u8>>]) -> Result<(), String> {
        self.send(requests)?;
        requests.iter().try_for_each(|_| self.read().map(drop))
    }

    fn send<W: AsRef<[Vec<u8>]>>(&mut self, requests: &[W]) -> Result<(), String> {
        let mut bytes = Vec::new();
        for request in requests {
            encode(&mut bytes, request.as_ref());
        }
        self.stream.write_all(&bytes).map_err(lost)
    }

    fn read(&mut self) -> Result<Value, String> {
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

fn lost(error: std::io::Error) -> String {
    format!("the connection to the engine is lost: {error}")
}
