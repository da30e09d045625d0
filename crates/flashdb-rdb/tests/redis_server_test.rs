//! Files of a real redis-server read and written again: the copy must satisfy redis-check-rdb and give the server the same data.

#![allow(clippy::unwrap_used)] // a panic is how a test fails

mod redis_server;

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use flashdb_rdb::aof::{AofItem, AofReader};
use flashdb_rdb::{EncodeLimits, FileItem, FileReader, FileVersion, FileWriter, write_value};
use redis_server::{RedisServer, Reply, check_rdb, populate, program};

/// A folder of this test's own, removed when dropped.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("flashdb-rdb-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Reads a file and writes all of it anew.
fn copy(from: &Path, to: &Path, limits: &EncodeLimits) -> usize {
    let mut writer = FileWriter::with_version(File::create(to).unwrap(), limits.version, limits.compress);
    let mut entries = 0;
    for item in FileReader::new(File::open(from).unwrap()).unwrap() {
        match item.unwrap() {
            FileItem::Aux { name, value } => writer.aux(&name, &value).unwrap(),
            FileItem::SelectDb(db) => writer.select_db(db, 0, 0).unwrap(),
            FileItem::Function(source) => writer.function(&source).unwrap(),
            FileItem::Entry(entry) => {
                entries += 1;
                writer
                    .entry(&entry.key, entry.expire_at_ms, entry.access, |out| {
                        write_value(out, &entry.value, limits)
                    })
                    .unwrap();
            }
            FileItem::ResizeDb { .. } => {}
            FileItem::End { verified } => assert!(verified),
            FileItem::Skipped(skipped) => panic!("{skipped}"),
        }
    }
    writer.finish().unwrap().sync_all().unwrap();
    entries
}

#[test]
fn version_10_gives_redis_7_the_same_data() {
    let Some(program) = program() else { return };
    let folder = Folder::new("copies");
    let eviction = ["--maxmemory-policy", "allkeys-lfu"];
    for (index, options) in [
        &[][..],
        &["--rdbcompression", "no", "--rdbchecksum", "no"],
        &eviction,
        &[
            "--list-max-listpack-size",
            "3",
            "--hash-max-listpack-entries",
            "0",
        ],
        &[
            "--set-max-intset-entries",
            "0",
            "--zset-max-listpack-entries",
            "0",
        ],
    ]
    .into_iter()
    .enumerate()
    {
        let place = folder.0.join(index.to_string());
        fs::create_dir_all(&place).unwrap();
        let mut server = RedisServer::start(&program, &place, options).unwrap();
        populate(&mut server);
        let expected = (server.digest(), server.say("XINFO STREAM stream FULL"));
        server.say("SAVE");
        drop(server);
        let original = place.join("dump.rdb");
        if options.contains(&"--rdbchecksum") {
            // A file without a checksum is not a verified one.
            let last = FileReader::new(File::open(&original).unwrap()).unwrap().last();
            assert!(matches!(last, Some(Ok(FileItem::End { verified: false }))));
            continue;
        }
        for compress in [true, false] {
            let limits = EncodeLimits {
                version: FileVersion::V10,
                compress,
                ..EncodeLimits::default()
            };
            let copied = place.join("copy.rdb");
            assert!(copy(&original, &copied, &limits) > 2020);
            let (good, said) = check_rdb(&program, &copied);
            assert!(good, "{said}");
            let mut server = RedisServer::start(&program, &place, &["--dbfilename", "copy.rdb"]).unwrap();
            // The digest does not see a stream's groups.
            let copied = (server.digest(), server.say("XINFO STREAM stream FULL"));
            assert_eq!(copied, expected, "{options:?}");
        }
    }
}

/// Rewrites the append-only file and waits for the end of it.
fn rewrite_aof(server: &mut RedisServer) {
    server.say("BGREWRITEAOF");
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let Reply::Text(info) = server.say("INFO persistence") else {
            panic!("INFO is a text")
        };
        let info = String::from_utf8_lossy(&info).into_owned();
        if info.contains("aof_rewrite_in_progress:0") && info.contains("aof_rewrite_scheduled:0") {
            assert!(info.contains("aof_last_bgrewrite_status:ok"), "{info}");
            return;
        }
        assert!(Instant::now() < deadline, "no end of the rewrite: {info}");
        std::thread::yield_now();
    }
}

/// Gives a fresh server everything that append-only files hold: their RDB part as a file of our own, then each command.
fn replay(
    program: &Path,
    folder: &Path,
    items: impl Iterator<Item = AofItem>,
) -> (RedisServer, Vec<AofItem>) {
    let limits = EncodeLimits {
        version: FileVersion::V10,
        ..EncodeLimits::default()
    };
    fs::create_dir_all(folder).unwrap();
    let file = File::create(folder.join("dump.rdb")).unwrap();
    let mut writer = FileWriter::with_version(file, limits.version, true);
    let mut others = Vec::new();
    for item in items {
        match item {
            AofItem::Rdb(FileItem::SelectDb(db)) => writer.select_db(db, 0, 0).unwrap(),
            AofItem::Rdb(FileItem::Entry(entry)) => writer
                .entry(&entry.key, entry.expire_at_ms, None, |out| {
                    write_value(out, &entry.value, &limits)
                })
                .unwrap(),
            other => others.push(other),
        }
    }
    writer.finish().unwrap();
    let mut server = RedisServer::start(program, folder, &[]).unwrap();
    for item in &others {
        match item {
            AofItem::SelectDb(db) => {
                server.say(&format!("SELECT {db}"));
            }
            AofItem::Command(args) => {
                server.run(&args.as_args().iter().collect::<Vec<_>>());
            }
            _ => {}
        }
    }
    (server, others)
}

#[test]
fn append_only_files_give_the_same_data() {
    let Some(program) = program() else { return };
    let folder = Folder::new("aof");
    for preamble in ["yes", "no"] {
        let place = folder.0.join(preamble);
        fs::create_dir_all(&place).unwrap();
        let options = ["--appendonly", "yes", "--aof-timestamp-enabled", "yes"];
        let options = [&options[..], &["--aof-use-rdb-preamble", preamble]].concat();
        let mut server = RedisServer::start(&program, &place, &options).unwrap();
        populate(&mut server);
        // Then the base holds it all, as an RDB file or as commands.
        rewrite_aof(&mut server);
        for line in [
            "MULTI",
            "SET grouped 1",
            "INCRBY grouped 41",
            "EXEC",
            "RPUSH list behind",
            "DEL int8",
        ] {
            server.say(line);
        }
        let expected = server.digest();
        server.say("SET last command");
        drop(server);

        let manifest = place.join("appendonlydir/appendonly.aof.manifest");
        let read = || AofReader::of_manifest(&manifest).unwrap().map(Result::unwrap);
        let whole = read()
            .filter(|item| !matches!(item, AofItem::Command(args) if args.as_args().get(1) == Some(b"last")));
        let (mut copy, others) = replay(&program, &place.join("copy"), whole);
        assert_eq!(copy.digest(), expected);
        assert_eq!(
            others.iter().filter(|item| **item == AofItem::GroupBegin).count(),
            1
        );
        drop(copy);

        // Without its last bytes the file lacks its last command.
        let last = fs::read_dir(manifest.parent().unwrap())
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .find(|path| path.to_string_lossy().ends_with("incr.aof"))
            .unwrap();
        let file = File::options().write(true).open(&last).unwrap();
        file.set_len(file.metadata().unwrap().len() - 5).unwrap();
        let (mut copy, others) = replay(&program, &place.join("torn"), read());
        assert_eq!(copy.digest(), expected);
        assert!(matches!(others.last(), Some(AofItem::Dropped(_))));
    }
}

/// Redis 7.0 does not know version 11; its checker says nothing worse.
#[test]
fn version_11_is_too_new_for_redis_7_0_only() {
    let Some(program) = program() else { return };
    let folder = Folder::new("newer");
    let mut server = RedisServer::start(&program, &folder.0, &[]).unwrap();
    populate(&mut server);
    server.say("SAVE");
    drop(server);
    let copied = folder.0.join("copy.rdb");
    copy(&folder.0.join("dump.rdb"), &copied, &EncodeLimits::default());
    let (good, said) = check_rdb(&program, &copied);
    assert!(
        good || said.contains("Can't handle RDB format version 11"),
        "{said}"
    );
}
