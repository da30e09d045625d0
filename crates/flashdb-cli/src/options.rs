//! What the command line asks for.
//!
//! Flags come before the command; the first word that is none begins it, as with redis-cli, so that a command may have
//! words with dashes. A password given by flag is told from one of the environment: only the first is warned about.

use crate::address::{Address, parse_uri};
use crate::flags;
use crate::format::{Format, Style};
use flashdb_base::split_args::split_args;
use std::time::Duration;

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mode {
    /// The command given, or the prompt when there is none.
    Command,
    /// `--latency` and `--latency-history`.
    Latency {
        /// Whether a line stays for each interval.
        history: bool,
    },
    /// `--latency-dist`
    LatencyDist,
    /// `--replica`
    Replica,
    /// `--rdb` and `--functions-rdb`.
    Rdb {
        /// File to write, `-` for standard output.
        path: String,
        /// Whether only function libraries are wanted.
        functions_only: bool,
    },
    /// `--pipe`
    Pipe,
    /// `--bigkeys`
    BigKeys,
    /// `--memkeys`; the number of elements that the server looks at per key.
    MemKeys(Option<u64>),
    /// `--hotkeys`
    HotKeys,
    /// `--stat`
    Stat,
    /// `--scan`
    Scan,
    /// `--lru-test`; number of keys.
    LruTest(u64),
    /// `--intrinsic-latency`; how long, in seconds.
    IntrinsicLatency(u64),
    /// `--eval`; file of the script.
    Eval(String),
}

impl Mode {
    /// Of several modes the one with the lowest rank is meant; the order is redis-cli's.
    fn rank(&self) -> usize {
        match self {
            Mode::Latency { .. } => 0,
            Mode::LatencyDist => 1,
            Mode::Replica => 2,
            Mode::Rdb { .. } => 3,
            Mode::Pipe => 4,
            Mode::BigKeys => 5,
            Mode::MemKeys(_) => 6,
            Mode::HotKeys => 7,
            Mode::Stat => 8,
            Mode::Scan => 9,
            Mode::LruTest(_) => 10,
            Mode::IntrinsicLatency(_) => 11,
            Mode::Eval(_) => 12,
            Mode::Command => 13,
        }
    }
}

/// Everything that was asked for.
#[derive(Clone, Debug)]
pub struct Options {
    /// The server.
    pub address: Address,
    /// User of the password.
    pub user: Option<String>,
    /// Password.
    pub password: Option<String>,
    /// Whether the password is asked for on the terminal.
    pub asks_password: bool,
    /// Whether a warning about the password is due.
    pub warns_of_password: bool,
    /// Database.
    pub db: i64,
    /// Whether RESP3 is asked for (`Some(true)`) or RESP2.
    pub resp3: Option<bool>,
    /// Whether redirections are followed.
    pub follows_redirections: bool,
    /// Times that the command is sent; negative: for ever.
    pub repeat: i64,
    /// `-i`, if it was given.
    pub interval: Option<Duration>,
    /// Whether the last word is read from standard input.
    pub last_from_stdin: bool,
    /// The word to replace by standard input.
    pub stdin_tag: Option<Vec<u8>>,
    /// Whether an error of the server ends the program with status 1.
    pub fails_on_error: bool,
    /// Whether words of the command are quoted.
    pub quoted_input: bool,
    /// How replies look.
    pub style: Style,
    /// Whether a form of replies was asked for.
    pub format_given: bool,
    /// Whether pushes are shown.
    pub shows_pushes: bool,
    /// What to do.
    pub mode: Mode,
    /// `--pipe-timeout`; nothing: for ever.
    pub pipe_timeout: Option<Duration>,
    /// `--pattern`
    pub pattern: Option<Vec<u8>>,
    /// Whether more is said.
    pub is_verbose: bool,
    /// The command, or the arguments of a script.
    pub words: Vec<Vec<u8>>,
}

/// What is to be done with the command line.
#[derive(Debug)]
pub enum Request {
    /// Print this and end.
    Print(String),
    /// Run.
    Run(Box<Options>),
}

/// What the process knows beside its arguments.
#[derive(Clone, Debug, Default)]
pub struct Surroundings {
    /// REDISCLI_AUTH.
    pub password: Option<String>,
    /// Whether standard output is a terminal.
    pub is_terminal: bool,
}

impl Options {
    /// Without any flag.
    pub fn new(surroundings: &Surroundings) -> Self {
        let format = match surroundings.is_terminal {
            true => Format::Terminal,
            false => Format::Raw,
        };
        Options {
            address: Address::default(),
            user: None,
            password: None,
            asks_password: false,
            warns_of_password: false,
            db: 0,
            resp3: None,
            follows_redirections: false,
            repeat: 1,
            interval: None,
            last_from_stdin: false,
            stdin_tag: None,
            fails_on_error: false,
            quoted_input: false,
            style: Style::new(format),
            format_given: false,
            shows_pushes: surroundings.is_terminal,
            mode: Mode::Command,
            pipe_timeout: Some(Duration::from_secs(30)),
            pattern: None,
            is_verbose: false,
            words: Vec::new(),
        }
    }
}

/// Reads the arguments, the program's name left out.
///
/// # Errors
/// One line that says what is wrong.
pub fn parse(arguments: &[Vec<u8>], surroundings: &Surroundings) -> Result<Request, String> {
    let mut reader = Reader {
        options: Options::new(surroundings),
        warns: true,
        host: None,
        port: None,
        socket: None,
    };
    let mut rest = arguments;
    while let Some((name, tail)) = rest.split_first() {
        let Some(name) = std::str::from_utf8(name)
            .ok()
            .filter(|name| name.starts_with('-'))
        else {
            break;
        };
        match name {
            "--help" => return Ok(Request::Print(flags::help())),
            "-h" if tail.is_empty() => return Ok(Request::Print(flags::help())),
            "-v" | "--version" => {
                let version = env!("CARGO_PKG_VERSION");
                return Ok(Request::Print(format!("flashdb-cli {version}\n")));
            }
            _ => {}
        }
        if let Some(reason) = flags::refusal(name) {
            return Err(format!("{name}: {reason}"));
        }
        let unknown = || format!("Unrecognized option or bad number of args for: '{name}'");
        let flag = flags::find(name).ok_or_else(unknown)?;
        rest = tail;
        let mut value: &[u8] = b"";
        if !flag.argument.is_empty() {
            let (given, tail) = tail.split_first().ok_or_else(unknown)?;
            (value, rest) = (given, tail);
        }
        reader.flag(name, value)?;
    }
    reader.options.words = rest.to_vec();
    reader.finish(surroundings)
}

struct Reader {
    options: Options,
    warns: bool,
    host: Option<String>,
    port: Option<u16>,
    socket: Option<String>,
}

impl Reader {
    fn flag(&mut self, name: &str, value: &[u8]) -> Result<(), String> {
        let options = &mut self.options;
        match name {
            "-h" => self.host = Some(text(name, value)?),
            "-p" => self.port = Some(number(name, value).map_err(|_| "Invalid server port.".to_owned())?),
            "-s" => self.socket = Some(text(name, value)?),
            "-u" => self.uri(&text(name, value)?)?,
            "-a" | "--pass" => options.password = Some(text(name, value)?),
            "--user" => options.user = Some(text(name, value)?),
            "--askpass" => options.asks_password = true,
            "--no-auth-warning" => self.warns = false,
            "-n" => options.db = number(name, value)?,
            "-2" | "-3" => {
                let resp3 = name == "-3";
                if options.resp3 == Some(!resp3) {
                    return Err("Options -2 and -3 are mutually exclusive.".to_owned());
                }
                options.resp3 = Some(resp3);
            }
            "-c" => options.follows_redirections = true,
            "-r" => options.repeat = number(name, value)?,
            "-i" => options.interval = Some(seconds(name, value)?),
            "-x" => options.last_from_stdin = true,
            "-X" => options.stdin_tag = Some(value.to_vec()),
            "-d" => options.style.between_elements = value.to_vec(),
            "-D" => options.style.behind_reply = value.to_vec(),
            "-e" => options.fails_on_error = true,
            "--quoted-input" => options.quoted_input = true,
            "--raw" => self.format(Format::Raw),
            "--no-raw" => self.format(Format::Terminal),
            "--csv" => self.format(Format::Csv),
            "--json" => self.format(Format::Json { ascii: false }),
            "--quoted-json" => self.format(Format::Json { ascii: true }),
            "--table" => self.format(Format::Table),
            "--show-pushes" => options.shows_pushes = yes_or_no(&text(name, value)?)?,
            "--verbose" => options.is_verbose = true,
            "--pipe-timeout" => {
                let limit = seconds(name, value)?;
                options.pipe_timeout = Some(limit).filter(|limit| !limit.is_zero());
            }
            "--pattern" => options.pattern = Some(value.to_vec()),
            "--quoted-pattern" => options.pattern = Some(unquoted(value)?),
            _ => self.mode(name, value)?,
        }
        Ok(())
    }

    fn mode(&mut self, name: &str, value: &[u8]) -> Result<(), String> {
        let mode = match name {
            "--latency" => Mode::Latency { history: false },
            "--latency-history" => Mode::Latency { history: true },
            "--latency-dist" => Mode::LatencyDist,
            "--replica" | "--slave" => Mode::Replica,
            "--rdb" | "--functions-rdb" => Mode::Rdb {
                path: text(name, value)?,
                functions_only: name == "--functions-rdb",
            },
            "--pipe" => Mode::Pipe,
            "--bigkeys" => Mode::BigKeys,
            "--memkeys" => Mode::MemKeys(None),
            "--memkeys-samples" => Mode::MemKeys(Some(number(name, value)?)),
            "--hotkeys" => Mode::HotKeys,
            "--stat" => Mode::Stat,
            "--scan" => Mode::Scan,
            "--lru-test" => Mode::LruTest(at_least_one(name, value)?),
            "--intrinsic-latency" => Mode::IntrinsicLatency(at_least_one(name, value)?),
            "--eval" => Mode::Eval(text(name, value)?),
            _ => return Err(format!("Unrecognized option or bad number of args for: '{name}'")),
        };
        if mode.rank() <= self.options.mode.rank() {
            self.options.mode = mode;
        }
        Ok(())
    }

    fn format(&mut self, format: Format) {
        self.options.style.format = format;
        self.options.format_given = true;
    }

    fn uri(&mut self, text: &str) -> Result<(), String> {
        let uri = parse_uri(text)?;
        let options = &mut self.options;
        options.user = uri.user.or(options.user.take());
        options.password = uri.password.or(options.password.take());
        options.db = uri.db.unwrap_or(options.db);
        self.host = uri.host.or(self.host.take());
        self.port = uri.port.or(self.port.take());
        Ok(())
    }

    fn finish(self, surroundings: &Surroundings) -> Result<Request, String> {
        let mut options = self.options;
        if self.socket.is_some() && options.follows_redirections {
            return Err("Options -c and -s are mutually exclusive.".to_owned());
        }
        if options.last_from_stdin && options.stdin_tag.is_some() {
            return Err("Options -x and -X are mutually exclusive.".to_owned());
        }
        options.address = match (self.socket, options.address) {
            (Some(path), _) => Address::Unix(path),
            (None, Address::Tcp(host, port)) => {
                Address::Tcp(self.host.unwrap_or(host), self.port.unwrap_or(port))
            }
            (None, other) => other,
        };
        options.warns_of_password = self.warns && options.password.is_some();
        options.password = options.password.or_else(|| surroundings.password.clone());
        let wants_resp3 = matches!(options.style.format, Format::Json { .. } | Format::Table);
        if wants_resp3 && options.resp3.is_none() {
            options.resp3 = Some(true);
        }
        Ok(Request::Run(Box::new(options)))
    }
}

fn text(name: &str, value: &[u8]) -> Result<String, String> {
    String::from_utf8(value.to_vec()).map_err(|_| format!("{name}: not UTF-8"))
}

fn number<N: std::str::FromStr>(name: &str, value: &[u8]) -> Result<N, String> {
    let given = String::from_utf8_lossy(value);
    given
        .parse()
        .map_err(|_| format!("{name} takes a number, not '{given}'"))
}

fn at_least_one(name: &str, value: &[u8]) -> Result<u64, String> {
    match number(name, value)? {
        0 => Err(format!("{name} takes a number above 0")),
        number => Ok(number),
    }
}

fn seconds(name: &str, value: &[u8]) -> Result<Duration, String> {
    let seconds: f64 = number(name, value)?;
    Duration::try_from_secs_f64(seconds).map_err(|_| format!("{name} takes seconds, not '{seconds}'"))
}

fn yes_or_no(value: &str) -> Result<bool, String> {
    match value.bytes().next().map(|first| first.to_ascii_lowercase()) {
        Some(b'y') => Ok(true),
        Some(b'n') => Ok(false),
        _ => Err(format!(
            "Unknown --show-pushes value '{value}' (valid: '[y]es', '[n]o')"
        )),
    }
}

/// A word that may hold quoted parts.
///
/// # Errors
/// When a quote is not closed, or more than one word is given.
pub fn unquoted(word: &[u8]) -> Result<Vec<u8>, String> {
    let wrong = || "Invalid quoted string".to_owned();
    let mut words = split_args(word).map_err(|_| wrong())?;
    match (words.pop(), words.pop()) {
        (Some(word), None) => Ok(word),
        _ => Err(wrong()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(line: &str) -> Result<Options, String> {
        let words: Vec<Vec<u8>> = line
            .split_whitespace()
            .map(|word| word.as_bytes().to_vec())
            .collect();
        match parse(&words, &Surroundings::default())? {
            Request::Run(options) => Ok(*options),
            Request::Print(text) => Err(text),
        }
    }

    #[test]
    fn reads_flags_up_to_the_command() {
        let options = run("-h host -p 7 -n 3 -r -1 -i 0.5 -3 get -x").expect("fine");
        assert_eq!(options.address, Address::Tcp("host".into(), 7));
        assert_eq!((options.db, options.repeat, options.resp3), (3, -1, Some(true)));
        assert_eq!(options.interval, Some(Duration::from_millis(500)));
        assert_eq!(options.words, [b"get".to_vec(), b"-x".to_vec()]);
        assert!(!options.last_from_stdin);
        let options = run("-u redis://u:p@h/2 -p 8").expect("fine");
        assert_eq!(options.address, Address::Tcp("h".into(), 8));
        assert!(options.warns_of_password);
        let options = run("--no-auth-warning -a p --json").expect("fine");
        assert!(!options.warns_of_password && options.resp3 == Some(true));
        assert_eq!(run("--json -2").expect("fine").resp3, Some(false));
    }

    #[test]
    fn takes_the_first_of_several_modes() {
        assert_eq!(run("--scan --bigkeys").expect("fine").mode, Mode::BigKeys);
        assert_eq!(
            run("--memkeys --memkeys-samples 3").expect("fine").mode,
            Mode::MemKeys(Some(3))
        );
        assert_eq!(run("--eval f a").expect("fine").mode, Mode::Eval("f".into()));
    }

    #[test]
    fn refuses_by_name() {
        for (line, part) in [
            ("-p", "'-p'"),
            ("-p abc", "Invalid server port."),
            ("-p 70000", "Invalid server port."),
            ("--nosuch", "'--nosuch'"),
            ("-n x", "-n takes a number"),
            ("-i -1", "-i takes seconds"),
            ("-2 -3", "-2 and -3"),
            ("-x -X t", "-x and -X"),
            ("-c -s x", "-c and -s"),
            ("--tls", "TLS"),
            ("--cluster info", "cluster"),
            ("--ldb", "debugger"),
            ("--show-pushes x", "--show-pushes"),
            ("--lru-test 0", "--lru-test"),
        ] {
            let error = run(line).map(|_| ()).expect_err(line);
            assert!(error.contains(part), "{line}: {error}");
        }
    }

    #[test]
    fn unquotes_words() {
        assert_eq!(unquoted(b"a\\x41"), Ok(b"a\\x41".to_vec()));
        assert_eq!(unquoted(b"\"\\x41 b\""), Ok(b"A b".to_vec()));
        for wrong in [&b"\"a"[..], b"\"a\" b", b"\"a\"b", b"", b"a b"] {
            assert!(unquoted(wrong).is_err());
        }
    }
}
