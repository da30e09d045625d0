//! Backups over HTTP: what is taken away is what is brought back, damaged files are refused before anything changes, and each step
//! takes its right and is in the audit log.

use super::support::{Server, http::Http};
use super::{basic, start, start_closed, unlocked};
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::path::PathBuf;
use std::time::{Duration, Instant};

fn download(http: &Http) -> Vec<u8> {
    let answer = http.send("POST", "/api/v1/backup", "{}");
    assert_eq!(answer.status, 200, "{}", answer.text());
    let name = answer.header("content-disposition").expect("a name").to_owned();
    assert!(name.contains("snapshot-") && name.ends_with(".fsnap\""), "{name}");
    let length = answer.header("content-length").and_then(|text| text.parse().ok());
    assert_eq!(length, Some(answer.body.len()));
    answer.body
}

fn upload(http: &Http, file: &[u8]) -> (u16, Value) {
    let answer = http
        .with("Content-Type", "application/octet-stream")
        .raw("POST", "/api/v1/backups", file);
    (answer.status, answer.json())
}

/// Gives a server so many keys of 100 kB that cannot be compressed.
fn fill(server: &Server, keys: usize) {
    let mut client = server.connect();
    let mut random = 1u64;
    let mut next = || {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random as u8
    };
    for n in 0..keys {
        let value: Vec<u8> = (0..100_000).map(|_| next()).collect();
        client.request(&[b"SET".to_vec(), format!("key:{n}").into_bytes(), value]);
        client.read();
    }
}

/// Where the files of uploads are.
fn uploads_of(server: &Server) -> PathBuf {
    let dir = server.connect().ask("CONFIG GET dir").items()[1].text();
    PathBuf::from(dir).join("uploads")
}

fn files_in(folder: &PathBuf) -> Vec<String> {
    let entries = std::fs::read_dir(folder).map_or_else(|_| Vec::new(), Iterator::collect);
    entries
        .into_iter()
        .map(|entry| {
            entry
                .expect("an entry")
                .file_name()
                .to_string_lossy()
                .into_owned()
        })
        .collect()
}

fn rows(http: &Http) -> Vec<Value> {
    let listed = http.get("/api/v1/snapshots").json();
    listed["snapshots"].as_array().expect("snapshots").clone()
}

fn await_that(what: &str, is_so: &dyn Fn() -> bool) {
    let until = Instant::now() + Duration::from_secs(30);
    while !is_so() {
        assert!(Instant::now() < until, "{what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn what_was_taken_away_comes_back() {
    let (server, http) = start(&[]);
    // More than one part of the file.
    fill(&server, 40);
    let file = download(&http);
    assert!(file.len() > 1 << 20, "{}", file.len());
    drop(server);

    // On another server, which has nothing of it.
    let (server, http) = start(&["--enable-debug-command", "yes"]);
    let mut client = server.connect();
    client.ask("SET other 1");
    let (status, answer) = upload(&http, &file);
    assert_eq!(status, 201, "{answer}");
    let snapshot = &answer["snapshot"];
    assert_eq!(
        (&snapshot["kind"], &snapshot["keys"]),
        (&json!("upload"), &json!(40))
    );
    assert_eq!(
        client.ask("DBSIZE"),
        super::support::Value::Int(1),
        "nothing has changed"
    );
    let path = format!(
        "/api/v1/snapshots/{}/restore",
        snapshot["file"].as_str().expect("a file")
    );
    let wrong = http.send("POST", &path, r#"{"confirm":"restore"}"#);
    assert_eq!(wrong.status, 409);
    let preview = http.get(&path).json();
    assert_eq!(preview["confirm"], "restore 40 keys");
    let done = http.send("POST", &path, r#"{"confirm":"restore 40 keys"}"#);
    assert_eq!((done.status, &done.json()["state"]), (200, &json!("done")));
    assert_eq!(client.ask("DBSIZE"), super::support::Value::Int(40));
    assert_eq!(client.ask("EXISTS other"), super::support::Value::Int(0));
    let told = http.get("/api/v1/audit?kind=backup").json();
    let told: Vec<(&str, &str)> = told["entries"]
        .as_array()
        .expect("entries")
        .iter()
        .map(|entry| {
            let name = entry["what"].as_str().filter(|what| !what.is_empty());
            let name = name.or(entry["event"].as_str()).expect("text");
            (name, entry["outcome"].as_str().expect("text"))
        })
        .collect();
    assert_eq!(
        told,
        [
            ("snapshot.restore", "done"),
            ("snapshot.restore", "begun"),
            ("backup", "done"),
            ("snapshot.write", "begun"),
        ]
    );
}

#[test]
fn files_that_are_not_whole_are_refused_and_leave_nothing() {
    let (server, http) = start(&[]);
    let mut client = server.connect();
    client.ask("SET a 1");
    let file = download(&http);
    drop(client);
    drop(server);

    // Another server, which has nothing of it.
    let (server, http) = start(&[]);
    let mut client = server.connect();
    client.ask("SET a 1");
    let mut flipped = file.clone();
    let middle = flipped.len() / 2;
    flipped[middle] ^= 1;
    let mut headless = file.clone();
    headless[20] ^= 1;
    for bad in [
        &b"no snapshot"[..],
        &file[..file.len() - 1],
        &flipped,
        &headless,
        &file[..40],
    ] {
        let (status, answer) = upload(&http, bad);
        assert_eq!(
            (status, &answer["error"]["code"] == "BODY_TOO_LARGE"),
            (409, false),
            "{answer}"
        );
    }
    let kinds = http.get("/api/v1/snapshots").json();
    let uploads = kinds["snapshots"].as_array().expect("snapshots").iter();
    assert_eq!(
        uploads.filter(|row| row["kind"] == "upload").count(),
        0,
        "{kinds}"
    );
    let folder = uploads_of(&server);
    assert!(files_in(&folder).is_empty(), "{:?}", files_in(&folder));
    // Nor do they harm a good one.
    let (status, answer) = upload(&http, &file);
    assert_eq!(status, 201, "{answer}");
    for (again, status) in [(&flipped, 409), (&file, 201)] {
        assert_eq!(upload(&http, again).0, status);
        assert_eq!(
            files_in(&folder),
            [answer["snapshot"]["file"].as_str().expect("a file")]
        );
    }
    assert_eq!(client.ask("GET a"), super::support::Value::Bulk(b"1".to_vec()));
    let refused = http
        .with("Content-Type", "application/json")
        .raw("POST", "/api/v1/backups", b"{}");
    assert_eq!((refused.status, &*refused.code()), (415, "NOT_BYTES"));
}

/// Whoever is refused before the end of a file can send it to its end all the same, and reads why.
#[test]
fn a_refusal_in_the_middle_of_a_file_is_heard() {
    let (_server, http) = start(&[]);
    let file = vec![0; 24 << 20];
    for (kind, status, code) in [
        ("application/octet-stream", 409, "CONFLICT"),
        ("application/json", 415, "NOT_BYTES"),
    ] {
        let sender = http.with("Content-Type", kind);
        let mut stream = sender.connect();
        stream
            .write_all(&sender.bytes("POST", "/api/v1/backups", &file))
            .expect("all of it is taken");
        let answer = super::read(&mut stream);
        assert_eq!((answer.status, &*answer.code()), (status, code), "{answer:?}");
    }
    // Nor does it hold up anybody else.
    assert_eq!(upload(&http, b"no snapshot").0, 409);
}

#[test]
fn what_the_server_has_itself_is_checked_and_not_kept_twice() {
    let (server, http) = start(&[]);
    let mut client = server.connect();
    client.ask("SET a 1");
    let file = download(&http);
    let mut flipped = file.clone();
    let middle = flipped.len() / 2;
    flipped[middle] ^= 1;
    let (status, answer) = upload(&http, &flipped);
    assert_eq!(
        (status, &answer["error"]["code"]),
        (409, &json!("COMMAND_FAILED")),
        "{answer}"
    );
    let (status, answer) = upload(&http, &file);
    assert_eq!(
        (status, &answer["snapshot"]["kind"]),
        (201, &json!("full")),
        "{answer}"
    );
    let own = rows(&http);
    assert_eq!(own.len(), 1, "{own:?}");
    assert_eq!(own[0]["kind"], "full");
    // The engine holds to it, whoever sends.
    let name = own[0]["file"].as_str().expect("a file");
    let part =
        |at: &str, bytes: &[u8]| vec![b"SNAPSHOT.WRITE".to_vec(), name.into(), at.into(), bytes.to_vec()];
    client.request(&part("0", &file));
    assert_eq!(client.read().text(), "OK");
    assert_eq!(client.ask(&format!("SNAPSHOT.WRITE {name} COMMIT")).text(), "OK");
    assert_eq!(rows(&http), own);
    let folder = uploads_of(&server);
    assert!(files_in(&folder).is_empty(), "{:?}", files_in(&folder));
    client.request(&part("0", b"x"));
    client.read();
    assert_eq!(files_in(&folder).len(), 1);
    assert_eq!(client.ask(&format!("SNAPSHOT.WRITE {name} ABORT")).text(), "OK");
    assert!(files_in(&folder).is_empty(), "{:?}", files_in(&folder));
}

#[test]
fn who_goes_away_in_the_middle_leaves_a_note_and_no_file() {
    let (server, http) = start(&[]);
    fill(&server, 40);
    let file = download(&http);
    drop(server);
    let (server, http) = start(&[]);
    let sender = http.with("Content-Type", "application/octet-stream");
    let bytes = sender.bytes("POST", "/api/v1/backups", &file);
    let mut stream = sender.connect();
    stream.write_all(&bytes[..bytes.len() / 2]).expect("half of it");
    let folder = uploads_of(&server);
    await_that("some of it came", &|| !files_in(&folder).is_empty());
    drop(stream);
    await_that("a note", &|| {
        let told = http.get("/api/v1/audit?kind=backup").json();
        let mut entries = told["entries"].as_array().expect("entries").iter();
        entries.any(|entry| entry["event"] == "backup" && entry["outcome"] == "failed")
    });
    assert!(files_in(&folder).is_empty(), "{:?}", files_in(&folder));
    // Its place is free.
    assert_eq!(upload(&http, &file).0, 201);
}

/// A file has nothing to do with the data that is loaded meanwhile: it comes in whole, and what is broken off goes.
#[test]
fn an_upload_that_meets_a_restore_goes_on() {
    let (server, http) = start(&[]);
    fill(&server, 40);
    let file = download(&http);
    drop(server);
    let (server, http) = start(&["--enable-debug-command", "yes"]);
    let mut client = server.connect();
    client.ask("DEBUG POPULATE 60000 key 10");
    client.ask("SNAPSHOT.CREATE one");
    // 200 us for each key, by two threads or more.
    client.ask("CONFIG SET key-load-delay 200");
    let folder = uploads_of(&server);
    let sender = http.with("Content-Type", "application/octet-stream");
    let bytes = sender.bytes("POST", "/api/v1/backups", &file);
    // One is broken off.
    let mut stream = sender.connect();
    stream.write_all(&bytes[..bytes.len() / 2]).expect("half of it");
    await_that("some of it came", &|| !files_in(&folder).is_empty());
    client.request(&["SNAPSHOT.RESTORE", "one"]);
    let is_loading = || matches!(server.connect().ask("PING"), super::support::Value::Error(text) if text.starts_with("LOADING"));
    await_that("the restore loads", &is_loading);
    drop(stream);
    await_that("it was removed", &|| files_in(&folder).is_empty());
    // Another one comes to its end.
    let (status, answer) = upload(&http, &file);
    assert_eq!(
        (status, &answer["snapshot"]["kind"]),
        (201, &json!("upload")),
        "{answer}"
    );
    let listed = rows(&http);
    assert!(listed.iter().any(|row| row["kind"] == "upload"), "{listed:?}");
    // So does a download, but no snapshot is taken of what is half loaded.
    let path = format!(
        "/api/v1/snapshots/{}/file",
        answer["snapshot"]["file"].as_str().expect("a file")
    );
    assert_eq!(http.get(&path).body, file);
    assert_eq!(http.send("POST", "/api/v1/backup", "{}").code(), "LOADING");
    assert!(is_loading(), "the restore was over too soon");
    assert_eq!(client.read().text(), "OK");
    assert_eq!(client.ask("DBSIZE"), super::support::Value::Int(60_000));
}

#[test]
fn a_backup_for_which_there_is_no_place_takes_no_snapshot() {
    let (server, http) = start(&[]);
    // More than fits on the way.
    fill(&server, 200);
    server.connect().ask("SNAPSHOT.CREATE FULL");
    let before = rows(&http);
    let path = format!(
        "/api/v1/snapshots/{}/file",
        before[0]["id"].as_str().expect("an id")
    );
    let _held: Vec<_> = (0..4)
        .map(|_| {
            let mut stream = http.connect();
            stream.write_all(&http.bytes("GET", &path, b"")).expect("asked");
            let mut begin = [0; 12];
            stream.read_exact(&mut begin).expect("an answer");
            assert_eq!(&begin, b"HTTP/1.1 200");
            stream
        })
        .collect();
    let refused = http.send("POST", "/api/v1/backup", "{}");
    assert_eq!((refused.status, &*refused.code()), (503, "BUSY"));
    assert_eq!(rows(&http), before);
}

#[test]
fn each_step_takes_its_right_and_an_unlocked_session() {
    let (server, http, page) = start_closed();
    assert_eq!(page.send("POST", "/api/v1/backup", "{}").code(), "READ_ONLY");
    assert_eq!(upload(&page, b"x").0, 403);
    let page = unlocked(&page);
    let file = download(&page);
    let listed = page.get("/api/v1/snapshots").json();
    let id = listed["snapshots"][0]["id"].as_str().expect("an id").to_owned();
    let again = page.get(&format!("/api/v1/snapshots/{id}/file"));
    assert_eq!(again.body, file, "reading takes no unlocked session");
    let mut client = server.connect();
    client.ask("AUTH secret");
    client.ask("ACL SETUSER ada on >word ~* +@all -snapshot.read -snapshot.write");
    let ada = basic(&http, "ada:word");
    for (method, path) in [
        ("POST", "/api/v1/backup"),
        ("GET", &*format!("/api/v1/snapshots/{id}/file")),
    ] {
        let refused = if method == "GET" {
            ada.get(path)
        } else {
            ada.send(method, path, "{}")
        };
        assert_eq!(
            refused.json()["error"]["details"]["needs"],
            "+snapshot.read",
            "{path}"
        );
    }
    assert_eq!(
        upload(&ada, &file).1["error"]["details"]["needs"],
        "+snapshot.write"
    );
    client.ask("SET a 1");
    client.ask("SNAPSHOT.CREATE second");
    let listed = page.get("/api/v1/snapshots").json();
    let newest = &listed["snapshots"][0];
    if newest["kind"] == "incremental" {
        let id = newest["id"].as_str().expect("an id");
        assert_eq!(page.get(&format!("/api/v1/snapshots/{id}/file")).status, 409);
    }
}

#[test]
fn who_may_not_change_settings_sees_no_passwords_in_them() {
    let (server, _http, _page) = start_closed();
    let mut admin = server.connect();
    admin.ask("AUTH secret");
    let shown = admin.ask("CONFIG GET requirepass");
    assert_eq!(shown.items()[1].text(), "secret");
    admin.ask("ACL SETUSER ada on >word ~* -@all +config|get");
    let mut ada = server.connect();
    ada.ask("AUTH ada word");
    assert_eq!(ada.ask("CONFIG GET requirepass").items().len(), 0);
    let all = ada.ask("CONFIG GET *");
    assert!(all.items().len() > 100);
    assert!(all.items().iter().all(|word| word.text() != "secret"));
}
