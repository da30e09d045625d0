//! Bad surroundings: folders that cannot be used, files that cannot be read, a disk that is full. The server refuses to
//! start with a message that names the culprit, or goes on without a broken promise; it never removes what is not its own.
//!
//! Root may do everything, so that where permissions matter the server runs as another user. A full disk is a small tmpfs,
//! which only root can mount, and for everybody the limit on file sizes, which raises SIGXFSZ besides.

mod support;

use std::io::Write;
use std::os::unix::fs::{FileExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use support::mounted::{Mounted, is_root};
use support::{Raw, Server, Value, encode, own_port};

const REFUSAL_LIMIT: Duration = Duration::from_secs(10);
const RECOVERY_LIMIT: Duration = Duration::from_secs(10);
/// Debian's user without rights.
const NOBODY: u32 = 65_534;
const SMALL: &[&str] = &["--wal-segment-size", "65536", "--wal-preallocate", "0"];

/// A temporary folder, and the data folder in it.
struct Place {
    root: PathBuf,
    data: PathBuf,
}

impl Place {
    fn new(name: &str) -> Self {
        let root = std::env::temp_dir().join(format!("flashdb-faults-{}-{name}", std::process::id()));
        let data = root.join("data");
        std::fs::create_dir_all(&data).expect("a temporary folder");
        Place { root, data }
    }

    /// The server's command, as a user that permissions bind.
    fn command_without_rights(&self) -> Command {
        let binary = Path::new(env!("CARGO_BIN_EXE_flashdb"));
        if !is_root() {
            return Command::new(binary);
        }
        // The build folder may lie where only root can look.
        let copy = self.root.join("server");
        if !copy.exists() {
            std::fs::copy(binary, &copy).expect("a copy of the binary");
        }
        for path in [&self.root, &self.data] {
            chown(path, Some(NOBODY), Some(NOBODY)).expect("root gives away");
        }
        let mut command = Command::new(copy);
        command.uid(NOBODY).gid(NOBODY);
        command
    }

    fn start(&self, level: &str) -> Server {
        self.start_with(Command::new(env!("CARGO_BIN_EXE_flashdb")), level)
    }

    fn start_with(&self, command: Command, level: &str) -> Server {
        let data = self.data.to_str().expect("a path in UTF-8");
        let args = ["--dir", data, "--appendonly", "yes", "--appendfsync", level];
        Server::start_with(command, &[&args, SMALL].concat())
    }

    /// Starts a server that must refuse to, with an exit code; returns what it said.
    fn refusal(&self, command: Command) -> String {
        refusal_at(command, &self.data)
    }

    /// Files in `wal/`, in order.
    fn segments(&self) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(self.data.join("wal")).expect("a log");
        let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
        paths.retain(|path| path.extension().is_some_and(|extension| extension == "wal"));
        paths.sort();
        paths
    }

    /// Writes enough for several segments and kills the server.
    fn fill(&self, command: Command) {
        let server = self.start_with(command, "always");
        let mut client = server.connect();
        for number in 0..300 {
            assert_eq!(set(&mut client, number), Some(Ok(())));
        }
        drop(server);
        assert!(
            self.segments().len() > 2,
            "several segments: {:?}",
            self.segments()
        );
    }

    fn assert_filled(&self) {
        let server = self.start("always");
        assert_all(&server, 0..300);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _best_effort = std::fs::set_permissions(&self.data, PermissionsExt::from_mode(0o755));
        let _best_effort = std::fs::remove_dir_all(&self.root);
    }
}

fn plain() -> Command {
    Command::new(env!("CARGO_BIN_EXE_flashdb"))
}

fn refusal_at(mut command: Command, data: &Path) -> String {
    command
        .args([
            "--port",
            &own_port().to_string(),
            "--save",
            "",
            "--http-port",
            "0",
            "--dir",
        ])
        .arg(data)
        .args(["--appendonly", "yes", "--appendfsync", "always"])
        .args(SMALL)
        .current_dir(std::env::temp_dir())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().expect("the server starts");
    let is_over = await_end(&mut child);
    let _gone_already = child.kill();
    let output = child.wait_with_output().expect("its output");
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text).into_owned();
    assert!(is_over, "it does not refuse: {text}");
    let code = output.status.code();
    assert!(
        code.is_some_and(|code| code != 0),
        "it ends with {:?}: {text}",
        output.status
    );
    assert!(!text.contains("panicked"), "{text}");
    text
}

fn await_end(child: &mut Child) -> bool {
    let end = Instant::now() + REFUSAL_LIMIT;
    while Instant::now() < end {
        if child.try_wait().expect("a child can be asked").is_some() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    false
}

fn assert_names(text: &str, path: &Path) {
    let name = path.file_name().expect("a name").to_string_lossy();
    assert!(text.contains(&*name), "does not name {name}: {text}");
}

fn value(number: u32) -> String {
    format!("{number:0>1000}")
}

/// Sets a key; the server's error, or `None` when it closed the connection instead of an answer.
fn set(client: &mut Raw, number: u32) -> Option<Result<(), String>> {
    let request = encode(&["SET", &format!("key:{number}"), &value(number)]);
    client.stream.write_all(&request).ok()?;
    match client.try_read()? {
        Value::Error(text) => Some(Err(text)),
        _ => Some(Ok(())),
    }
}

fn assert_all(server: &Server, numbers: impl IntoIterator<Item = u32>) {
    let mut client = server.connect();
    for number in numbers {
        let found = client.ask(&format!("GET key:{number}"));
        let is_right = found == Value::Bulk(value(number).into_bytes());
        assert!(is_right, "key:{number} is {:.100}", format!("{found:?}"));
    }
}

#[test]
fn a_folder_without_write_permission_is_refused() {
    let place = Place::new("read-only");
    let command = place.command_without_rights();
    std::fs::set_permissions(&place.data, PermissionsExt::from_mode(0o555)).expect("permissions");
    let text = place.refusal(command);
    assert_names(&text, &place.data);
    assert!(text.to_lowercase().contains("permission denied"), "{text}");
}

#[test]
fn a_file_in_place_of_the_folder_is_refused() {
    let place = Place::new("file");
    let file = place.root.join("not-a-folder");
    std::fs::write(&file, "precious").expect("a file");
    assert_names(&refusal_at(plain(), &file), &file);
    assert_eq!(std::fs::read(&file).expect("still there"), b"precious");
}

#[test]
fn a_second_server_on_the_folder_is_refused() {
    let place = Place::new("second");
    let first = place.start("always");
    let mut client = first.connect();
    assert_eq!(set(&mut client, 1), Some(Ok(())));
    let text = place.refusal(plain()).to_lowercase();
    assert!(text.contains("lock"), "{text}");
    assert_names(&text, &place.data);
    assert_eq!(set(&mut client, 2), Some(Ok(())));
    drop(first);
    // The lock went with its owner, although that was killed.
    assert_all(&place.start("always"), 1..3);
}

#[test]
fn an_unreadable_segment_is_refused() {
    let place = Place::new("unreadable");
    place.fill(place.command_without_rights());
    let segment = place.segments().pop().expect("a segment");
    std::fs::set_permissions(&segment, PermissionsExt::from_mode(0o000)).expect("permissions");
    let text = place.refusal(place.command_without_rights());
    assert_names(&text, &segment);
    std::fs::set_permissions(&segment, PermissionsExt::from_mode(0o644)).expect("permissions");
    assert_all(
        &place.start_with(place.command_without_rights(), "always"),
        0..300,
    );
}

#[test]
fn files_of_others_are_left_alone() {
    let place = Place::new("foreign");
    place.fill(plain());
    let others = ["wal/notes.txt", "wal/flashdb-1.wal.bak", "notes.txt"].map(|name| place.data.join(name));
    for path in &others {
        std::fs::write(path, "precious").expect("a file");
    }
    place.assert_filled();
    for path in &others {
        assert_eq!(std::fs::read(path).expect("still there"), b"precious");
    }
}

#[test]
fn a_segment_of_a_newer_version_is_refused() {
    let place = Place::new("version");
    place.fill(plain());
    let segment = place.segments().swap_remove(0);
    let file = std::fs::OpenOptions::new()
        .read(true)
        .write(true)
        .open(&segment)
        .expect("a segment");
    let mut version = [0; 2];
    file.read_exact_at(&mut version, 4).expect("a version");
    file.write_all_at(&[0xff, 0x7f], 4).expect("a newer version");
    let text = place.refusal(plain());
    assert_names(&text, &segment);
    assert!(text.contains("version"), "{text}");
    // Refusing changed nothing.
    file.write_all_at(&version, 4).expect("the old version");
    place.assert_filled();
}

#[test]
fn an_empty_segment_is_a_crash_only_at_the_end() {
    let place = Place::new("empty");
    place.fill(plain());
    let segments = place.segments();
    // Made, and then the power went: its header was never synced, so nothing in it was acknowledged.
    let last = segments.last().expect("a segment").to_string_lossy().into_owned();
    let digits = &last[last.len() - "00000001.wal".len()..last.len() - ".wal".len()];
    let number: u32 = digits.parse().expect("a number");
    let next = last.replace(&format!("{digits}.wal"), &format!("{:08}.wal", number + 1));
    std::fs::write(next, "").expect("an empty segment");
    place.assert_filled();

    let inner = &segments[segments.len() / 2];
    std::fs::write(inner, "").expect("an emptied segment");
    assert_names(&place.refusal(plain()), inner);
}

/// On a failed disk: what is read is right. Where replies wait for the disk, what is not durable is not shown, which is told
/// apart by shards; one write failed, so that few keys share its shard.
fn assert_reads_go_on(server: &Server, level: &str) {
    let mut refused = 0;
    for number in 0..100 {
        match server.connect().ask(&format!("GET key:{number}")) {
            Value::Error(text) if level == "always" && text.contains("is not durable") => refused += 1,
            found => assert_eq!(found, Value::Bulk(value(number).into_bytes()), "key:{number}"),
        }
    }
    assert!(refused < 20, "{refused} of 100 reads refused");
    let told = server.connect().ask("INFO");
    let told = told.text();
    assert!(told.contains("aof_last_write_status:err"), "{told}");
}

/// Writes until the disk is full, makes room, and writes again; what was acknowledged is there after a kill.
fn survives_a_full_disk(
    place: &Place,
    level: &str,
    fill: impl FnOnce(&Server),
    make_room: impl FnOnce(&Server),
) {
    let server = place.start(level);
    let mut client = server.connect();
    let mut acknowledged = Vec::new();
    for number in 0..100 {
        assert_eq!(set(&mut client, number), Some(Ok(())));
        acknowledged.push(number);
    }
    fill(&server);
    let mut next = 100;
    let mut attempt = |client: &mut Raw| {
        next += 1;
        let outcome = set(client, next);
        match &outcome {
            Some(Ok(())) => acknowledged.push(next),
            Some(Err(text)) => assert!(text.starts_with("MISCONF"), "{text}"),
            // The reply was waiting for the disk when that failed.
            None => *client = server.connect(),
        }
        outcome
    };
    let end = Instant::now() + Duration::from_secs(30);
    while !matches!(attempt(&mut client), Some(Err(_))) {
        assert!(Instant::now() < end, "writes go on on a full disk");
    }
    assert_reads_go_on(&server, level);

    make_room(&server);
    let end = Instant::now() + RECOVERY_LIMIT;
    while !matches!(attempt(&mut client), Some(Ok(()))) {
        assert!(Instant::now() < end, "no writes although there is room again");
        std::thread::sleep(Duration::from_millis(20));
    }
    for _ in 0..50 {
        assert_eq!(attempt(&mut client), Some(Ok(())));
    }
    if level != "always" {
        // Twice the interval: then all of it must be on the disk.
        std::thread::sleep(Duration::from_secs(2));
    }
    drop(server);
    assert_all(&place.start(level), acknowledged);
}

#[test]
fn a_full_disk_stops_writers_until_there_is_room() {
    if !is_root() {
        println!("skipped: only root can mount a small file system");
        return;
    }
    for level in ["always", "everysec"] {
        let place = Place::new(&format!("full-{level}"));
        let Some(_mounted) = Mounted::new(&place.data, 8) else {
            println!("skipped: no mount here");
            return;
        };
        let filler = place.data.join("filler");
        let fill = |_: &Server| {
            let file = std::fs::File::create(&filler).expect("a file");
            let block = [1; 4096];
            // Until nothing more goes in.
            while (&file).write_all(&block).is_ok() {}
        };
        let make_room = |_: &Server| std::fs::remove_file(&filler).expect("removed");
        survives_a_full_disk(&place, level, fill, make_room);
    }
}

#[test]
fn a_file_size_limit_stops_writers_until_it_is_lifted() {
    for level in ["always", "everysec"] {
        let place = Place::new(&format!("limit-{level}"));
        survives_a_full_disk(
            &place,
            level,
            |server| limit_file_size(server, "0:"),
            |server| limit_file_size(server, "unlimited:"),
        );
    }
}

/// Sets the soft limit of a running server.
fn limit_file_size(server: &Server, limits: &str) {
    let status = Command::new("prlimit")
        .args(["--pid", &server.pid().to_string(), &format!("--fsize={limits}")])
        .status();
    assert!(status.expect("prlimit runs").success());
}

/// Where the operator relies on snapshots, one that cannot be taken stops writers, as in Redis, until one is.
#[test]
fn a_snapshot_that_fails_stops_writers_until_one_succeeds() {
    let place = Place::new("save-fails");
    let data = place.data.to_str().expect("a path in UTF-8");
    let args = ["--dir", data, "--appendonly", "no", "--save", "3600 1000000"];
    let server = Server::start_with(plain(), &args);
    let mut client = server.connect();
    let ok = |value: &Value| matches!(value, Value::Simple(word) if word == "OK");
    assert!(ok(&client.ask("SET before 1")));
    let folder = place.data.join("snapshots");
    std::fs::write(&folder, "in the way").expect("a file");
    let failure = client.ask("SAVE");
    assert!(matches!(&failure, Value::Error(_)), "{failure:?}");
    let refused = client.ask("SET after 1");
    assert!(
        matches!(&refused, Value::Error(words) if words.starts_with("MISCONF Redis is configured to save RDB snapshots")),
        "{refused:?}"
    );
    assert!(matches!(client.ask("GET before"), Value::Bulk(value) if value == b"1"));
    assert!(ok(&client.ask("CONFIG SET stop-writes-on-bgsave-error no")));
    assert!(ok(&client.ask("SET after 1")));
    assert!(ok(&client.ask("CONFIG SET stop-writes-on-bgsave-error yes")));
    assert!(matches!(client.ask("SET after 2"), Value::Error(_)));
    std::fs::remove_file(&folder).expect("the file");
    assert!(ok(&client.ask("SAVE")));
    assert!(ok(&client.ask("SET after 2")));
}
