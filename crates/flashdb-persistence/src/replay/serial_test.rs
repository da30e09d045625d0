//! Replay by one thread: what counts and what does not, the clock, and errors.

use super::test_state::state;
use super::{Commands, Reason, ReplayError, Replayer, Setup};
use flashdb_config::Settings;
use flashdb_log::effects::frames;
use flashdb_log::{EffectBuffer, Log};
use flashdb_store::{Keyspace, Usage, idle_seconds};

const NOW_MS: i64 = 1_700_000_000_000;

/// Frames, each of one or more requests for database 0.
fn logged(groups: &[&[&str]]) -> Vec<u8> {
    let (log, mut buffer) = (Log::default(), EffectBuffer::default());
    log.enable(true);
    for group in groups {
        for line in *group {
            let words: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
            buffer.push(0, false, words.len(), |at| words[at]);
        }
        buffer.end_frame();
    }
    log.append(&mut buffer);
    log.take(Vec::new()).bytes
}

/// Replays into an empty keyspace; the keys of database 0 with what they hold.
fn replayed(bytes: &[u8]) -> Result<Vec<String>, ReplayError> {
    let (space, _collector) = Keyspace::new(4, 2, 1);
    replay_into(&space, bytes)?;
    Ok(state(&space)
        .into_iter()
        .map(|((_, key), value)| format!("{key} {value}"))
        .collect())
}

fn replay_into(space: &Keyspace, bytes: &[u8]) -> Result<(), ReplayError> {
    let (commands, settings) = (Commands::new(), Settings::default());
    let setup = Setup {
        space,
        commands: &commands,
        settings: &settings,
        usage: Usage::Lru,
        now_ms: NOW_MS,
    };
    let mut replayer = Replayer::new(setup, 0);
    for (at, frame) in frames(bytes).enumerate() {
        replayer.apply(&frame.expect("sound"), at as u64)?;
    }
    Ok(())
}

#[test]
fn nothing_expires_and_keys_look_used_just_now() {
    let bytes = logged(&[
        &["SET a 1 PXAT 5"],
        &["APPEND a 2"],
        &["PERSIST a"],
        &["HSET h f 1"],
        &["HPEXPIREAT h 5 FIELDS 1 f"],
        &["HINCRBY h f 2"],
        &["SADD s x"],
        &["PEXPIREAT s 7"],
    ]);
    assert_eq!(
        replayed(&bytes).expect("sound"),
        ["a string: 12", "h hash: f=3@5", "s set until 7: x"]
    );
    let (space, _collector) = Keyspace::new(4, 2, 1);
    replay_into(&space, &bytes).expect("sound");
    for key in [b"a", b"h", b"s"] {
        let held = space.lock_one(space.shard_of(key));
        let shard = held.shard(space.shard_of(key)).expect("locked");
        let entry = shard
            .database(0)
            .find(key, flashdb_base::hash::hash_bytes(key))
            .expect("there");
        assert_eq!(idle_seconds(entry.access(), NOW_MS), 0);
    }
}

#[test]
fn messages_for_followers_are_passed_over() {
    let bytes = logged(&[&["PUBLISH c m"], &["SET a 1"], &["spublish c m"]]);
    assert_eq!(replayed(&bytes).expect("sound"), ["a string: 1"]);
}

/// PER-25
#[test]
fn a_group_counts_with_its_last_frame() {
    use flashdb_log::record::{CONTINUES, FRAME_PREFIX};
    let mut bytes = logged(&[&["SET a 1", "SET b 2"], &["SET c 3", "SADD d x"], &["SET e 4"]]);
    // The first frame is said to go on in the second.
    bytes[FRAME_PREFIX + 1] |= CONTINUES;
    let len = flashdb_log::record::frame_len(&bytes).expect("whole");
    let crc = crc32c::crc32c_append(crc32c::crc32c(&bytes[FRAME_PREFIX..len]), &bytes[4..FRAME_PREFIX]);
    bytes[..4].copy_from_slice(&crc.to_le_bytes());
    assert_eq!(replayed(&bytes).expect("sound").len(), 5);
    assert_eq!(replayed(&bytes[..len]).expect("sound").len(), 0);
    // What follows is no group.
    let second = flashdb_log::record::frame_len(&bytes[len..]).expect("whole");
    let broken = [&bytes[..len], &bytes[len + second..]].concat();
    assert_eq!(
        replayed(&broken).map_err(|error| error.reason),
        Err(Reason::BrokenGroup)
    );
}

#[test]
fn errors_name_place_and_command_and_no_values() {
    let error = |groups: &[&[&str]]| replayed(&logged(groups)).expect_err("does not fit");
    let wrong_type = error(&[&["SET a secret"], &["LPUSH a secret"]]);
    assert_eq!(
        wrong_type.to_string(),
        "the record with LSN 2 (lpush) cannot be replayed: the state before it does not allow it (WRONGTYPE)"
    );
    assert_eq!(wrong_type.place.at, 1);
    for (line, command, reason) in [
        ("NOSUCH secret", "", Reason::UnknownCommand),
        ("CONFIG SET secret 1", "", Reason::UnknownCommand),
        ("RENAME a", "", Reason::UnknownCommand),
        ("HSET a", "hset", Reason::UnknownCommand),
        ("RENAME secret other", "rename", Reason::Refused("ERR".into())),
        ("LMPOP secret a LEFT", "lmpop", Reason::Refused("ERR".into())),
        (
            "XGROUP CREATE secret g 0",
            "xgroup|create",
            Reason::Refused("ERR".into()),
        ),
    ] {
        let found = error(&[&[line]]);
        assert_eq!(
            (found.command.as_str(), &found.reason),
            (command, &reason),
            "{line}"
        );
        assert!(!found.to_string().contains("secret"), "{found}");
    }
}

/// A record that this version would not write, with a sound checksum, is an error and no panic.
#[test]
fn records_of_any_shape_do_no_harm() {
    use flashdb_log::record::{FRAME_MIN, FRAME_PREFIX};
    let whole = logged(&[
        &["SET k v PXAT 99"],
        &["XADD k 1-1 f v"],
        &["MSET a 1 b 2", "DEL k"],
    ]);
    let mut prng = flashdb_base::prng::Prng::from_seed(3);
    let mut refused = 0;
    for _ in 0..20_000 {
        let mut bytes = whole.clone();
        for _ in 0..1 + prng.below(3) {
            let at = prng.below(bytes.len() as u64) as usize;
            bytes[at] = prng.next_u64() as u8;
        }
        let mut rest = &mut bytes[..];
        // Checksums are made to fit; lengths that lead out of the file are the reader's to find.
        while let Ok(len) = flashdb_log::record::frame_len(rest) {
            if len > rest.len() || len < FRAME_MIN {
                break;
            }
            let crc = crc32c::crc32c_append(crc32c::crc32c(&rest[FRAME_PREFIX..len]), &rest[4..FRAME_PREFIX]);
            rest[..4].copy_from_slice(&crc.to_le_bytes());
            rest = &mut rest[len..];
        }
        let (space, _collector) = Keyspace::new(2, 2, 1);
        let sound: Vec<u8> = frames(&bytes)
            .map_while(Result::ok)
            .scan(0, |start, frame| {
                let bytes = &bytes[*start..*start + frame.bytes_len];
                *start += frame.bytes_len;
                Some(bytes)
            })
            .flatten()
            .copied()
            .collect();
        refused += usize::from(replay_into(&space, &sound).is_err());
    }
    assert!(refused > 1000, "{refused} were refused");
}
