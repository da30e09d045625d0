//! Servers for the tests: FlashDB itself in a process of its own, and one that answers what the test says.
//!
//! The first is this very test program, started again with the server's arguments in the environment: no binary of another
//! package has to be built for it.

use flashdb_config::Launch;
use flashdb_resp::reply::{ReplyParser, Value};
use std::ffi::OsString;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

const ARGUMENTS: &str = "FLASHDB_CLI_TEST_SERVER";
const SOCKET: &str = "s.sock";
const START_LIMIT: Duration = Duration::from_secs(180);

/// Not a test of its own: what [`Server::start`] starts. Without its variable there is nothing to serve.
#[test]
fn serves_when_asked() {
    let Ok(arguments) = std::env::var(ARGUMENTS) else {
        return;
    };
    let words = std::iter::once("flashdb").chain(arguments.split('\n'));
    let words: Vec<OsString> = words.map(OsString::from).collect();
    match flashdb_config::load(words, Vec::new()) {
        Ok(Launch::Run { config, warnings }) => {
            flashdb_server::run(config, &warnings, |_| Ok(Box::new(|| ()))).expect("the server runs");
        }
        other => panic!("no server: {:?}", other.is_ok()),
    }
}

/// From the system: FlashDB shares its ports (SO_REUSEPORT), so with one of our own choice another run of the tests could
/// get half of the connections unseen.
fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("bound").port()
}

/// A running FlashDB; it ends with the value.
pub struct Server {
    child: Child,
    folder: PathBuf,
    pub port: u16,
}

impl Server {
    pub fn start(more: &[&str]) -> Self {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let id = std::process::id();
        let folder = std::env::temp_dir().join(format!("flashdb-cli-{id}-{number}"));
        std::fs::create_dir_all(&folder).expect("a folder");
        let socket = folder.join(SOCKET).display().to_string();
        for _ in 0..5 {
            let port = free_port();
            let port_text = port.to_string();
            let mut arguments = vec!["--port", &port_text, "--save", "", "--appendonly", "no"];
            arguments.extend(["--enable-debug-command", "yes", "--io-threads", "1"]);
            // A name alone would be one in the folder of the data.
            arguments.extend(["--unixsocket", &socket]);
            arguments.extend(more);
            let child = Command::new(std::env::current_exe().expect("this program"))
                .args(["server::serves_when_asked", "--exact", "--nocapture"])
                .env(ARGUMENTS, arguments.join("\n"))
                .current_dir(&folder)
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .spawn()
                .expect("this program starts");
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

    fn is_ready(&mut self) -> bool {
        let end = Instant::now() + START_LIMIT;
        loop {
            if self.child.try_wait().expect("a child can be asked").is_some() {
                return false;
            }
            let ours = format!("process_id:{}\r", self.child.id());
            let told = self.try_ask(b"INFO server\r\n");
            // To strangers it says nothing.
            if told.is_some_and(|told| told.contains(&ours) || told.starts_with("NOAUTH")) {
                // The data may not be there yet.
                let ping = self.try_ask(b"PING\r\n");
                if ping.is_some_and(|ping| !ping.starts_with("LOADING")) {
                    return true;
                }
            }
            assert!(Instant::now() < end, "the server does not answer");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn try_ask(&self, request: &[u8]) -> Option<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).ok()?;
        stream.write_all(request).ok()?;
        let mut parser = ReplyParser::default();
        let (mut buffer, mut chunk) = (Vec::new(), [0; 4096]);
        loop {
            let (taken, value) = parser.parse(&buffer).ok()?;
            buffer.drain(..taken);
            if let Some(value) = value {
                return Some(String::from_utf8_lossy(value.bytes()?).into_owned());
            }
            match stream.read(&mut chunk).ok()? {
                0 => return None,
                count => buffer.extend_from_slice(&chunk[..count]),
            }
        }
    }

    /// Runs commands, one a line, before the test proper.
    pub fn fill(&self, lines: &str) {
        for line in lines.lines() {
            let reply = self.try_ask(format!("{line}\r\n").as_bytes());
            assert!(reply.is_none_or(|reply| !reply.starts_with("ERR")), "{line}");
        }
    }

    /// Waits until that many clients wait in a blocking command or listen to this channel.
    pub fn await_text(&self, request: &str, wanted: &str) {
        let end = Instant::now() + START_LIMIT;
        while !self
            .try_ask(format!("{request}\r\n").as_bytes())
            .is_some_and(|told| told.contains(wanted))
        {
            assert!(Instant::now() < end, "{request} never says {wanted}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    pub fn socket(&self) -> String {
        self.folder.join(SOCKET).display().to_string()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _gone_already = self.child.kill();
        let _reaped = self.child.wait();
        let _best_effort = std::fs::remove_dir_all(&self.folder);
    }
}

type Behaviour = dyn Fn(&[String]) -> Option<Vec<u8>> + Send + Sync;

/// Answers each request as `behaviour` says, and closes the connection where it says nothing. The threads end with the
/// process.
pub fn fake(behaviour: impl Fn(&[String]) -> Option<Vec<u8>> + Send + Sync + 'static) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("bound").port();
    let behaviour: Arc<Behaviour> = Arc::new(behaviour);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let behaviour = Arc::clone(&behaviour);
            std::thread::spawn(move || answer(stream, &*behaviour));
        }
    });
    port
}

fn answer(mut stream: TcpStream, behaviour: &Behaviour) {
    // A request is an array, which the parser of replies reads as well.
    let mut parser = ReplyParser::default();
    let (mut buffer, mut chunk) = (Vec::new(), [0; 4096]);
    loop {
        let Ok((taken, value)) = parser.parse(&buffer) else {
            return;
        };
        buffer.drain(..taken);
        if let Some(value) = value {
            let words = value.items().unwrap_or_default().iter();
            let words: Vec<String> = words
                .filter_map(Value::bytes)
                .map(|word| String::from_utf8_lossy(word).into_owned())
                .collect();
            match behaviour(&words) {
                Some(reply) if stream.write_all(&reply).is_ok() => continue,
                _ => return,
            }
        }
        match stream.read(&mut chunk) {
            Ok(count @ 1..) => buffer.extend_from_slice(&chunk[..count]),
            _ => return,
        }
    }
}
