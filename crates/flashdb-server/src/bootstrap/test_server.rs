//! A server within the test's own process, for tests of what only other threads of the server can ask. It has its core loops
//! and its data folder, no signals and no log lines, and listens on a socket in its folder.

use super::{build, end_durability, load, open_durability, open_listeners, start_loops};
use crate::server::Server;
use flashdb_config::{Launch, LogFormat, LogLevel, logging};
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;

/// A running server; it ends with the value.
pub struct TestServer {
    /// What its threads share.
    pub server: Arc<Server>,
    loops: Vec<JoinHandle<()>>,
    checkpoints: Option<JoinHandle<()>>,
    folder: PathBuf,
    input: BufReader<UnixStream>,
}

impl TestServer {
    /// Starts one with further settings, as on the command line, and waits until its data is loaded.
    pub fn start(args: &[&str]) -> Self {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("flashdb-in-process-{}-{number}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&folder).expect("a temporary folder");
        let dir = folder.to_str().expect("a path in UTF-8");
        let fixed = [
            "flashdb",
            "--port",
            "0",
            "--save",
            "",
            "--unixsocket",
            "test.sock",
            "--dir",
            dir,
        ];
        let words = fixed.iter().chain(args).map(Into::into);
        let Ok(Launch::Run { config, .. }) = flashdb_config::load(words, []) else {
            panic!("the settings are in order");
        };
        let config = Arc::new(config);
        let settings = config.settings();
        let (_, log) = logging::subscriber(LogLevel::Nothing, LogFormat::Text, std::io::sink);
        let (server, pollers, collector) = build(config.clone(), log).expect("a server");
        if let Some(durability) = open_durability(&settings).expect("a data folder") {
            assert!(
                server.durability.set(durability).is_ok(),
                "nobody else has set it"
            );
        }
        let listeners = open_listeners(&settings, &[], pollers.len()).expect("a socket");
        std::thread::spawn({
            let server = server.clone();
            move || collector.run(&server.space)
        });
        let loops = start_loops(&server, &config, pollers, listeners).expect("threads");
        let checkpoints = load(&server, &settings).expect("an empty folder is loaded");
        let socket = UnixStream::connect(folder.join("test.sock")).expect("a connection");
        TestServer {
            server,
            loops,
            checkpoints,
            folder,
            input: BufReader::new(socket),
        }
    }

    /// Sends a request; returns the reply without its framing, elements of an array each on a line.
    pub fn ask<W: AsRef<[u8]>>(&mut self, words: &[W]) -> String {
        let mut request = format!("*{}\r\n", words.len()).into_bytes();
        for word in words {
            let word = word.as_ref();
            request.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
            request.extend_from_slice(word);
            request.extend_from_slice(b"\r\n");
        }
        self.input.get_mut().write_all(&request).expect("it is read");
        self.reply()
    }

    fn reply(&mut self) -> String {
        let mut line = String::new();
        self.input.read_line(&mut line).expect("a reply");
        let line = line.trim_end();
        let number = || line[1..].parse::<i64>().expect("a length");
        match line.as_bytes().first() {
            Some(b'$') if number() < 0 => String::new(),
            Some(b'$') => {
                let mut bytes = vec![0; number() as usize + 2];
                self.input.read_exact(&mut bytes).expect("the whole reply");
                bytes.truncate(bytes.len() - 2);
                String::from_utf8(bytes).expect("text")
            }
            Some(b'*') => (0..number()).map(|_| self.reply() + "\n").collect(),
            _ => line.to_owned(),
        }
    }

    /// Another connection.
    pub fn connect(&self) -> UnixStream {
        UnixStream::connect(self.folder.join("test.sock")).expect("a connection")
    }

    /// A field of INFO.
    pub fn info(&mut self, field: &str) -> String {
        let text = self.ask(&["info", "everything"]);
        let value = text
            .lines()
            .find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
        value.unwrap_or_else(|| panic!("INFO has no {field}")).to_owned()
    }

    /// Waits for a census that has seen everything so far.
    pub fn await_census(&self) {
        let now_ms = flashdb_base::clock::unix_ms() as i64;
        while self
            .server
            .census
            .get()
            .is_none_or(|census| census.taken_ms <= now_ms)
        {
            std::thread::sleep(std::time::Duration::from_millis(2));
        }
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        self.server.stop();
        for thread in self.loops.drain(..) {
            let _ended_either_way = thread.join();
        }
        end_durability(&self.server, self.checkpoints.take());
        let _best_effort = std::fs::remove_dir_all(&self.folder);
    }
}
