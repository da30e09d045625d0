//! The simulated tree of folders and files: paths to entries, and entries to names and content.
//!
//! Entries are numbered and kept until neither a name, nor a name that may come back at a crash, nor an open file refers to
//! them. Copies share what neither side has changed since. A path is looked up from the root, whether it begins with a
//! slash or not: the process runs in the root.

use super::content::{Content, SECTOR_BYTES};
use super::names::{Entry, Names};
use flashdb_base::prng::Prng;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, ErrorKind};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

const ROOT: u64 = 0;

#[derive(Clone, Debug)]
pub struct Tree {
    files: BTreeMap<u64, Arc<Content>>,
    folders: BTreeMap<u64, Arc<Names>>,
    next_number: u64,
    /// How often each file is open.
    open: BTreeMap<u64, u32>,
}

impl Tree {
    pub fn new() -> Self {
        Self {
            files: BTreeMap::new(),
            folders: BTreeMap::from([(ROOT, Arc::default())]),
            next_number: ROOT + 1,
            open: BTreeMap::new(),
        }
    }

    pub fn content(&self, file: u64) -> io::Result<&Content> {
        let content = self.files.get(&file).ok_or(ErrorKind::NotFound)?;
        Ok(content)
    }

    pub fn content_mut(&mut self, file: u64) -> io::Result<&mut Content> {
        let content = self.files.get_mut(&file).ok_or(ErrorKind::NotFound)?;
        Ok(Arc::make_mut(content))
    }

    /// What a path stands for.
    pub fn find(&self, path: &Path) -> io::Result<Entry> {
        let mut entry = Entry::Folder(ROOT);
        for name in steps(path)? {
            let names = self.names(folder(entry)?)?;
            entry = names.get(name).ok_or(ErrorKind::NotFound)?;
        }
        Ok(entry)
    }

    /// The file of this path.
    pub fn file(&self, path: &Path) -> io::Result<u64> {
        match self.find(path)? {
            Entry::File(file) => Ok(file),
            Entry::Folder(_) => Err(ErrorKind::IsADirectory.into()),
        }
    }

    fn names(&self, folder: u64) -> io::Result<&Names> {
        let names = self.folders.get(&folder).ok_or(ErrorKind::NotFound)?;
        Ok(names)
    }

    fn names_mut(&mut self, folder: u64) -> io::Result<&mut Names> {
        let names = self.folders.get_mut(&folder).ok_or(ErrorKind::NotFound)?;
        Ok(Arc::make_mut(names))
    }

    /// The folder that holds the last name of a path, and that name.
    fn parent<'p>(&self, path: &'p Path) -> io::Result<(u64, &'p str)> {
        let steps = steps(path)?;
        let (name, folders) = steps.split_last().ok_or(ErrorKind::IsADirectory)?;
        let parent = self.find(&folders.iter().collect::<PathBuf>())?;
        Ok((folder(parent)?, name))
    }

    pub fn create_folder(&mut self, path: &Path) -> io::Result<()> {
        let steps = steps(path)?;
        let mut at = ROOT;
        for (depth, name) in steps.iter().enumerate() {
            at = match self.names(at)?.get(name) {
                Some(Entry::Folder(inner)) => inner,
                Some(Entry::File(_)) if depth + 1 == steps.len() => {
                    return Err(ErrorKind::AlreadyExists.into());
                }
                Some(Entry::File(_)) => return Err(ErrorKind::NotADirectory.into()),
                None => {
                    let inner = self.number();
                    self.folders.insert(inner, Arc::default());
                    let setting = ((*name).to_owned(), Some(Entry::Folder(inner)));
                    self.names_mut(at)?.change(vec![setting]);
                    inner
                }
            };
        }
        Ok(())
    }

    pub fn create_file(&mut self, path: &Path) -> io::Result<u64> {
        let (parent, name) = self.parent(path)?;
        if self.names(parent)?.get(name).is_some() {
            return Err(ErrorKind::AlreadyExists.into());
        }
        let file = self.number();
        self.files.insert(file, Arc::default());
        let setting = (name.to_owned(), Some(Entry::File(file)));
        self.names_mut(parent)?.change(vec![setting]);
        Ok(file)
    }

    fn number(&mut self) -> u64 {
        self.next_number += 1;
        self.next_number - 1
    }

    pub fn list(&self, path: &Path) -> io::Result<Vec<String>> {
        let names = self.names(folder(self.find(path)?)?)?;
        Ok(names.iter().map(|(name, _)| name.to_owned()).collect())
    }

    pub fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        let (from_folder, from_name) = self.parent(from)?;
        let (to_folder, to_name) = self.parent(to)?;
        let entry = match self.names(from_folder)?.get(from_name) {
            Some(Entry::File(file)) => Entry::File(file),
            Some(Entry::Folder(_)) => return Err(ErrorKind::IsADirectory.into()),
            None => return Err(ErrorKind::NotFound.into()),
        };
        let replaced = self.names(to_folder)?.get(to_name);
        if let Some(Entry::Folder(_)) = replaced {
            return Err(ErrorKind::IsADirectory.into());
        }
        // Two names of one file: POSIX leaves both.
        if replaced == Some(entry) {
            return Ok(());
        }
        let set = (to_name.to_owned(), Some(entry));
        let removed = (from_name.to_owned(), None);
        if from_folder == to_folder {
            self.names_mut(to_folder)?.change(vec![set, removed]);
        } else {
            self.names_mut(to_folder)?.change(vec![set]);
            self.names_mut(from_folder)?.change(vec![removed]);
        }
        Ok(())
    }

    pub fn remove(&mut self, path: &Path) -> io::Result<()> {
        self.file(path)?;
        let (parent, name) = self.parent(path)?;
        self.names_mut(parent)?.change(vec![(name.to_owned(), None)]);
        Ok(())
    }

    pub fn sync_folder(&mut self, path: &Path) -> io::Result<()> {
        let folder = folder(self.find(path)?)?;
        self.names_mut(folder)?.sync();
        self.collect();
        Ok(())
    }

    pub fn fail_sync_folder(&mut self, path: &Path) -> io::Result<()> {
        let folder = folder(self.find(path)?)?;
        self.names_mut(folder)?.fail_sync();
        Ok(())
    }

    pub fn opened(&mut self, file: u64) {
        *self.open.entry(file).or_default() += 1;
    }

    pub fn closed(&mut self, file: u64) {
        if let Some(count) = self.open.get_mut(&file) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.open.remove(&file);
            }
        }
    }

    /// The process is gone, and with it all that it had open.
    pub fn close_all(&mut self) {
        self.open.clear();
        self.collect();
    }

    /// Leaves what a power cut leaves.
    pub fn crash(&mut self, prng: &mut Prng) {
        for names in self.folders.values_mut() {
            Arc::make_mut(names).crash(prng);
        }
        // A file that is durable already stays shared with the copies of this disk.
        for content in self.files.values_mut().filter(|content| !content.is_settled()) {
            Arc::make_mut(content).crash(prng);
        }
        self.close_all();
    }

    /// Forgets what can never be seen again.
    fn collect(&mut self) {
        let (files, folders) = self.reach(|names, found| found.extend(names.reachable()));
        self.files
            .retain(|file, _| files.contains(file) || self.open.contains_key(file));
        self.folders.retain(|folder, _| folders.contains(folder));
    }

    /// Files and folders that names lead to, by the entries that `of` takes from the names of a folder.
    fn reach(&self, of: impl Fn(&Names, &mut Vec<Entry>)) -> (BTreeSet<u64>, BTreeSet<u64>) {
        let (mut files, mut folders) = (BTreeSet::new(), BTreeSet::new());
        let mut left = vec![Entry::Folder(ROOT)];
        while let Some(entry) = left.pop() {
            match entry {
                Entry::File(file) => {
                    files.insert(file);
                }
                Entry::Folder(folder) => {
                    if folders.insert(folder)
                        && let Some(names) = self.folders.get(&folder)
                    {
                        of(names, &mut left);
                    }
                }
            }
        }
        (files, folders)
    }

    /// Room that the visible and the open files take.
    pub fn used_bytes(&self) -> u64 {
        let (mut files, _) = self.reach(|names, found| found.extend(names.iter().map(|(_, entry)| entry)));
        files.extend(self.open.keys());
        let contents = files.iter().filter_map(|file| self.files.get(file));
        contents.map(|content| content.allocated() * SECTOR_BYTES).sum()
    }

    /// All visible files with their lengths, in the order of their paths.
    pub fn list_files(&self) -> Vec<(PathBuf, u64)> {
        let mut found = Vec::new();
        let mut left = vec![(PathBuf::from("/"), ROOT)];
        while let Some((path, folder)) = left.pop() {
            let Some(names) = self.folders.get(&folder) else {
                continue;
            };
            for (name, entry) in names.iter() {
                match entry {
                    Entry::Folder(inner) => left.push((path.join(name), inner)),
                    Entry::File(file) => {
                        let len = self.files.get(&file).map_or(0, |content| content.len());
                        found.push((path.join(name), len));
                    }
                }
            }
        }
        found.sort();
        found
    }

    /// How many files are kept, unnamed ones included.
    #[cfg(test)]
    pub fn kept_files(&self) -> usize {
        self.files.len()
    }
}

fn folder(entry: Entry) -> io::Result<u64> {
    match entry {
        Entry::Folder(folder) => Ok(folder),
        Entry::File(_) => Err(ErrorKind::NotADirectory.into()),
    }
}

/// The names of a path, from the root.
fn steps(path: &Path) -> io::Result<Vec<&str>> {
    let mut steps = Vec::new();
    for component in path.components() {
        match component {
            Component::RootDir | Component::CurDir => {}
            Component::ParentDir => {
                steps.pop();
            }
            Component::Normal(name) => steps.push(name.to_str().ok_or(ErrorKind::InvalidInput)?),
            Component::Prefix(_) => return Err(ErrorKind::InvalidInput.into()),
        }
    }
    Ok(steps)
}
