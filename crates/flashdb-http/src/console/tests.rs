//! What is kept of a line, the bounds, and a file that does not read.

use super::*;
use flashdb_base::args::OwnedArgs;
use flashdb_base::split_args::split_args;
use flashdb_command::CommandSpec;

fn row_of(words: &[Vec<u8>]) -> Option<&'static CommandSpec> {
    let registry = flashdb_server::command_registry();
    if words.is_empty() {
        return None;
    }
    let owned = OwnedArgs::from_words(words.iter().take(2).map(Vec::as_slice));
    registry
        .resolve(&owned.as_args())
        .ok()
        .map(|command| command.spec)
}

fn kept(line: &str) -> Result<Option<String>, SecretIsMissing> {
    let words = split_args(line.as_bytes()).expect("words");
    line_to_keep(&row_of, &words, Some(line))
}

#[test]
fn secrets_stay_out() {
    for (typed, wanted) in [
        (" SET a 'b c' ", "SET a 'b c'"),
        ("AUTH ada s3cret", "AUTH _ _"),
        ("HELLO 3 SETNAME x", "HELLO 3 SETNAME x"),
        (
            "hello 3 setname x auth ada 's3 cret'",
            "hello 3 setname x auth _ _",
        ),
        (
            "CONFIG SET maxmemory 1 requirepass s3cret",
            "CONFIG SET maxmemory 1 requirepass _",
        ),
        (
            "CONFIG SET maxmemory 1 maxclients 9",
            "CONFIG SET maxmemory 1 maxclients 9",
        ),
        ("ACL SETUSER ada on >s3cret", "ACL SETUSER _ _ _"),
        ("ACL SETROLE r >s3cret", "ACL SETROLE _ _"),
        ("ACL DRYRUN ada AUTH s3cret", "ACL DRYRUN _ _ _"),
        (
            "MIGRATE h 1 k 0 9 AUTH2 ada s3cret",
            "MIGRATE h 1 k 0 9 AUTH2 _ _",
        ),
        (
            "MIGRATE h 1 '' 0 9 COPY KEYS a b",
            "MIGRATE h 1 '' 0 9 COPY KEYS a b",
        ),
        ("COMMAND GETKEYS SET a b", "COMMAND GETKEYS SET a b"),
    ] {
        let wanted = wanted.replace('_', "(redacted)");
        assert_eq!(kept(typed), Ok(Some(wanted)), "{typed}");
    }
    for typed in ["AUHT ada s3cret", "ACL SETUZER ada >s3cret", "s3cret"] {
        assert_eq!(kept(typed), Ok(None), "{typed}");
    }
    assert_eq!(kept("CONFIG SET requirepass (redacted)"), Err(SecretIsMissing));
    assert_eq!(kept("SET a (redacted)"), Ok(Some("SET a (redacted)".into())));
}

/// An option misspelt, a blank in a password, a word too many or too few.
#[test]
fn secrets_stay_out_where_the_form_is_wrong() {
    for (typed, wanted) in [
        ("CONFIG SET requirepass my s3cret_tail", "CONFIG SET _ _ _"),
        ("CONFIG SET requirepas s3cret", "CONFIG SET _ _"),
        ("CONFIG SET requirepass=s3cret", "CONFIG SET _"),
        (
            "CONFIG SET maxmemory 1 1 requirepass s3cret",
            "CONFIG SET _ _ _ _ _",
        ),
        (
            "CONFIG SET maxmemory 1 requirepas s3cret",
            "CONFIG SET maxmemory 1 _ _",
        ),
        (
            "CONFIG SET maxmemory requirepass s3cret 1",
            "CONFIG SET maxmemory requirepass _ _",
        ),
        ("HELLO 3 AUHT u s3cret", "HELLO 3 _ _ _"),
        ("HELLO 3 AUTH u s3cret extra", "HELLO 3 AUTH _ _ _"),
        ("HELLO AUTH u s3cret", "HELLO _ _ _"),
        ("HELLO 3 SETNAME AUTH s3cret", "HELLO 3 SETNAME AUTH _"),
        ("MIGRATE h 1 k 0 9 AUHT s3cret", "MIGRATE h 1 k 0 9 _ _"),
        ("MIGRATE h 1 k 0 9 AUTH my s3cret", "MIGRATE h 1 k 0 9 AUTH _ _"),
        (
            "MIGRATE h 1 k 0 9 COPY AUTH my s3cret",
            "MIGRATE h 1 k 0 9 COPY AUTH _ _",
        ),
        ("MIGRATE h 1 k 0 9 KEYS AUHT s3cret", "MIGRATE h 1 k 0 9 KEYS _ _"),
        ("MIGRATE h 1 k 0 AUTH s3cret", "MIGRATE h 1 k 0 _ _"),
        ("MIGRATE h 1 k AUHT s3cret 0 9", "MIGRATE h 1 k _ _ _ _"),
        (
            "COMMAND GETKEYS MIGRATE h 1 k 0 9 AUTH s3cret",
            "COMMAND GETKEYS MIGRATE h 1 k 0 9 AUTH _",
        ),
        (
            "COMMAND GETKEYSANDFLAGS MIGRATE h 1 k 0 9 AUTH s3cret",
            "COMMAND GETKEYSANDFLAGS MIGRATE h 1 k 0 9 AUTH _",
        ),
        (
            "COMMAND GETKEYS COMMAND GETKEYS AUTH s3cret",
            "COMMAND GETKEYS COMMAND GETKEYS AUTH _",
        ),
        ("COMMAND GETKEYS AUHT s3cret", "COMMAND GETKEYS _ _"),
        ("MULTI AUTH s3cret", "MULTI _ _"),
        ("AUTH a s3cret b", "AUTH _ _ _"),
        ("ACL GETUSER ada >s3cret", "ACL GETUSER _ _"),
        ("ACL DELUSER ada >s3cret", "ACL DELUSER ada _"),
        ("ACL LOG s3cret", "ACL LOG _"),
    ] {
        let wanted = wanted.replace('_', "(redacted)");
        assert_eq!(kept(typed), Ok(Some(wanted.clone())), "{typed}");
        assert_eq!(kept(&wanted), Err(SecretIsMissing), "{wanted}");
    }
}

#[test]
fn what_has_no_secrets_is_kept_whole() {
    for typed in [
        "ACL GETUSER default",
        "ACL LOG RESET",
        "ACL LOG 5",
        "ACL LOG",
        "ACL WHOAMI",
        "ACL LIST",
        "ACL USERS",
        "ACL DELUSER ada bob",
        "ACL CAT read",
        "ACL GENPASS 64",
        "ACL",
        "MULTI ATOMIC",
        "COMMAND",
        "CONFIG GET requirepass",
        "HELLO",
        "PING",
    ] {
        let wanted = row_of(&split_args(typed.as_bytes()).expect("words")).expect("a row");
        assert_eq!(kept(typed), Ok(Some(typed.into())), "{}", wanted.full_name());
    }
}

#[test]
fn blanks_of_the_line_go_and_those_of_a_word_stay() {
    assert_eq!(kept(" \t\u{b}DEL key \r\n"), Ok(Some("DEL key".into())));
    assert_eq!(kept("DEL key\u{a0}"), Ok(Some("DEL key\u{a0}".into())));
    assert_eq!(kept("DEL key\u{b}"), Ok(Some("DEL key\u{b}".into())));
    assert_eq!(kept("DEL key\u{2003} "), Ok(Some("DEL key\u{2003}".into())));
}

#[test]
fn errors_about_the_form_are_told_apart() {
    assert!(is_about_form(b"ERR syntax error"));
    assert!(is_about_form(b"ERR wrong number of arguments for 'mset' command"));
    assert!(!is_about_form(b"WRONGTYPE Operation against a key"));
    let words = split_args(b"SET a s3cret EXX 5").expect("words");
    let spec = row_of(&words).expect("a row");
    let line = without_arguments(spec, &words);
    assert_eq!(line, "SET (redacted) (redacted) (redacted) (redacted)");
    assert_eq!(kept(&line), Err(SecretIsMissing));
}

#[test]
fn words_are_quoted_only_where_it_matters() {
    let words = [b"SET".to_vec(), b"a b".to_vec(), b"\xff\"".to_vec(), Vec::new()];
    let line = line_to_keep(&row_of, &words, None)
        .expect("a line")
        .expect("a command");
    assert_eq!(line, r#"SET "a b" "\xff\"" """#);
    assert_eq!(split_args(line.as_bytes()).expect("words"), words);
}

fn line(text: &str, t: i64) -> Line {
    Line {
        line: text.into(),
        db: 0,
        t,
    }
}

#[test]
fn what_is_kept_has_bounds() {
    let mut user = OfUser::new(b"ada", 1);
    user.add(line("GET a", 1));
    user.add(line("GET a", 2));
    user.add(Line {
        db: 1,
        ..line("GET a", 3)
    });
    assert_eq!(user.lines.len(), 2, "the same again is the same line");
    assert_eq!(user.lines[0].t, 2);
    for t in 0..2000 {
        user.add(line(&format!("GET {t}"), t));
    }
    assert_eq!(
        (user.lines.len(), user.lines[0].line.as_str()),
        (LINES_MAX, "GET 1000")
    );
    for t in 0..100 {
        user.add(line(&format!("SET {t} {}", "x".repeat(LINE_BYTES_MAX - 10)), t));
    }
    assert!(user.bytes <= USER_BYTES_MAX && user.lines.len() >= 7);
    let sum: usize = user.lines.iter().map(line_bytes).sum();
    assert_eq!(sum + user_bytes(b"ada"), user.bytes);

    let mut users = Vec::new();
    for at in 0..=USERS_MAX as i64 {
        of(&mut users, format!("u{at}").as_bytes(), 1).add(line("PING", at));
    }
    assert_eq!(users.len(), USERS_MAX);
    assert!(
        !users.iter().any(|user| user.name == b"u0"),
        "the oldest has left"
    );
    of(&mut users, b"u1", 2);
    let again: Vec<_> = users.iter().filter(|user| user.name == b"u1").collect();
    assert_eq!(
        (again.len(), again[0].lines.len()),
        (1, 0),
        "another user of the same name"
    );
}

/// A folder of its own.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("flashdb-console-{name}-{}", std::process::id()));
        let _may_be_absent = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).expect("a folder");
        Folder(folder)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _best_effort = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn a_file_gives_back_what_was_written() {
    let folder = Folder::new("file");
    let folder = &folder.0;
    let mut ada = OfUser::new(b"ada\xff", 7);
    ada.add(line("SET a \"\u{e4}\"", 5));
    let gone = OfUser::new(b"gone", 8);
    file::write(folder, &[ada.clone(), gone]).expect("written");
    let id_of = |name: &[u8]| (name == b"ada\xff").then_some(9);
    let kept = known(file::read(folder).expect("read"), id_of);
    assert_eq!((kept.users.len(), kept.users[0].id, kept.removal), (1, 9, 1));
    assert_eq!(kept.users[0].lines, ada.lines);
    assert_eq!(kept.users[0].used_ms, 5);
    file::write(folder, &[]).expect("removed");
    assert!(file::read(folder).expect("none").is_empty());
}

#[test]
fn the_fullest_file_that_is_written_is_read() {
    let folder = Folder::new("full");
    let mut users = Vec::new();
    // What takes most in the file: each byte becomes six, and lines that are short.
    for at in 0..USERS_MAX + 3 {
        let name = format!("{}{at}", "\u{1}".repeat(NAME_BYTES_MAX - 2));
        let lines = if at % 3 == 0 { 4 } else { LINES_MAX as i64 + 9 };
        for t in 0..lines {
            let text = match at % 3 {
                0 => "\u{1}".repeat(LINE_BYTES_MAX),
                1 => "\u{1}".repeat(30),
                _ => String::new(),
            };
            let mut line = line(&text, i64::MIN + t);
            line.db = u64::MAX - t as u64;
            of(&mut users, name.as_bytes(), 1).add(line);
        }
    }
    assert!(users.iter().all(|user: &OfUser| !user.lines.is_empty()));
    let bytes = file::write(&folder.0, &users).expect("written");
    assert!(bytes <= TOTAL_BYTES_MAX + 16, "{bytes}");
    let read = known(file::read(&folder.0).expect("read"), |_| Some(1));
    assert_eq!(read.users.len(), USERS_MAX);
    for (read, written) in read.users.iter().zip(&users) {
        assert_eq!((read.bytes, &read.lines), (written.bytes, &written.lines));
    }
}

#[test]
fn a_damaged_file_is_moved_aside_once() {
    let folder = Folder::new("damaged");
    let folder = &folder.0;
    let damages = [
        &b""[..],
        b"{",
        b"[]",
        br#"{"users":[{"name":1,"lines":[]}]}"#,
        b"\xff\xff",
    ];
    for damage in damages {
        std::fs::write(file::path(folder), damage).expect("written");
        assert!(matches!(file::read(folder), Err(Unreadable::Damaged(_))));
        assert!(read(folder, true).is_empty());
    }
    let aside = std::fs::read(file::damaged_path(folder)).expect("a file");
    assert_eq!(aside, damages[0], "the first one stays");
    assert!(file::path(folder).exists());
    file::remove_damaged(folder).expect("removed");
    assert!(read(folder, false).is_empty());
    assert!(
        !file::damaged_path(folder).exists() && file::path(folder).exists(),
        "what is to be removed is not moved"
    );
    assert!(read(folder, true).is_empty());
    assert!(file::damaged_path(folder).exists() && !file::path(folder).exists());
}

#[test]
fn what_is_no_regular_file_is_neither_opened_nor_replaced() {
    let folder = Folder::new("fifo");
    let path = file::path(&folder.0);
    let made = std::process::Command::new("mkfifo").arg(&path).status();
    assert!(made.expect("mkfifo").success());
    // A link to a device, too.
    for at in 0..3 {
        if at > 0 {
            let _may_be_absent = std::fs::remove_file(&path);
        }
        match at {
            1 => std::os::unix::fs::symlink("/dev/zero", &path).expect("a link"),
            2 => std::fs::create_dir(&path).expect("a folder"),
            _ => {}
        }
        assert!(matches!(file::read(&folder.0), Err(Unreadable::NoFile)));
        assert!(read(&folder.0, true).is_empty());
        assert!(file::write(&folder.0, &[OfUser::new(b"ada", 1)]).is_err());
        assert!(file::write(&folder.0, &[]).is_err());
        assert!(!std::fs::metadata(&path).expect("still there").is_file());
    }
}

#[test]
fn large_files_wait_and_removals_do_not() {
    let now = Instant::now() + LARGE_TIME;
    let mut kept = Kept::default();
    let mut written = Written {
        bytes: LARGE_BYTES + 1,
        tried: Some(now),
        told: [false; 2],
    };
    assert!(!written.is_due(&kept, now + LARGE_TIME), "nothing has changed");
    kept.version += 1;
    assert!(!written.is_due(&kept, now));
    assert!(written.is_due(&kept, now + LARGE_TIME));
    kept.note_removal();
    assert!(written.is_due(&kept, now));
    (kept.in_file, written.bytes) = (2, 100);
    kept.version += 1;
    assert!(written.is_due(&kept, now), "small ones do not wait");
}

/// So that who removes a user of whom nothing is kept waits for nothing.
#[test]
fn only_what_was_kept_of_somebody_has_to_leave_the_file() {
    let mut kept = Kept::default();
    of(&mut kept.users, b"ada", 1).add(line("GET a", 1));
    kept.version += 1;
    kept.retain(|user| user.name != b"bob");
    assert!(!kept.is_behind_removals());
    kept.retain(|user| user.name != b"ada");
    assert!(kept.is_behind_removals() && kept.users.is_empty());
    // Also for who comes before it is written, though nothing is removed any more.
    kept.retain(|_| true);
    assert!(kept.is_behind_removals());
    kept.in_file = kept.version;
    assert!(!kept.is_behind_removals());
}
