//! Snapshots by hand and the operator's tools, with the real binary; and the way to Redis and back, with a real redis-server where
//! there is one.

mod support;

#[path = "../../flashdb-rdb/tests/redis_server/mod.rs"]
#[allow(dead_code)] // This file uses a part of it.
mod redis_server;

use redis_server::{RedisServer, check_rdb, populate, program};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use support::{Raw, Server, Value};

/// A folder that is removed with the value.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("flashdb-tools-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&path).expect("a temporary folder");
        Folder(path)
    }

    fn join(&self, name: &str) -> String {
        self.0.join(name).display().to_string()
    }

    fn text(&self) -> String {
        self.0.display().to_string()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _best_effort = std::fs::remove_dir_all(&self.0);
    }
}

/// A server whose data lasts in `folder`, write by write.
fn serve(folder: &str) -> Server {
    start(&[
        "--dir",
        folder,
        "--appendonly",
        "yes",
        "--appendfsync",
        "always",
        "--enable-debug-command",
        "yes",
    ])
}

/// A server that has loaded its data.
fn start(args: &[&str]) -> Server {
    let server = Server::start(args);
    server.await_info("loading", 0);
    server
}

/// Runs a tool; whether it was content, and all that it said.
fn tool(words: &[&str]) -> (bool, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_flashdb"))
        .args(words)
        .output()
        .expect("the binary runs");
    let said = [output.stdout, output.stderr].concat();
    (
        output.status.success(),
        String::from_utf8_lossy(&said).into_owned(),
    )
}

fn succeed(words: &[&str]) -> String {
    let (done, said) = tool(words);
    assert!(done, "{words:?}: {said}");
    said
}

fn fail(words: &[&str]) -> String {
    let (done, said) = tool(words);
    assert!(!done, "{words:?}: {said}");
    said
}

fn ok(client: &mut Raw, line: &str) {
    assert_eq!(client.ask(line), Value::Simple("OK".into()), "{line}");
}

fn digest(client: &mut Raw) -> String {
    client.ask("DEBUG DIGEST").text()
}

/// Some of every type.
fn fill(client: &mut Raw) {
    for line in [
        "SET string value",
        "SET soon value PXAT 4102444800000",
        "RPUSH list a b c",
        "SADD set a b 1",
        "ZADD zset 1 a 2 b",
        "HSET hash f v g w",
        "XADD stream 1-1 f v",
        "XGROUP CREATE stream group 0",
        "DEBUG POPULATE 5000 key 40",
    ] {
        let answer = client.ask(line);
        assert!(!matches!(answer, Value::Error(_)), "{line}: {answer:?}");
    }
}

/// The only file of a folder whose name ends so.
fn only(folder: &Path, ending: &str) -> PathBuf {
    let found: Vec<PathBuf> = std::fs::read_dir(folder)
        .expect("the folder")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.to_string_lossy().ends_with(ending))
        .collect();
    assert_eq!(found.len(), 1, "{found:?}");
    found[0].clone()
}

fn flip_byte(path: &Path, at_permille: usize) {
    let mut bytes = std::fs::read(path).expect("the file");
    let at = bytes.len() * at_permille / 1000;
    bytes[at] ^= 0x55;
    std::fs::write(path, bytes).expect("the file");
}

#[test]
fn snapshots_are_taken_listed_restored_and_deleted() {
    let folder = Folder::new();
    let server = serve(&folder.text());
    let mut client = server.connect();
    ok(&mut client, "SET a 1");
    let id = client.ask("SNAPSHOT.CREATE before").text();
    ok(&mut client, "SET a 2");
    client.ask("SNAPSHOT.CREATE after");
    let list = client.ask("SNAPSHOT.LIST");
    let labels: Vec<String> = list
        .items()
        .iter()
        .map(|item| item.field("label").expect("a label").text())
        .collect();
    assert_eq!(labels, ["after", "before"]);
    let info = client.ask("SNAPSHOT.INFO before");
    assert_eq!(info.field("id").expect("an id").text(), id);
    assert_eq!(info.field("keys"), Some(&Value::Int(1)));

    // Clients that watch hear of it.
    let mut watcher = server.connect();
    ok(&mut watcher, "WATCH a");
    ok(&mut watcher, "MULTI");
    watcher.ask("SET c 1");
    ok(&mut client, &format!("SNAPSHOT.RESTORE {}", &id[..6]));
    assert_eq!(watcher.ask("EXEC"), Value::Null);
    assert_eq!(client.ask("GET a").text(), "1");
    ok(&mut client, "SET b 3");
    assert_eq!(
        client.ask("SNAPSHOT.RESTORE nothing").text(),
        "ERR no such snapshot"
    );
    ok(&mut client, "SNAPSHOT.DELETE before");
    let newest = client.ask("SNAPSHOT.INFO").field("id").expect("an id").text();
    let refused = client.ask(&format!("SNAPSHOT.DELETE {newest}")).text();
    assert!(refused.contains("newest"), "{refused}");
    drop(server);

    // Killed, it comes back with what was restored and what followed.
    let server = serve(&folder.text());
    let mut client = server.connect();
    assert_eq!(client.ask("MGET a b").items().len(), 2);
    assert_eq!(client.ask("GET a").text(), "1");
    assert_eq!(client.ask("GET b").text(), "3");
    drop(server);
    assert!(succeed(&["check", &folder.text()]).contains("all is sound"));
}

#[test]
fn what_is_restored_without_a_log_lasts_too() {
    let folder = Folder::new();
    let dir = folder.text();
    let without_log = ["--dir", dir.as_str(), "--appendonly", "no"];
    let server = start(&without_log);
    let mut client = server.connect();
    ok(&mut client, "SET a 1");
    client.ask("SNAPSHOT.CREATE one");
    ok(&mut client, "SET a 2");
    ok(&mut client, "SNAPSHOT.RESTORE one");
    drop(server);
    let server = start(&without_log);
    assert_eq!(server.connect().ask("GET a").text(), "1");
}

/// What is taken before a restore, so that it can be undone, does not push out what is to be restored.
#[test]
fn the_oldest_snapshot_can_be_restored() {
    let folder = Folder::new();
    let dir = folder.text();
    let server = start(&[
        "--dir",
        dir.as_str(),
        "--appendonly",
        "no",
        "--snapshot-retention",
        "2",
    ]);
    let mut client = server.connect();
    for value in [1, 2] {
        ok(&mut client, &format!("SET a {value}"));
        ok(&mut client, "SAVE");
    }
    ok(&mut client, "SET a 3");
    let list = client.ask("SNAPSHOT.LIST");
    let oldest = list
        .items()
        .last()
        .expect("two")
        .field("id")
        .expect("an id")
        .text();
    ok(&mut client, &format!("SNAPSHOT.RESTORE {oldest}"));
    assert_eq!(client.ask("GET a").text(), "1");
}

/// The first write after SNAPSHOT.RESTORE has let clients in is acknowledged once it lasts, though the snapshot that the log begins
/// behind is still being written then.
#[test]
fn what_is_written_right_after_a_restore_lasts() {
    let folder = Folder::new();
    let server = serve(&folder.text());
    let mut client = server.connect();
    ok(&mut client, "DEBUG POPULATE 100000 key 300");
    ok(&mut client, "SET a 1");
    client.ask("SNAPSHOT.CREATE one");
    ok(&mut client, "SET a 2");
    client.request(&["SNAPSHOT.RESTORE", "one"]);
    let mut writer = server.connect();
    while writer.ask("GET a").text() != "1" {}
    ok(&mut writer, "SET b 1");
    drop(server);
    let server = serve(&folder.text());
    let mut client = server.connect();
    assert_eq!(client.ask("GET a").text(), "1");
    assert_eq!(client.ask("GET b").text(), "1");
}

/// PER-67: log and snapshots of one server into another that runs, and again, as after one that was broken off.
#[test]
fn a_data_folder_goes_into_a_running_server() {
    let (folder, other) = (Folder::new(), Folder::new());
    let server = serve(&folder.text());
    let mut client = server.connect();
    fill(&mut client);
    client.ask("SAVE");
    ok(&mut client, "SET late 1");
    ok(&mut client, "SET volatile 1 PX 600000");
    client.ask("SELECT 3");
    ok(&mut client, "SET elsewhere 3");
    client.ask("SELECT 0");
    let wanted = digest(&mut client);
    let second = serve(&other.text());
    let mut there = second.connect();
    ok(&mut there, "SET late of-theirs");
    let port = second.port.to_string();
    let refused = fail(&["import", "-p", &port, &folder.text()]);
    assert!(refused.contains("a server uses this data folder"), "{refused}");
    drop(server);
    for rate in ["0", "1000000"] {
        let said = succeed(&["import", "-p", &port, "--rate", rate, &folder.text()]);
        assert!(said.contains("keys are in the server"), "{said}");
        assert_eq!(digest(&mut there), wanted);
    }
    let left = there.ask("PTTL volatile");
    assert!(matches!(left, Value::Int(1..=600_000)), "{left:?}");
    ok(&mut there, "SET theirs 1");
    succeed(&["import", "-p", &port, &folder.text()]);
    assert_eq!(there.ask("EXISTS theirs late"), Value::Int(2), "others stay");
    drop(second);
    let second = serve(&other.text());
    assert_eq!(
        second.connect().ask("GET late").text(),
        "1",
        "as durable as any write"
    );
}

/// PER-52: any point that the log reaches back to, and back from there again.
#[test]
fn a_running_server_goes_back_to_a_point_in_time() {
    let folder = Folder::new();
    let server = serve(&folder.text());
    let mut client = server.connect();
    ok(&mut client, "SET a 1");
    client.ask("RPUSH list x");
    let point = client.info("wal_lsn");
    // The log before it stays for that, though there is a newer snapshot.
    ok(&mut client, "SET a 2");
    ok(&mut client, "SET late 1");
    client.ask("DEL list");

    let mut watcher = server.connect();
    ok(&mut watcher, "WATCH untouched");
    ok(&mut watcher, "WATCH late");
    ok(&mut watcher, "MULTI");
    watcher.ask("SET c 1");
    let mut blocked = server.connect();
    blocked.send(b"BLPOP list 0\r\n");
    server.await_info("blocked_clients", 1);
    let label = client.ask(&format!("SNAPSHOT.RESTORE TO {point}")).text();
    assert_eq!(label, format!("before-restore:lsn:{}", point + 3));
    assert_eq!(watcher.ask("EXEC"), Value::Null);
    assert_eq!(blocked.read().items().len(), 2, "what it waited for is there");
    assert_eq!(client.ask("GET a").text(), "1");
    assert_eq!(client.ask("EXISTS late list"), Value::Int(0));
    assert!(client.info("wal_lsn") > point + 3, "the log goes on");
    ok(&mut client, "SET after 1");

    // What cannot be reached changes nothing.
    for (bad, told) in [
        ("TO 999999", "the log ends"),
        ("TO 9999999999", "not come yet"),
        ("TO nonsense", "neither an LSN"),
        ("TO EXACT", "no such snapshot"),
        ("TO", "no such snapshot"),
        ("TO 1000000000", "reaches back"),
    ] {
        let refused = client.ask(&format!("SNAPSHOT.RESTORE {bad}")).text();
        assert!(refused.contains(told), "{bad}: {refused}");
    }
    let refused = client.ask("SNAPSHOT.CREATE before-restore:x").text();
    assert!(refused.contains("own use"), "{refused}");
    assert_eq!(client.ask("GET after").text(), "1");
    drop(server);

    // Killed, it comes back with what was restored and what followed; and the state before is still there.
    let server = serve(&folder.text());
    let mut client = server.connect();
    assert_eq!(client.ask("GET a").text(), "1");
    assert_eq!(client.ask("EXISTS late list"), Value::Int(0));
    assert_eq!(client.ask("GET after").text(), "1");
    ok(&mut client, &format!("SNAPSHOT.RESTORE {label}"));
    assert_eq!(client.ask("GET a").text(), "2");
    assert_eq!(client.ask("EXISTS late after"), Value::Int(1));
    drop(server);
    assert!(succeed(&["check", &folder.text()]).contains("all is sound"));
}

/// By time, as exact as the log's marks, and past the newest snapshot where archived segments lead there.
#[test]
fn a_running_server_goes_back_to_a_time() {
    let folder = Folder::new();
    let dir = folder.text();
    let server = start(&["--dir", &dir, "--wal-archive-window", "3600"]);
    let mut client = server.connect();
    ok(&mut client, "SET a 1");
    ok(&mut client, "SAVE");
    ok(&mut client, "SET a 2");
    std::thread::sleep(std::time::Duration::from_millis(2100));
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let time_ms = now.expect("a clock").as_millis();
    std::thread::sleep(std::time::Duration::from_millis(1100));
    ok(&mut client, "SET a 3");
    ok(&mut client, "SAVE");
    ok(&mut client, "SAVE");
    ok(&mut client, "SET a 4");
    client.ask(&format!("SNAPSHOT.RESTORE TO {time_ms}"));
    assert_eq!(client.ask("GET a").text(), "2");
    drop(server);
    let server = start(&["--dir", &dir, "--wal-archive-window", "3600"]);
    assert_eq!(server.connect().ask("GET a").text(), "2");
}

fn now_ms() -> u128 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    now.expect("a clock").as_millis()
}

/// Between two snapshots there is a way only by the log. Neither of them is taken for what was there between them.
#[test]
fn a_time_that_no_log_leads_to_is_refused() {
    for log in ["yes", "no"] {
        let folder = Folder::new();
        let dir = folder.text();
        let server = start(&["--dir", &dir, "--appendonly", log, "--snapshot-retention", "9"]);
        let mut client = server.connect();
        // Times are as exact as a second.
        let pause = || std::thread::sleep(std::time::Duration::from_millis(1100));
        ok(&mut client, "SET a 1");
        ok(&mut client, "SAVE");
        let first = client.ask("SNAPSHOT.INFO");
        pause();
        ok(&mut client, "SET a 2");
        let between_ms = now_ms();
        pause();
        ok(&mut client, "SET a 3");
        ok(&mut client, "SAVE");
        pause();
        ok(&mut client, "SET a 4");
        // The log tells the time a little after the reply.
        pause();
        let behind_ms = now_ms();
        pause();
        ok(&mut client, "SET a 5");
        let refused = client.ask(&format!("SNAPSHOT.RESTORE TO {between_ms}")).text();
        assert!(refused.contains("are missing"), "{log}: {refused}");
        assert_eq!(client.ask("GET a").text(), "5", "{log}");
        // What follows the last snapshot is in the log, if there is one.
        let answer = client.ask(&format!("SNAPSHOT.RESTORE TO {behind_ms}")).text();
        match log {
            "yes" => assert_eq!(client.ask("GET a").text(), "4", "{answer}"),
            _ => assert!(answer.contains("are missing"), "{answer}"),
        }
        // The second of a snapshot is known.
        let Some(Value::Int(created)) = first.field("created") else {
            panic!("{first:?}");
        };
        let answer = client.ask(&format!("SNAPSHOT.RESTORE TO {created}")).text();
        assert!(answer.starts_with("before-restore:"), "{log}: {answer}");
        assert_eq!(client.ask("GET a").text(), "1", "{log}");
        drop(server);
        // A start goes by the same.
        let (done, said) = tool(&[
            "--dir",
            &dir,
            "--port",
            &support::own_port().to_string(),
            "--http-port",
            "0",
            "--appendonly",
            log,
            "--recover-to",
            &between_ms.to_string(),
        ]);
        assert!(!done && said.contains("are missing"), "{log}: {said}");
    }
}

/// The state before is all there is of it where there is no log.
#[test]
fn going_back_without_a_log_keeps_what_was_before() {
    let folder = Folder::new();
    let dir = folder.text();
    let server = start(&["--dir", &dir, "--appendonly", "yes"]);
    let mut client = server.connect();
    ok(&mut client, "SET a 1");
    let point = client.info("wal_lsn");
    ok(&mut client, "SET a 2");
    ok(&mut client, "CONFIG SET appendonly no");
    ok(&mut client, "SET a 3");
    let label = client.ask(&format!("SNAPSHOT.RESTORE TO lsn:{point}")).text();
    assert_eq!(client.ask("GET a").text(), "1");
    ok(&mut client, &format!("SNAPSHOT.RESTORE {label}"));
    assert_eq!(client.ask("GET a").text(), "3");
}

#[test]
fn a_backup_goes_to_another_server_and_into_a_new_folder() {
    let (folder, other, backups) = (Folder::new(), Folder::new(), Folder::new());
    let server = serve(&folder.text());
    let mut client = server.connect();
    fill(&mut client);
    let wanted = digest(&mut client);
    let port = server.port.to_string();
    succeed(&["backup", "-p", &port, &backups.text()]);
    let file = only(&backups.0, ".fsnap");
    #[cfg(unix)]
    {
        let metadata = std::fs::metadata(&file).expect("the backup");
        let mode = std::os::unix::fs::PermissionsExt::mode(&metadata.permissions());
        assert_eq!(mode & 0o777, 0o600);
    }
    // The server that it is from has it and need not be sent it.
    ok(&mut client, "SET later 1");
    succeed(&["restore", "-p", &port, &file.to_string_lossy()]);
    assert_eq!(digest(&mut client), wanted);

    // An operator may give it any name.
    let renamed = backups.join("monday.backup");
    std::fs::rename(&file, &renamed).expect("a new name");

    let second = serve(&other.text());
    let mut there = second.connect();
    ok(&mut there, "SET theirs 1");
    let second_port = second.port.to_string();
    succeed(&["restore", "-p", &second_port, &renamed]);
    assert_eq!(digest(&mut there), wanted);
    ok(&mut there, "SET more 1");
    let wanted_there = digest(&mut there);
    drop(second);
    let second = serve(&other.text());
    let mut there = second.connect();
    assert_eq!(digest(&mut there), wanted_there);

    let damaged = backups.join("damaged");
    std::fs::copy(&renamed, &damaged).expect("a copy");
    flip_byte(Path::new(&damaged), 500);
    fail(&["restore", "-p", &second.port.to_string(), &damaged]);
    assert_eq!(digest(&mut there), wanted_there);

    let third = backups.join("third");
    succeed(&["restore", &renamed, "--dir", &third]);
    fail(&["restore", &renamed, "--dir", &third]);
    assert_eq!(digest(&mut serve(&third).connect()), wanted);
}

#[test]
fn a_backup_goes_into_folders_that_there_are() {
    let (folder, files) = (Folder::new(), Folder::new());
    let server = serve(&folder.text());
    let port = server.port.to_string();
    let nowhere = files.join("nowhere/");
    for tool in ["backup", "export"] {
        let said = fail(&[tool, "-p", &port, &nowhere]);
        assert!(
            said.contains(&format!("{nowhere}: there is no such folder")),
            "{said}"
        );
    }
    assert!(server.connect().ask("SNAPSHOT.LIST").items().is_empty());
    let said = fail(&["export", "-p", &port, &files.text()]);
    assert!(said.contains("it is a folder"), "{said}");
}

/// Taken in quick succession, or of one state, or while newer ones come and go.
#[test]
fn a_snapshot_that_is_copied_stays_until_it_was_read() {
    let folder = Folder::new();
    let server = start(&[
        "--dir",
        &folder.text(),
        "--snapshot-retention",
        "1",
        "--enable-debug-command",
        "yes",
    ]);
    let (mut reader, mut other) = (server.connect(), server.connect());
    ok(&mut reader, "DEBUG POPULATE 5000 key 40");
    ok(&mut other, "SAVE");
    let scheduled = other.ask("SNAPSHOT.INFO").field("id").expect("an id").text();
    let length = |part: Value| match part {
        Value::Bulk(bytes) => bytes.len() as i64,
        other => panic!("{other:?}"),
    };
    for round in 0..4 {
        let id = reader.ask("SNAPSHOT.CREATE FULL TEMPORARY").text();
        let info = reader.ask(&format!("SNAPSHOT.INFO {id}"));
        let file = info.field("file").expect("it is there").text();
        if round == 0 {
            let info = other.ask(&format!("SNAPSHOT.INFO {scheduled}"));
            assert!(info.field("id").is_some(), "it takes no other's place");
        }
        ok(&mut other, "SAVE");
        ok(&mut other, "SAVE");
        let first = length(reader.ask(&format!("SNAPSHOT.READ {file} 0 1000")));
        assert_eq!(first, 1000, "round {round}");
        ok(&mut other, "SAVE");
        ok(&mut other, "SAVE");
        let rest = length(reader.ask(&format!("SNAPSHOT.READ {file} 1000 1000000")));
        assert_eq!(info.field("bytes"), Some(&Value::Int(first + rest)));
        ok(&mut other, "SAVE");
        let gone = reader.ask(&format!("SNAPSHOT.READ {file} 0 1000"));
        assert_eq!(gone.text(), "ERR no such snapshot", "round {round}");
    }
    // Nobody reads this one to its end.
    let id = reader.ask("SNAPSHOT.CREATE FULL TEMPORARY").text();
    drop(reader);
    other.await_alone();
    ok(&mut other, "SAVE");
    let left = other.ask(&format!("SNAPSHOT.INFO {id}"));
    assert_eq!(left.text(), "ERR no such snapshot");
    assert_eq!(other.ask("SNAPSHOT.LIST").items().len(), 1);
}

/// Only a start that went back may say that it did.
#[test]
fn clients_cannot_say_that_a_start_went_back() {
    let folder = Folder::new();
    let server = serve(&folder.text());
    let mut client = server.connect();
    for value in 1..=3 {
        ok(&mut client, &format!("SET k {value}"));
    }
    let refused = client.ask("SNAPSHOT.CREATE recovered-to:2").text();
    assert!(refused.starts_with("ERR labels"), "{refused}");
    drop(server);
    let back = |value: &str| {
        let server = start(&[
            "--dir",
            &folder.text(),
            "--appendonly",
            "yes",
            "--appendfsync",
            "always",
            "--recover-to",
            " 2",
        ]);
        let mut client = server.connect();
        assert_eq!(client.ask("GET k").text(), value);
        ok(&mut client, "SET k later");
    };
    back("2");
    // Once is enough.
    back("later");
}

#[test]
fn a_torn_log_stops_the_start_where_it_shall() {
    let folder = Folder::new();
    let dir = folder.text();
    let mut server = start(&["--dir", &dir]);
    ok(&mut server.connect(), "SET k v");
    server.connect().request(&["SHUTDOWN"]);
    server.await_end();
    let segment = only(&folder.0.join("wal"), ".wal");
    let mut bytes = std::fs::read(&segment).expect("the segment");
    let end = bytes.len();
    bytes.extend_from_slice(b"half of a frame");
    std::fs::write(&segment, bytes).expect("the segment");
    let port = support::own_port().to_string();
    let said = fail(&[
        "--dir",
        &dir,
        "--port",
        &port,
        "--http-port",
        "0",
        "--aof-load-truncated",
        "no",
    ]);
    let place = format!("{} is torn at offset {end}", segment.display());
    assert!(said.contains(&place), "{place}: {said}");
    assert!(said.contains("aof-load-truncated"), "{said}");
    // Nothing was cut.
    assert!(std::fs::read(&segment).expect("the segment").len() > end);
    let server = start(&["--dir", &dir, "--aof-load-truncated", "yes"]);
    assert_eq!(server.connect().ask("GET k").text(), "v");
}

#[test]
fn damage_is_told_with_its_place() {
    let folder = Folder::new();
    let server = serve(&folder.text());
    let mut client = server.connect();
    fill(&mut client);
    client.ask("SNAPSHOT.CREATE");
    for number in 0..200 {
        ok(&mut client, &format!("SET later:{number} value"));
    }
    drop(server);
    let said = succeed(&["check", &folder.text()]);
    assert!(said.contains("all is sound"), "{said}");
    let snapshot = only(&folder.0.join("snapshots"), ".fsnap");
    flip_byte(&snapshot, 500);
    let said = fail(&["check", &folder.text()]);
    let name = snapshot
        .file_name()
        .expect("a name")
        .to_string_lossy()
        .into_owned();
    assert!(said.contains("DAMAGE") && said.contains(&name), "{said}");
    assert!(fail(&["check", &folder.join("nowhere")]).contains("not a folder"));
    let empty = Folder::new();
    assert!(fail(&["check", &empty.text()]).contains("no data"));
}

#[test]
fn redis_loads_what_is_exported() {
    let Some(redis) = program() else { return };
    let folder = Folder::new();
    let files = Folder::new();
    let server = serve(&folder.text());
    let mut client = server.connect();
    fill(&mut client);
    let wanted = digest(&mut client);
    let port = server.port.to_string();
    let online = files.join("online.rdb");
    succeed(&["export", "-p", &port, &online, "--rdb-version", "10"]);
    let newer = files.join("newer.rdb");
    succeed(&["export", "-p", &port, &newer]);
    let refused = fail(&["export", "--dir", &folder.text(), &files.join("no.rdb")]);
    assert!(refused.contains("a server uses this data folder"), "{refused}");
    drop(server);
    let offline = files.join("offline.rdb");
    succeed(&["export", "--dir", &folder.text(), &offline, "--rdb-version", "10"]);
    for file in [online, offline] {
        let (sound, said) = check_rdb(&redis, Path::new(&file));
        assert!(sound, "{said}");
        let back = through_redis(&redis, Path::new(&file));
        assert_eq!(digest_of_rdb(&back.join("dump.rdb")), wanted);
    }
    // Version 11 is for Redis 7.2 and later.
    assert!(std::fs::read(&newer).expect("the file").starts_with(b"REDIS0011"));
    assert_eq!(digest_of_rdb(&newer), wanted);
    assert_eq!(digest(&mut serve(&folder.text()).connect()), wanted);
}

/// What a file of a version cannot hold is left out and reported: a reader of that version refuses the whole file for it.
#[test]
fn fields_that_expire_are_exported_where_they_can_be() {
    let (folder, files) = (Folder::new(), Folder::new());
    let server = serve(&folder.text());
    let mut client = server.connect();
    ok(&mut client, "SET k v");
    client.ask("HSET h f v g w");
    client.ask("HPEXPIREAT h 4102444800000 FIELDS 1 f");
    ok(&mut client, "SAVE");
    let wanted = digest(&mut client);
    // It writes dump.rdb as earlier versions of the export did.
    ok(&mut client, "DEBUG RELOAD");
    let port = server.port.to_string();
    for version in ["10", "11"] {
        let file = files.join(version);
        let said = succeed(&["export", "-p", &port, &file, "--rdb-version", version]);
        assert!(
            said.contains("key \"h\" left out") && said.contains("1 keys, 1 left out"),
            "{said}"
        );
        let inside = std::fs::read(&file).expect("the file");
        assert!(inside.starts_with(format!("REDIS00{version}").as_bytes()));
    }
    let newest = files.join("12");
    let said = succeed(&["export", "-p", &port, &newest, "--rdb-version", "12"]);
    assert!(said.contains("2 keys, 0 left out"), "{said}");
    assert_eq!(digest_of_rdb(&newest), wanted);
    let earlier = folder.join("dump.rdb");
    assert!(
        std::fs::read(&earlier)
            .expect("the file")
            .starts_with(b"REDIS0011")
    );
    assert_eq!(digest_of_rdb(&earlier), wanted);
}

/// What Redis saves after it has loaded `file`, in a folder.
fn through_redis(redis: &Path, file: &Path) -> Folder {
    let place = Folder::new();
    std::fs::copy(file, place.join("dump.rdb")).expect("a copy");
    let mut theirs = RedisServer::start(redis, &place.0, &[]).expect("Redis loads it");
    theirs.say("SAVE");
    place
}

/// The digest of what an RDB file holds.
fn digest_of_rdb(file: &str) -> String {
    let folder = Folder::new();
    succeed(&["import", file, "--dir", &folder.text()]);
    digest(&mut serve(&folder.text()).connect())
}

/// Redis's digest of what a data folder holds.
fn redis_digest(redis: &Path, dir: &str) -> String {
    let place = Folder::new();
    succeed(&[
        "export",
        "--dir",
        dir,
        &place.join("dump.rdb"),
        "--rdb-version",
        "10",
    ]);
    let mut theirs = RedisServer::start(redis, &place.0, &[]).expect("Redis loads it");
    String::from_utf8_lossy(&theirs.digest()).into_owned()
}

#[test]
fn what_redis_left_is_imported() {
    let Some(redis) = program() else { return };
    let theirs = Folder::new();
    let start_redis = || {
        let options = ["--appendonly", "yes", "--appendfsync", "always"];
        RedisServer::start(&redis, &theirs.0, &options).expect("Redis starts")
    };
    let text = |digest: Vec<u8>| String::from_utf8_lossy(&digest).into_owned();
    let mut server = start_redis();
    populate(&mut server);
    server.say("SAVE");
    let saved = text(server.digest());
    server.say("EXPIRE string 10000");
    server.say("LPOP list");
    drop(server);
    let mut server = start_redis();
    let logged = text(server.digest());
    drop(server);

    let imported = Folder::new();
    let (rdb, aof) = (imported.join("rdb"), imported.join("aof"));
    let said = succeed(&["import", &theirs.join("dump.rdb"), "--dir", &rdb]);
    assert!(said.contains("RDB file"), "{said}");
    assert_eq!(redis_digest(&redis, &rdb), saved);
    // A folder is what its files are, whatever the names of folders within it.
    let kept = Folder::new();
    std::fs::copy(theirs.join("dump.rdb"), kept.join("dump.rdb")).expect("a copy");
    std::fs::create_dir(kept.join("snapshots")).expect("a folder");
    let said = succeed(&["import", &kept.text(), "--dir", &imported.join("folder")]);
    assert!(said.contains("RDB file"), "{said}");
    let said = succeed(&["import", &theirs.join("appendonlydir"), "--dir", &aof]);
    assert!(
        said.contains("append-only") && said.contains(" 0 left out"),
        "{said}"
    );
    assert_eq!(redis_digest(&redis, &aof), logged);
    fail(&["import", &theirs.join("dump.rdb"), "--dir", &aof]);

    // A base in RDB's format, and commands behind it. A server on Redis's own folder prefers it to the older RDB file.
    let mut server = start_redis();
    server.say("BGREWRITEAOF");
    await_rewrite(&mut server);
    server.say("HINCRBY hash n 1");
    server.say("DEL set16");
    let rewritten = text(server.digest());
    drop(server);
    drop(serve(&theirs.text()));
    assert_eq!(redis_digest(&redis, &theirs.text()), rewritten);
}

fn await_rewrite(server: &mut RedisServer) {
    let is_done = |text: &str| {
        [
            "aof_rewrite_in_progress:0",
            "aof_rewrite_scheduled:0",
            "aof_last_bgrewrite_status:ok",
        ]
        .iter()
        .all(|line| text.contains(line))
    };
    loop {
        match server.say("INFO persistence") {
            redis_server::Reply::Text(text) if is_done(&String::from_utf8_lossy(&text)) => return,
            _ => std::thread::yield_now(),
        }
    }
}

#[test]
fn commands_that_cannot_be_executed_are_reported() {
    let folder = Folder::new();
    let file = folder.join("appendonly.aof");
    let mut bytes = Vec::new();
    for words in [
        &["SELECT", "0"][..],
        &["SET", "a", "1"],
        &["JSON.SET", "doc", "$", "1"],
        &["LPUSH", "a", "1"],
        &["MULTI"],
        &["INCR", "a"],
        &["EXEC"],
    ] {
        bytes.extend_from_slice(&support::encode(words));
    }
    bytes.extend_from_slice(b"*3\r\n$3\r\nSET");
    std::fs::write(&file, bytes).expect("the file");
    let said = succeed(&["import", &file, "--dir", &folder.join("data")]);
    assert!(said.contains("JSON.SET of \"doc\" left out"), "{said}");
    assert!(said.contains("LPUSH of \"a\" left out"), "{said}");
    assert!(said.contains("incomplete command"), "{said}");
    assert_eq!(serve(&folder.join("data")).connect().ask("GET a").text(), "2");
}
