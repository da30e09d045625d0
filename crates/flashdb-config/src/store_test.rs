//! CONFIG GET and SET as Redis's introspection tests expect them, and rows against their own rules.

use super::*;
use crate::codec::Choice;
use crate::{LogLevel, MemoryLimit};

const FREE: SetContext = SetContext {
    loading: false,
    protected_allowed: true,
};

fn store() -> ConfigStore {
    ConfigStore::new(Settings {
        dir: std::env::temp_dir(),
        ..Settings::default()
    })
}

fn set(store: &ConfigStore, pairs: &[(&str, &str)]) -> Result<Vec<&'static str>, String> {
    let pairs: Vec<(&[u8], &[u8])> = pairs
        .iter()
        .map(|(name, value)| (name.as_bytes(), value.as_bytes()))
        .collect();
    match store.set(&pairs, FREE, |_, _| Ok(())) {
        Ok(rows) => Ok(rows.iter().map(|row| row.name).collect()),
        Err(error) => Err(error.to_string()),
    }
}

fn value(store: &ConfigStore, name: &str) -> String {
    let found = store.get(&[name.as_bytes()]);
    assert_eq!(found.len(), 1, "{name}");
    String::from_utf8(found[0].1.clone()).expect("text")
}

#[test]
fn rows_are_well_formed() {
    let mut names: Vec<&str> = ROWS.iter().flat_map(Row::names).collect();
    assert!(names.iter().all(|name| *name == name.to_ascii_lowercase()));
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count, "a name is used twice");
    for row in ROWS {
        assert!(
            row.summary.ends_with('.') && !row.domain().is_empty(),
            "{}",
            row.name
        );
        assert!(
            !(row.is(Flags::INERT) && row.is(Flags::NO_EFFECT_YET)),
            "{}",
            row.name
        );
        assert!(
            !(row.is(Flags::IMMUTABLE) && row.is(Flags::AT_START)),
            "{}",
            row.name
        );
    }
}

#[test]
fn every_value_shown_is_accepted_again() {
    let store = store();
    let all = store.get(&[b"*"]);
    assert!(all.len() > 200);
    for (name, shown) in &all {
        let row = crate::find(name).expect("a row");
        let result = store.set(&[(name, shown)], FREE, |row, _| {
            Err(format!("{} changed", row.name).into())
        });
        match result {
            Ok(changed) => assert!(changed.is_empty()),
            Err(_) if row.is(Flags::IMMUTABLE) || row.is(Flags::VOLATILE) => {}
            Err(error) => panic!("{error}"),
        }
    }
    assert_eq!(store.get(&[b"*"]), all);
}

#[test]
fn every_default_is_accepted_from_a_line() {
    let defaults = Settings::default();
    for row in ROWS {
        let mut settings = Settings::default();
        let mut occurrence = Occurrence::First;
        for line in (row.lines)(&defaults) {
            let values = flashdb_base::split_args::split_args(&line).expect("balanced");
            let words = crate::load::words_of_setting(row, &values).expect("words");
            let words: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
            (row.parse)(&words, &mut settings, occurrence)
                .unwrap_or_else(|error| panic!("{}: {error}", row.name));
            occurrence = Occurrence::Further;
        }
        assert!((row.equal)(&settings, &defaults), "{}", row.name);
    }
}

#[test]
fn get_matches_names_and_aliases_once() {
    let store = store();
    let found = store.get(&[b"maxmemory", b"maxmemory*", b"bind", b"*of", b"MAXMEMORY"]);
    let names: Vec<&str> = found
        .iter()
        .map(|(name, _)| std::str::from_utf8(name).expect("text"))
        .collect();
    for name in [
        "maxmemory",
        "maxmemory-samples",
        "maxmemory-clients",
        "bind",
        "slaveof",
        "replicaof",
    ] {
        assert_eq!(
            names.iter().filter(|found| **found == name).count(),
            1,
            "{name} in {names:?}"
        );
    }
    assert!(!names.contains(&"MAXMEMORY"));
    assert_eq!(
        store.get(&[b"MaxMemory"])[0].0.as_ref(),
        b"MaxMemory",
        "as it was typed"
    );
    assert!(store.get(&[b"nonesuch"]).is_empty());
    assert!(
        !store
            .get(&[b"*"])
            .iter()
            .any(|(name, _)| name.as_ref() == b"key-load-delay")
    );
    assert_eq!(value(&store, "key-load-delay"), "0");
}

#[test]
fn values_read_as_redis_shows_them() {
    let store = store();
    for (name, shown) in [
        ("bind", "* -::*"),
        ("save", "3600 1 300 100 60 10000"),
        (
            "client-output-buffer-limit",
            "normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60",
        ),
        ("latency-tracking-info-percentiles", "50 99 99.9"),
        ("oom-score-adj-values", "0 200 800"),
        ("shutdown-on-sigterm", "default"),
        ("proto-max-bulk-len", "536870912"),
        ("unixsocketperm", "0"),
        ("proc-title-template", "{title} {listen-addr} {server-mode}"),
    ] {
        assert_eq!(value(&store, name), shown);
    }
    for (name, given, shown) in [
        ("maxmemory", "700mb", "734003200"),
        ("oom-score-adj", "relative", "yes"),
        ("notify-keyspace-events", "KEA", "AKE"),
        ("maxmemory-clients", "5%", "5%"),
        ("hz", "9999", "500"),
        ("shutdown-on-sigint", "nosave force now", "nosave now force"),
        ("latency-tracking-info-percentiles", "", ""),
        ("save", "", ""),
    ] {
        set(&store, &[(name, given)]).expect("accepted");
        assert_eq!(value(&store, name), shown, "{name}");
    }
    assert_eq!(store.settings().maxmemory_clients, MemoryLimit::Percent(5));
}

#[test]
fn errors_have_the_words_of_redis() {
    let store = store();
    for (pairs, text) in [
        (
            &[("nosuch", "1")][..],
            "ERR Unknown option or number of arguments for CONFIG SET - 'nosuch'",
        ),
        (
            &[("daemonize", "yes")],
            "ERR CONFIG SET failed (possibly related to argument 'daemonize') - can't set immutable config",
        ),
        (
            &[("shards", "8")],
            "ERR CONFIG SET failed (possibly related to argument 'shards') - can't set immutable config",
        ),
        (
            &[("maxmemory", "1"), ("maxmemory", "2")],
            "ERR CONFIG SET failed (possibly related to argument 'maxmemory') - duplicate parameter",
        ),
        (
            &[
                ("maxmemory", "10000001"),
                ("maxmemory-clients", "200%"),
                ("client-query-buffer-limit", "invalid"),
            ],
            "ERR CONFIG SET failed (possibly related to argument 'maxmemory-clients') - percentage argument must be less or equal to 100",
        ),
        (
            &[("LogLevel", "x")],
            "ERR CONFIG SET failed (possibly related to argument 'loglevel') - argument(s) must be one of the following: debug, verbose, notice, warning, nothing",
        ),
        (
            &[("notify-keyspace-events", "q")],
            "ERR CONFIG SET failed (possibly related to argument 'notify-keyspace-events') - Invalid event class character. Use 'Ag$lshzxeKEtmdn'.",
        ),
        (
            &[("dir", "no/such/folder")],
            "ERR CONFIG SET failed (possibly related to argument 'dir') - No such file or directory",
        ),
    ] {
        assert_eq!(set(&store, pairs), Err(text.into()));
    }
    assert!(set(&store, &[("activedefrag", "yes")]).is_err());
    assert_eq!(
        value(&store, "maxmemory"),
        "0",
        "nothing of a refused command stays"
    );
    assert_eq!(store.generation(), 0);
}

#[test]
fn protected_and_loading() {
    let store = store();
    let dir = std::env::temp_dir();
    let dir = dir.as_os_str().as_encoded_bytes();
    let attempt = |context| {
        store
            .set(&[(b"dir", dir)], context, |_, _| Ok(()))
            .map_err(|error| error.to_string())
    };
    let refused = attempt(SetContext {
        loading: false,
        protected_allowed: false,
    });
    assert!(refused.is_err_and(|text| text.ends_with("'dir') - can't set protected config")));
    let loading = attempt(SetContext {
        loading: true,
        protected_allowed: true,
    });
    assert_eq!(
        loading.map(|_| ()),
        Err("LOADING Redis is loading the dataset in memory".into())
    );
    let level = store.set(
        &[(b"loglevel", b"debug")],
        SetContext {
            loading: true,
            ..FREE
        },
        |_, _| Ok(()),
    );
    assert!(level.is_ok());
}

#[test]
fn a_refused_side_effect_undoes_the_others() {
    let store = store();
    let mut calls = Vec::new();
    let result = store.set(
        &[(b"maxclients", b"7"), (b"port", b"1"), (b"hz", b"20")],
        FREE,
        |row, settings| {
            calls.push((row.name, settings.maxclients));
            if row.name == "port" {
                Err("Unable to listen on this port. Check server logs.".into())
            } else {
                Ok(())
            }
        },
    );
    assert_eq!(
        result.map(|_| ()).map_err(|error| error.to_string()),
        Err("ERR CONFIG SET failed (possibly related to argument 'port') - Unable to listen on this port. Check server logs.".into())
    );
    assert_eq!(calls, [("maxclients", 7), ("port", 7), ("maxclients", 10_000)]);
    assert_eq!(store.settings().maxclients, 10_000);
    assert_eq!(store.origin("maxclients"), Some(Origin::Default));
}

#[test]
fn views_see_changes_when_they_refresh() {
    let store = Arc::new(store());
    let mut view = ConfigView::new(Arc::clone(&store));
    assert!(!view.refresh());
    let changed = set(
        &store,
        &[
            ("hash-max-ziplist-entries", "7"),
            ("loglevel", "debug"),
            ("timeout", "0"),
        ],
    );
    assert_eq!(
        changed,
        Ok(vec!["hash-max-listpack-entries", "loglevel"]),
        "unchanged ones are not applied"
    );
    assert_eq!(view.hash_max_listpack_entries, 512);
    assert!(view.refresh() && !view.refresh());
    assert_eq!(
        (view.hash_max_listpack_entries, view.loglevel.name()),
        (7, LogLevel::Debug.name())
    );
    assert_eq!(value(&store, "hash-max-ziplist-entries"), "7");
    assert_eq!(store.origin("hash-max-ziplist-entries"), Some(Origin::Runtime));
}

#[test]
fn changes_are_remembered_and_only_changes() {
    let store = store();
    assert_eq!((store.changed_ms(), store.changes()), (None, Vec::new()));
    set(&store, &[("maxmemory", "1gb"), ("hz", "10")]).expect("accepted");
    set(&store, &[("maxmemory", "1gb")]).expect("accepted, and as it was");
    set(&store, &[("maxmemory", "x")]).expect_err("no number");
    let changes = store.changes();
    assert_eq!((changes.len(), &changes[0].names), (1, &vec!["maxmemory"]));
    assert_eq!(store.changed_ms(), Some(changes[0].at_ms));
    for percent in 0..300 {
        set(&store, &[("maxmemory", &format!("{}mb", 10 + percent))]).expect("accepted");
    }
    assert_eq!(store.changes().len(), CHANGES_MAX, "the oldest leave");
}
