//! Replay by several threads makes what replay by one makes.

use super::equivalence_test::{DATABASES, compare, requests, step};
use super::test_live::Live;
use super::test_state::state;
use super::{Commands, Reason, ReplayError, Setup, replay_in_parallel};
use flashdb_base::args::OwnedArgs;
use flashdb_base::prng::Prng;
use flashdb_config::Settings;
use flashdb_io::placement::Placement;
use flashdb_io::topology::{Node, Topology};
use flashdb_log::effects::frames;
use flashdb_store::{Keyspace, Usage};

/// Replays with `workers` threads besides this one; the number of records.
fn replay(space: &Keyspace, bytes: &[u8], workers: usize) -> Result<u64, ReplayError> {
    let (commands, settings) = (Commands::new(), Settings::default());
    let setup = Setup {
        space,
        commands: &commands,
        settings: &settings,
        usage: Usage::Lru,
        now_ms: 1_700_000_900_000,
    };
    replay_in_parallel(setup, 0..workers + 1, |replayer| {
        let mut at = 0;
        for frame in frames(bytes) {
            let frame = frame.expect("sound");
            replayer.apply(&frame, at)?;
            at += frame.bytes_len as u64;
        }
        assert!(!replayer.is_within_group());
        Ok(replayer.records())
    })
}

/// Four core loops on a machine with so many memory nodes, of one CPU each.
fn placement(nodes: usize) -> Placement {
    let node = |number| Node {
        number,
        cores: vec![vec![number]],
    };
    let topology = Topology {
        nodes: (0..nodes).map(node).collect(),
    };
    Placement::new(Some(&topology), 4, &[])
}

#[test]
fn several_threads_make_the_same_state() {
    let mut keys = 0;
    for seed in 0..6 {
        let (lived, _collector) = Keyspace::new(4, DATABASES, 1);
        let mut live = Live::new(&lived, seed);
        let mut requests = requests(seed, 40);
        for _ in 0..6000 {
            step(&mut live, &mut requests);
        }
        let bytes = live.take_frames();
        let expected = state(&lived);
        keys += expected.len();
        for (workers, nodes) in [(0, 1), (1, 1), (2, 1), (3, 1), (1, 2), (3, 2), (2, 4)] {
            let (space, _collector) = Keyspace::new(16, DATABASES, workers + 1);
            let space = space.placed(placement(nodes));
            replay(&space, &bytes, workers).expect("sound");
            compare(&live, &expected, &state(&space), seed);
        }
    }
    // A database that was flushed a moment before the end has few.
    assert!(keys > 6 * 20, "{keys}");
}

/// Strings set and counted at one shard each, with now and then something that touches all of them.
#[test]
fn order_is_kept_around_records_of_several_shards() {
    let (lived, _collector) = Keyspace::new(4, DATABASES, 1);
    let mut live = Live::new(&lived, 1);
    let mut prng = Prng::from_seed(5);
    for at in 0..60_000 {
        let key = |prng: &mut Prng| format!("k{}", prng.below(500));
        let (a, b) = (key(&mut prng), key(&mut prng));
        let line = match (prng.below(20), at % 7001) {
            (_, 0) => "FLUSHALL".into(),
            (_, 1) => "SWAPDB 0 1".into(),
            (0..10, _) => format!("SET {a} {at}"),
            (10..14, _) => format!("APPEND {a} {at}"),
            (14, _) => format!("DEL {a} {b}"),
            (15, _) => format!("MSET {a} {at} {b} {at}"),
            (16, _) => format!("UNLINK {a}"),
            (17, _) if at % 2000 < 40 => format!("BITOP XOR {a} {b} {a}"),
            _ => format!("SETRANGE {a} 3 {at}"),
        };
        live.run(&OwnedArgs::from_words(line.split(' ').map(str::as_bytes)));
    }
    let bytes = live.take_frames();
    let (space, _collector) = Keyspace::new(16, DATABASES, 4);
    let records = replay(&space, &bytes, 3).expect("sound");
    assert!(records > 50_000);
    compare(&live, &state(&lived), &state(&space), 5);
}

/// Of several errors the first in the log is told, whichever thread met it first.
#[test]
fn the_first_error_is_told() {
    let (lived, _collector) = Keyspace::new(4, DATABASES, 1);
    let mut live = Live::new(&lived, 1);
    for at in 0..3000 {
        let line = if at < 1000 { "SET" } else { "LPUSH" };
        let line = format!("{line} key{at} value");
        live.run(&OwnedArgs::from_words(line.split(' ').map(str::as_bytes)));
    }
    let bytes = live.take_frames();
    // All lists are strings already, where the log is replayed a second time into a keyspace with other keys of that name.
    let (space, _collector) = Keyspace::new(16, DATABASES, 4);
    {
        let mut other = Live::new(&space, 1);
        for at in 1500..3000 {
            let line = format!("SET key{at} value");
            other.run(&OwnedArgs::from_words(line.split(' ').map(str::as_bytes)));
        }
    }
    let error = replay(&space, &bytes, 3).expect_err("lists are strings");
    assert_eq!(error.reason, Reason::Refused("WRONGTYPE".into()));
    assert_eq!(error.command, "lpush");
    assert_eq!(error.place.lsn, 1501, "{error}");
}

/// A caller's own error comes back as it is, and the threads end.
#[test]
fn the_callers_error_ends_the_replay() {
    #[derive(Debug, PartialEq)]
    struct Unreadable;
    impl From<ReplayError> for Unreadable {
        fn from(_: ReplayError) -> Self {
            panic!("nothing was replayed");
        }
    }
    let (space, _collector) = Keyspace::new(16, DATABASES, 3);
    let (commands, settings) = (Commands::new(), Settings::default());
    let setup = Setup {
        space: &space,
        commands: &commands,
        settings: &settings,
        usage: Usage::Lru,
        now_ms: 0,
    };
    let ended: Result<(), Unreadable> = replay_in_parallel(setup, 0..3, |_| Err(Unreadable));
    assert_eq!(ended, Err(Unreadable));
}
