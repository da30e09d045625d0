//! Tests of the feed: what is written down of a request, what never is, and that many commands make few rows.

use super::*;
use crate::bootstrap::test_server::TestServer;
use crate::client::ClientInfo;
use flashdb_resp::OwnedArgs;

/// What is written down of a line, where anything is.
fn row(line: &str) -> Option<TappedCommand> {
    let registry = crate::command_registry();
    let request = OwnedArgs::from_words(line.split(' ').map(str::as_bytes));
    let command = registry.resolve(&request.as_args()).expect("a command");
    let client = ClientInfo::default();
    let mut tap = Tap::new(1);
    let written = tap.note(
        &Ran {
            command: &command,
            args: request.as_args(),
            db: 3,
            client: &client,
            elapsed_ns: Some(700),
            failed: true,
            touches: true,
        },
        1,
        &mut Prng::from_seed(1),
    );
    let row = tap.take(1).pop();
    assert_eq!(written, row.is_some());
    row
}

fn texts(row: &TappedCommand) -> (Option<String>, Vec<String>) {
    let text = |word: &CutWord| String::from_utf8_lossy(&word.head).into_owned();
    (row.key.as_ref().map(text), row.words.iter().map(text).collect())
}

#[test]
fn a_row_has_the_key_and_the_first_of_the_other_words() {
    let hget = row("HGET session:1 name").expect("a row");
    assert_eq!(texts(&hget), (Some("session:1".into()), vec!["name".into()]));
    assert_eq!((hget.db, hget.elapsed_ns, hget.failed), (3, Some(700), true));
    assert_eq!((hget.words_more, hget.stands_for), (0, 1));
    let mset = row("MSET a 1 b 2 c 3 d 4 e 5 f 6").expect("a row");
    let words = ["1", "b", "2", "c", "3", "d", "4", "e"].map(str::to_owned);
    assert_eq!((texts(&mset).1, mset.words_more), (words.to_vec(), 3));
    let operation = row("BITOP AND to from").expect("a row");
    assert_eq!(texts(&operation).0.as_deref(), Some("to"));
    assert_eq!(texts(&operation).1, ["AND", "from"]);
    assert_eq!(texts(&row("PING").expect("a row")), (None, vec![]));
    // Not as many words as it takes: there is no key to be found.
    assert_eq!(texts(&row("GET").expect("a row")), (None, vec![]));
}

#[test]
fn long_words_are_cut_and_their_lengths_told() {
    let (key, value) = ("k".repeat(1000), "v".repeat(100_000));
    let set = row(&format!("SET {key} {value} EX 10")).expect("a row");
    let key = set.key.as_ref().expect("a key");
    assert_eq!((key.head.len(), key.bytes), (KEY_BYTES_KEPT, 1000));
    let [word] = set.words.as_slice() else {
        panic!("{} words", set.words.len());
    };
    assert_eq!((word.head.len(), word.bytes), (WORD_BYTES_KEPT, 100_000));
    assert_eq!(set.words_more, 2);
}

#[test]
fn no_secret_and_no_administration_is_written_down() {
    for line in [
        "AUTH ada s3cret",
        "HELLO 3 AUTH ada s3cret",
        "MIGRATE h 1 k 0 9 AUTH s3cret",
    ] {
        let shown = row(line).expect("a row");
        let (key, words) = texts(&shown);
        assert!(
            !words.iter().chain(&key).any(|word| word.contains("s3cret")),
            "{line}"
        );
        assert!(texts(&shown).1.iter().any(|word| word == "(redacted)"), "{line}");
    }
    for line in [
        "ACL SETUSER ada >s3cret",
        "CONFIG SET requirepass s3cret",
        "SHUTDOWN",
    ] {
        assert!(row(line).is_none(), "{line}");
    }
    assert_eq!(
        row("EVAL return 0").map(|row| texts(&row).1),
        Some(vec!["return".into(), "0".into()])
    );
}

#[test]
fn many_commands_leave_few_rows_that_stand_for_them() {
    let registry = crate::command_registry();
    let get = registry.find(b"get").expect("GET is a command");
    let request = OwnedArgs::from_words([b"GET".as_slice(), b"key"]);
    let client = ClientInfo::default();
    let ran = Ran {
        command: &get,
        args: request.as_args(),
        db: 0,
        client: &client,
        elapsed_ns: None,
        failed: false,
        touches: true,
    };
    let (mut tap, mut random) = (Tap::new(1), Prng::from_seed(7));
    let (mut rows, mut stand_for) = (0, 0);
    let (rounds, commands) = (50, 10_000);
    for _ in 0..rounds {
        for _ in 0..commands {
            tap.note(&ran, 1, &mut random);
        }
        let taken = tap.take(1);
        assert!(taken.len() <= ROWS_OF_LOOP);
        rows += taken.len();
        stand_for += taken.iter().map(|row| u64::from(row.stands_for)).sum::<u64>();
    }
    assert!(rows >= rounds * ROWS_OF_LOOP / 4, "{rows} rows");
    let share = stand_for as f64 / (rounds * commands) as f64;
    assert!((share - 1.0).abs() < 0.25, "{share}");
}

#[test]
fn the_interval_follows_the_rate_and_does_not_swing() {
    let began = Instant::now();
    let mut flow = Flow {
        interval: 1,
        rate: 0.0,
        commands: 0,
        counted_at: began,
        random: Prng::from_seed(1),
    };
    let mut run = |rate: u64, drains: u32, from: &mut (u64, Instant)| {
        let mut seen = Vec::new();
        for _ in 0..drains {
            from.0 += rate / 5;
            from.1 += DRAIN_TIME;
            flow.follow(from.0, from.1);
            seen.push(flow.interval);
        }
        seen.dedup();
        seen
    };
    let mut at = (0, began);
    assert_eq!(run(20, 50, &mut at), [1]);
    let rising = run(100_000, 50, &mut at);
    assert!(rising.is_sorted() && rising.last() == Some(&4096), "{rising:?}");
    for rate in [60_000, 102_000] {
        assert_eq!(run(rate, 20, &mut at), [4096]);
    }
    assert_eq!(run(0, 200, &mut at).last(), Some(&1));
}

#[test]
fn a_server_writes_down_what_it_runs_while_the_tap_is_open_and_not_longer() {
    let mut server = TestServer::start(&[]);
    let engine = server.server.clone();
    let drain = || engine.taps.drain(&engine);
    let names = |rows: &[TappedCommand]| rows.iter().map(|row| row.spec.full_name()).collect::<Vec<_>>();
    engine.hot_keys.collect(&engine, clock::unix_ms() as i64);
    server.ask(&["SET", "a", "1"]);
    assert!(drain().is_empty(), "nobody watches");
    engine.taps.set_open(&engine, true);
    server.ask(&["SET", "a", "1"]);
    server.ask(&["LPUSH", "a", "1"]);
    server.ask(&["GET", "a"]);
    let rows = drain();
    assert_eq!(names(&rows), ["set", "lpush", "get"]);
    assert_eq!(
        rows.iter().map(|row| row.failed).collect::<Vec<_>>(),
        [false, true, false]
    );
    assert!(
        rows.iter()
            .all(|row| row.elapsed_ns.is_some() && row.stands_for == 1)
    );
    assert!(
        rows[0].client_id > 0 && rows[0].addr.starts_with("unix:"),
        "{}",
        rows[0].addr
    );
    server.ask(&["MULTI"]);
    server.ask(&["INCR", "n"]);
    server.ask(&["EXEC"]);
    server.ask(&["EVAL", "return redis.call('get', KEYS[1])", "1", "a"]);
    assert_eq!(names(&drain()), ["multi", "incr", "exec", "get", "eval"]);
    for _ in 0..500 {
        server.ask(&["GET", "a"]);
    }
    let rows = drain();
    assert!(
        !rows.is_empty() && rows.len() <= ROWS_PER_DRAIN,
        "{} rows",
        rows.len()
    );
    assert!(rows.iter().all(|row| row.stands_for > 1));
    server.ask(&["SET", "a", "1"]);
    engine.taps.set_open(&engine, false);
    let rows = engine.taps.rows_total(&engine);
    assert!(rows > 8);
    server.ask(&["SET", "a", "1"]);
    assert!(drain().is_empty());
    assert_eq!(
        engine.taps.rows_total(&engine),
        rows,
        "nothing is written down for nobody"
    );
    engine.taps.set_open(&engine, true);
    assert!(drain().is_empty(), "what was left was dropped");
}
