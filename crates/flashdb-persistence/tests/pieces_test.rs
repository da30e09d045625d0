//! Large collections through snapshots: captured in pieces while they change, loaded, consolidated; and files whose pieces do
//! not fit together, under checksums that match.

mod crafted;

use crafted::{NOW_MS, head, piece, write};
use flashdb_base::notify_flags::NotifyFlags;
use flashdb_base::prng::Prng;
use flashdb_config::Settings;
use flashdb_disk::{Disk, SimDisk};
use flashdb_persistence::checkpoint::{Checkpoint, CheckpointOptions, Step};
use flashdb_persistence::load::{LoadProgress, SeededHashes, load_chain};
use flashdb_persistence::{DataFolder, PersistenceError, offline};
use flashdb_snapshot::{
    Base, Chain, ChainReader, Collection, Compression, Member, Portion, SnapshotInfo, SnapshotReader,
    consolidate,
};
use flashdb_store::{Access, Expiry, Keyspace, Policy, Usage, Value, ValueRef};
use flashdb_types::hash::{FieldTtl, Hash, HashLimits};
use flashdb_types::list::{self, End, List};
use flashdb_types::set::{Set, SetLimits};
use flashdb_types::zset::{Limits, ZSet};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

const MEMBERS: u64 = 3000;

/// Key, to expiry and members.
type State = BTreeMap<Vec<u8>, (Option<i64>, BTreeMap<Vec<u8>, String>)>;

fn state(space: &Keyspace) -> State {
    let mut state = State::new();
    space.lock_as_touched().for_each_shard(|_, shard| {
        for entry in shard.database(0).iter() {
            let members = match entry.value() {
                ValueRef::List(list) => (0u64..)
                    .zip(list.iter())
                    .map(|(index, element)| {
                        let index = index.to_be_bytes().to_vec();
                        (index, String::from_utf8_lossy(element).into_owned())
                    })
                    .collect(),
                ValueRef::Set(set) => set
                    .iter()
                    .map(|member| (member.to_vec(), String::new()))
                    .collect(),
                ValueRef::ZSet(zset) => zset
                    .iter()
                    .map(|(member, score)| (member.to_vec(), score.to_string()))
                    .collect(),
                ValueRef::Hash(hash) => hash
                    .iter()
                    .map(|field| {
                        (
                            field.name.to_vec(),
                            format!("{:?} {:?}", field.value, field.expires_at_ms),
                        )
                    })
                    .collect(),
                other => panic!("no {} was written", other.type_name()),
            };
            state.insert(entry.key().to_vec(), (entry.expire_at_ms(), members));
        }
    });
    state
}

/// Changes of the keys `set:`, `zset:`, `hash:` and `list:` with a number.
struct Traffic<'k> {
    data: Access<'k>,
    prng: Prng,
}

impl<'k> Traffic<'k> {
    fn new(space: &'k Keyspace) -> Self {
        let policy = Policy {
            touch: false,
            usage: Usage::Lru,
            expire: true,
        };
        let mut data = Access::new(space, policy, Prng::from_seed(3));
        data.now_ms = NOW_MS;
        Traffic {
            data,
            prng: Prng::from_seed(4),
        }
    }

    fn key(&mut self) -> Vec<u8> {
        let kind = ["set", "zset", "hash", "list"][self.prng.below(4) as usize];
        format!("{kind}:{}", self.prng.below(4)).into_bytes()
    }

    fn member(&mut self) -> Vec<u8> {
        format!("member of a collection {}", self.prng.below(2 * MEMBERS)).into_bytes()
    }

    fn add_some(&mut self, key: &[u8], count: u64) {
        for _ in 0..count {
            let member = self.member();
            let number = self.prng.below(1000);
            if key.starts_with(b"set") {
                let mut set = self.data.write_or_create(key, Set::new).expect("a set");
                set.insert(&member, &SetLimits::default());
            } else if key.starts_with(b"zset") {
                let mut zset = self.data.write_or_create(key, ZSet::new).expect("a zset");
                zset.insert(&member, number as f64, &Limits::default());
            } else if key.starts_with(b"list") {
                let mut list = self.data.write_or_create(key, List::new).expect("a list");
                let end = [End::Front, End::Back][number as usize % 2];
                list.push(end, &member, &list::Limits::default());
            } else {
                let mut hash = self.data.write_or_create(key, Hash::new).expect("a hash");
                let ttl = match number % 2 {
                    0 => FieldTtl::At(NOW_MS as u64 * 2 + number),
                    _ => FieldTtl::Clear,
                };
                hash.set(&member, &member, ttl, &HashLimits::default());
            }
        }
    }

    fn run(&mut self) {
        let (key, member) = (self.key(), self.member());
        let shard = self.data.space().shard_of(&key);
        self.data.hold(|space| space.lock_one(shard));
        match self.prng.below(60) {
            0 => drop(self.data.remove(&key)),
            1 => drop(self.data.set_expiry(&key, Some(NOW_MS + 1_000_000))),
            2 => {
                let empty = match key[0] {
                    b's' => Value::Set(Set::new()),
                    b'z' => Value::ZSet(ZSet::new()),
                    b'l' => Value::List(List::new()),
                    _ => Value::Hash(Hash::new()),
                };
                self.data.set_value(&key, empty, Expiry::Clear);
                self.add_some(&key, 1);
            }
            3 => self.add_some(&key, MEMBERS),
            4..20 => {
                if let Ok(Some(mut set)) = self.data.write::<Set>(&key) {
                    set.remove(&member);
                } else if let Ok(Some(mut list)) = self.data.write::<List>(&key) {
                    let at = self.prng.below(list.len() as u64) as usize;
                    list.set(at, &member, &list::Limits::default());
                    list.pop_front();
                    list.pop_back();
                } else if let Ok(Some(mut zset)) = self.data.write::<ZSet>(&key) {
                    zset.pop_min(2, |_| ());
                } else if let Ok(Some(mut hash)) = self.data.write::<Hash>(&key) {
                    hash.remove(&member);
                }
            }
            _ => self.add_some(&key, 2),
        }
        self.data.remove_if::<Set>(&key, Set::is_empty);
        self.data.remove_if::<ZSet>(&key, ZSet::is_empty);
        self.data.remove_if::<Hash>(&key, Hash::is_empty);
        self.data.remove_if::<List>(&key, List::is_empty);
        self.data.changed(&key, NotifyFlags::GENERIC, "test");
        self.data.effects.discard();
        self.data.release();
    }
}

fn options(since: Option<(Base, u64)>) -> CheckpointOptions {
    CheckpointOptions {
        label: String::new(),
        kept: false,
        since,
        track: true,
        memory_limit_bytes: 1 << 20,
        compression: Compression::Lz4,
    }
}

fn folder(seed: u64) -> DataFolder {
    let disk: Arc<dyn Disk> = Arc::new(SimDisk::new(seed));
    DataFolder::open(disk, Path::new("/data")).expect("an empty disk")
}

/// Takes a snapshot while the collections change; its info, epoch, and the state at the cut.
fn snapshot(
    traffic: &mut Traffic<'_>,
    folder: &DataFolder,
    settings: &Settings,
    since: Option<(Base, u64)>,
) -> (SnapshotInfo, u64, State) {
    let space = traffic.data.space();
    space.log().continue_after(space.log().appended() + 1);
    let mut checkpoint =
        Checkpoint::begin(space, folder, settings, options(since), NOW_MS).expect("no other runs");
    let (epoch, at_cut) = (checkpoint.epoch(), state(space));
    while checkpoint.step(space, folder) != Step::Done {
        traffic.run();
    }
    (checkpoint.finish().expect("a sound disk"), epoch, at_cut)
}

fn load(folder: &DataFolder, settings: &Settings, info: &SnapshotInfo) -> Result<State, PersistenceError> {
    let catalog = folder.catalog()?;
    let chain = Chain::of(&catalog, info).expect("all files of the chain are there");
    let space = offline::keyspace(settings);
    let lanes = offline::lanes(&space);
    let disk = folder.disk().as_ref();
    load_chain(&space, settings, disk, &chain, lanes, &LoadProgress::default())?;
    Ok(state(&space))
}

fn pieces_in(folder: &DataFolder, info: &SnapshotInfo) -> usize {
    let reader = SnapshotReader::open(folder.disk().as_ref(), &info.path).expect("just written");
    reader.verify().expect("just written");
    let mut buffer = flashdb_snapshot::BlockBuffer::new();
    let mut pieces = 0;
    for index in 0..reader.blocks().len() {
        let block = reader.read_block(index, &mut buffer).expect("verified");
        let entries = block.entries().map(|entry| entry.expect("verified"));
        pieces += entries.filter(|entry| entry.portion == Portion::Piece).count();
    }
    pieces
}

#[test]
fn a_chain_with_values_in_pieces_is_the_state_at_its_cuts() {
    let settings = Settings::default();
    let (folder, space) = (folder(1), offline::keyspace(&settings));
    let mut traffic = Traffic::new(&space);
    (0..300).for_each(|_| traffic.run());
    let (full, mut epoch, at_cut) = snapshot(&mut traffic, &folder, &settings, None);
    assert_eq!(load(&folder, &settings, &full).expect("sound"), at_cut);
    let mut pieces = pieces_in(&folder, &full);
    let mut base = full;
    for _ in 0..6 {
        let since = Base {
            id: base.meta.id,
            lsn: base.meta.lsn,
        };
        let (info, next, at_cut) = snapshot(&mut traffic, &folder, &settings, Some((since, epoch)));
        assert!(!info.meta.is_full());
        pieces += pieces_in(&folder, &info);
        assert_eq!(load(&folder, &settings, &info).expect("sound"), at_cut);
        let catalog = folder.catalog().expect("readable");
        let chain = Chain::of(&catalog, &info).expect("complete");
        let hashes = SeededHashes::of(&chain);
        let hash = |seed: &[u8], key: &[u8]| hashes.hash(seed, key);
        let reader = ChainReader::open(folder.disk().as_ref(), &chain, hash).expect("sound");
        let dir = Path::new("/data");
        let merged =
            consolidate(folder.disk().clone(), dir, &reader, Compression::None, || false).expect("sound");
        assert!(merged.meta.is_full());
        pieces += pieces_in(&folder, &merged);
        assert_eq!(load(&folder, &settings, &merged).expect("sound"), at_cut);
        (base, epoch) = (info, next);
    }
    assert!(pieces > 500, "{pieces}");
}

#[test]
fn pieces_that_do_not_fit_together_are_refused() {
    let settings = Settings::default();
    let folder = folder(2);
    let [a, b] = [b"a".as_slice(), b"b"].map(|member| (member, 1.0));
    for (lsn, entries) in [
        vec![piece(&[b]), head(2), piece(&[a])],
        vec![head(2), piece(&[a, b])],
    ]
    .iter()
    .enumerate()
    {
        let loaded = load(&folder, &settings, &write(&folder, entries, lsn as u64 + 1)).expect("sound");
        assert_eq!(loaded[b"key".as_slice()].1.len(), 2);
    }
    let whole = (Portion::Whole, Collection::Set, b"\x01v".to_vec());
    let of_set = (Portion::Piece, Collection::Set, b"\x01x".to_vec());
    let raw = |portion, payload: &[u8]| (portion, Collection::ZSet, payload.to_vec());
    let elements = |first: u64, elements: &[&[u8]]| {
        let mut payload = Vec::new();
        for (offset, element) in (0u64..).zip(elements) {
            Member::List(offset.wrapping_add(first), element).put(&mut payload);
        }
        (Portion::Piece, Collection::List, payload)
    };
    let of_list = |members| (Portion::Head, Collection::List, head(members).2);
    let wrong = [
        (
            vec![of_list(2), elements(0, &[b"a"]), elements(0, &[b"b"])],
            "element twice",
        ),
        (vec![of_list(2), elements(1, &[b"a", b"b"])], "element twice"),
        (
            vec![of_list(2), elements(0, &[b"a"]), elements(u64::MAX, &[b"b"])],
            "impossible member",
        ),
        (vec![of_list(2), elements(0, &[])], "no members"),
        (vec![head(3), piece(&[a, b])], "2 of 3 members"),
        (vec![head(3)], "0 of 3 members"),
        (vec![piece(&[a, b])], "no head"),
        (vec![head(1), piece(&[a, b])], "more members"),
        (vec![piece(&[a, b]), head(1)], "more members"),
        (vec![head(3), piece(&[a, b]), piece(&[b])], "twice"),
        (vec![head(1), piece(&[a]), piece(&[b])], "one too many"),
        (vec![head(2), head(2), piece(&[a, b])], "two heads"),
        (vec![head(2), piece(&[a]), of_set], "different types"),
        (vec![head(1), piece(&[a]), whole.clone()], "twice"),
        (vec![whole, head(1), piece(&[a])], "twice"),
        (vec![head(u64::MAX), piece(&[a])], "1 of 18446744073709551615"),
        (vec![raw(Portion::Head, b"\0"), piece(&[a])], "impossible head"),
        (vec![raw(Portion::Head, b""), piece(&[a])], "impossible head"),
        (
            vec![head(1), raw(Portion::Piece, b"\xff\xff\xff\xff\x0fa")],
            "impossible member",
        ),
        (
            vec![head(1), raw(Portion::Piece, b"\x01a\0\0\0\0\0\0\xf8\x7f")],
            "impossible member",
        ),
    ];
    for (lsn, (entries, reason)) in wrong.iter().enumerate() {
        let info = write(&folder, entries, lsn as u64 + 10);
        // One thread, so that it is known which entry comes too much.
        let chain = Chain::of_full(info).expect("full");
        let space = offline::keyspace(&settings);
        let lane = space.gate().background_lane(0);
        let disk = folder.disk().as_ref();
        let loaded = load_chain(
            &space,
            &settings,
            disk,
            &chain,
            lane..lane + 1,
            &LoadProgress::default(),
        );
        let error = loaded.expect_err(reason).to_string();
        assert!(
            error.contains(reason) && error.contains("offset"),
            "{error}: {reason}"
        );
    }
}

#[test]
fn damaged_members_lead_to_an_error_or_to_other_members() {
    let settings = Settings::default();
    let folder = folder(3);
    let mut prng = Prng::from_seed(5);
    let members: Vec<Vec<u8>> = (0..100).map(|n| format!("member {n}").into_bytes()).collect();
    let scored: Vec<(&[u8], f64)> = members.iter().map(|member| (member.as_slice(), 1.0)).collect();
    let mut refused = 0;
    for round in 0..150 {
        let mut entries = vec![head(100), piece(&scored[..50]), piece(&scored[50..])];
        let damaged = &mut entries[prng.below(3) as usize].2;
        let at = prng.below(damaged.len() as u64) as usize;
        damaged[at] ^= 1 << prng.below(8);
        if prng.below(3) == 0 {
            damaged.truncate(at);
        }
        let info = write(&folder, &entries, round + 1);
        match load(&folder, &settings, &info) {
            Ok(state) => assert_eq!(state[b"key".as_slice()].1.len(), 100),
            Err(error) => {
                assert!(error.to_string().contains("offset"), "{error}");
                refused += 1;
            }
        }
        folder.disk().remove(&info.path).expect("just written");
    }
    assert!(refused > 30, "{refused}");
}
