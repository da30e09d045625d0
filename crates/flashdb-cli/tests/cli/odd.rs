//! What redis-cli has not, or not like this: tables, JSON of the other modes, big numbers and attributes, refusals that name
//! their reason; and servers that send anything at all.

use crate::server::{Server, fake};
use flashdb_base::prng::Prng;
use std::process::{Command, Stdio};
use std::sync::Mutex;

fn run(port: u16, words: &[&str]) -> (String, String, i32) {
    let output = Command::new(env!("CARGO_BIN_EXE_flashdb-cli"))
        .args(["-p", &port.to_string()])
        .args(words)
        .env_remove("REDISCLI_AUTH")
        .stdin(Stdio::null())
        .output()
        .expect("the binary was built with the test");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (
        text(&output.stdout),
        text(&output.stderr),
        output.status.code().unwrap_or(-1),
    )
}

#[test]
fn tables_and_json_of_everything() {
    let server = Server::start(&[]);
    server.fill("hset user name Ann city Oslo\nset greeting hello");
    let shown = |line: &str| {
        let words: Vec<&str> = line.split(' ').collect();
        let (stdout, stderr, status) = run(server.port, &words);
        assert_eq!((stderr.as_str(), status), ("", 0), "{line}");
        stdout
    };
    assert_eq!(
        shown("--table hgetall user"),
        " name | value\n------+-------\n name | Ann\n city | Oslo\n(2 rows)\n"
    );
    assert!(shown("--table info server").starts_with(" section | name"));
    assert!(shown("--table client list").contains(" # | id | addr"));
    assert_eq!(shown("--json --scan --pattern gree*"), "\"greeting\"\n");
    assert_eq!(
        shown("--json --bigkeys --pattern greeting"),
        concat!(
            r#"{"key_bytes":8,"sampled":1,"types":[{"average":0.0,"biggest":null,"keys":0,"size":0,"type":"list","unit":"items"},"#,
            r#"{"average":0.0,"biggest":null,"keys":0,"size":0,"type":"hash","unit":"fields"},"#,
            r#"{"average":5.0,"biggest":{"key":"greeting","size":5},"keys":1,"size":5,"type":"string","unit":"bytes"},"#,
            r#"{"average":0.0,"biggest":null,"keys":0,"size":0,"type":"stream","unit":"entries"},"#,
            r#"{"average":0.0,"biggest":null,"keys":0,"size":0,"type":"set","unit":"members"},"#,
            r#"{"average":0.0,"biggest":null,"keys":0,"size":0,"type":"zset","unit":"members"}]}"#,
            "\n"
        )
    );
    assert!(shown("--json --latency -i 0.05").starts_with("{\"avg\":"));
    assert!(shown("-3 --no-raw debug protocol bignum").starts_with("(big number) 1234567"));
    let attributed = shown("-3 --no-raw debug protocol attrib");
    assert!(
        attributed.starts_with("1| ")
            && attributed.ends_with("\"Some real reply following the attribute\"\n")
    );
    assert!(
        shown("help hset").contains("\x1b[1mHSET\x1b[0m \x1b[90mkey field value [field value ...]\x1b[0m")
    );
}

#[test]
fn an_rdb_file_comes_whole() {
    let server = Server::start(&[]);
    server.fill("set greeting hello");
    let (stdout, stderr, status) = run(server.port, &["--rdb", "-"]);
    assert_eq!(status, 0, "{stderr}");
    assert!(
        stdout.starts_with("REDIS") && stdout.contains("greeting"),
        "{stdout:?}"
    );
    let (_, stderr, status) = run(server.port, &["--rdb", "/nonexistent/file"]);
    assert!(status == 1 && stderr.contains("/nonexistent/file"), "{stderr}");
}

/// Redis ends a file of unknown length with a mark, which may come in pieces.
#[test]
fn an_rdb_file_ends_at_its_mark() {
    let mark = "m".repeat(40);
    let port = fake(move |words| {
        Some(match words[0].as_str() {
            "SYNC" => format!("\n\n$EOF:{mark}\r\nREDIS0010 mmm data{mark}").into_bytes(),
            _ => b"+OK\r\n".to_vec(),
        })
    });
    let (stdout, stderr, status) = run(port, &["--functions-rdb", "-"]);
    assert_eq!((stdout.as_str(), status), ("REDIS0010 mmm data", 0), "{stderr}");
    assert!(
        stderr.contains("sending REPLCONF rdb-filter-only functions"),
        "{stderr}"
    );
    assert!(
        stderr.ends_with("Transfer finished with success after 18 bytes\n"),
        "{stderr}"
    );
}

#[test]
fn refusals_name_the_flag() {
    for (words, part) in [
        (&["--tls"][..], "--tls: TLS is not supported"),
        (&["--cacert", "x"], "--cacert: TLS"),
        (&["--cluster", "info", "x"], "--cluster: managing a cluster"),
        (&["--eval", "x", "--ldb"], "--ldb: the script debugger"),
        (&["--ldb", "--eval", "x"], "--ldb: the script debugger"),
        // Behind the first word that is no flag nothing is one.
        (&["--eval", "x", "key", "--ldb"], "Can't open file 'x'"),
        (&["-p", "x"], "Invalid server port."),
    ] {
        let (stdout, stderr, status) = run(1, words);
        assert!(
            stderr.contains(part) && stdout.is_empty(),
            "{words:?}: {stderr}{stdout}"
        );
        assert_eq!(status, 1, "{words:?}");
    }
    assert_eq!(
        run(1, &["--version"]).0,
        format!("flashdb-cli {}\n", env!("CARGO_PKG_VERSION"))
    );
    assert!(run(1, &["--help"]).0.starts_with("Usage: flashdb-cli"));
}

/// Whatever a server sends: the program says what is wrong, or shows it, and never breaks.
#[test]
fn any_bytes_are_stood() {
    const REPLIES: &str = "*3\r\n$1\r\na\r\n%1\r\n+b\r\n~1\r\n,1.5\r\n|1\r\n+t\r\n:1\r\n=5\r\ntxt:x\r\n";
    let random = Mutex::new(Prng::from_seed(5));
    let port = fake(move |_| {
        let mut random = random.lock().expect("no panic");
        let mut bytes = REPLIES.as_bytes().to_vec();
        for _ in 0..random.below(5) {
            let at = random.below(bytes.len() as u64) as usize;
            bytes[at] = b"+-:$_,#(=!*~%>|\r\n0129\x1b\xff\0"[random.below(24) as usize];
        }
        // A rest that would have to be waited for is closed instead.
        bytes.extend_from_slice(b"?\r\n");
        Some(bytes)
    });
    let modes: [&[&str]; 8] = [
        &["get", "x"],
        &["--no-raw", "get", "x"],
        &["--json", "get", "x"],
        &["--table", "-2", "get", "x"],
        &["--bigkeys"],
        &["--hotkeys"],
        &["--scan"],
        &["--rdb", "/dev/null"],
    ];
    for round in 0..96 {
        let words = modes[round % modes.len()];
        let (_, stderr, status) = run(port, words);
        assert!(matches!(status, 0 | 1), "{words:?}: {status} {stderr}");
        assert!(!stderr.contains("panicked"), "{stderr}");
    }
}
