//! A server for the tests: answers every request as the test says, one thread per connection, and remembers what came.

use flashdb_benchmark::scanner::ReplyScanner;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};

/// What the server does with a request: writes these bytes, or closes the connection.
pub enum Answer {
    Bytes(Vec<u8>),
    Close,
}

pub fn ok() -> Answer {
    Answer::Bytes(b"+OK\r\n".to_vec())
}

type Behaviour = dyn Fn(u64, &[u8]) -> Answer + Send + Sync;

pub struct FakeServer {
    pub port: u16,
    pub connections: Arc<AtomicU64>,
    pub requests: Arc<Mutex<Vec<Vec<u8>>>>,
    /// Gets a message when the request of the number given to [`FakeServer::start`] has come.
    pub reached: Receiver<()>,
}

impl FakeServer {
    /// `behaviour` is given how many requests came before, those about the server itself left out, and the request.
    /// The threads end with the process.
    pub fn start(tell_at: u64, behaviour: impl Fn(u64, &[u8]) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("bound").port();
        let connections = Arc::new(AtomicU64::new(0));
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (sender, reached) = channel();
        let server = Self {
            port,
            connections: Arc::clone(&connections),
            requests: Arc::clone(&requests),
            reached,
        };
        let behaviour: Arc<Behaviour> = Arc::new(behaviour);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                connections.fetch_add(1, Ordering::SeqCst);
                let (behaviour, requests, sender) =
                    (Arc::clone(&behaviour), Arc::clone(&requests), sender.clone());
                std::thread::spawn(move || serve(stream, &*behaviour, &requests, &sender, tell_at));
            }
        });
        server
    }

    /// How many requests contain `word`.
    pub fn count(&self, word: &[u8]) -> usize {
        let requests = self.requests.lock().expect("no thread panics with it");
        requests
            .iter()
            .filter(|request| request.windows(word.len()).any(|window| window == word))
            .count()
    }
}

fn serve(
    mut stream: TcpStream,
    behaviour: &Behaviour,
    all: &Mutex<Vec<Vec<u8>>>,
    sender: &Sender<()>,
    tell_at: u64,
) {
    // A request is an array of bulk strings, which the scanner of replies can count as well.
    let mut scanner = ReplyScanner::new();
    let (mut chunk, mut request) = (vec![0; 1 << 16], Vec::new());
    while let Ok(count) = stream.read(&mut chunk) {
        if count == 0 {
            return;
        }
        let mut answers = Vec::new();
        for &byte in &chunk[..count] {
            request.push(byte);
            if scanner.scan(&[byte]).expect("the generator sends RESP").replies == 0 {
                continue;
            }
            let request = std::mem::take(&mut request);
            match answer(&request, behaviour, all, sender, tell_at) {
                Answer::Bytes(bytes) => answers.extend_from_slice(&bytes),
                Answer::Close => return,
            }
        }
        if stream.write_all(&answers).is_err() {
            return;
        }
    }
}

fn answer(
    request: &[u8],
    behaviour: &Behaviour,
    all: &Mutex<Vec<Vec<u8>>>,
    sender: &Sender<()>,
    tell_at: u64,
) -> Answer {
    if request
        .windows(6)
        .any(|window| window == b"CONFIG" || window == b"\nINFO\r")
    {
        return Answer::Bytes(b"*0\r\n".to_vec());
    }
    let before = {
        let mut all = all.lock().expect("no thread panics with it");
        all.push(request.to_vec());
        all.len() as u64 - 1
    };
    if before == tell_at {
        let _ = sender.send(());
    }
    behaviour(before, request)
}
