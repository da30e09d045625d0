//! What the socket-level tests share: a server of their own (the binary under test on a free port in
//! a temporary folder) and a raw client that reads RESP2 and RESP3. The client interprets nothing,
//! so that tests can send what no client library would.
#![allow(dead_code)] // Every test file uses its own part of this.

pub mod http;
pub mod mounted;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{IpAddr, Ipv4Addr, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

const START_LIMIT: Duration = Duration::from_secs(20);
const REPLY_LIMIT: Duration = Duration::from_secs(30);

/// A running server; it ends with the value.
pub struct Server {
    child: Child,
    folder: PathBuf,
    /// Port it listens on.
    pub port: u16,
}

/// A port that no other test uses: below those that the system hands out by itself, apart for each process
/// and each server in it.
pub fn own_port() -> u16 {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed) % 100;
    20_000 + (std::process::id() % 120) as u16 * 100 + number as u16
}

impl Server {
    /// Starts one with further command line arguments.
    pub fn start(args: &[&str]) -> Self {
        Self::start_with(Command::new(env!("CARGO_BIN_EXE_flashdb")), args)
    }

    /// Starts one by way of `command`, which ends in the server's binary.
    pub fn start_with(mut command: Command, args: &[&str]) -> Self {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("flashdb-socket-{}-{number}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&folder).expect("a temporary folder");
        command
            .args(["--save", "", "--http-port", "0"])
            .args(args)
            .current_dir(&folder)
            .stdout(Stdio::null());
        for _ in 0..5 {
            let port = own_port();
            let child = command
                .args(["--port", &port.to_string()])
                .spawn()
                .expect("the server starts");
            let mut server = Server {
                child,
                folder: folder.clone(),
                port,
            };
            if server.is_ready() {
                return server;
            }
            // The folder is still needed, by the next try.
            server.folder = PathBuf::new();
        }
        panic!("the server does not start");
    }

    /// Waits until the server answers; false when it ends instead.
    fn is_ready(&mut self) -> bool {
        let end = Instant::now() + START_LIMIT;
        while !self.answers() {
            if self.child.try_wait().expect("a child can be asked").is_some() {
                return false;
            }
            assert!(Instant::now() < end, "the server does not answer");
            std::thread::sleep(Duration::from_millis(10));
        }
        true
    }

    /// Whether this very server answers, and has loaded its data: on a port that another one has, it will end in a moment.
    fn answers(&self) -> bool {
        let Ok(stream) = TcpStream::connect(("127.0.0.1", self.port)) else {
            return false;
        };
        let mut client = Raw::new(stream);
        match client.try_ask("INFO server") {
            // To strangers it says nothing.
            Some(Value::Error(_)) => {}
            Some(told) if told.text().contains(&format!("process_id:{}\r", self.pid())) => {}
            _ => return false,
        }
        match client.try_ask("PING") {
            Some(Value::Error(text)) => !text.starts_with("LOADING"),
            reply => reply.is_some(),
        }
    }

    /// A fresh connection.
    pub fn connect(&self) -> Raw {
        self.connect_to(Ipv4Addr::LOCALHOST.into())
    }

    /// A fresh connection to an address that the server listens on.
    pub fn connect_to(&self, address: IpAddr) -> Raw {
        Raw::new(TcpStream::connect((address, self.port)).expect("a connection"))
    }

    /// Waits for the process to end by itself.
    pub fn await_end(&mut self) {
        self.child.wait().expect("a child can be waited for");
    }

    /// Does something again and again until the process has ended.
    pub fn await_end_by(&mut self, act: impl Fn(&Self)) {
        let end = Instant::now() + REPLY_LIMIT;
        while self.child.try_wait().expect("a child can be asked").is_none() {
            assert!(Instant::now() < end, "the server does not end");
            act(self);
        }
    }

    /// The server's process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// A number of INFO.
    pub fn info(&self, field: &str) -> i64 {
        self.connect().info(field)
    }

    /// Waits until a number of INFO is `wanted`.
    pub fn await_info(&self, field: &str, wanted: i64) {
        let mut client = self.connect();
        let end = Instant::now() + REPLY_LIMIT;
        loop {
            let found = client.info(field);
            if found == wanted {
                return;
            }
            assert!(Instant::now() < end, "{field} is {found}, not {wanted}");
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// Resident memory now, bytes.
    pub fn resident_bytes(&self) -> u64 {
        self.status_bytes("VmRSS:")
    }

    /// The most resident memory so far, bytes.
    pub fn resident_peak_bytes(&self) -> u64 {
        self.status_bytes("VmHWM:")
    }

    fn status_bytes(&self, field: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid()))
            .expect("the status of the process");
        let line = status
            .lines()
            .find(|line| line.starts_with(field))
            .expect("the field");
        let kib: u64 = line
            .split_whitespace()
            .nth(1)
            .expect("a number")
            .parse()
            .expect("a number");
        kib * 1024
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _gone_already = self.child.kill();
        let _reaped = self.child.wait();
        let _best_effort = std::fs::remove_dir_all(&self.folder);
    }
}

/// A reply. Maps, sets and pushes are arrays; sizes are not limited.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// `+`
    Simple(String),
    /// `-`
    Error(String),
    /// `:`
    Int(i64),
    /// `$`, `=`
    Bulk(Vec<u8>),
    /// `_`, `$-1`, `*-1`
    Null,
    /// `,`, `#`, `(`: as sent
    Other(String),
    /// `*`, `~`, `>`, and `%` flattened
    Array(Vec<Value>),
}

impl Value {
    /// The text of a string or error, lossy.
    pub fn text(&self) -> String {
        match self {
            Value::Simple(text) | Value::Error(text) | Value::Other(text) => text.clone(),
            Value::Bulk(bytes) => String::from_utf8_lossy(bytes).into_owned(),
            other => panic!("not a text: {other:?}"),
        }
    }

    /// The elements of an array.
    pub fn items(&self) -> &[Value] {
        match self {
            Value::Array(items) => items,
            other => panic!("not an array: {other:?}"),
        }
    }

    /// The value behind `name` in a flattened map.
    pub fn field(&self, name: &str) -> Option<&Value> {
        let Value::Array(items) = self else { return None };
        items
            .chunks(2)
            .find(|pair| pair[0].text() == name)
            .map(|pair| &pair[1])
    }
}

/// A connection without any knowledge of commands.
pub struct Raw {
    /// The socket, for what is not a request.
    pub stream: TcpStream,
    input: BufReader<TcpStream>,
}

/// Encodes a request.
pub fn encode<W: AsRef<[u8]>>(words: &[W]) -> Vec<u8> {
    let mut bytes = format!("*{}\r\n", words.len()).into_bytes();
    for word in words {
        let word = word.as_ref();
        bytes.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
        bytes.extend_from_slice(word);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes
}

impl Raw {
    fn new(stream: TcpStream) -> Self {
        stream.set_nodelay(true).expect("TCP_NODELAY");
        stream.set_read_timeout(Some(REPLY_LIMIT)).expect("a time limit");
        Raw {
            input: BufReader::new(stream.try_clone().expect("a second handle")),
            stream,
        }
    }

    /// As [`Raw::ask`]; `None` once the server has gone.
    fn try_ask(&mut self, line: &str) -> Option<Value> {
        let words: Vec<&str> = line.split(' ').collect();
        self.stream.write_all(&encode(&words)).ok()?;
        self.try_read()
    }

    /// Sends bytes.
    pub fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).expect("the server reads");
    }

    /// Sends a request.
    pub fn request<W: AsRef<[u8]>>(&mut self, words: &[W]) {
        self.send(&encode(words));
    }

    /// Sends a request written as a line of words and reads its reply.
    pub fn ask(&mut self, line: &str) -> Value {
        let words: Vec<&str> = line.split(' ').collect();
        self.request(&words);
        self.read()
    }

    /// Reads a reply.
    pub fn read(&mut self) -> Value {
        self.try_read().expect("a reply")
    }

    /// Reads a reply; `None` once the server has closed the connection.
    pub fn try_read(&mut self) -> Option<Value> {
        let mut line = Vec::new();
        match self.input.read_until(b'\n', &mut line) {
            Ok(0) => return None,
            Ok(_) => {}
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => return None,
            Err(error) => panic!("no reply: {error}"),
        }
        let text = String::from_utf8_lossy(&line[1..]).trim_end().to_owned();
        Some(match line[0] {
            b'+' => Value::Simple(text),
            b'-' => Value::Error(text),
            b':' => Value::Int(text.parse().expect("an integer")),
            b'_' => Value::Null,
            b',' | b'#' | b'(' => Value::Other(text),
            b'$' | b'=' if text != "-1" => {
                let mut bytes = vec![0; text.parse::<usize>().expect("a length") + 2];
                self.input.read_exact(&mut bytes).expect("the bulk string");
                bytes.truncate(bytes.len() - 2);
                Value::Bulk(bytes)
            }
            b'*' | b'~' | b'>' if text != "-1" => self.read_items(text.parse().expect("a count"))?,
            b'%' => self.read_items(2 * text.parse::<usize>().expect("a count"))?,
            b'$' | b'*' => Value::Null,
            other => panic!("not RESP: {other} {text}"),
        })
    }

    fn read_items(&mut self, count: usize) -> Option<Value> {
        (0..count)
            .map(|_| self.try_read())
            .collect::<Option<_>>()
            .map(Value::Array)
    }

    /// Whether the server closes the connection without another byte.
    pub fn is_closed(&mut self) -> bool {
        matches!(self.input.fill_buf(), Ok([]) | Err(_))
    }

    /// Waits until the server knows no other client: the end of a connection is not seen at once.
    pub fn await_alone(&mut self) {
        let end = Instant::now() + REPLY_LIMIT;
        while self.info("connected_clients") != 1 {
            assert!(Instant::now() < end, "other clients stay");
        }
    }

    /// A number of INFO.
    pub fn info(&mut self, field: &str) -> i64 {
        let text = self.ask("INFO everything").text();
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
        line.expect("a field of INFO").trim().parse().expect("a number")
    }
}
