//! A model of a database for the tests of chains and crashes: random edits, cut into full and incremental snapshots whose
//! regions are random but right. It remembers each state that was cut, and compares.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use flashdb_base::prng::{Prng, splitmix64};
use flashdb_disk::{Disk, SimDisk};

use crate::meta::test_meta;
use crate::{
    Base, BlockBuffer, BlockBuilder, Catalog, Chain, ChainReader, Compression, EntryRef, Lsn, Portion,
    Region, SnapshotError, SnapshotId, SnapshotInfo, SnapshotMeta, SnapshotWriter, load_order,
};

pub(crate) const DIR: &str = "/d";
pub(crate) const SHARDS: u16 = 4;
pub(crate) const DATABASES: u16 = 3;

/// Database and key; value.
pub(crate) type State = BTreeMap<(u16, Vec<u8>), u64>;

pub(crate) fn hash(seed: &[u8], key: &[u8]) -> u64 {
    let mut state = u64::from(crc32c::crc32c_append(crc32c::crc32c(seed), key));
    splitmix64(&mut state)
}

pub(crate) fn shard_of(key: &[u8]) -> u16 {
    (crc32c::crc32c(key) % u32::from(SHARDS)) as u16
}

/// A region around this hash: a segment and a bucket of some size.
pub(crate) fn region_around(prng: &mut Prng, hash: u64) -> Region {
    let (prefix, position) = ((hash >> 40) as u32, (hash >> 16) as u32 & 0xffff);
    let size = 1 << (10 + prng.below(12));
    let start = prefix / size * size;
    let positions = position / 4096 * 4096;
    Region {
        prefixes: start..start + size,
        positions: positions..positions + 4096,
    }
}

/// A database in the making, and a data folder with its snapshots.
#[derive(Clone)]
pub(crate) struct World {
    pub prng: Prng,
    pub disk: Arc<SimDisk>,
    pub lsn: Lsn,
    pub state: State,
    /// What was cut, by id.
    pub cuts: BTreeMap<SnapshotId, State>,
    pub functions: BTreeMap<SnapshotId, u64>,
}

impl World {
    pub fn new(seed: u64) -> Self {
        let disk = SimDisk::new(seed);
        // The data folder's own name is for others to make durable.
        disk.create_folder(Path::new(DIR)).unwrap();
        disk.sync_folder(Path::new("/")).unwrap();
        Self {
            prng: Prng::from_seed(seed),
            disk: Arc::new(disk),
            lsn: 0,
            state: State::new(),
            cuts: BTreeMap::new(),
            functions: BTreeMap::new(),
        }
    }

    pub fn edit(&mut self, edits: u64) {
        for _ in 0..edits {
            let db = self.prng.below(DATABASES.into()) as u16;
            let key = (db, format!("key:{}", self.prng.below(2000)).into_bytes());
            match self.prng.below(200) {
                0 => self.state.retain(|(of, _), _| *of != db),
                1..60 => drop(self.state.remove(&key)),
                _ => drop(self.state.insert(key, self.prng.next_u64())),
            }
            self.lsn += 1;
        }
    }

    pub fn meta(&mut self, base: Option<Base>) -> SnapshotMeta {
        let mut id = [0; 16];
        self.prng.fill(&mut id);
        SnapshotMeta {
            id: SnapshotId(id),
            lsn: self.lsn,
            base,
            created_ms: 1_700_000_000_000 + self.lsn.cast_signed() * 100,
            kept: self.prng.below(8) == 0,
            hash_seed: vec![self.prng.below(2) as u8],
            compression: [Compression::None, Compression::Lz4][self.prng.below(2) as usize],
            ..test_meta()
        }
    }

    pub fn full(&mut self) -> SnapshotInfo {
        self.try_full().unwrap()
    }

    pub fn try_full(&mut self) -> Result<SnapshotInfo, SnapshotError> {
        let meta = self.meta(None);
        self.try_write(meta, &[], &BTreeSet::new())
    }

    pub fn incremental(&mut self, base: &SnapshotInfo) -> SnapshotInfo {
        self.try_incremental(base).unwrap()
    }

    pub fn try_incremental(&mut self, base: &SnapshotInfo) -> Result<SnapshotInfo, SnapshotError> {
        let meta = self.meta(Some(Base {
            id: base.meta.id,
            lsn: base.meta.lsn,
        }));
        let before = self.cuts[&base.meta.id].clone();
        let (mut regions, mut databases) = (Vec::new(), BTreeSet::new());
        for (key, now) in self
            .state
            .iter()
            .map(|(key, value)| (key, Some(value)))
            .chain(before.keys().map(|key| (key, None)))
        {
            if now == before.get(key) || (now.is_none() && self.state.contains_key(key)) {
                continue;
            }
            if self.prng.below(3000) == 0 {
                databases.insert(key.0);
            }
            let region = region_around(&mut self.prng, hash(&meta.hash_seed, &key.1));
            regions.push((key.0, shard_of(&key.1), region));
        }
        self.try_write(meta, &regions, &databases)
    }

    pub fn write(
        &mut self,
        meta: SnapshotMeta,
        regions: &[(u16, u16, Region)],
        databases: &BTreeSet<u16>,
    ) -> SnapshotInfo {
        self.try_write(meta, regions, databases).unwrap()
    }

    /// Writes what lies in the regions, or everything if the snapshot is full.
    fn try_write(
        &mut self,
        meta: SnapshotMeta,
        regions: &[(u16, u16, Region)],
        databases: &BTreeSet<u16>,
    ) -> Result<SnapshotInfo, SnapshotError> {
        let library = self.prng.next_u64();
        self.cuts.insert(meta.id, self.state.clone());
        self.functions.insert(meta.id, library);
        let mut writer = SnapshotWriter::create(self.disk.clone(), Path::new(DIR), meta.clone())?;
        writer.append(&mut BlockBuilder::functions(&library.to_le_bytes()))?;
        let mut whole = BlockBuilder::databases();
        assert!(databases.iter().all(|&db| whole.push_database(db)));
        writer.append(&mut whole)?;
        for shard in 0..SHARDS {
            let mut of_shard = BlockBuilder::regions(shard);
            for (db, _, region) in regions.iter().filter(|(_, of, _)| *of == shard) {
                assert!(of_shard.push_region(*db, region));
            }
            writer.append(&mut of_shard)?;
            let mut builder = BlockBuilder::entries(shard);
            for ((db, key), value) in self.state.iter().filter(|((_, key), _)| shard_of(key) == shard) {
                let hash = hash(&meta.hash_seed, key);
                let holds = |(of, in_shard, region): &(u16, u16, Region)| {
                    of == db && *in_shard == shard && region.contains(hash)
                };
                if meta.is_full() || databases.contains(db) || regions.iter().any(holds) {
                    if builder.len() > 2000 {
                        writer.append(&mut builder)?;
                    }
                    assert!(builder.push_entry(&entry(*db, key, &value.to_le_bytes())));
                }
            }
            writer.append(&mut builder)?;
        }
        writer.finish()
    }

    pub fn catalog(&self) -> Catalog {
        Catalog::open(self.disk.clone(), Path::new(DIR)).unwrap()
    }

    pub fn open(&self, chain: &Chain) -> ChainReader<impl Fn(&[u8], &[u8]) -> u64 + use<>> {
        ChainReader::open(&*self.disk, chain, hash).unwrap()
    }

    pub fn check_chain(&self, chain: &Chain) {
        let reader = self.open(chain);
        let id = chain.newest().meta.id;
        assert_eq!(load(&reader).unwrap(), self.cuts[&id], "{id}");
        let functions = reader.functions().unwrap().unwrap();
        assert_eq!(functions, self.functions[&id].to_le_bytes());
    }

    /// Each snapshot that is there can be loaded, and is what was cut.
    pub fn check_all(&self) {
        let catalog = self.catalog();
        assert!(catalog.broken().is_empty());
        let candidates = load_order(&catalog, Lsn::MAX, Some(test_meta().history));
        assert_eq!(candidates.len(), catalog.snapshots().len());
        for candidate in &candidates {
            let chain = candidate.chain.as_ref().unwrap();
            assert!(chain.files().last().unwrap().meta.is_full());
            self.check_chain(chain);
        }
        let lsns: Vec<_> = candidates.iter().map(|candidate| candidate.lsn).collect();
        assert!(lsns.is_sorted_by(|left, right| left >= right));
    }
}

pub(crate) fn entry<'a>(db: u16, key: &'a [u8], payload: &'a [u8]) -> EntryRef<'a> {
    EntryRef {
        db,
        key,
        expire_at_ms: None,
        access: 0,
        raw: false,
        portion: Portion::Whole,
        value_type: 0,
        payload,
    }
}

pub(crate) fn load(reader: &ChainReader<impl Fn(&[u8], &[u8]) -> u64>) -> Result<State, SnapshotError> {
    let mut state = State::new();
    let mut buffer = BlockBuffer::new();
    for item in reader.work_items() {
        reader.read(item, &mut buffer, |entry| {
            let value = u64::from_le_bytes(entry.payload.try_into().unwrap());
            let before = state.insert((entry.db, entry.key.to_vec()), value);
            assert_eq!(before, None, "a key comes once");
            assert_eq!(reader.shard(item), shard_of(entry.key));
            Ok::<_, SnapshotError>(())
        })?;
    }
    Ok(state)
}

/// A full snapshot and three incrementals, each on the one before.
pub(crate) fn world_of_four(seed: u64) -> (World, Vec<SnapshotInfo>) {
    let mut world = World::new(seed);
    world.edit(250);
    let mut infos = vec![world.full()];
    for _ in 0..3 {
        world.edit(40);
        let info = world.incremental(infos.last().unwrap());
        infos.push(info);
    }
    (world, infos)
}

pub(crate) fn first_chain(catalog: &Catalog, target: Lsn) -> Chain {
    load_order(catalog, target, None).remove(0).chain.unwrap()
}
