//! An invocation from beginning to end: which of the program's modes it is, and its exit status.

use crate::connection::Connection;
use crate::interactive;
use crate::modes::{self, ModeError};
use crate::options::{self, Mode, Options};
use crate::session::{Failed, Session};
use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};
use std::io::{IsTerminal, Read, Write};

/// Exit status of everything that did not go well.
const FAILED: u8 = 1;

/// A standard input that a word is read from ends here.
const STDIN_BYTES_MAX: u64 = 4 << 30;

/// Runs what was asked for; gives the exit status. Everything there is to say has been printed.
pub fn run(mut options: Options) -> u8 {
    if options.warns_of_password {
        eprintln!(
            "Warning: Using a password with '-a' or '-u' option on the command line interface may not be safe."
        );
    }
    if options.asks_password {
        match ask_password() {
            Ok(password) => options.password = Some(password),
            Err(error) => {
                eprintln!("--askpass: {error}");
                return FAILED;
            }
        }
    }
    match perform(options) {
        Ok(()) => 0,
        Err(Failed) => FAILED,
    }
}

fn perform(options: Options) -> Result<(), Failed> {
    match options.mode.clone() {
        Mode::IntrinsicLatency(seconds) => {
            modes::intrinsic::run(&options, seconds);
            return Ok(());
        }
        Mode::Eval(path) => return modes::eval::run(options, &path),
        Mode::Command if options.words.is_empty() => {
            interactive::run(Session::new(options));
            return Ok(());
        }
        Mode::Command => return command(options),
        _ => {}
    }
    let mut session = Session::new(options.clone());
    session.connect()?;
    if options.mode == Mode::Stat {
        return modes::stat::run(&mut session, &options).map_err(complain);
    }
    let outcome = match (&options.mode, session.connected()?) {
        (Mode::Latency { history }, connection) => modes::latency::run(connection, &options, *history),
        (Mode::LatencyDist, connection) => modes::spectrum::run(connection, &options),
        (Mode::Replica, connection) => modes::replica::run(connection),
        (Mode::Rdb { path, functions_only }, connection) => {
            modes::rdb::run(connection, path, *functions_only)
        }
        (Mode::Pipe, connection) => modes::pipe::run(connection, &options),
        (Mode::BigKeys, connection) => modes::big_keys::run(connection, &options, None),
        (Mode::MemKeys(samples), connection) => modes::big_keys::run(connection, &options, Some(*samples)),
        (Mode::HotKeys, connection) => modes::hot_keys::run(connection, &options),
        (Mode::Scan, connection) => modes::scan::run(connection, &options),
        (Mode::LruTest(keys), connection) => modes::lru_test::run(connection, &options, *keys),
        (Mode::Stat | Mode::IntrinsicLatency(_) | Mode::Eval(_) | Mode::Command, _) => Ok(()),
    };
    outcome.map_err(complain)
}

fn complain(error: ModeError) -> Failed {
    eprintln!("Error: {error}");
    Failed
}

/// One command.
fn command(mut options: Options) -> Result<(), Failed> {
    let mut words = std::mem::take(&mut options.words);
    if options.quoted_input {
        let unquoted: Result<Vec<_>, _> = words.iter().map(|word| options::unquoted(word)).collect();
        words = unquoted.map_err(|text| {
            crate::say!("{text}\n");
            Failed
        })?;
    }
    if options.last_from_stdin {
        words.push(read_stdin()?);
    } else if let Some(tag) = &options.stdin_tag {
        let Some(at) = words.iter().position(|word| word == tag) else {
            eprintln!("Using -X option but stdin tag not match.");
            return Err(Failed);
        };
        words[at] = read_stdin()?;
    }
    let repeat = options.repeat;
    let mut session = Session::new(options);
    if interactive::help::is_asked(&words) {
        // Where there is no server there is general help at least.
        let help = match Connection::open(&session.options.address) {
            Ok(_) => {
                session.connect()?;
                interactive::help::Help::fetch(session.connected()?)
            }
            Err(_) => Default::default(),
        };
        crate::output::print(help.answer(&words[1..]).as_bytes());
        return Ok(());
    }
    session.issue(&words, repeat)
}

fn read_stdin() -> Result<Vec<u8>, Failed> {
    let mut bytes = Vec::new();
    let read = std::io::stdin()
        .lock()
        .take(STDIN_BYTES_MAX)
        .read_to_end(&mut bytes);
    read.map_err(|error| {
        eprintln!("standard input: {error}");
        Failed
    })?;
    Ok(bytes)
}

/// Asks for the password on the terminal without showing it.
fn ask_password() -> std::io::Result<String> {
    let stdin = std::io::stdin();
    if !stdin.is_terminal() {
        return answer_to_prompt();
    }
    let before = tcgetattr(&stdin)?;
    let mut silent = before.clone();
    silent.local_modes.remove(LocalModes::ECHO);
    // Before it is asked for: what is typed at once would be shown, and thrown away.
    tcsetattr(&stdin, OptionalActions::Flush, &silent)?;
    let answer = answer_to_prompt();
    tcsetattr(&stdin, OptionalActions::Flush, &before)?;
    answer
}

fn answer_to_prompt() -> std::io::Result<String> {
    eprint!("Please input password: ");
    std::io::stderr().flush()?;
    let mut line = String::new();
    let read = std::io::stdin().read_line(&mut line);
    eprintln!();
    read?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}
