//! What a crash may leave, against models that only know what was done since the last sync.

use super::*;
use std::collections::BTreeMap;
use std::path::PathBuf;

const SECTOR: usize = SECTOR_BYTES as usize;

fn path(text: &str) -> PathBuf {
    PathBuf::from(text)
}

/// A file with this content; content and name are durable.
fn durable_file(disk: &SimDisk, name: &str, content: &[u8]) -> Box<dyn DiskFile> {
    let mut file = disk.open(Path::new(name), OpenMode::CreateNew).unwrap();
    file.write_at(content, 0).unwrap();
    file.sync_data().unwrap();
    disk.sync_folder(Path::new(name).parent().unwrap()).unwrap();
    file
}

/// The sectors of a content, the last one filled up with zeros.
fn sector_of(content: &[u8], sector: usize) -> [u8; SECTOR] {
    let mut data = [0; SECTOR];
    let start = content.len().min(sector * SECTOR);
    let part = &content[start..content.len().min(start + SECTOR)];
    data[..part.len()].copy_from_slice(part);
    data
}

/// All contents that a file had since its last sync, that one first.
struct FileModel {
    history: Vec<Vec<u8>>,
}

impl FileModel {
    fn now(&self) -> &[u8] {
        self.history.last().unwrap()
    }

    fn change(&mut self, change: impl FnOnce(&mut Vec<u8>)) {
        let mut content = self.now().to_vec();
        change(&mut content);
        self.history.push(content);
    }

    fn sync(&mut self) {
        self.history = vec![self.now().to_vec()];
    }

    /// Checks what a crash left and takes it as the new durable content.
    fn crashed(&mut self, left: Vec<u8>) {
        let mut lens = self.history.iter().map(Vec::len);
        assert!(lens.any(|len| len == left.len()), "length {}", left.len());
        for sector in 0..left.len().div_ceil(SECTOR) {
            let found = sector_of(&left, sector);
            let possible = self.history.iter().any(|content| {
                let version = sector_of(content, sector);
                let within = left.len() - sector * SECTOR;
                sector_of(&version[..within.min(SECTOR)], 0) == found
            });
            assert!(possible, "sector {sector} holds what was never written");
        }
        self.history = vec![left];
    }
}

#[test]
fn contents_after_crashes_agree_with_the_model() {
    for seed in 0..150 {
        let mut prng = Prng::from_seed(seed);
        let disk = SimDisk::new(seed);
        let names = [path("/a"), path("/b")];
        let mut models = Vec::new();
        for name in &names {
            durable_file(&disk, name.to_str().unwrap(), b"");
            models.push(FileModel {
                history: vec![Vec::new()],
            });
        }
        for _ in 0..10 {
            for (name, model) in names.iter().zip(&mut models) {
                let mut file = disk.open(name, OpenMode::Write).unwrap();
                for _ in 0..prng.below(12) {
                    change_file(&mut *file, model, &mut prng);
                    assert!(disk.read(name).unwrap() == model.now());
                }
            }
            disk.crash(prng.next_u64());
            for (name, model) in names.iter().zip(&mut models) {
                model.crashed(disk.read(name).unwrap());
            }
        }
    }
}

fn change_file(file: &mut dyn DiskFile, model: &mut FileModel, prng: &mut Prng) {
    match prng.below(8) {
        0 => {
            file.sync_data().unwrap();
            model.sync();
        }
        1 => {
            let len = prng.below(4000);
            file.set_len(len).unwrap();
            model.change(|content| content.resize(len as usize, 0));
        }
        _ => {
            let offset = prng.below(4000) as usize;
            let mut bytes = vec![0; prng.below(1500) as usize];
            prng.fill(&mut bytes);
            file.write_at(&bytes, offset as u64).unwrap();
            model.change(|content| {
                let end = offset + bytes.len();
                if !bytes.is_empty() && end > content.len() {
                    content.resize(end, 0);
                }
                if !bytes.is_empty() {
                    content[offset..end].copy_from_slice(&bytes);
                }
            });
        }
    }
}

/// Every outcome that the head of `sim.rs` names does come up.
#[test]
fn unsynced_sectors_survive_one_by_one_and_in_any_version() {
    let mut outcomes: BTreeMap<Vec<u8>, u32> = BTreeMap::new();
    for seed in 0..2000 {
        let disk = SimDisk::new(0);
        let mut file = durable_file(&disk, "/f", &[b'0'; 2 * SECTOR]);
        for version in [b'1', b'2'] {
            file.write_at(&[version; 2 * SECTOR], 0).unwrap();
        }
        disk.crash(seed);
        let left = disk.read(Path::new("/f")).unwrap();
        assert!(
            left.chunks(SECTOR)
                .all(|sector| sector.iter().all(|byte| *byte == sector[0]))
        );
        *outcomes.entry(vec![left[0], left[SECTOR]]).or_default() += 1;
    }
    assert_eq!(outcomes.len(), 9, "{outcomes:?}");
    // Nothing lost, everything lost: both common.
    assert!(
        outcomes[&b"00"[..]] > 300 && outcomes[&b"22"[..]] > 300,
        "{outcomes:?}"
    );
}

#[test]
fn an_unsynced_length_survives_or_not_and_lost_sectors_are_zeros() {
    let mut outcomes: BTreeMap<(usize, bool), u32> = BTreeMap::new();
    for seed in 0..500 {
        let disk = SimDisk::new(0);
        let mut file = durable_file(&disk, "/f", b"");
        file.write_at(&[7; SECTOR], 0).unwrap();
        disk.crash(seed);
        let left = disk.read(Path::new("/f")).unwrap();
        let zeros = left.iter().all(|byte| *byte == 0);
        assert!(zeros || left.iter().all(|byte| *byte == 7));
        *outcomes.entry((left.len(), zeros)).or_default() += 1;
        // A longer file shows zeros and not what was cut off at the crash.
        let mut file = disk.open(Path::new("/f"), OpenMode::Write).unwrap();
        file.set_len(2 * SECTOR_BYTES).unwrap();
        let longer = disk.read(Path::new("/f")).unwrap();
        assert!(longer[left.len()..].iter().all(|byte| *byte == 0));
    }
    let kinds: Vec<_> = outcomes.keys().copied().collect();
    assert_eq!(kinds, [(0, true), (SECTOR, false), (SECTOR, true)]);
}

/// What each name of a folder stood for since its last sync; contents tell the files apart.
type NameModel = BTreeMap<&'static str, Vec<Option<u64>>>;

const NAMES: [&str; 4] = ["/d/a", "/d/b", "/e/a", "/e/b"];

fn content_number(disk: &SimDisk, name: &str) -> Option<u64> {
    let bytes = disk.read(Path::new(name)).ok()?;
    Some(u64::from_le_bytes(bytes.try_into().unwrap()))
}

#[test]
fn names_after_crashes_agree_with_the_model() {
    for seed in 0..200 {
        let mut prng = Prng::from_seed(seed);
        let disk = SimDisk::new(seed);
        for folder in ["/d", "/e"] {
            disk.create_folder(Path::new(folder)).unwrap();
        }
        disk.sync_folder(Path::new("/")).unwrap();
        let mut model: NameModel = NAMES.iter().map(|name| (*name, vec![None])).collect();
        for number in 0..200 {
            change_names(&disk, &mut model, &mut prng, number);
            if prng.below(10) == 0 {
                disk.crash(prng.next_u64());
                for (name, history) in &mut model {
                    let left = content_number(&disk, name);
                    assert!(history.contains(&left), "{name}: {left:?} of {history:?}");
                    *history = vec![left];
                }
            }
            for (name, history) in &model {
                assert_eq!(content_number(&disk, name), *history.last().unwrap());
            }
        }
    }
}

fn change_names(disk: &SimDisk, model: &mut NameModel, prng: &mut Prng, number: u64) {
    let mut draw = || NAMES[prng.below(NAMES.len() as u64) as usize];
    let (name, other) = (draw(), draw());
    let now = |model: &NameModel, name| *model[name].last().unwrap();
    let mut set = |name, file| model.get_mut(name).unwrap().push(file);
    match prng.below(5) {
        0 | 1 => {
            let Ok(mut file) = disk.open(Path::new(name), OpenMode::CreateNew) else {
                return;
            };
            file.write_at(&number.to_le_bytes(), 0).unwrap();
            file.sync_data().unwrap();
            set(name, Some(number));
        }
        2 => {
            if disk.remove(Path::new(name)).is_ok() {
                set(name, None);
            }
        }
        3 => {
            // Two names of one file, as a crash may leave them, stay both.
            let same = now(model, name) == now(model, other);
            if disk.rename(Path::new(name), Path::new(other)).is_ok() && !same {
                let moved = now(model, name);
                model.get_mut(other).unwrap().push(moved);
                model.get_mut(name).unwrap().push(None);
            }
        }
        _ => {
            let folder = Path::new(name).parent().unwrap();
            disk.sync_folder(folder).unwrap();
            for (name, history) in model.iter_mut() {
                if Path::new(name).parent() == Some(folder) {
                    *history = vec![*history.last().unwrap()];
                }
            }
        }
    }
}

#[test]
fn a_rename_within_a_folder_is_atomic_and_across_folders_not() {
    for (to, outcomes_expected) in [("/b", 2), ("/d/b", 4)] {
        let mut outcomes = BTreeMap::new();
        for seed in 0..300 {
            let disk = SimDisk::new(0);
            disk.create_folder(Path::new("/d")).unwrap();
            durable_file(&disk, to, &[2; 8]);
            durable_file(&disk, "/a", &[1; 8]);
            disk.rename(Path::new("/a"), Path::new(to)).unwrap();
            disk.crash(seed);
            let left = ["/a", to].map(|name| disk.read(Path::new(name)).ok().map(|bytes| bytes[0]));
            *outcomes.entry(left).or_insert(0) += 1;
        }
        assert_eq!(outcomes.len(), outcomes_expected, "{outcomes:?}");
        assert!(outcomes[&[Some(1), Some(2)]] > 50);
        assert!(outcomes[&[None, Some(1)]] > 50);
    }
}

#[test]
fn a_synced_file_without_a_durable_name_may_be_gone() {
    let mut found = [0; 2];
    for seed in 0..100 {
        let disk = SimDisk::new(0);
        let mut file = disk.open(Path::new("/f"), OpenMode::CreateNew).unwrap();
        file.write_at(b"content", 0).unwrap();
        file.sync_data().unwrap();
        disk.crash(seed);
        match disk.read(Path::new("/f")) {
            Ok(content) => assert_eq!(content, b"content"),
            Err(error) => assert_eq!(error.kind(), ErrorKind::NotFound),
        }
        found[disk.files().len()] += 1;
    }
    assert!(found[0] > 20 && found[1] > 20, "{found:?}");
}

#[test]
fn a_folder_is_a_name_in_its_parent() {
    let mut lost = 0;
    for seed in 0..100 {
        let disk = SimDisk::new(0);
        disk.create_folder(Path::new("/data/log")).unwrap();
        durable_file(&disk, "/data/log/f", b"content");
        let synced = disk.snapshot(0);
        disk.crash(seed);
        lost += u32::from(disk.list(Path::new("/data/log")).is_err());
        for folder in ["/", "/data"] {
            synced.sync_folder(Path::new(folder)).unwrap();
        }
        synced.crash(seed);
        assert_eq!(synced.read(Path::new("data/log/f")).unwrap(), b"content");
    }
    assert!(lost > 20, "{lost}");
}

#[test]
fn a_crash_ends_locks_and_what_is_open() {
    let disk = SimDisk::new(0);
    let lock = disk.lock(Path::new("/lock")).unwrap();
    let mut file = durable_file(&disk, "/f", b"content");
    let refused = disk.lock(Path::new("/lock")).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::WouldBlock);
    disk.crash(1);
    assert!(file.write_at(b"x", 0).is_err());
    assert!(file.read_at(&mut [0], 0).is_err());
    assert!(file.sync_data().is_err() && file.len().is_err() && file.set_len(0).is_err());
    let next = disk.lock(Path::new("/lock")).unwrap();
    // Guards of before do not end the lock of the next process.
    drop((lock, file));
    assert!(disk.lock(Path::new("/lock")).is_err());
    drop(next);
    disk.lock(Path::new("/lock")).unwrap();
}

#[test]
fn the_end_of_the_process_loses_nothing_that_was_written() {
    let disk = SimDisk::new(0);
    let _lock = disk.lock(Path::new("/lock")).unwrap();
    let mut file = disk.open(Path::new("/f"), OpenMode::CreateNew).unwrap();
    file.write_at(b"content", 0).unwrap();
    disk.end_process();
    assert_eq!(disk.read(Path::new("/f")).unwrap(), b"content");
    assert!(file.len().is_err());
    disk.lock(Path::new("/lock")).unwrap();
    // It is not durable either.
    let gone = (0..50).any(|seed| {
        let copy = disk.snapshot(0);
        copy.crash(seed);
        copy.files().is_empty()
    });
    assert!(gone);
}

#[test]
fn equal_seeds_leave_equal_disks() {
    let run = |seed| {
        let disk = SimDisk::new(seed);
        let mut prng = Prng::from_seed(seed);
        for name in ["/a", "/b", "/c"] {
            let mut file = disk.open(Path::new(name), OpenMode::CreateNew).unwrap();
            let mut bytes = vec![0; 5000];
            prng.fill(&mut bytes);
            file.write_at(&bytes, prng.below(3000)).unwrap();
        }
        disk.crash(seed);
        let files = disk.files();
        files
            .into_iter()
            .map(|(path, len)| (disk.read(&path).unwrap(), path, len))
            .collect::<Vec<_>>()
    };
    assert!((0..20).all(|seed| run(seed) == run(seed)));
    assert!((0..20).any(|seed| run(seed) != run(seed + 1)));
}

#[test]
fn snapshots_and_their_origin_go_separate_ways() {
    let disk = SimDisk::new(0);
    let mut file = durable_file(&disk, "/f", b"before");
    let copy = disk.snapshot(0);
    file.write_at(b"behind", 0).unwrap();
    disk.remove(Path::new("/f")).unwrap();
    assert_eq!(copy.read(Path::new("/f")).unwrap(), b"before");
    copy.truncate(Path::new("/f"), 1).unwrap();
    assert_eq!(file.len().unwrap(), 6);
    assert_eq!(disk.clone().files(), []);
    assert_eq!(copy.files(), [(path("/f"), 1)]);
}

#[test]
fn content_outlives_its_name_as_long_as_it_is_open() {
    let disk = SimDisk::new(0);
    let file = durable_file(&disk, "/f", b"content");
    disk.remove(Path::new("/f")).unwrap();
    disk.sync_folder(Path::new("/")).unwrap();
    let mut bytes = [0; 7];
    assert_eq!(file.read_at(&mut bytes, 0).unwrap(), 7);
    assert_eq!(&bytes, b"content");
    assert_eq!(disk.state().tree.kept_files(), 1);
    drop(file);
    disk.sync_folder(Path::new("/")).unwrap();
    assert_eq!(disk.state().tree.kept_files(), 0);
}
