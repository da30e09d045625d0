//! A terminal for the program under test, by way of `script`, which gives it one of its own and passes on what is typed.

use std::io::{Read, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

const LIMIT: Duration = Duration::from_secs(180);

pub struct Terminal {
    child: Child,
    keys: Option<ChildStdin>,
    chunks: Receiver<Vec<u8>>,
    /// What has been shown and not been waited for.
    shown: String,
    /// Everything, for messages.
    all: String,
    /// A character of which the rest has not come.
    partial: Vec<u8>,
}

/// The command line of a program for a shell.
pub fn shell_line(program: &str, words: &[String]) -> String {
    let quoted = |word: &str| format!("'{}'", word.replace('\'', "'\\''"));
    let words = words.iter().map(|word| quoted(word));
    std::iter::once(quoted(program))
        .chain(words)
        .collect::<Vec<_>>()
        .join(" ")
}

impl Terminal {
    pub fn start(program: &str, words: &[String], environment: &[(&str, &str)]) -> Self {
        // One shell for all machines, which the program replaces: a shell that stays in between ends of Ctrl-C itself.
        let line = format!("exec {}", shell_line(program, words));
        let mut child = Command::new("script")
            .args(["-qfec", &line, "/dev/null"])
            .env("SHELL", "/bin/sh")
            .env("TERM", "xterm")
            .env_remove("REDISCLI_AUTH")
            .env("REDISCLI_HISTFILE", "/dev/null")
            .env("REDISCLI_RCFILE", "/dev/null")
            .envs(environment.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("script starts");
        let mut output = child.stdout.take().expect("piped");
        let (sender, chunks) = channel();
        std::thread::spawn(move || {
            let mut chunk = [0; 4096];
            while let Ok(count @ 1..) = output.read(&mut chunk) {
                if sender.send(chunk[..count].to_vec()).is_err() {
                    return;
                }
            }
        });
        Terminal {
            keys: child.stdin.take(),
            child,
            chunks,
            shown: String::new(),
            all: String::new(),
            partial: Vec::new(),
        }
    }

    pub fn type_keys(&mut self, keys: &str) {
        let input = self.keys.as_mut().expect("not closed");
        input.write_all(keys.as_bytes()).expect("script reads");
        input.flush().expect("script reads");
    }

    /// Waits until the text is shown; gives what was shown before it.
    pub fn expect(&mut self, text: &str) -> String {
        let end = Instant::now() + LIMIT;
        loop {
            if let Some(at) = self.shown.find(text) {
                let before = self.shown[..at].to_owned();
                self.shown.drain(..at + text.len());
                return before;
            }
            match self
                .chunks
                .recv_timeout(end.saturating_duration_since(Instant::now()))
            {
                Ok(chunk) => self.take(&chunk),
                Err(RecvTimeoutError::Timeout) => panic!("never shown: {text:?}\n{}", self.all),
                Err(RecvTimeoutError::Disconnected) => panic!("ended before {text:?}\n{}", self.all),
            }
        }
    }

    fn take(&mut self, chunk: &[u8]) {
        self.partial.extend_from_slice(chunk);
        let whole = match std::str::from_utf8(&self.partial) {
            Err(error) if error.error_len().is_none() => error.valid_up_to(),
            _ => self.partial.len(),
        };
        let bytes: Vec<u8> = self.partial.drain(..whole).collect();
        let text = String::from_utf8_lossy(&bytes);
        self.shown.push_str(&text);
        self.all.push_str(&text);
    }

    /// Waits for the end; gives what was shown since, and the exit status.
    pub fn finish(mut self) -> (String, i32) {
        let end = Instant::now() + LIMIT;
        loop {
            match self
                .chunks
                .recv_timeout(end.saturating_duration_since(Instant::now()))
            {
                Ok(chunk) => self.take(&chunk),
                Err(RecvTimeoutError::Timeout) => panic!("does not end\n{}", self.all),
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        let status = self.child.wait().expect("a child can be waited for");
        (std::mem::take(&mut self.shown), status.code().unwrap_or(-1))
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _gone_already = self.child.kill();
        let _reaped = self.child.wait();
    }
}
