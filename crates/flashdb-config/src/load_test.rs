//! Sources, their precedence and their errors; rubbish is refused, never fatal.

use std::io::Write;

use flashdb_base::prng::Prng;

use super::*;
use crate::choices::MaxmemoryPolicy;

type Environment<'a> = &'a [(&'a str, &'a str)];

fn read(
    environment: Environment,
    file: &str,
    options: &[&str],
) -> Result<(ConfigStore, Vec<String>), String> {
    let mut loader = Loader::new();
    let variables = environment
        .iter()
        .map(|(name, value)| (name.into(), value.into()));
    let options: Vec<Vec<u8>> = options.iter().map(|option| option.as_bytes().to_vec()).collect();
    let result = loader
        .environment(variables)
        .and_then(|()| loader.standard_input(file.as_bytes()))
        .and_then(|()| loader.options(&option_lines(&options)));
    match result {
        Ok(()) => Ok(loader.finish(None, Path::new("/base"))),
        Err(error) => Err(error.to_string()),
    }
}

fn store(environment: Environment, file: &str, options: &[&str]) -> ConfigStore {
    read(environment, file, options)
        .unwrap_or_else(|error| panic!("{error}"))
        .0
}

fn value(store: &ConfigStore, name: &str) -> String {
    String::from_utf8(store.get(&[name.as_bytes()])[0].1.clone()).expect("text")
}

#[test]
fn later_sources_win() {
    let environment = [
        ("FLASHDB_PORT", "1"),
        ("FLASHDB_TIMEOUT", "1"),
        ("FLASHDB_MAXMEMORY_POLICY", "allkeys-lru"),
    ];
    let store = store(&environment, "port 2\nTimeout 2\n", &["--port", "3"]);
    let settings = store.settings();
    assert_eq!((settings.port, settings.timeout), (3, 2));
    assert_eq!(settings.maxmemory_policy, MaxmemoryPolicy::AllkeysLru);
    assert_eq!(store.origin("port"), Some(Origin::CommandLine));
    assert_eq!(store.origin("timeout"), Some(Origin::File));
    assert_eq!(store.origin("maxmemory-policy"), Some(Origin::Environment));
    assert_eq!(store.origin("hz"), Some(Origin::Default));
}

#[test]
fn lines_of_redis_conf() {
    let store = store(
        &[],
        "# comment\n\n  \t\r\nbind 127.0.0.1 -::1\r\nrequirepass \"a\\x20b\\n\"\nlogfile ''\nHASH-MAX-ZIPLIST-ENTRIES 9\n\
         list-max-ziplist-entries 5\nrename-command FLUSHALL \"\"\nclient-output-buffer-limit pubsub 1mb 0 0\n\
         client-output-buffer-limit replica 2mb 0 0\ndir data",
        &[],
    );
    assert_eq!(value(&store, "bind"), "127.0.0.1 -::1");
    assert_eq!(store.settings().requirepass, b"a b\n");
    assert_eq!(value(&store, "hash-max-listpack-entries"), "9");
    assert_eq!(store.renames()[0].from, b"FLUSHALL");
    assert!(store.renames()[0].to.is_empty());
    let limits = store.settings().client_output_buffer_limit;
    assert_eq!(
        (limits.pubsub.hard_bytes, limits.replica.hard_bytes),
        (1 << 20, 2 << 20)
    );
    assert_eq!(store.settings().dir, Path::new("/base/data"));
}

#[test]
fn save_lines_add_up_within_file_and_options() {
    for (environment, file, options, points) in [
        (&[][..], "", &[][..], "3600 1 300 100 60 10000"),
        (&[], "save 100 100", &[], "100 100"),
        (&[], "save 900 1", &["--save", "100", "100"], "900 1 100 100"),
        (&[], "save 900 1\nsave 1 2", &["--save", ""], ""),
        (&[], "save 900 1", &["--save", "", "--loglevel", "verbose"], ""),
        (&[], "", &["--save", "--loglevel", "verbose"], ""),
        (&[], "", &["--loglevel", "verbose", "--save"], ""),
        (
            &[],
            "",
            &["--save", "3600", "1", "--save", "60", "100"],
            "3600 1 60 100",
        ),
        (&[], "save \"3600 1 60 100\"", &[], "3600 1 60 100"),
        (&[("FLASHDB_SAVE", "1 2")], "", &[], "1 2"),
        (&[("FLASHDB_SAVE", "1 2")], "save 3 4", &[], "3 4"),
    ] {
        assert_eq!(
            value(&store(environment, file, options), "save"),
            points,
            "{file} {options:?}"
        );
    }
}

#[test]
fn options_as_redis_server_takes_them() {
    for (options, name, shown) in [
        (
            &["--maxmemory 700mb", "--port 7000"][..],
            "maxmemory",
            "734003200",
        ),
        (
            &["loglevel", "verbose", "--maxmemory '700mb'"],
            "maxmemory",
            "734003200",
        ),
        (&["loglevel", "verbose", "--port", "1"], "loglevel", "verbose"),
        (
            &["--proc-title-template", "--my--title--template", "--port", "1"],
            "proc-title-template",
            "--my--title--template",
        ),
        (
            &["--proc-title-template --my--title--template", "--port 1"],
            "port",
            "1",
        ),
        (
            &["--proc-title-template", "--save", "--save", ""],
            "proc-title-template",
            "--save",
        ),
        (
            &["--shutdown-on-sigint", "nosave", "force", "now"],
            "shutdown-on-sigint",
            "nosave now force",
        ),
        (
            &["--shutdown-on-sigterm", "nosave force"],
            "shutdown-on-sigterm",
            "nosave force",
        ),
        (
            &["--appendonly", "no", "--requirepass", "a \"b\" \\"],
            "requirepass",
            "a \"b\" \\",
        ),
    ] {
        assert_eq!(value(&store(&[], "", options), name), shown, "{options:?}");
    }
}

#[test]
fn wrong_options_are_shown_with_the_reason() {
    for (options, line, reason) in [
        (&["--port"][..], "'port'", "wrong number of arguments"),
        (
            &["--port", "6380", "--loglevel"],
            "'loglevel'",
            "wrong number of arguments",
        ),
        (
            &["--port", "6379", "6380"],
            "'port \"6379\" \"6380\"'",
            "wrong number of arguments",
        ),
        (
            &["--port", "--loglevel", "verbose"],
            "'port \"--loglevel\" \"verbose\"'",
            "wrong number of arguments",
        ),
        (
            &["--port", "--bla", "--loglevel", "x"],
            "'port \"--bla\"'",
            "argument couldn't be parsed into an integer",
        ),
        (
            &["--logfile", "--my", "--loglevel", "--bla"],
            "'loglevel \"--bla\"'",
            "argument(s) must be one of the following",
        ),
        (
            &["--shutdown-on-sigint"],
            "'shutdown-on-sigint'",
            "argument(s) must be one of the following",
        ),
        (
            &["--replicaof", "127.0.0.1", "abc"],
            "'replicaof \"127.0.0.1\" \"abc\"'",
            "Invalid master port",
        ),
        (
            &["--replicaof", "--127.0.0.1", "--abc"],
            "'replicaof \"--127.0.0.1\"'",
            "wrong number of arguments",
        ),
        (&["-x"], "'\"-x\"'", "Bad directive or wrong number of arguments"),
    ] {
        let error = read(&[], "", options).expect_err("refused");
        assert!(error.contains(&format!(">>> {line}\n{reason}")), "{error}");
    }
}

#[test]
fn wrong_lines_are_shown_with_their_place() {
    for (line, reason) in [
        ("nosuch 1", "Bad directive or wrong number of arguments"),
        ("maxclient 1", "did you mean 'maxclients'?"),
        ("port", "wrong number of arguments"),
        ("port \"1", "Unbalanced quotes in configuration line"),
        ("shards 3", "argument must be a power of two"),
        ("loadmodule /x.so", "modules of Redis cannot be loaded"),
        ("user", "Bad directive or wrong number of arguments"),
        ("replicaof 10.0.0.1 6379", "replication is not available"),
        ("module.setting 1", "Bad directive or wrong number of arguments"),
    ] {
        let error = read(&[], &format!("# one\nhz 10\n{line}\n"), &[]).expect_err(line);
        assert!(
            error.contains("at line 3\n") && error.contains(line) && error.contains(reason),
            "{error}"
        );
        assert!(error.contains("*** FATAL CONFIG FILE ERROR (FlashDB "), "{error}");
    }
    let error = read(&[("FLASHDB_HZ", "x")], "", &[]).expect_err("refused");
    assert!(
        error.contains("Reading the environment variable FLASHDB_HZ\n>>> 'hz x'"),
        "{error}"
    );
}

#[test]
fn warnings_for_what_has_no_effect() {
    let environment = [
        ("FLASHDB_PORT", "tcp://10.0.0.7:6379"),
        ("FLASHDB_SERVICE_HOST", "10.0.0.7"),
        ("OTHER", "x"),
    ];
    let (store, warnings) = read(
        &environment,
        "replica-read-only yes\nactivedefrag yes\nhz 10",
        &[],
    )
    .expect("accepted");
    assert_eq!(store.settings().port, 6379);
    assert!(!store.settings().activedefrag);
    assert_eq!(warnings.len(), 3, "{warnings:?}");
    assert!(
        warnings[0].ends_with(": FLASHDB_PORT, FLASHDB_SERVICE_HOST"),
        "{warnings:?}"
    );
    assert!(warnings[2].ends_with(": replica-read-only"), "{warnings:?}");
}

#[test]
fn included_files() {
    let folder = std::env::temp_dir().join(format!("flashdb-include-{}", std::process::id()));
    fs::create_dir_all(&folder).expect("folder");
    let write = |name: &str, text: &str| {
        let path = folder.join(name);
        fs::File::create(&path)
            .and_then(|mut file| file.write_all(text.as_bytes()))
            .expect("file");
        path
    };
    write("a.inc", "hz 20\n");
    write("b.inc", "hz 30\nnosuch\n");
    let wild = write(
        "wild.conf",
        &format!(
            "port 1\ninclude {}/[a]*.inc\ninclude {0}/none*.inc\n",
            folder.display()
        ),
    );
    let mut loader = Loader::new();
    loader.file(&wild).expect("accepted");
    assert_eq!(loader.finish(None, Path::new("/")).0.settings().hz, 20);
    let bad = write("bad.conf", &format!("include {}/b.inc", folder.display()));
    let error = Loader::new().file(&bad).expect_err("refused").to_string();
    assert!(
        error.contains("at line 2 of") && error.contains("b.inc"),
        "{error}"
    );
    let own = write("own.conf", &format!("include {}/own.conf", folder.display()));
    assert!(
        Loader::new()
            .file(&own)
            .expect_err("refused")
            .to_string()
            .contains("levels deep")
    );
    let missing = Loader::new()
        .file(&folder.join("missing.conf"))
        .expect_err("refused")
        .to_string();
    assert!(
        missing.contains("missing.conf': No such file or directory"),
        "{missing}"
    );
    fs::remove_dir_all(&folder).expect("removed");
}

#[test]
fn rubbish_is_refused_or_read_but_never_fatal() {
    let mut random = Prng::from_seed(7);
    let words: Vec<&str> = ROWS
        .iter()
        .map(|row| row.name)
        .chain(["include", "user", "rename-command"])
        .collect();
    for _ in 0..20_000 {
        let mut line = Vec::new();
        if random.next_u64().is_multiple_of(2) {
            line.extend(words[random.next_u64() as usize % words.len()].as_bytes());
            line.push(b' ');
        }
        for _ in 0..random.next_u64() % 24 {
            const LIKELY: &[u8] = b" \"'\\xn0123456789-%:.,kmgb*\0\xff";
            let pick = random.next_u64();
            line.push(if pick.is_multiple_of(8) {
                (pick >> 8) as u8
            } else {
                LIKELY[(pick >> 8) as usize % LIKELY.len()]
            });
        }
        let mut loader = Loader::new();
        let outcome = loader.line(&line, &Location::CommandLine, Origin::File, INCLUDE_DEPTH_MAX);
        if outcome.is_ok() {
            let (store, _) = loader.finish(None, Path::new("/"));
            assert!(store.get(&[b"*"]).len() > 200);
        }
    }
}
