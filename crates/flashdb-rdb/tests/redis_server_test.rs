//! Files of a real redis-server read and written again: the copy must satisfy redis-check-rdb and give the server the same data.

#![allow(clippy::unwrap_used)] // a panic is how a test fails

mod redis_server;

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use flashdb_rdb::{EncodeLimits, FileItem, FileReader, FileVersion, FileWriter, write_value};
use redis_server::{RedisServer, check_rdb, populate, program};

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
