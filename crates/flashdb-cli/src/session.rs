//! A conversation with a server: what it has been told (user, database, protocol, transaction) is remembered, told again
//! after a reconnection, and shown in the prompt; redirections are followed, commands repeated, pushes shown.
//!
//! The prompt, a single command, and `--eval` all go through [`Session::issue`]. What is printed, and where, is
//! redis-cli's: replies on standard output, trouble with the connection on standard error.

use crate::address::Address;
use crate::connection::{Connection, ConnectionError, Interrupt, reason};
use crate::format::{Format, answers_with_text};
use crate::modes::replica;
use crate::options::Options;
use crate::output::print;
use crate::say;
use flashdb_resp::reply::Value;

/// The command could not be carried out; why has been printed.
#[derive(Debug)]
pub struct Failed;

/// Most redirections for one command: more are a cluster that turns in circles.
const REDIRECTIONS_MAX: usize = 16;

/// See the module's head.
pub struct Session {
    /// What was asked for; `address`, `user` and `password` follow what is typed.
    pub options: Options,
    /// None before the first and after a broken one.
    pub connection: Option<Connection>,
    /// Whether there is a prompt, or lines instead of one.
    pub is_interactive: bool,
    /// Ctrl-C, where it ends a reply and not the program.
    pub interrupt: Option<Interrupt>,
    /// The database that the server has selected for us.
    db: i64,
    /// The database from before MULTI, while in a transaction.
    db_before_multi: Option<i64>,
    resp3: bool,
    /// Counts connections and logins: who keeps what a server said can see that it may say something else now.
    pub acquaintances: u64,
}

/// What a command is for the conversation, beside its reply.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Plain,
    Subscribe,
    Unsubscribe,
    Monitor,
    Sync,
    Shutdown,
}

fn is(word: &[u8], names: &[&str]) -> bool {
    names
        .iter()
        .any(|name| word.eq_ignore_ascii_case(name.as_bytes()))
}

fn kind_of(words: &[Vec<u8>]) -> Kind {
    match words.first() {
        Some(name) if is(name, &["subscribe", "psubscribe", "ssubscribe"]) => Kind::Subscribe,
        Some(name) if is(name, &["unsubscribe", "punsubscribe", "sunsubscribe"]) => Kind::Unsubscribe,
        Some(name) if is(name, &["monitor"]) => Kind::Monitor,
        Some(name) if is(name, &["sync", "psync"]) => Kind::Sync,
        Some(name) if is(name, &["shutdown"]) => Kind::Shutdown,
        _ => Kind::Plain,
    }
}

impl Session {
    /// Not connected yet.
    pub fn new(options: Options) -> Self {
        Session {
            db: options.db,
            options,
            connection: None,
            is_interactive: false,
            interrupt: None,
            db_before_multi: None,
            resp3: false,
            acquaintances: 0,
        }
    }

    /// The prompt, without a blank at its end.
    pub fn prompt(&self) -> String {
        if self.connection.is_none() {
            return "not connected>".to_owned();
        }
        let place = match &self.options.address {
            Address::Unix(path) => format!("redis {path}"),
            address => address.to_string(),
        };
        let db = match self.db {
            0 => String::new(),
            db => format!("[{db}]"),
        };
        let transaction = if self.db_before_multi.is_some() {
            "(TX)"
        } else {
            ""
        };
        format!("{place}{db}{transaction}>")
    }

    /// Whether commands are being queued.
    pub fn is_in_transaction(&self) -> bool {
        self.db_before_multi.is_some()
    }

    /// Connects anew, and tells the server who we are and what we want.
    ///
    /// # Errors
    /// When there is no server. A refusal of the password or the database is printed and no error, as with redis-cli.
    pub fn connect(&mut self) -> Result<(), Failed> {
        self.connection = None;
        self.db_before_multi = None;
        self.resp3 = false;
        let mut connection = Connection::open(&self.options.address).map_err(|error| {
            eprintln!(
                "Could not connect to Redis at {}: {}",
                self.options.address,
                reason(&error)
            );
            Failed
        })?;
        self.acquaintances += 1;
        self.db = 0;
        let greeted = self.greet(&mut connection);
        match greeted {
            Ok(()) => {
                self.connection = Some(connection);
                Ok(())
            }
            Err(error) => {
                eprintln!("Error: {error}");
                Err(Failed)
            }
        }
    }

    /// As [`Session::connect`], and what must be used by its caller.
    ///
    /// # Errors
    /// As [`Session::connect`].
    pub fn connected(&mut self) -> Result<&mut Connection, Failed> {
        if self.connection.is_none() {
            self.connect()?;
        }
        self.connection.as_mut().ok_or(Failed)
    }

    fn greet(&mut self, connection: &mut Connection) -> Result<(), ConnectionError> {
        let told = |what: &str, reply: &Value| {
            if let Value::Error(text) = reply.plain() {
                eprintln!("{what} failed: {}", String::from_utf8_lossy(text));
            }
            !reply.is_error()
        };
        if let Some(password) = &self.options.password {
            let reply = match &self.options.user {
                Some(user) => connection.ask(&["AUTH", user, password])?,
                None => connection.ask(&["AUTH", password])?,
            };
            if !told("AUTH", &reply) {
                return Ok(());
            }
        }
        let db = self.options.db;
        if db != 0 {
            let reply = connection.ask(&["SELECT", &db.to_string()])?;
            if !told(&format!("SELECT {db}"), &reply) {
                return Ok(());
            }
            self.db = db;
        }
        if self.options.resp3 == Some(true) {
            let reply = connection.ask(&["HELLO", "3"])?;
            self.resp3 = told("HELLO 3", &reply);
        }
        Ok(())
    }

    /// Sends a command `repeat` times (negative: for ever) and prints the replies.
    ///
    /// # Errors
    /// When the connection fails. At the prompt the next command makes a new one.
    pub fn issue(&mut self, words: &[Vec<u8>], repeat: i64) -> Result<(), Failed> {
        let mut left = repeat;
        while left != 0 {
            self.issue_once(words)?;
            left -= i64::from(left > 0);
            if left != 0 {
                std::thread::sleep(self.options.interval.unwrap_or_default());
            }
        }
        Ok(())
    }

    fn issue_once(&mut self, words: &[Vec<u8>]) -> Result<(), Failed> {
        let mut asking = false;
        for _ in 0..=REDIRECTIONS_MAX {
            match self.exchange(words, asking) {
                Ok(None) => return Ok(()),
                Ok(Some(redirection)) => {
                    asking = redirection.is_ask;
                    if self.is_interactive {
                        let Redirection { slot, host, port, .. } = &redirection;
                        say!("-> Redirected to slot [{slot}] located at {host}:{port}\n");
                    }
                    self.options.address = Address::Tcp(redirection.host, redirection.port);
                    self.connect()?;
                }
                Err(error) => return self.broken(error, kind_of(words)),
            }
        }
        eprintln!("Error: redirected {REDIRECTIONS_MAX} times");
        Err(Failed)
    }

    fn broken(&mut self, error: Trouble, kind: Kind) -> Result<(), Failed> {
        let error = match error {
            Trouble::Connect(failed) => return Err(failed),
            Trouble::Connection(error) => error,
        };
        self.connection = None;
        match error {
            ConnectionError::Interrupted => {
                // What was under way cannot be called back but by leaving.
                say!("\n");
                self.connect()
            }
            // No other answer says that the server has ended.
            ConnectionError::Closed | ConnectionError::Io(_) if kind == Kind::Shutdown => Ok(()),
            error => {
                eprintln!("Error: {error}");
                Err(Failed)
            }
        }
    }

    /// One request with all that answers it.
    fn exchange(&mut self, words: &[Vec<u8>], asking: bool) -> Result<Option<Redirection>, Trouble> {
        let kind = kind_of(words);
        self.connected().map_err(Trouble::Connect)?;
        if let Some(interrupt) = &self.interrupt {
            interrupt.clear();
        }
        if asking {
            self.connection()?.ask(&["ASKING"])?;
        }
        if kind == Kind::Sync {
            say!("Entering replica output mode...  (press Ctrl-C to quit)\n");
            replica::show(self.connection()?, words)?;
            return Err(Trouble::Connection(ConnectionError::Closed));
        }
        self.connection()?.send(words)?;
        match kind {
            Kind::Subscribe => self.messages(words)?,
            Kind::Monitor => self.monitor(words)?,
            Kind::Unsubscribe => {
                for _ in 0..words.len().saturating_sub(1).max(1) {
                    let reply = self.read()?;
                    self.show(&reply, words);
                    if self.fails_with(&reply) {
                        break;
                    }
                }
            }
            _ => {
                let reply = self.reply()?;
                if let Some(redirection) = self.redirection(&reply) {
                    return Ok(Some(redirection));
                }
                self.finish(words, &reply)?;
            }
        }
        Ok(None)
    }

    fn connection(&mut self) -> Result<&mut Connection, ConnectionError> {
        self.connection.as_mut().ok_or(ConnectionError::Closed)
    }

    fn read(&mut self) -> Result<Value, ConnectionError> {
        match &mut self.connection {
            Some(connection) => connection.read(self.interrupt.as_ref()),
            None => Err(ConnectionError::Closed),
        }
    }

    /// The next reply; pushes before it are shown if that is wanted.
    fn reply(&mut self) -> Result<Value, ConnectionError> {
        loop {
            match self.read()? {
                push @ Value::Push(_) => {
                    if self.options.shows_pushes {
                        self.show(&push, &[]);
                    }
                }
                reply => return Ok(reply),
            }
        }
    }

    fn show(&self, reply: &Value, words: &[Vec<u8>]) {
        print(&self.options.style.show(reply, answers_with_text(words)));
    }

    /// Prints the reply, and remembers what it says about the conversation.
    fn finish(&mut self, words: &[Vec<u8>], reply: &Value) -> Result<(), ConnectionError> {
        if let (Value::Error(text), true) =
            (reply.plain(), self.options.fails_on_error && !self.is_interactive)
        {
            eprintln!("{}", String::from_utf8_lossy(text));
            std::process::exit(1);
        }
        self.show(reply, words);
        self.remember(words, reply)
    }

    fn remember(&mut self, words: &[Vec<u8>], reply: &Value) -> Result<(), ConnectionError> {
        let Some((name, arguments)) = words.split_first() else {
            return Ok(());
        };
        let text = |at: usize| String::from_utf8_lossy(&arguments[at]).into_owned();
        let failed = reply.is_error();
        match arguments.len() {
            0 if is(name, &["multi"]) && !failed => self.db_before_multi = Some(self.db),
            0 if is(name, &["exec"]) => {
                if let (Some(before), true) = (
                    self.db_before_multi.take(),
                    failed || *reply.plain() == Value::Null,
                ) {
                    self.set_db(before);
                }
            }
            0 if is(name, &["discard"]) && !failed => {
                if let Some(before) = self.db_before_multi.take() {
                    self.set_db(before);
                }
            }
            // MULTI may take words of other servers.
            _ if is(name, &["multi"]) && !failed => self.db_before_multi = Some(self.db),
            0 if is(name, &["reset"]) && !failed => {
                self.db_before_multi = None;
                self.set_db(0);
                self.resp3 = false;
            }
            1 if is(name, &["select"]) && !failed => {
                if let Ok(db) = text(0).parse() {
                    self.set_db(db);
                }
            }
            1 | 2 if is(name, &["auth"]) && !failed => {
                let credentials = (arguments.len() == 2).then(|| text(0));
                let password = text(arguments.len() - 1);
                self.logged_in(credentials, password)?;
            }
            1.. if is(name, &["hello"]) && !failed => {
                self.resp3 = arguments[0] == b"3";
                self.options.resp3 = Some(self.resp3);
                let auth = arguments.iter().position(|word| is(word, &["auth"]));
                if let Some(at) = auth.filter(|at| at + 2 < arguments.len()) {
                    self.logged_in(Some(text(at + 1)), text(at + 2))?;
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Both for the prompt and for the next connection.
    fn set_db(&mut self, db: i64) {
        self.db = db;
        self.options.db = db;
    }

    /// Whom the next connection logs in as. A database that was refused before is selected now.
    fn logged_in(&mut self, user: Option<String>, password: String) -> Result<(), ConnectionError> {
        self.options.user = user;
        self.options.password = Some(password);
        self.acquaintances += 1;
        let db = self.options.db;
        if self.db != db && self.db_before_multi.is_none() {
            let reply = self.connection()?.ask(&["SELECT", &db.to_string()])?;
            if !reply.is_error() {
                self.db = db;
            }
        }
        Ok(())
    }

    fn messages(&mut self, words: &[Vec<u8>]) -> Result<(), ConnectionError> {
        if self.options.style.format != Format::Raw {
            say!("Reading messages... (press Ctrl-C to quit)\n");
        }
        loop {
            let message = self.read()?;
            if self.fails_with(&message) {
                return self.finish(words, &message);
            }
            self.show(&message, words);
        }
    }

    fn monitor(&mut self, words: &[Vec<u8>]) -> Result<(), ConnectionError> {
        loop {
            let line = self.reply()?;
            if self.fails_with(&line) {
                return self.finish(words, &line);
            }
            self.show(&line, words);
        }
    }

    /// In a transaction the answer to SUBSCRIBE or MONITOR is that it is queued.
    fn fails_with(&self, reply: &Value) -> bool {
        reply.is_error() || (self.is_in_transaction() && reply.bytes() == Some(b"QUEUED"))
    }

    fn redirection(&self, reply: &Value) -> Option<Redirection> {
        let Value::Error(text) = reply.plain() else {
            return None;
        };
        if !self.options.follows_redirections {
            return None;
        }
        let text = std::str::from_utf8(text).ok()?;
        let mut words = text.split(' ');
        let is_ask = match words.next()? {
            "MOVED" => false,
            "ASK" => true,
            _ => return None,
        };
        let slot = words.next()?.parse().ok()?;
        let (host, port) = words.next()?.rsplit_once(':')?;
        // An empty host is the one that was asked.
        let host = match (&self.options.address, host) {
            (Address::Tcp(host, _), "") => host.clone(),
            _ => host.to_owned(),
        };
        Some(Redirection {
            is_ask,
            slot,
            host,
            port: port.parse().ok()?,
        })
    }
}

struct Redirection {
    is_ask: bool,
    slot: u16,
    host: String,
    port: u16,
}

/// What ends an exchange.
enum Trouble {
    /// There is no connection; that was printed.
    Connect(Failed),
    /// The connection broke.
    Connection(ConnectionError),
}

impl From<ConnectionError> for Trouble {
    fn from(error: ConnectionError) -> Self {
        Trouble::Connection(error)
    }
}
