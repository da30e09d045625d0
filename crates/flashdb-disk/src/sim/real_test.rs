//! Without a crash, the simulated disk and the real one cannot be told apart: random operations on both.

use super::*;
use crate::RealDisk;
use crate::test_folder::TestFolder;
use std::path::PathBuf;

type Pair<T> = (T, T);

/// Both disks, with the same tree at the same path.
struct Both {
    sim: SimDisk,
    base: PathBuf,
    files: Vec<Pair<Box<dyn DiskFile>>>,
    locks: Vec<Pair<Box<dyn DiskLock>>>,
    prng: Prng,
}

/// Both went well or both failed alike; the results if they went well.
fn both<T>(what: &str, real: io::Result<T>, sim: io::Result<T>) -> Option<Pair<T>> {
    match (real, sim) {
        (Ok(real), Ok(sim)) => Some((real, sim)),
        (Err(real), Err(sim)) => {
            assert_eq!(real.kind(), sim.kind(), "{what}: {real}; {sim}");
            None
        }
        (real, sim) => panic!("{what}: real {:?}, simulated {:?}", real.err(), sim.err()),
    }
}

fn same<T: PartialEq + std::fmt::Debug>(what: &str, real: io::Result<T>, sim: io::Result<T>) {
    if let Some((real, sim)) = both(what, real, sim) {
        assert!(real == sim, "{what}");
    }
}

impl Both {
    fn below(&mut self, bound: u64) -> usize {
        self.prng.below(bound) as usize
    }

    fn file_path(&mut self) -> PathBuf {
        let paths = ["a", "b", "d/a", "d/b", "e/a", "a/x"];
        let path = paths[self.below(paths.len() as u64)];
        self.base.join(path)
    }

    fn folder_path(&mut self) -> PathBuf {
        let paths = ["", "d", "e", "e/f", "a", "a/x"];
        let path = paths[self.below(paths.len() as u64)];
        self.base.join(path)
    }

    fn step(&mut self) {
        match self.below(20) {
            0..=2 => self.open(),
            3..=9 => self.use_file(),
            10 if !self.files.is_empty() => {
                let index = self.below(self.files.len() as u64);
                self.files.swap_remove(index);
            }
            11 => self.lock(),
            12 => {
                self.locks.pop();
            }
            _ => self.use_names(),
        }
    }

    fn open(&mut self) {
        let modes = [OpenMode::CreateNew, OpenMode::Read, OpenMode::Write];
        let mode = modes[self.below(3)];
        let path = self.file_path();
        let opened = both("open", RealDisk.open(&path, mode), self.sim.open(&path, mode));
        self.files.extend(opened);
    }

    fn lock(&mut self) {
        let name = ["lock", "a"][self.below(2)];
        let path = self.base.join(name);
        let locked = both("lock", RealDisk.lock(&path), self.sim.lock(&path));
        self.locks.extend(locked);
    }

    fn use_names(&mut self) {
        let (path, other) = (self.file_path(), self.file_path());
        let folder = self.folder_path();
        let sim = &self.sim;
        match self.prng.below(7) {
            0 => {
                // Renaming folders is not part of the trait: `a` is a file or nothing.
                let a = self.base.join("a");
                if !folder.starts_with(&a) || a.is_file() {
                    same(
                        "create_folder",
                        RealDisk.create_folder(&folder),
                        sim.create_folder(&folder),
                    );
                }
            }
            1 => same("remove", RealDisk.remove(&path), sim.remove(&path)),
            2 => same(
                "remove a folder",
                RealDisk.remove(&self.base),
                sim.remove(&self.base),
            ),
            3 => same(
                "rename",
                RealDisk.rename(&path, &other),
                sim.rename(&path, &other),
            ),
            4 => {
                // Syncing a file as a folder is no error on every system.
                if !path.is_file() {
                    same("sync_folder", RealDisk.sync_folder(&path), sim.sync_folder(&path));
                }
            }
            5 => {
                if let Some((real, sim)) = both("map", RealDisk.map(&path), sim.map(&path)) {
                    assert!(real.bytes() == sim.bytes());
                }
            }
            _ => {
                let sorted = |names: io::Result<Vec<String>>| {
                    names.map(|mut names| {
                        names.sort();
                        names
                    })
                };
                same("list", sorted(RealDisk.list(&folder)), sorted(sim.list(&folder)));
            }
        }
    }

    fn use_file(&mut self) {
        if self.files.is_empty() {
            return;
        }
        let index = self.below(self.files.len() as u64);
        let (offset, count) = (self.prng.below(5000), self.below(3000));
        let choice = self.below(6);
        let mut bytes = vec![0; count];
        self.prng.fill(&mut bytes);
        let (real, sim) = &mut self.files[index];
        match choice {
            // The systems' names for writing to a file opened for reading differ.
            0 | 1 => assert_eq!(
                real.write_at(&bytes, offset).is_ok(),
                sim.write_at(&bytes, offset).is_ok()
            ),
            2 => assert_eq!(real.set_len(offset).is_ok(), sim.set_len(offset).is_ok()),
            3 => {
                let mut other = bytes.clone();
                same(
                    "read_at",
                    real.read_at(&mut bytes, offset),
                    sim.read_at(&mut other, offset),
                );
                assert!(bytes == other);
            }
            4 => same("sync_data", real.sync_data(), sim.sync_data()),
            _ => {
                same("len", real.len(), sim.len());
                same("is_empty", real.is_empty(), sim.is_empty());
            }
        }
    }
}

#[test]
fn without_crashes_both_disks_behave_alike() {
    for seed in 0..15 {
        let folder = TestFolder::new("both");
        let mut disks = Both {
            sim: SimDisk::new(seed),
            base: folder.path().to_owned(),
            files: Vec::new(),
            locks: Vec::new(),
            prng: Prng::from_seed(seed),
        };
        disks.sim.create_folder(folder.path()).unwrap();
        for _ in 0..400 {
            disks.step();
        }
    }
}

#[test]
fn maps_of_empty_and_of_missing_files_are_alike() {
    let folder = TestFolder::new("maps");
    let path = folder.path().join("f");
    let sim = SimDisk::new(0);
    sim.create_folder(folder.path()).unwrap();
    for disk in [&RealDisk as &dyn Disk, &sim] {
        assert_eq!(
            disk.map(&path).map(|_| ()).unwrap_err().kind(),
            ErrorKind::NotFound
        );
        disk.open(&path, OpenMode::CreateNew).unwrap();
        assert!(disk.map(&path).unwrap().bytes().is_empty());
        let folder = disk.map(folder.path()).map(|_| ()).unwrap_err();
        assert_eq!(folder.kind(), ErrorKind::IsADirectory);
    }
}
