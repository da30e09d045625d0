//! The prompt: lines in, replies out. On a terminal with history, completion and hints; from a pipe or a file line by line,
//! without any of that and without a prompt.
//!
//! Ctrl-C at the prompt ends the program; while a reply is awaited (SUBSCRIBE, MONITOR, BLPOP) it brings the prompt back,
//! at the price of a new connection.

mod editor;
mod grammar;
pub mod help;
mod history;
mod preferences;

use crate::address::Address;
use crate::connection::Interrupt;
use crate::format::Format;
use crate::output::print;
use crate::say;
use crate::session::{Failed, Session};
use editor::{LineEditor, ReadError};
use flashdb_base::clock::monotonic_us;
use flashdb_base::split_args::split_args;
use help::Help;
use preferences::Preferences;
use std::io::{BufRead, IsTerminal};
use std::rc::Rc;

/// Exit status of a prompt left by Ctrl-C.
const INTERRUPTED: i32 = 1;
/// A command that takes longer is told how long.
const SLOW_US: u64 = 500_000;

/// What follows a line.
#[derive(PartialEq, Eq)]
enum Next {
    Line,
    End,
}

struct Prompt {
    session: Session,
    help: Rc<Help>,
    /// Of which connection and login the help is.
    help_of: u64,
    preferences: Preferences,
}

/// Reads lines until the end of the input, `quit` or Ctrl-C.
pub fn run(mut session: Session) {
    session.is_interactive = true;
    // Without a server the prompt says so, and each command tries again.
    let _said: Result<(), Failed> = session.connect();
    let mut prompt = Prompt {
        session,
        help: Rc::default(),
        help_of: 0,
        preferences: Preferences::default(),
    };
    match std::io::stdin().is_terminal() {
        true => prompt.read_terminal(),
        false => prompt.read_stream(),
    }
}

impl Prompt {
    fn read_stream(&mut self) {
        for line in std::io::stdin().lock().split(b'\n') {
            let Ok(line) = line else { return };
            if self.line(&line) == Next::End {
                return;
            }
        }
    }

    fn read_terminal(&mut self) {
        self.session.interrupt = Interrupt::install().ok();
        self.preferences.load();
        let mut editor = match LineEditor::new() {
            Ok(editor) => editor,
            Err(error) => return eprintln!("flashdb-cli: terminal: {error}"),
        };
        loop {
            self.fetch_help();
            let prompt = format!("{} ", self.session.prompt());
            match editor.read(&prompt, &self.help, self.preferences.hints) {
                Ok(line) => {
                    if self.line(line.as_bytes()) == Next::End {
                        return;
                    }
                }
                Err(ReadError::End) => return say!("\n"),
                Err(ReadError::Interrupted) => std::process::exit(INTERRUPTED),
                Err(ReadError::Other(error)) => return eprintln!("flashdb-cli: terminal: {error}"),
            }
        }
    }

    /// Asks each connection for its commands once, and again after a login: before, the server may have refused. No more
    /// often, since a refusal is an entry of ACL LOG each time.
    fn fetch_help(&mut self) {
        let is_new = self.help_of != self.session.acquaintances;
        // A transaction would queue the question.
        if !is_new || self.session.is_in_transaction() {
            return;
        }
        if let Some(connection) = &mut self.session.connection {
            self.help = Rc::new(Help::fetch(connection));
            self.help_of = self.session.acquaintances;
        }
    }

    fn line(&mut self, line: &[u8]) -> Next {
        let Ok(words) = split_args(line) else {
            say!("Invalid argument(s)\n");
            return Next::Line;
        };
        let Some(first) = words.first() else {
            return Next::Line;
        };
        let is = |name: &str| first.eq_ignore_ascii_case(name.as_bytes());
        match words.len() {
            _ if is("quit") || is("exit") => return Next::End,
            _ if first.starts_with(b":") => self.preferences.command(&words),
            3 if is("connect") => self.connect_to(&words[1], &words[2]),
            1 if is("clear") => print(b"\x1b[H\x1b[2J"),
            _ if help::is_asked(&words) => {
                self.fetch_help();
                print(self.help.answer(&words[1..]).as_bytes());
            }
            _ => self.command(&words),
        }
        Next::Line
    }

    fn connect_to(&mut self, host: &[u8], port: &[u8]) {
        let host = String::from_utf8_lossy(host).into_owned();
        let port = std::str::from_utf8(port).ok().and_then(|port| port.parse().ok());
        let Some(port) = port else {
            return say!("Invalid server port.\n");
        };
        self.session.options.address = Address::Tcp(host, port);
        let _said: Result<(), Failed> = self.session.connect();
    }

    /// A command, with a number of times before it or without.
    fn command(&mut self, words: &[Vec<u8>]) {
        let times = std::str::from_utf8(&words[0]).ok().filter(|_| words.len() > 1);
        let (times, words) = match times.and_then(|times| times.parse::<i64>().ok()) {
            Some(times) if times <= 0 => {
                return say!("Invalid redis-cli repeat command option value.\n");
            }
            Some(times) => (times, &words[1..]),
            None => (1, words),
        };
        let begin_us = monotonic_us();
        // What went wrong has been printed; the next line begins anew.
        let _said: Result<(), Failed> = self.session.issue(words, times);
        let elapsed_us = monotonic_us() - begin_us;
        if elapsed_us >= SLOW_US && self.session.options.style.format == Format::Terminal {
            say!("({:.2}s)\n", elapsed_us as f64 / 1e6);
        }
    }
}
