//! The names in one simulated folder: those that are seen, those that are durable, and the changes in between.
//!
//! A change sets one name, or two at once (a rename within the folder), and survives a crash as a whole or not at all. Changes
//! that survive take effect in their order. As with content, a sync that failed makes changes clean: they may survive a
//! crash, but no later sync takes them up; only folders that were made are spared that.

use super::survival::Survival;
use flashdb_base::prng::Prng;
use std::collections::BTreeMap;

/// What a name stands for, by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry {
    File(u64),
    Folder(u64),
}

/// Names set by one change; `None` removes.
type Settings = Vec<(String, Option<Entry>)>;

#[derive(Clone, Debug)]
struct Change {
    settings: Settings,
    /// Whether the next sync takes it up.
    dirty: bool,
}

#[derive(Clone, Debug, Default)]
pub struct Names {
    current: BTreeMap<String, Entry>,
    durable: BTreeMap<String, Entry>,
    unsynced: Vec<Change>,
}

impl Names {
    pub fn get(&self, name: &str) -> Option<Entry> {
        self.current.get(name).copied()
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, Entry)> {
        self.current.iter().map(|(name, entry)| (name.as_str(), *entry))
    }

    /// All entries that are seen or may come back at a crash.
    pub fn reachable(&self) -> impl Iterator<Item = Entry> {
        let changes = self.unsynced.iter().flat_map(|change| &change.settings);
        let unsynced = changes.filter_map(|(_, entry)| entry.as_ref());
        self.current
            .values()
            .chain(self.durable.values())
            .chain(unsynced)
            .copied()
    }

    pub fn change(&mut self, settings: Settings) {
        apply(&mut self.current, settings.clone());
        self.unsynced.push(Change {
            settings,
            dirty: true,
        });
    }

    pub fn sync(&mut self) {
        let mut clean: Vec<Change> = Vec::new();
        for change in std::mem::take(&mut self.unsynced) {
            if !change.dirty {
                clean.push(change);
                continue;
            }
            // What is durable now must not be undone by an older change that nobody knows the fate of.
            for older in &mut clean {
                older
                    .settings
                    .retain(|(name, _)| change.settings.iter().all(|(newer, _)| newer != name));
            }
            apply(&mut self.durable, change.settings);
        }
        clean.retain(|change| !change.settings.is_empty());
        self.unsynced = clean;
    }

    /// Folders that were made stay dirty: a file system that forgets those does not go on, and no program could help itself.
    pub fn fail_sync(&mut self) {
        for change in &mut self.unsynced {
            let makes_folder = matches!(change.settings[..], [(_, Some(Entry::Folder(_)))]);
            change.dirty &= makes_folder;
        }
    }

    pub fn crash(&mut self, prng: &mut Prng) {
        let survival = Survival::draw(prng);
        for change in std::mem::take(&mut self.unsynced) {
            if survival.survives(prng) {
                apply(&mut self.durable, change.settings);
            }
        }
        self.current = self.durable.clone();
    }
}

fn apply(names: &mut BTreeMap<String, Entry>, settings: Settings) {
    for (name, entry) in settings {
        match entry {
            Some(entry) => names.insert(name, entry),
            None => names.remove(&name),
        };
    }
}
