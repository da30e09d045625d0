//! The history of the console: kept per user without secrets, across a restart, for nobody else, and not without end.

use crate::support::Server;
use crate::support::http::Http;
use crate::{basic, execute, start, start_closed};
use serde_json::{Value, json};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

const HISTORY: &str = "/api/v1/console/history";

fn run(http: &Http, line: &str) -> u16 {
    let body = json!({"line": line, "remember": true}).to_string();
    http.send("POST", "/api/v1/execute", &body).status
}

fn lines(http: &Http) -> Vec<String> {
    let entries = http.get(HISTORY).json()["entries"].clone();
    let entries = entries.as_array().expect("entries");
    entries
        .iter()
        .map(|entry| entry["line"].as_str().expect("a line").to_owned())
        .collect()
}

/// A folder of its own for the data of several servers after one another.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("flashdb-console-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder");
        Folder(folder)
    }

    fn start(&self, more: &[&str]) -> (Server, Http) {
        let mut args = vec!["--dir", self.0.to_str().expect("a path")];
        args.extend(more);
        start(&args)
    }

    fn file(&self) -> PathBuf {
        self.0.join("console-history.json")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _best_effort = std::fs::remove_dir_all(&self.0);
    }
}

/// Waits until the file says so; without one it is empty.
fn await_file(file: &Path, holds: impl Fn(&str) -> bool) {
    let end = Instant::now() + Duration::from_secs(30);
    loop {
        let text = std::fs::read_to_string(file).unwrap_or_default();
        if holds(&text) {
            return;
        }
        assert!(Instant::now() < end, "the file holds {text}");
        std::thread::yield_now();
    }
}

#[test]
fn lines_are_kept_folded_and_cleared() {
    let (_server, _, page) = start_closed();
    for line in ["GET a", "GET a", "SET a 1", "NOSUCH s3cret", "GET a"] {
        run(&page, line);
    }
    execute(&page, "GET unseen");
    // What a read-only session may not run is what one wants back after unlocking.
    assert_eq!(lines(&page), ["GET a", "SET a 1", "GET a"]);
    let body = json!({"args": ["GET", {"b64": "/w=="}], "db": 3, "remember": true}).to_string();
    assert_eq!(page.send("POST", "/api/v1/execute", &body).status, 200);
    let last = page.get(HISTORY).json()["entries"][3].clone();
    assert_eq!((&last["line"], &last["db"]), (&json!(r#"GET "\xff""#), &json!(3)));
    assert!(last["t"].as_i64().expect("a time") > 1_600_000_000_000);
    assert_eq!(
        page.without("X-FlashDB-CSRF").send("DELETE", HISTORY, "").code(),
        "BAD_CSRF"
    );
    assert_eq!(page.send("DELETE", HISTORY, "").status, 204);
    assert!(lines(&page).is_empty());
}

#[test]
fn secrets_never_reach_the_file_and_never_come_back_as_passwords() {
    let folder = Folder::new("secrets");
    let (_server, http) = folder.start(&["--requirepass", "secret"]);
    let http = basic(&http, "default:secret");
    for line in [
        "AUTH default s3cret",
        "HELLO 3 AUTH default s3cret",
        "ACL SETUSER ada on >s3cret ~* +@all",
        "CONFIG SET requirepass s3cret",
        "CONFIG SET requirepass secret",
        "AUHT s3cret",
        "CONFIG SET requirepass my s3cret_tail",
        "CONFIG SET requirepas s3cret",
        "CONFIG SET requirepass=s3cret",
        "HELLO 3 AUHT u s3cret",
        "MIGRATE h 1 k 0 9 AUHT s3cret",
        "COMMAND GETKEYS MIGRATE h 1 k 0 9 AUTH s3cret",
        "MULTI AUTH s3cret",
        "SET a b AUTH s3cret",
        "MSET a b s3cret",
    ] {
        run(&basic(&http, "default:s3cret"), line);
        run(&http, line);
    }
    let shown = http.get(HISTORY).text();
    assert!(
        !shown.contains("s3cret") && shown.contains("CONFIG SET requirepass (redacted)"),
        "{shown}"
    );
    await_file(&folder.file(), |text| text.contains("(redacted)"));
    await_file(&folder.file(), |text| !text.contains("s3cret"));
    let mode = std::fs::metadata(folder.file())
        .expect("a file")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(run(&http, "CONFIG SET requirepass (redacted)"), 400);
    assert_eq!(run(&http, "SET (redacted) (redacted) (redacted) (redacted)"), 400);
    assert_eq!(http.get("/api/v1/stats").status, 200, "the password is the same");
}

#[test]
fn it_outlives_a_restart_and_a_damaged_file_does_not_stop_one() {
    let folder = Folder::new("restart");
    {
        let (_killed, http) = folder.start(&[]);
        run(&http, "SET kept 1");
        await_file(&folder.file(), |text| text.contains("SET kept 1"));
    }
    {
        let (_server, http) = folder.start(&[]);
        assert_eq!(lines(&http), ["SET kept 1"]);
        assert_eq!(http.send("DELETE", HISTORY, "").status, 204);
        assert!(!folder.file().exists(), "what is cleared is gone from the disk");
    }
    let damage = "{\"users\":[{\"name\":";
    std::fs::write(folder.file(), damage).expect("written");
    let (server, http) = folder.start(&[]);
    assert!(lines(&http).is_empty());
    run(&http, "GET anew");
    await_file(&folder.file(), |text| text.contains("GET anew"));
    let aside = folder.0.join("console-history.json.damaged");
    await_file(&aside, |text| text == damage);
    server.connect().ask("CONFIG SET console-history no");
    await_file(&folder.file(), str::is_empty);
    await_file(&aside, str::is_empty);
}

#[test]
fn an_orderly_end_writes_what_is_new() {
    let folder = Folder::new("end");
    let (mut server, http) = folder.start(&[]);
    run(&http, "SET last 1");
    server.await_end_by(|server| {
        if let Ok(stream) = std::net::TcpStream::connect(("127.0.0.1", server.port)) {
            let _may_be_gone = (&stream).write_all(b"SHUTDOWN NOSAVE\r\n");
        }
    });
    let text = std::fs::read_to_string(folder.file()).expect("a file");
    assert!(text.contains("SET last 1"), "{text}");
}

#[test]
fn it_is_the_users_own_and_goes_with_the_user() {
    let folder = Folder::new("users");
    let (server, http) = folder.start(&[]);
    let mut client = server.connect();
    let make = "ACL SETUSER ada on >pw ~* +@all";
    client.ask(make);
    let ada = basic(&http, "ada:pw");
    run(&ada, "GET hers");
    run(&http, "GET mine");
    assert_eq!(
        (lines(&ada), lines(&http)),
        (vec!["GET hers".into()], vec!["GET mine".to_owned()])
    );
    await_file(&folder.file(), |text| text.contains("GET hers"));
    // Another user of the same name sees nothing, at once.
    client.ask("ACL DELUSER ada");
    client.ask(make);
    assert!(lines(&ada).is_empty());
    await_file(&folder.file(), |text| {
        !text.contains("GET hers") && text.contains("GET mine")
    });
}

#[test]
fn a_setting_turns_it_off_and_deletes_it() {
    let folder = Folder::new("off");
    let (server, http) = folder.start(&[]);
    run(&http, "GET a");
    await_file(&folder.file(), |text| text.contains("GET a"));
    server.connect().ask("CONFIG SET console-history no");
    await_file(&folder.file(), str::is_empty);
    run(&http, "GET b");
    assert_eq!(
        http.get(HISTORY).json(),
        json!({"enabled": false, "file_failing": false, "entries": []})
    );
    let session: Value = http.get("/api/v1/session").json();
    assert_eq!(session["server"]["environment"], Value::Null);
    server.connect().ask("CONFIG SET environment production");
    assert_eq!(
        http.get("/api/v1/session").json()["server"]["environment"],
        "production"
    );
}

#[test]
fn what_cannot_be_written_is_not_said_to_be_gone() {
    let folder = Folder::new("readonly");
    // In the place of the file, so that nothing can be renamed to it whoever runs this.
    std::fs::create_dir_all(folder.file().join("occupied")).expect("a folder");
    let (_server, http) = folder.start(&[]);
    run(&http, "GET a");
    assert_eq!(lines(&http), ["GET a"], "it is kept in memory all the same");
    let refused = http.send("DELETE", HISTORY, "");
    assert_eq!(
        (refused.status, refused.code().as_str()),
        (503, "BUSY"),
        "{refused:?}"
    );
    assert!(lines(&http).is_empty());
    std::fs::remove_dir_all(folder.file()).expect("removed");
    assert_eq!(http.send("DELETE", HISTORY, "").status, 204);
}

#[test]
fn a_pipe_in_its_place_stops_nothing_and_stays() {
    let folder = Folder::new("pipe");
    let made = std::process::Command::new("mkfifo").arg(folder.file()).status();
    assert!(made.expect("mkfifo").success());
    let (_server, http) = folder.start(&[]);
    run(&http, "GET a");
    assert_eq!(http.send("DELETE", HISTORY, "").status, 503);
    assert_eq!(http.get(HISTORY).json()["file_failing"], true);
    let about = std::fs::metadata(folder.file()).expect("still there");
    assert!(!about.is_file());
    std::fs::remove_file(folder.file()).expect("removed");
    assert_eq!(http.send("DELETE", HISTORY, "").status, 204);
    assert_eq!(http.get(HISTORY).json()["file_failing"], false);
}

#[test]
fn a_file_that_cannot_be_removed_is_told_of() {
    let folder = Folder::new("kept");
    let (server, http) = folder.start(&[]);
    run(&http, "GET a");
    await_file(&folder.file(), |text| text.contains("GET a"));
    // Whoever runs this cannot remove a folder as a file.
    std::fs::remove_file(folder.file()).expect("removed");
    std::fs::create_dir(folder.file()).expect("a folder");
    server.connect().ask("CONFIG SET console-history no");
    let wanted = json!({"enabled": false, "file_failing": true, "entries": []});
    let end = Instant::now() + Duration::from_secs(30);
    while http.get(HISTORY).json() != wanted {
        assert!(Instant::now() < end, "{}", http.get(HISTORY).text());
        std::thread::yield_now();
    }
    assert_eq!(http.send("DELETE", HISTORY, "").status, 503);
}

/// The file is without a user before the removal is answered, so a crash gives the lines to nobody.
#[test]
fn a_user_made_again_has_nothing_after_a_crash_either() {
    let folder = Folder::new("again");
    let users = folder.0.join("users.acl");
    let make = "ACL SETUSER ada on >pw ~* +@all";
    std::fs::write(&users, "user default on nopass ~* &* +@all\n").expect("written");
    let options = ["--aclfile", users.to_str().expect("a path")];
    {
        let (killed, http) = folder.start(&options);
        let mut client = killed.connect();
        client.ask(make);
        client.ask("ACL SAVE");
        let ada = basic(&http, "ada:pw");
        for round in 0..5 {
            run(&ada, &format!("GET hers{round}"));
            await_file(&folder.file(), |text| text.contains("GET hers"));
            client.ask("ACL DELUSER ada");
            let text = std::fs::read_to_string(folder.file()).unwrap_or_default();
            assert!(!text.contains("GET hers"), "round {round}: {text}");
            client.ask(make);
        }
        run(&ada, "GET last");
        await_file(&folder.file(), |text| text.contains("GET last"));
        client.ask("ACL DELUSER ada");
        client.ask(make);
        client.ask("ACL SAVE");
    }
    let (_server, http) = folder.start(&options);
    assert!(lines(&basic(&http, "ada:pw")).is_empty());
}

#[test]
fn loading_users_anew_takes_nothing_from_those_who_stay() {
    let folder = Folder::new("load");
    let users = folder.0.join("users.acl");
    let default = "user default on nopass ~* &* +@all\n";
    let (ada, bob) = ("user ada on >pw ~* +@all\n", "user bob on >pw ~* +@all\n");
    std::fs::write(&users, [default, ada, bob].concat()).expect("written");
    let (server, http) = folder.start(&["--aclfile", users.to_str().expect("a path")]);
    let (of_ada, of_bob) = (basic(&http, "ada:pw"), basic(&http, "bob:pw"));
    run(&of_ada, "GET hers");
    run(&of_bob, "GET his");
    await_file(&folder.file(), |text| {
        text.contains("GET hers") && text.contains("GET his")
    });
    let mut client = server.connect();
    for _ in 0..2 {
        client.ask("ACL LOAD");
        assert_eq!(lines(&of_ada), ["GET hers"]);
    }
    std::fs::write(&users, [default, ada].concat()).expect("written");
    client.ask("ACL LOAD");
    let text = std::fs::read_to_string(folder.file()).expect("a file");
    assert!(text.contains("GET hers") && !text.contains("GET his"), "{text}");
    std::fs::write(&users, [default, ada, bob].concat()).expect("written");
    client.ask("ACL LOAD");
    assert!(lines(&of_bob).is_empty(), "another one of his name");
    assert_eq!(lines(&of_ada), ["GET hers"]);
}
