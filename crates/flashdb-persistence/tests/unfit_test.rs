//! A start whose newest snapshot has pieces that do not fit together: it goes back to an older one and the log behind it, and where
//! that would lose something it stops, naming file, offset and key. And those who verify a file see it without loading it.

mod crafted;

use crafted::{Crafted, NOW_MS, head, piece, write};
use flashdb_config::{Recover, Settings};
use flashdb_disk::{Disk, SimDisk};
use flashdb_log::{EffectBuffer, Log, LogListener, LogWriter, Lsn, StepOutcome, WriterParts, WriterSettings};
use flashdb_persistence::check::check;
use flashdb_persistence::load::LoadProgress;
use flashdb_persistence::recover::{RecoverOptions, Recovered, recover};
use flashdb_persistence::{DataFolder, PersistenceError, offline};
use flashdb_snapshot::{Collection, Member, Portion, SnapshotInfo};
use flashdb_store::{Keyspace, Usage, ValueRef};
use std::path::Path;
use std::sync::Arc;

/// LSN of the sound snapshot, which is the state after the first frame.
const OLDER: Lsn = 1;
/// LSN of the other, which is the state after the last frame.
const NEWER: Lsn = 3;

struct Nobody;

impl LogListener for Nobody {
    fn durable(&self, _: Lsn) {}
    fn health_changed(&self, _: bool) {}
    fn drained(&self) {}
}

/// Writes a log of one frame for each request for database 0.
fn write_log(folder: &DataFolder, requests: &[&str]) {
    let log = Arc::new(Log::new(0));
    log.enable(true);
    let parts = WriterParts {
        disk: folder.disk().clone(),
        dir: folder.dir().to_owned(),
        history: folder.history().0,
        log: log.clone(),
        listener: Arc::new(Nobody),
    };
    let mut writer =
        LogWriter::create(parts, WriterSettings::default(), 0, NOW_MS as u64).expect("a sound disk");
    let mut buffer = EffectBuffer::default();
    for request in requests {
        let words: Vec<&[u8]> = request.split(' ').map(str::as_bytes).collect();
        buffer.push(0, false, words.len(), |at| words[at]);
        buffer.end_frame();
    }
    log.append(&mut buffer);
    assert!(matches!(writer.step(NOW_MS as u64), StepOutcome::Progress { .. }));
    writer.close(NOW_MS as u64).expect("a sound disk");
}

/// What a start makes of the folder: the members of its one key.
fn started(folder: &DataFolder, on_damage: Recover) -> Result<(Recovered, Vec<String>), PersistenceError> {
    let settings = Settings::default();
    let space = offline::keyspace(&settings);
    let options = RecoverOptions {
        on_damage,
        to: None,
        settings: &settings,
        usage: Usage::Lru,
        now_ms: NOW_MS,
        read_only: false,
    };
    let lanes = offline::lanes(&space);
    let recovered = recover(&space, folder, options, lanes, &LoadProgress::default())?;
    Ok((recovered, members(&space)))
}

fn members(space: &Keyspace) -> Vec<String> {
    let mut members = Vec::new();
    space.lock_as_touched().for_each_shard(|_, shard| {
        for entry in shard.database(0).iter() {
            let ValueRef::ZSet(zset) = entry.value() else {
                panic!("only a sorted set was written");
            };
            members.extend(
                zset.iter()
                    .map(|(member, _)| String::from_utf8_lossy(member).into_owned()),
            );
        }
    });
    members.sort();
    members
}

fn list_head(elements: u64) -> Crafted {
    (Portion::Head, Collection::List, head(elements).2)
}

fn elements(first: u64, elements: &[&[u8]]) -> Crafted {
    let mut payload = Vec::new();
    for (index, element) in (first..).zip(elements) {
        Member::List(index, element).put(&mut payload);
    }
    (Portion::Piece, Collection::List, payload)
}

/// All ways in which pieces do not fit together that differ in when they are noticed.
fn unfit() -> Vec<Vec<Crafted>> {
    let [a, b, c] = [b"a".as_slice(), b"b", b"c"].map(|member| (member, 1.0));
    vec![
        vec![piece(&[a, b]), piece(&[c])],
        vec![head(3), piece(&[a, b])],
        vec![head(2), piece(&[a, b, c])],
        vec![head(3), piece(&[a, b]), piece(&[b])],
        vec![head(3), head(3), piece(&[a, b, c])],
        vec![
            head(3),
            piece(&[a, b, c]),
            (Portion::Whole, Collection::Set, b"\x01v".to_vec()),
        ],
        vec![list_head(3), elements(0, &[b"a", b"b"]), elements(3, &[b"c"])],
        vec![list_head(3), elements(0, &[b"a", b"b"]), elements(1, &[b"c"])],
        vec![list_head(2), elements(1, &[b"a", b"b"])],
    ]
}

/// A folder with a sound snapshot, a newer one of these entries, and a log if it is asked for.
fn folder(newer: &[Crafted], with_log: bool) -> (DataFolder, SnapshotInfo) {
    let disk: Arc<dyn Disk> = Arc::new(SimDisk::new(1));
    let folder = DataFolder::open(disk, Path::new("/data")).expect("an empty disk");
    write(&folder, &[head(1), piece(&[(b"a", 1.0)])], OLDER);
    let info = write(&folder, newer, NEWER);
    if with_log {
        write_log(&folder, &["ZADD key 1 a", "ZADD key 1 b", "ZADD key 1 c"]);
    }
    (folder, info)
}

#[test]
fn a_start_goes_back_to_an_older_snapshot_and_the_log_behind_it() {
    for newer in unfit() {
        let (folder, info) = folder(&newer, true);
        let (recovered, members) = started(&folder, Recover::Stop).expect("the log has all of it");
        assert_eq!(members, ["a", "b", "c"]);
        assert_eq!((recovered.state, recovered.frames), (NEWER, 2));
        assert_eq!(recovered.snapshot.map(|info| info.meta.lsn), Some(OLDER));
        let [warning] = &recovered.warnings[..] else {
            panic!("one file is damaged: {:?}", recovered.warnings);
        };
        assert!(warning.contains(&*info.path.to_string_lossy()), "{warning}");
    }
}

#[test]
fn a_start_stops_where_the_log_is_gone_and_goes_on_only_with_consent() {
    for newer in unfit() {
        let (folder, info) = folder(&newer, false);
        let error = started(&folder, Recover::Stop)
            .expect_err("two frames are nowhere")
            .to_string();
        for part in [&*info.path.to_string_lossy(), "offset", "\"key\"", "LSN 1"] {
            assert!(error.contains(part), "{error}: {part}");
        }
        let (recovered, members) = started(&folder, Recover::Skip).expect("consent");
        assert_eq!((recovered.state, members), (OLDER, vec!["a".to_owned()]));
    }
}

#[test]
fn who_verifies_the_file_sees_it() {
    for newer in unfit() {
        let (folder, info) = folder(&newer, true);
        let path = &*info.path.to_string_lossy();
        let report = check(folder.disk(), folder.dir()).expect("readable");
        let [damage] = &report.damage[..] else {
            panic!("one file is damaged: {:?}", report.damage);
        };
        assert!(damage.contains(path) && damage.contains("offset"), "{damage}");
        assert_eq!(report.snapshot, Some(OLDER));

        let empty = DataFolder::open(folder.disk().clone(), Path::new("/other")).expect("an empty folder");
        let error = offline::place(&empty, &info.path)
            .expect_err("it is not restored")
            .to_string();
        assert!(error.contains(path) && error.contains("offset"), "{error}");
        assert!(empty.is_empty().expect("readable"));
    }
}
