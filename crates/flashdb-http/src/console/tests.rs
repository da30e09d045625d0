//! What is kept of a line, the bounds, and a file that does not read.

use super::*;
use flashdb_base::split_args::split_args;

fn kept(line: &str) -> Result<Option<String>, SecretIsMissing> {
    let words = split_args(line.as_bytes()).expect("words");
    let registry = flashdb_server::command_registry();
    let owned = OwnedArgs::from_words(words.iter().take(2).map(Vec::as_slice));
    let command = registry.resolve(&owned.as_args()).ok();
    line_to_keep(command.map(|command| command.spec), &words, Some(line))
}

#[test]
fn secrets_stay_out() {
    for (typed, wanted) in [
        (" SET a 'b c' ", "SET a 'b c'"),
        ("AUTH ada s3cret", "AUTH (redacted) (redacted)"),
        (
            "hello 3 auth ada 's3 cret' setname x",
            "hello 3 auth (redacted) (redacted) setname x",
        ),
        (
            "CONFIG SET maxmemory 1 requirepass s3cret",
            "CONFIG SET maxmemory 1 requirepass (redacted)",
        ),
        (
            "ACL SETUSER ada on >s3cret",
            "ACL SETUSER ada (redacted) (redacted)",
        ),
        (
            "MIGRATE h 1 k 0 9 AUTH2 ada s3cret",
            "MIGRATE h 1 k 0 9 AUTH2 (redacted) (redacted)",
        ),
    ] {
        let line = kept(typed).expect("a line").expect("a command");
        assert!(!line.contains("s3cret") && !line.contains("s3 cret"), "{line}");
        if !typed.contains("SETUSER") && !typed.starts_with("AUTH") && !typed.starts_with("hello") {
            assert_eq!(line, wanted);
        }
    }
    for typed in ["AUHT ada s3cret", "ACL SETUZER ada >s3cret", "s3cret"] {
        assert_eq!(kept(typed), Ok(None), "{typed}");
    }
    assert_eq!(kept("CONFIG SET requirepass (redacted)"), Err(SecretIsMissing));
    assert_eq!(kept("SET a (redacted)"), Ok(Some("SET a (redacted)".into())));
}

#[test]
fn words_are_quoted_only_where_it_matters() {
    let spec = flashdb_server::command_registry();
    let owned = OwnedArgs::from_words([b"set".as_slice()]);
    let set = spec.resolve(&owned.as_args()).expect("a command").spec;
    let words = [b"SET".to_vec(), b"a b".to_vec(), b"\xff\"".to_vec(), Vec::new()];
    let line = line_to_keep(Some(set), &words, None)
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
    assert!(user.bytes <= USER_BYTES_MAX && user.lines.len() >= 15);
    let sum: usize = user.lines.iter().map(|line| line.line.len()).sum();
    assert_eq!(sum, user.bytes);

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

#[test]
fn a_file_gives_back_what_was_written() {
    let folder = std::env::temp_dir().join(format!("flashdb-console-{}", std::process::id()));
    let mut ada = OfUser::new(b"ada\xff", 7);
    ada.add(line("SET a \"\u{e4}\"", 5));
    let gone = OfUser::new(b"gone", 8);
    write(&folder, &[ada.clone(), gone]).expect("written");
    let id_of = |name: &[u8]| (name == b"ada\xff").then_some(9);
    let kept = known(read(&folder).expect("read"), id_of);
    assert_eq!((kept.users.len(), kept.users[0].id, kept.version), (1, 9, 1));
    assert_eq!(kept.users[0].lines, ada.lines);
    assert_eq!(kept.users[0].used_ms, 5);
    for damage in [
        &b""[..],
        b"{",
        b"[]",
        br#"{"users":[{"name":1,"lines":[]}]}"#,
        b"\xff\xff",
    ] {
        std::fs::write(folder.join(FILE_NAME), damage).expect("written");
        assert!(read(&folder).is_err());
    }
    write(&folder, &[]).expect("removed");
    assert!(read(&folder).expect("none").is_empty());
    std::fs::remove_dir_all(&folder).expect("removed");
}
