//! The same command lines through flashdb-cli and redis-cli: same bytes, same exit status, in a pipe and on a terminal.
//!
//! What redis-cli 7.0.15 prints is kept in `golden/`, so that the comparison is made where it is not installed, too; where
//! it is, the files themselves are checked against it. `FLASHDB_CLI_GOLDEN=write` writes them anew, from redis-cli.

use crate::server::{Server, fake};
use crate::terminal::Terminal;
use flashdb_base::split_args::{push_quoted, split_args};
use std::io::{ErrorKind, Write};
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// Flags and a command; behind ` < ` what comes from standard input.
const PIPED: &str = include_str!("cases.txt");

const DATA: &str = "flushall\nset text plain\nset odd \"a\\\"b\\\\c\\n\\x00\\xff\\xc3\\xa9\"\nrpush list a b c\n\
    hset hash f1 v1 f2 \"two words\"\nsadd set one\nzadd zset 1 a 2.5 b\nxadd stream 1-1 f v\nset number 42";

fn run(program: &str, port: u16, line: &str) -> String {
    let (command, input) = line.split_once(" < ").unwrap_or((line, ""));
    let input = split_args(input.as_bytes()).expect("quoted").concat();
    let mut child = Command::new(program)
        .args(["-p", &port.to_string()])
        .args(words(command))
        .env_remove("REDISCLI_AUTH")
        .env("REDISCLI_HISTFILE", "/dev/null")
        .env("REDISCLI_RCFILE", "/dev/null")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{program}: {error}"));
    let mut stdin = child.stdin.take().expect("piped");
    // A program that refuses its flags may have ended by now; its words and status say so.
    match stdin.write_all(&input) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => panic!("{line}: {error}"),
        _ => drop(stdin),
    }
    let output = child.wait_with_output().expect("waited for");
    let mut shown = report(&output.stdout, line.contains("keys"));
    // A warning, or trouble with the connection, has the same words; a summary of --pipe is on the other output.
    if !line.contains("--pipe") {
        shown += &report(&output.stderr, false)
            .replace("  ", "! ")
            .replace(&port.to_string(), "PORT");
    }
    format!("$ {line}\n{shown}= {}\n", output.status.code().unwrap_or(-1))
}

fn run_on_terminal(program: &str, port: u16, line: &str) -> String {
    let mut arguments = vec!["-p".to_owned(), port.to_string()];
    arguments.extend(words(line));
    let (shown, status) = Terminal::start(program, &arguments, &[]).finish();
    let shown = report(shown.as_bytes(), line.contains("keys"));
    format!(
        "$ {line}\n{}= {status}\n",
        shown.replace(&port.to_string(), "PORT")
    )
}

fn words(line: &str) -> Vec<String> {
    let words = split_args(line.as_bytes()).expect("quoted");
    words
        .into_iter()
        .map(|word| String::from_utf8(word).expect("UTF-8"))
        .collect()
}

/// Lines, quoted. Where keys are looked at one after the other (`unordered`) the order is the server's, and so is how far
/// it has come at each.
fn report(bytes: &[u8], unordered: bool) -> String {
    let mut lines: Vec<String> = bytes.split_inclusive(|byte| *byte == b'\n').map(quoted).collect();
    if unordered {
        for line in &mut lines {
            if let (Some(begin), Some(end)) = (line.find('['), line.find("%]")) {
                line.replace_range(begin..end, "[");
            }
        }
        lines.sort_unstable();
    }
    lines.iter().map(|line| format!("  {line}\n")).collect()
}

fn quoted(line: &[u8]) -> String {
    let mut quoted = Vec::new();
    push_quoted(&mut quoted, line);
    String::from_utf8(quoted).expect("ASCII")
}

fn has_redis_cli() -> bool {
    let told = Command::new("redis-cli").arg("--version").output();
    told.is_ok_and(|told| told.stdout.starts_with(b"redis-cli 7.0."))
}

/// Runs all lines, through `program` and, where it can be, through redis-cli; `begin` brings the server to where each of
/// them begins, `run` gives the report of one line.
fn compare(name: &str, lines: &[&str], begin: impl Fn(), run: impl Fn(&str, &str) -> String) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden")
        .join(name);
    let of = |program: &str| -> Vec<String> {
        begin();
        lines.iter().map(|line| run(program, line)).collect()
    };
    if std::env::var("FLASHDB_CLI_GOLDEN").is_ok_and(|what| what == "write") {
        std::fs::write(&path, of("redis-cli").concat()).expect("written");
    }
    let golden = std::fs::read_to_string(&path).expect("a golden file");
    let golden = reports(&golden);
    must_agree("flashdb-cli", &of(env!("CARGO_BIN_EXE_flashdb-cli")), &golden);
    if has_redis_cli() {
        must_agree("redis-cli here", &of("redis-cli"), &golden);
    }
}

/// The reports of a golden file, each of which begins with its line behind a dollar sign.
fn reports(golden: &str) -> Vec<String> {
    let mut reports: Vec<String> = Vec::new();
    for line in golden.split_inclusive('\n') {
        match reports.last_mut() {
            Some(report) if !line.starts_with("$ ") => report.push_str(line),
            _ => reports.push(line.to_owned()),
        }
    }
    reports
}

fn must_agree(who: &str, found: &[String], golden: &[String]) {
    let differing: Vec<String> = golden
        .iter()
        .zip(found)
        .filter(|(golden, found)| golden != found)
        .map(|(golden, found)| format!("golden:\n{golden}{who}:\n{found}"))
        .collect();
    assert!(
        differing.is_empty(),
        "{} differ\n{}",
        differing.len(),
        differing.join("\n")
    );
    assert_eq!(found.len(), golden.len(), "a golden file of other lines");
}

fn cases() -> Vec<&'static str> {
    PIPED
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .collect()
}

#[test]
fn in_a_pipe() {
    let server = Server::start(&[]);
    let begin = || server.fill(DATA);
    compare("pipe.txt", &cases(), begin, |program, line| {
        run(program, server.port, line)
    });
}

#[test]
fn on_a_terminal() {
    let server = Server::start(&[]);
    let begin = || server.fill(DATA);
    let lines: Vec<&str> = cases().into_iter().filter(|line| !line.contains(" < ")).collect();
    compare("terminal.txt", &lines, begin, |program, line| {
        run_on_terminal(program, server.port, line)
    });
}

/// What FlashDB does not say, a server says that says nothing else: hot keys, redirections, streams of changes.
#[test]
fn of_other_servers() {
    let node = fake(|words| Some(format!("+{} from the node\r\n", words.join(" ")).into_bytes()));
    let behaviour = move |words: &[String]| -> Option<Vec<u8>> {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        Some(match words.as_slice() {
            ["DBSIZE"] => b":4\r\n".to_vec(),
            ["SCAN", "0", ..] => b"*2\r\n$1\r\n7\r\n*2\r\n$1\r\na\r\n$1\r\nb\r\n".to_vec(),
            ["SCAN", ..] => b"*2\r\n$1\r\n0\r\n*2\r\n$2\r\nc\n\r\n$1\r\nd\r\n".to_vec(),
            ["OBJECT", "FREQ", "a"] => b":3\r\n".to_vec(),
            ["OBJECT", "FREQ", "b"] => b":0\r\n".to_vec(),
            ["OBJECT", ..] => b":5\r\n".to_vec(),
            ["TYPE", "d"] => b"+none\r\n".to_vec(),
            ["TYPE", _] => b"+string\r\n".to_vec(),
            ["MEMORY", "USAGE", "a", ..] => b":56\r\n".to_vec(),
            ["MEMORY", "USAGE", ..] => b":48\r\n".to_vec(),
            ["STRLEN", "a"] => b":3\r\n".to_vec(),
            ["STRLEN", _] => b":9\r\n".to_vec(),
            ["get", "moved"] => format!("-MOVED 5 127.0.0.1:{node}\r\n").into_bytes(),
            ["get", "asked"] => format!("-ASK 6 127.0.0.1:{node}\r\n").into_bytes(),
            ["get", "closed"] => return None,
            ["get", "wrong"] => b"?what\r\n".to_vec(),
            ["get", "double"] => b",1.5\r\n".to_vec(),
            ["get", "push"] => b">2\r\n+a\r\n:1\r\n+reply\r\n".to_vec(),
            ["get", "empty"] => b"*5\r\n*0\r\n~0\r\n%0\r\n*-1\r\n$-1\r\n".to_vec(),
            ["get", "nested"] => b"*2\r\n%1\r\n+a\r\n*2\r\n:1\r\n%1\r\n#t\r\n_\r\n~11\r\n:1\r\n:1\r\n:1\r\n:1\r\n:1\r\n:1\r\n:1\r\n:1\r\n:1\r\n:1\r\n+x\r\n".to_vec(),
            ["ECHO", text] => format!("${}\r\n{text}\r\n", text.len()).into_bytes(),
            _ => b"+OK\r\n".to_vec(),
        })
    };
    let port = fake(behaviour);
    let lines = [
        "--hotkeys",
        "--bigkeys",
        "--memkeys",
        "--memkeys-samples 2",
        "--scan",
        "get moved",
        "-c get moved",
        "-c get asked",
        "get closed",
        "get wrong",
        "get double",
        "--no-raw get push",
        "--show-pushes yes get push",
        "--show-pushes no get push",
        "--no-raw get empty",
        "get empty",
        "--csv get empty",
        "--json get empty",
        "--no-raw get nested",
        "get nested",
        "--csv get nested",
        "--json get nested",
    ];
    compare(
        "others.txt",
        &lines,
        || (),
        |program, line| {
            let shown = run(program, port, line);
            shown.replace(&node.to_string(), "NODE")
        },
    );
}
