//! Orderly ends: with save points the data is written to the RDB file and found again at the next
//! start, whether the end came by a signal or by SHUTDOWN; without them, or with NOSAVE, it is not.

mod support;

use std::path::PathBuf;
use std::process::Command;
use support::{Server, Value};

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("flashdb-ending-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&path).expect("a temporary folder");
        Folder(path)
    }

    fn start(&self, args: &[&str]) -> Server {
        let folder = self.0.to_str().expect("a path in UTF-8");
        Server::start(&[&["--dir", folder], args].concat())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Sets a key, ends the server by `end`, and tells whether the next one has the key.
fn survives(name: &str, args: &[&str], end: impl Fn(&Server)) -> bool {
    let folder = Folder::new(name);
    let mut server = folder.start(args);
    assert_eq!(server.connect().ask("SET k v").text(), "OK");
    end(&server);
    server.await_end();
    let next = folder.start(args);
    next.connect().ask("EXISTS k") == Value::Int(1)
}

fn signal(server: &Server, name: &str) {
    // The shell has it built in; the program of that name is in a package that a bare system lacks.
    let done = Command::new("sh")
        .args(["-c", &format!("kill {name} {}", server.pid())])
        .status();
    assert!(done.expect("a shell runs").success());
}

#[test]
fn an_orderly_end_keeps_the_data() {
    let points = ["--save", "3600", "1"];
    assert!(survives("term", &points, |server| signal(server, "-TERM")));
    assert!(survives("int", &points, |server| signal(server, "-INT")));
    assert!(survives("shutdown", &points, |server| server
        .connect()
        .request(&["SHUTDOWN"])));
    assert!(survives("save", &[], |server| server
        .connect()
        .request(&["SHUTDOWN", "SAVE"])));
}

#[test]
fn nothing_is_written_where_nothing_is_asked_for() {
    assert!(!survives("no-points", &[], |server| signal(server, "-TERM")));
    let points = ["--save", "3600", "1"];
    assert!(!survives("nosave", &points, |server| server
        .connect()
        .request(&["SHUTDOWN", "NOSAVE"])));
    let quiet = ["--save", "3600", "1", "--shutdown-on-sigterm", "nosave"];
    assert!(!survives("quiet", &quiet, |server| signal(server, "-TERM")));
}
