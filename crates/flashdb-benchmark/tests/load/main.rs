//! The program as users start it, against a server of the test's own: counts, latencies, errors, outputs, exit statuses.

mod server;

use flashdb_base::prng::Prng;
use flashdb_benchmark::record::{RunRecord, TestRecord};
use rustix::process::{Pid, Signal, kill_process};
use server::{Answer, FakeServer, ok};
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::sync::Mutex;
use std::sync::atomic::Ordering;
use std::sync::mpsc::channel;
use std::time::Duration;

const NEVER: u64 = u64::MAX;

fn start(port: u16, line: &str) -> Child {
    let place = if line.contains("--server") {
        Vec::new()
    } else {
        vec!["-p".to_owned(), port.to_string()]
    };
    Command::new(env!("CARGO_BIN_EXE_flashdb-benchmark"))
        .args(place)
        .args(line.split_whitespace())
        .env_remove("REDISCLI_AUTH")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary was built with the test")
}

/// Waits for the end; a program that hangs is killed, and the test fails.
fn finish(child: Child, line: &str) -> (i32, String, String) {
    let pid = Pid::from_child(&child);
    let (sender, receiver) = channel();
    std::thread::spawn(move || sender.send(child.wait_with_output()));
    let Ok(output) = receiver.recv_timeout(Duration::from_secs(60)) else {
        let _ = kill_process(pid, Signal::KILL);
        panic!("{line}: did not end");
    };
    let Output {
        status,
        stdout,
        stderr,
    } = output.expect("waited for");
    let text = |bytes| String::from_utf8(bytes).expect("printable");
    (status.code().unwrap_or(-1), text(stdout), text(stderr))
}

fn run(port: u16, line: &str) -> (i32, String, String) {
    finish(start(port, line), line)
}

/// Runs with JSON on standard output; gives the exit status and the record.
fn run_json(port: u16, line: &str) -> (i32, RunRecord) {
    let (code, stdout, stderr) = run(port, &format!("--json - {line}"));
    let record =
        RunRecord::from_json(&stdout).unwrap_or_else(|error| panic!("{line}: {error}\n{stdout}{stderr}"));
    (code, record)
}

fn only(record: &RunRecord) -> &TestRecord {
    assert_eq!(record.tests.len(), 1);
    &record.tests[0]
}

fn scratch(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}", std::process::id()))
}

#[test]
fn sends_exactly_what_was_asked() {
    for line in [
        "-c 4 -P 8",
        "-c 1",
        "-c 7 -P 3 --threads 2",
        "-c 3 --rate 20000 -P 4",
        "-c 300 -P 64",
    ] {
        let server = FakeServer::start(NEVER, |_, _| ok());
        let (code, record) = run_json(server.port, &format!("-n 1001 -t set {line}"));
        assert_eq!(code, 0, "{line}");
        assert_eq!(
            (only(&record).requests, server.count(b"SET")),
            (1001, 1001),
            "{line}"
        );
        assert!(only(&record).median.requests_per_second > 0.0 && !only(&record).series.is_empty());
    }
}

#[test]
fn reports_as_redis_benchmark_does() {
    let server = FakeServer::start(NEVER, |_, _| ok());
    let (code, text, _) = run(server.port, "-n 200 -c 5 -r 10 -d 20 -t set,get");
    assert_eq!(code, 0);
    for part in [
        "====== SET ======\n  200 requests completed in ",
        "  5 parallel clients\n  20 bytes payload\n  keep alive: 1\n",
        "Latency by percentile distribution:\n0.000% <= ",
        "100.000% <= ",
        "(cumulative count 200)\n",
        "  throughput summary: ",
        "  latency summary (msec):\n",
        "====== GET ======",
    ] {
        assert!(text.contains(part), "{part}\n{text}");
    }
    let (_, quiet, _) = run(server.port, "-n 200 -c 5 -q -t ping_mbulk");
    assert!(
        quiet.starts_with("PING_MBULK: ") && quiet.contains(" requests per second, p50="),
        "{quiet}"
    );
    let (_, csv, _) = run(server.port, "-n 200 -c 5 --csv -t set,get");
    assert!(
        csv.starts_with("\"test\",\"rps\",\"avg_latency_ms\",") && csv.lines().count() == 3,
        "{csv}"
    );
}

/// Two threads, keys in sequence: each number comes exactly once.
#[test]
fn sequential_keys_are_all_there_once() {
    let server = FakeServer::start(NEVER, |_, _| ok());
    let (code, _) = run_json(
        server.port,
        "-n 500 -r 500 --distribution sequential --threads 2 -c 6 -P 5 -t get",
    );
    assert_eq!(code, 0);
    let requests = server.requests.lock().expect("whole");
    let distinct: BTreeSet<&Vec<u8>> = requests.iter().collect();
    assert_eq!((requests.len(), distinct.len()), (500, 500));
}

/// 0.5 seconds in intervals of 0.3: the second is shorter, and its rate is that of its own length.
#[test]
fn the_series_ends_with_the_run() {
    let server = FakeServer::start(NEVER, |_, _| ok());
    let (_, record) = run_json(
        server.port,
        "-n 1000 --rate 2000 --interval 300 -c 10 --threads 2 -t set",
    );
    let (test, mut sum, mut begin) = (only(&record), 0.0, 0.0);
    for point in &test.series {
        sum += point.requests_per_second * (point.seconds - begin);
        begin = point.seconds;
    }
    assert!(
        begin <= test.median.seconds + 1e-6,
        "{begin} {}",
        test.median.seconds
    );
    // A rest of less than a quarter of an interval is left out.
    assert!((850.0..=1000.1).contains(&sum), "{sum}");
}

#[test]
fn commands_of_ones_own() {
    let server = FakeServer::start(NEVER, |_, _| ok());
    let (code, record) = run_json(server.port, "-n 20 -c 2 -r 9 -d 6 HSET h __rand_int__ __data__");
    assert_eq!(
        (code, only(&record).test.as_str()),
        (0, "HSET h __rand_int__ __data__")
    );
    assert_eq!(
        server.count(b"*4\r\n$4\r\nHSET\r\n$1\r\nh\r\n$12\r\n00000000000"),
        20
    );
}

/// The server stalls once, for half a second. A closed loop hardly sees it; an open loop charges every request that had
/// to wait: about a quarter of those of two seconds, evenly spread over the stall's length.
#[test]
fn a_stall_is_charged_to_all_who_had_to_wait() {
    let stalling = || {
        let turn = Mutex::new(());
        FakeServer::start(NEVER, move |before, _| {
            let _turn = turn.lock().expect("whole");
            if before == 500 {
                std::thread::sleep(Duration::from_millis(500));
            }
            ok()
        })
    };
    let (code, open) = run_json(stalling().port, "-n 2000 --rate 1000 -c 10 -P 1 -t set");
    assert_eq!(code, 0);
    let latency = &only(&open).median.latency_ms;
    assert!(latency.max >= 495.0, "{latency:?}");
    // A quarter of all waited, so one in ten waited at least 300 ms, less what the machine itself blurs.
    assert!(latency.p95 >= 300.0 && latency.average >= 40.0, "{latency:?}");
    assert!(only(&open).median.seconds >= 1.9);

    let (_, closed) = run_json(stalling().port, "-n 2000 -c 1 -t set");
    let latency = &only(&closed).median.latency_ms;
    assert!(latency.max >= 495.0 && latency.p99 < 250.0, "{latency:?}");
}

/// A server that is slower than the rate cannot hide it by being asked less often.
#[test]
fn an_overload_shows_as_latency() {
    let turn = Mutex::new(());
    let server = FakeServer::start(NEVER, move |_, _| {
        let _turn = turn.lock().expect("whole");
        std::thread::sleep(Duration::from_millis(1));
        ok()
    });
    let (code, record) = run_json(server.port, "-n 500 --rate 100000 -c 2 -t set");
    let latency = &only(&record).median.latency_ms;
    assert_eq!((code, only(&record).requests), (0, 500));
    assert!(latency.p50 >= 200.0 && latency.max >= 450.0, "{latency:?}");
}

#[test]
fn errors_are_counted_by_kind_and_fail() {
    let server = FakeServer::start(NEVER, |before, _| match before % 10 {
        3 => Answer::Bytes(b"-ERR not today\r\n".to_vec()),
        7 => Answer::Bytes(b"-OOM full\r\n".to_vec()),
        _ => ok(),
    });
    let (code, record) = run_json(server.port, "-n 1000 -c 1 -t set");
    assert_eq!(
        (code, only(&record).errors, only(&record).requests),
        (1, 200, 1000)
    );
    let mut kinds: Vec<(&str, u64)> = only(&record)
        .error_kinds
        .iter()
        .map(|kind| (kind.text.as_str(), kind.count))
        .collect();
    kinds.sort_unstable();
    assert_eq!(kinds, [("ERR not today", 100), ("OOM full", 100)]);
    let (code, text, stderr) = run(server.port, "-n 1000 -c 1 -q -e -t set");
    assert!(
        code == 1 && text.contains("200 of 1000 replies were errors"),
        "{text}"
    );
    assert!(stderr.contains("Error from server: "), "{stderr}");
}

#[test]
fn a_lost_connection_ends_the_run_with_what_there_is() {
    let server = FakeServer::start(NEVER, |before, _| if before < 300 { ok() } else { Answer::Close });
    let (code, record) = run_json(server.port, "-n 100000 -c 3 --threads 2 -t set");
    let test = only(&record);
    assert_eq!(code, 1);
    assert!(
        test.failure.as_deref().is_some_and(|why| why.contains("closed")),
        "{:?}",
        test.failure
    );
    assert!(
        (1..=300).contains(&test.requests) && test.unanswered > 0,
        "{}",
        test.requests
    );
}

#[test]
fn a_server_that_is_not_there_or_refuses_is_named() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = free.local_addr().expect("bound").port();
    drop(free);
    let (code, _, stderr) = run(port, "-n 1 -t set");
    assert!(
        code == 1 && stderr.contains(&format!("127.0.0.1:{port}")),
        "{stderr}"
    );
    let server = FakeServer::start(NEVER, |_, _| Answer::Bytes(b"-WRONGPASS no\r\n".to_vec()));
    let (code, _, stderr) = run(server.port, "-n 1 -a secret -t set");
    assert!(code == 1 && stderr.contains("WRONGPASS no"), "{stderr}");
}

/// Replies of random bytes, some that look like RESP: the program ends, in time, and says why.
#[test]
fn damaged_replies_end_the_run() {
    for seed in 0..8 {
        let prng = Mutex::new(Prng::from_seed(seed));
        let server = FakeServer::start(NEVER, move |before, _| {
            let mut prng = prng.lock().expect("whole");
            let mut bytes = b"*2\r\n$3\r\nabc\r\n:1\r\n".to_vec();
            if before > 50 {
                let at = prng.below(bytes.len() as u64) as usize;
                bytes[at] = prng.next_u64() as u8;
            }
            // Damage may make a reply wait for more bytes for ever; the server does not.
            if before > 2000 {
                Answer::Close
            } else {
                Answer::Bytes(bytes)
            }
        });
        let (code, record) = run_json(server.port, "-n 100000 -c 1 -P 16 -t set --duration 1");
        assert!(code == 1 && !only(&record).is_clean(), "seed {seed}: {record:?}");
    }
}

#[test]
fn without_keep_alive_each_batch_connects() {
    let server = FakeServer::start(NEVER, |_, _| ok());
    let (code, record) = run_json(server.port, "-n 60 -c 3 -k 0 -t set --dbnum 2");
    assert_eq!((code, only(&record).requests, server.count(b"SET")), (0, 60, 60));
    // Each says SELECT first; three more ask about the server and find it.
    assert!(server.connections.load(Ordering::SeqCst) >= 60);
    assert!(server.count(b"SELECT") >= 60);
}

#[test]
fn an_interrupt_gives_the_results_so_far() {
    let server = FakeServer::start(200, |_, _| ok());
    let line = "-c 2 --threads 2 --duration 600 -t set,get --json -";
    let child = start(server.port, line);
    let pid = Pid::from_child(&child);
    server
        .reached
        .recv_timeout(Duration::from_secs(60))
        .expect("the load began");
    kill_process(pid, Signal::INT).expect("it runs");
    let (code, stdout, _) = finish(child, line);
    let record = RunRecord::from_json(&stdout).expect("sound");
    assert!(
        code == 130 && only(&record).interrupted && only(&record).requests > 0,
        "{code}"
    );
}

#[test]
fn idle_connections_are_held_until_interrupted() {
    let server = FakeServer::start(19, |_, _| ok());
    // The greeting of the twentieth connection, the first being the one that asks about the server, is the sign.
    let line = "-I -c 19 --dbnum 1";
    let child = start(server.port, line);
    let pid = Pid::from_child(&child);
    server
        .reached
        .recv_timeout(Duration::from_secs(60))
        .expect("all are open");
    kill_process(pid, Signal::TERM).expect("it runs");
    let (code, stdout, _) = finish(child, line);
    assert!(
        code == 0 && stdout.contains("Creating 19 idle connections"),
        "{stdout}"
    );
}

#[test]
fn mixes_keep_their_shares() {
    let server = FakeServer::start(NEVER, |_, _| ok());
    let (code, record) = run_json(
        server.port,
        "-n 4000 -c 4 -P 8 --mix get:0.75,set:0.25 -r 100 --value-size 8-16",
    );
    let commands = &only(&record).commands;
    assert_eq!((code, commands.len()), (0, 2));
    assert_eq!(commands[0].requests as usize, server.count(b"\r\nGET\r\n"));
    assert_eq!(commands[0].requests + commands[1].requests, 4000);
    assert!(
        commands[0].requests.abs_diff(3000) < 200,
        "{}",
        commands[0].requests
    );
}

#[test]
fn a_stored_run_decides_the_exit_status() {
    let server = FakeServer::start(NEVER, |_, _| ok());
    let (path, plot) = (scratch("stored.json"), scratch("plot.svg"));
    let line = format!(
        "-n 500 -c 2 -q -t set --json {} --plot {}",
        path.display(),
        plot.display()
    );
    assert_eq!(run(server.port, &line).0, 0);
    let drawing = std::fs::read_to_string(&plot).expect("drawn");
    assert!(drawing.starts_with("<svg ") && drawing.contains("SET"));

    let text = std::fs::read_to_string(&path).expect("written");
    let stored = RunRecord::from_json(&text).expect("sound");
    let compare = |change: f64| {
        let mut changed = stored.clone();
        changed.tests[0].median.requests_per_second *= change;
        std::fs::write(&path, changed.to_json()).expect("written");
        run(
            server.port,
            &format!(
                "-n 500 -c 2 -q -t set --compare-on rps --compare {}",
                path.display()
            ),
        )
    };
    // A hundred times is beyond any drift of the machine.
    let (code, text, _) = compare(100.0);
    assert!(code == 3 && text.contains("WORSE"), "{code} {text}");
    let (code, text, _) = compare(0.01);
    assert!(code == 0 && text.contains("No figure is worse"), "{code} {text}");
    let line = format!("-n 500 -c 3 -q -t set --compare {}", path.display());
    let (code, _, stderr) = run(server.port, &line);
    assert!(code == 1 && stderr.contains("another load"), "{stderr}");
    std::fs::write(&path, "{").expect("written");
    let (code, _, stderr) = run(server.port, &line);
    assert!(code == 1 && stderr.contains("line 1"), "{stderr}");
}

#[test]
fn servers_take_turns_and_are_compared() {
    let fast = FakeServer::start(NEVER, |_, _| ok());
    let turn = Mutex::new(());
    let slow = FakeServer::start(NEVER, move |_, _| {
        let _turn = turn.lock().expect("whole");
        std::thread::sleep(Duration::from_millis(1));
        ok()
    });
    let servers = format!(
        "--server fast=127.0.0.1:{} --server slow=127.0.0.1:{}",
        fast.port, slow.port
    );
    let (code, record) = run_json(0, &format!("-n 200 -c 2 -t set --rounds 2 {servers}"));
    let names: Vec<&str> = record.tests.iter().map(|test| test.server.as_str()).collect();
    assert_eq!((code, names), (0, vec!["fast", "slow"]));
    assert!(
        record
            .tests
            .iter()
            .all(|test| test.rounds.len() == 2 && test.requests == 400)
    );
    // One round more, to warm up.
    assert_eq!((fast.count(b"SET"), slow.count(b"SET")), (600, 600));
    let rates: Vec<f64> = record
        .tests
        .iter()
        .map(|test| test.median.requests_per_second)
        .collect();
    assert!(rates[0] > rates[1], "{rates:?}");
    let (_, text, _) = run(0, &format!("-n 50 -c 2 -q -t set {servers}"));
    assert!(
        text.contains("ratios to slow") && text.contains("x req/s"),
        "{text}"
    );
}
