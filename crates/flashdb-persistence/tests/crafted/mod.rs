//! Snapshots made by hand, which no server would write: all entries belong to one key, and need not fit together. Their checksums
//! match, so that only who looks at the entries can know.

use flashdb_config::Settings;
use flashdb_persistence::{DataFolder, offline};
use flashdb_snapshot::{
    BlockBuilder, Collection, Compression, EntryRef, Member, Portion, SnapshotId, SnapshotInfo, SnapshotMeta,
    SnapshotWriter, put_head,
};

/// When they were made, Unix time.
pub const NOW_MS: i64 = 1_700_000_000_000;

/// What an entry is, of what type, and its payload.
pub type Crafted = (Portion, Collection, Vec<u8>);

/// The head of a sorted set of so many members.
pub fn head(members: u64) -> Crafted {
    let mut payload = Vec::new();
    put_head(members, &mut payload);
    (Portion::Head, Collection::ZSet, payload)
}

/// Some members of a sorted set.
pub fn piece(members: &[(&[u8], f64)]) -> Crafted {
    let mut payload = Vec::new();
    for (member, score) in members {
        Member::ZSet(member, *score).put(&mut payload);
    }
    (Portion::Piece, Collection::ZSet, payload)
}

/// Writes a full snapshot whose entries all belong to one key, each in a block of its own.
pub fn write(folder: &DataFolder, entries: &[Crafted], lsn: u64) -> SnapshotInfo {
    let space = offline::keyspace(&Settings::default());
    let key = b"key";
    let meta = SnapshotMeta {
        id: SnapshotId(lsn.to_le_bytes().repeat(2).try_into().expect("16 bytes")),
        lsn,
        base: None,
        history: folder.history(),
        created_ms: NOW_MS,
        label: String::new(),
        kept: false,
        databases: 16,
        shards: space.shards_count() as u32,
        hash_seed: flashdb_base::hash::seed().to_bytes().to_vec(),
        compression: Compression::None,
    };
    let mut writer = SnapshotWriter::create(folder.disk().clone(), folder.dir(), meta).expect("a sound disk");
    for (portion, collection, payload) in entries {
        let mut builder = BlockBuilder::entries(space.shard_of(key));
        let value_type = match portion {
            Portion::Whole => 0,
            Portion::Head | Portion::Piece => collection.code(),
        };
        assert!(builder.push_entry(&EntryRef {
            db: 0,
            key,
            expire_at_ms: None,
            access: 0,
            raw: false,
            portion: *portion,
            value_type,
            payload,
        }));
        writer.append(&mut builder).expect("a sound disk");
    }
    writer.finish().expect("a sound disk")
}
