//! An HTTP client that interprets nothing but the length of an answer, so that tests can send what no library would: any
//! `Host`, broken bodies, half a request.

use serde_json::Value;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::time::{Duration, Instant};

const LIMIT: Duration = Duration::from_secs(30);

/// An answer.
#[derive(Debug)]
pub struct Answer {
    /// Status.
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Answer {
    /// The first header of this name.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(given, _)| given == name);
        found.map(|(_, value)| value.as_str())
    }

    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error} in {self:?}"))
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The code of a failure, whose form is checked.
    pub fn code(&self) -> String {
        let json = self.json();
        assert_eq!(json["success"], false, "{self:?}");
        assert_eq!(
            json["request_id"],
            self.header("x-request-id").unwrap_or_default(),
            "{self:?}"
        );
        assert!(
            json["error"]["message"].is_string() && json["error"]["details"].is_object(),
            "{self:?}"
        );
        json["error"]["code"].as_str().unwrap_or_default().to_owned()
    }
}

/// Whoever asks.
#[derive(Clone)]
pub struct Http {
    /// Port of the interface.
    pub port: u16,
    /// Headers of every request.
    pub headers: Vec<(String, String)>,
}

impl Http {
    /// A program, as opposed to a page.
    pub fn new(port: u16) -> Self {
        Http {
            port,
            headers: Vec::new(),
        }
    }

    /// Waits until the server listens for HTTP and has loaded its data: without a password RESP does not say the latter.
    pub fn await_ready(&self) {
        let end = Instant::now() + LIMIT;
        while TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).is_err()
            || self.get("/ready").status != 200
        {
            assert!(Instant::now() < end, "the server is not ready for HTTP");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// With a further header.
    pub fn with(&self, name: &str, value: &str) -> Self {
        let mut other = self.clone();
        other
            .headers
            .retain(|(given, _)| !given.eq_ignore_ascii_case(name));
        other.headers.push((name.to_owned(), value.to_owned()));
        other
    }

    /// Without a header.
    pub fn without(&self, name: &str) -> Self {
        let mut other = self.clone();
        other
            .headers
            .retain(|(given, _)| !given.eq_ignore_ascii_case(name));
        other
    }

    /// The session's cookie.
    pub fn cookie(&self) -> String {
        let found = self.headers.iter().find(|(name, _)| name == "Cookie");
        found.map(|(_, value)| value.clone()).unwrap_or_default()
    }

    /// Logs in as a page does: what follows carries its cookie, its origin and its CSRF value.
    pub fn log_in(&self, body: &str) -> (Self, Value) {
        let page = self.as_page();
        let answer = page.send("POST", "/api/v1/session", body);
        assert_eq!(answer.status, 200, "{answer:?}");
        page.with_session(&answer)
    }

    /// As a page of the server itself.
    pub fn as_page(&self) -> Self {
        let origin = format!("http://127.0.0.1:{}", self.port);
        self.with("Origin", &origin).with("Sec-Fetch-Site", "same-origin")
    }

    /// With the session that an answer has set.
    pub fn with_session(&self, answer: &Answer) -> (Self, Value) {
        let cookie = answer.header("set-cookie").expect("a cookie").to_owned();
        for attribute in ["HttpOnly", "SameSite=Strict", "Path=/"] {
            assert!(cookie.contains(attribute), "{cookie}");
        }
        let pair = cookie.split(';').next().unwrap_or_default();
        let json = answer.json();
        let csrf = json["csrf"].as_str().expect("a csrf value");
        (self.with("Cookie", pair).with("X-FlashDB-CSRF", csrf), json)
    }

    /// GET.
    pub fn get(&self, path: &str) -> Answer {
        self.send("GET", path, "")
    }

    /// A request with a JSON body, or none.
    pub fn send(&self, method: &str, path: &str, body: &str) -> Answer {
        let has_kind = self.headers.iter().any(|(name, _)| name == "Content-Type");
        match body {
            "" => self.raw(method, path, b""),
            _ if has_kind => self.raw(method, path, body.as_bytes()),
            _ => self
                .with("Content-Type", "application/json")
                .raw(method, path, body.as_bytes()),
        }
    }

    /// The request's head and body, as they are sent.
    pub fn bytes(&self, method: &str, path: &str, body: &[u8]) -> Vec<u8> {
        let mut head = format!("{method} {path} HTTP/1.1\r\nConnection: close\r\n");
        if !self.headers.iter().any(|(name, _)| name == "Host") {
            head.push_str(&format!("Host: 127.0.0.1:{}\r\n", self.port));
        }
        if !body.is_empty() || method != "GET" {
            head.push_str(&format!("Content-Length: {}\r\n", body.len()));
        }
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        [head.as_bytes(), b"\r\n", body].concat()
    }

    /// A request with any body.
    pub fn raw(&self, method: &str, path: &str, body: &[u8]) -> Answer {
        let mut stream = self.connect();
        // The server may answer and close before it has read all.
        let _ = stream.write_all(&self.bytes(method, path, body));
        read(&mut stream)
    }

    /// Sends a backup, which is taken among the snapshots: the answer, and the name of its file.
    pub fn send_backup(&self, file: &[u8]) -> (Answer, String) {
        let sent = self
            .with("Content-Type", "application/octet-stream")
            .raw("POST", "/api/v1/backups", file);
        assert_eq!(sent.status, 201, "{sent:?}");
        let name = sent.json()["snapshot"]["file"].as_str().map(str::to_owned);
        (sent, name.expect("a file"))
    }

    /// A bare connection.
    pub fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).expect("a connection");
        stream.set_read_timeout(Some(LIMIT)).expect("a time limit");
        stream
    }
}

/// Reads an answer up to the end of the connection.
pub fn read(stream: &mut TcpStream) -> Answer {
    let mut bytes = Vec::new();
    // A reset behind the answer is the server's way to stop a body that it does not want.
    let _ = stream.read_to_end(&mut bytes);
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n");
    let end = end.unwrap_or_else(|| panic!("no head: {}", String::from_utf8_lossy(&bytes)));
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let mut lines = head.lines();
    let status = lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok());
    Answer {
        status: status.expect("a status"),
        headers: lines
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
            .collect(),
        body: bytes[end + 4..].to_vec(),
    }
}
