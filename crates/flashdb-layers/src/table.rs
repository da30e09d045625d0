//! The lowest layer: what the requests ask of the table that holds the keys. One table for all, entries as large as the
//! store's (a pointer), hashes computed before as the dispatcher does. Locks, values and replies are left to the layers
//! above.

use crate::parsed::Parsed;
use crate::scenario::{KEY_BYTES, Scenario, Shape, TableStep};
use flashdb_base::hash::hash_bytes;
use flashdb_command::Registry;
use flashdb_table::Table;
use std::hint::black_box;

struct Entry {
    key: [u8; KEY_BYTES],
    value: u64,
}

type Stored = Box<Entry>;

fn hash_of(entry: &Stored) -> u64 {
    hash_bytes(&entry.key)
}

/// A table and what it will be asked.
pub struct TableLayer {
    table: Table<Stored>,
    step: TableStep,
    /// Keys of the requests with their hashes.
    keys: Vec<(u64, [u8; KEY_BYTES])>,
    /// Made before, so that only the table is measured.
    new: Vec<Stored>,
}

impl TableLayer {
    /// The table as the scenario's preparation leaves it.
    ///
    /// # Errors
    /// When a request has no keys of the one length.
    pub fn new(scenario: &Scenario, shape: &Shape) -> Result<Self, String> {
        let registry = Registry::new(&flashdb_command::families());
        let mut table = Table::new();
        for (hash, key) in keys(&registry, &Parsed::new(scenario.preparation(shape))?)? {
            if table.find(hash, |entry: &Stored| entry.key == key).is_none() {
                table.insert_unique(hash, Box::new(Entry { key, value: 0 }), hash_of);
            }
        }
        let keys = keys(&registry, &Parsed::new(scenario.requests(shape))?)?;
        let entry = |&(_, key): &(u64, [u8; KEY_BYTES])| Box::new(Entry { key, value: 0 });
        let new = match scenario.step {
            TableStep::Insert => keys.iter().rev().map(entry).collect(),
            _ => Vec::new(),
        };
        Ok(TableLayer {
            table,
            step: scenario.step,
            keys,
            new,
        })
    }

    /// Runs all requests; returns for how many keys the step did what it is to do.
    pub fn run(&mut self) -> usize {
        let table = &mut self.table;
        let is = |key: &[u8; KEY_BYTES]| {
            let key = *key;
            move |entry: &Stored| entry.key == key
        };
        match self.step {
            TableStep::Find => {
                let find = |(hash, key): &&(u64, _)| black_box(table.find(*hash, is(key))).is_some();
                self.keys.iter().filter(find).count()
            }
            TableStep::Change => {
                let mut changed = 0;
                for (hash, key) in &self.keys {
                    if let Some(entry) = table.find_mut(*hash, is(key)) {
                        entry.value += 1;
                        changed += 1;
                    }
                }
                changed
            }
            TableStep::Insert => {
                let before = table.len();
                for (hash, _) in &self.keys {
                    if let Some(entry) = self.new.pop() {
                        table.insert_unique(*hash, entry, hash_of);
                    }
                }
                table.len() - before
            }
            TableStep::Remove => {
                let remove = |(hash, key): &&(u64, _)| table.remove(*hash, is(key), hash_of).is_some();
                self.keys.iter().filter(remove).count()
            }
        }
    }

    /// Number of keys that the requests name.
    pub fn keys_count(&self) -> usize {
        self.keys.len()
    }
}

/// The keys of all requests, each with its hash.
fn keys(registry: &Registry, requests: &Parsed) -> Result<Vec<(u64, [u8; KEY_BYTES])>, String> {
    let mut keys = Vec::new();
    for index in 0..requests.len() {
        let args = requests.args(index);
        let wrong = || format!("request {index} names no keys of {KEY_BYTES} bytes");
        let command = registry.resolve(&args).map_err(|_| wrong())?;
        for at in command.spec.key_positions(&args).map_err(|_| wrong())? {
            let key: [u8; KEY_BYTES] = args.at(at as usize).try_into().map_err(|_| wrong())?;
            keys.push((hash_bytes(&key), key));
        }
    }
    Ok(keys)
}

#[cfg(test)]
mod tests {
    use super::TableLayer;
    use crate::scenario::{SCENARIOS, Shape};

    #[test]
    fn every_step_is_done() {
        let shape = Shape {
            keys: 200,
            value_bytes: 8,
            operations: 100,
        };
        for scenario in SCENARIOS {
            let mut layer = TableLayer::new(scenario, &shape).expect(scenario.name);
            let expected = match scenario.name {
                "get-miss" => 0,
                "mset-10" => 1000,
                _ => 100,
            };
            assert_eq!(layer.run(), expected, "{}", scenario.name);
        }
    }
}
