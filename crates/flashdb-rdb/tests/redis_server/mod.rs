//! A real redis-server for tests: started in a folder of its own on a Unix socket, killed when dropped.
//!
//! Debian's redis-tools hold the server's program under the name redis-check-rdb; it is a server when it is called one. Where
//! neither is installed, tests that need it say so and pass.

#![allow(clippy::unwrap_used)] // a panic is how a test fails

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

fn on_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|folder| folder.join(name))
        .find(|program| program.is_file())
}

/// The program of redis-server, or `None` and a word about it.
pub fn program() -> Option<PathBuf> {
    let found = on_path("redis-server").or_else(|| on_path("redis-check-rdb"));
    if found.is_none() {
        eprintln!("not tested: neither redis-server nor redis-check-rdb is installed");
    }
    found
}

/// Output of redis-check-rdb for a file, and whether it was satisfied.
pub fn check_rdb(program: &Path, file: &Path) -> (bool, String) {
    let output = Command::new(program)
        .arg0("redis-check-rdb")
        .arg(file)
        .output()
        .unwrap();
    (
        output.status.success(),
        String::from_utf8_lossy(&output.stdout).into_owned(),
    )
}

/// A reply, simplified: errors and all texts are `Text`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    Text(Vec<u8>),
    Integer(i64),
    Null,
    Array(Vec<Reply>),
}

pub struct RedisServer {
    child: Child,
    stream: BufReader<UnixStream>,
}

impl RedisServer {
    /// Starts a server on `folder`, where it finds and leaves its files. `Err` holds its log if it did not come up.
    pub fn start(program: &Path, folder: &Path, options: &[&str]) -> Result<Self, String> {
        let socket = folder.join("socket");
        let mut child = Command::new(program)
            .arg0("redis-server")
            .args(["--port", "0", "--save", "", "--enable-debug-command", "yes"])
            .arg("--dir")
            .arg(folder)
            .arg("--unixsocket")
            .arg(&socket)
            .args(options)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut log = BufReader::new(child.stdout.take().unwrap());
        let (mut text, mut line) = (String::new(), Vec::new());
        while !String::from_utf8_lossy(&line).contains("ready to accept connections at") {
            line.clear();
            if log.read_until(b'\n', &mut line).unwrap() == 0 {
                child.wait().unwrap();
                return Err(text);
            }
            text += &String::from_utf8_lossy(&line);
        }
        std::thread::spawn(move || std::io::copy(&mut log, &mut std::io::sink()));
        let stream = BufReader::new(UnixStream::connect(&socket).unwrap());
        Ok(Self { child, stream })
    }

    /// Runs a command; panics on an error reply.
    pub fn run(&mut self, words: &[&[u8]]) -> Reply {
        let mut request = format!("*{}\r\n", words.len()).into_bytes();
        for word in words {
            request.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
            request.extend_from_slice(word);
            request.extend_from_slice(b"\r\n");
        }
        self.stream.get_mut().write_all(&request).unwrap();
        self.reply()
    }

    /// Runs a command line of plain words.
    pub fn say(&mut self, line: &str) -> Reply {
        let words: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
        self.run(&words)
    }

    /// The digest of all data.
    pub fn digest(&mut self) -> Vec<u8> {
        match self.say("DEBUG DIGEST") {
            Reply::Text(digest) => digest,
            other => panic!("a digest was expected, not {other:?}"),
        }
    }

    fn reply(&mut self) -> Reply {
        let mut line = Vec::new();
        self.stream.read_until(b'\n', &mut line).unwrap();
        let text = String::from_utf8_lossy(&line[1..line.len() - 2]).into_owned();
        match line[0] {
            b'+' => Reply::Text(text.into_bytes()),
            b':' => Reply::Integer(text.parse().unwrap()),
            b'$' if text == "-1" => Reply::Null,
            b'$' => {
                let mut bytes = vec![0; text.parse::<usize>().unwrap() + 2];
                self.stream.read_exact(&mut bytes).unwrap();
                bytes.truncate(bytes.len() - 2);
                Reply::Text(bytes)
            }
            b'*' if text == "-1" => Reply::Null,
            b'*' => Reply::Array((0..text.parse().unwrap()).map(|_| self.reply()).collect()),
            _ => panic!("error reply: {text}"),
        }
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        // Both fail only if it is gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Writes one key or more of every type and encoding, in two databases.
pub fn populate(server: &mut RedisServer) {
    for line in [
        "SET string hello",
        "SET int8 -12",
        "SET int16 12345",
        "SET int32 -1234567890",
        "SET int64 1234567890123",
        "SET expiring soon PXAT 4102444800000",
        "SADD set16 1 2 -3",
        "SADD set32 100000 -100000",
        "SADD set64 9223372036854775807 0",
        "SADD set-texts a b 10",
        "ZADD zset 1 a 2.5 b inf c -inf d 1e300 e 0.1 f",
        "HSET hash f v n 42",
        "RPUSH list a b 1 -5 70000 9223372036854775807",
        "XADD stream 5-1 a 1 b 2",
        "XADD stream 5-2 a 3 b 4",
        "XADD stream 6-0 other 5",
        "XADD stream 7-0 a 6 b 7",
        "XDEL stream 5-2",
        "XGROUP CREATE stream group 0",
        "XGROUP CREATE stream unread $",
        "XGROUP CREATECONSUMER stream group idle",
        "XREADGROUP GROUP group reader COUNT 2 STREAMS stream >",
        "XGROUP CREATE empty-stream group $ MKSTREAM",
        "PFADD hyperloglog a b c",
        "SETBIT bitmap 100000 1",
        "GEOADD places 13.361389 38.115556 Palermo",
        "SELECT 3",
        "DEBUG POPULATE 2000 key 30",
        "SET other-db 1 EX 100000",
        "SELECT 0",
    ] {
        server.say(line);
    }
    let long = vec![b'y'; 9000];
    server.run(&[b"SET", b"compressible", &long]);
    server.run(&[b"SET", b"binary\x00\xff\r\n", &(0..=255).collect::<Vec<u8>>()]);
    server.run(&[b"RPUSH", b"list-plain", b"small", &long, b"tail"]);
    server.run(&[b"HSET", b"hash-large-value", b"f", &long]);
    for i in 0..1000 {
        let member = format!("member:{i}").into_bytes();
        let score = format!("{}", f64::from(i) / 3.0).into_bytes();
        server.run(&[b"RPUSH", b"list-long", &member]);
        server.run(&[b"SADD", b"set-large", &member]);
        server.run(&[b"SADD", b"set-large-integers", i.to_string().as_bytes()]);
        server.run(&[b"ZADD", b"zset-large", &score, &member]);
        server.run(&[b"HSET", b"hash-large", &member, &score]);
        server.run(&[b"XADD", b"stream-long", b"*", b"field", &member]);
    }
}
