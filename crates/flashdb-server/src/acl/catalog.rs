//! What the rules need to know of the command table: commands by name, subcommands of containers,
//! members of categories. Made once at the start.

use crate::commands::command_info::{CATEGORIES, categories};
use flashdb_command::key_spec::KeyFlags;
use flashdb_command::{CommandSpec, Registry};
use std::collections::HashMap;
use std::ops::RangeInclusive;

/// Bits by command id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bits(Box<[u64]>);

impl Bits {
    fn new(count: usize) -> Self {
        Bits(vec![0; count.div_ceil(64)].into())
    }

    /// Whether `id` is set; ids beyond the table are not.
    #[inline]
    pub fn contains(&self, id: u32) -> bool {
        let word = self.0.get(id as usize / 64).copied().unwrap_or(0);
        word >> (id % 64) & 1 != 0
    }

    /// By how many ids `reached` comes closer to `target` when all ids of this set are put to `wanted` in it;
    /// negative when it gets further away.
    pub fn gain(&self, reached: &Bits, target: &Bits, wanted: bool) -> i64 {
        let flip = if wanted { 0 } else { u64::MAX };
        let words = self.0.iter().zip(reached.0.iter().zip(&target.0));
        words
            .map(|(members, (reached, target))| {
                let changed = members & !(reached ^ flip);
                let right = (changed & (target ^ flip)).count_ones();
                i64::from(right) * 2 - i64::from(changed.count_ones())
            })
            .sum()
    }

    /// Sets or clears `id`.
    pub fn set(&mut self, id: u32, on: bool) {
        let word = &mut self.0[id as usize / 64];
        let bit = 1 << (id % 64);
        *word = if on { *word | bit } else { *word & !bit };
    }

    /// The ids that are set, ascending.
    pub fn iter(&self) -> impl Iterator<Item = u32> {
        (0..self.0.len() as u32 * 64).filter(|&id| self.contains(id))
    }
}

/// The command table as rules see it.
pub struct Catalog {
    /// Full names by id.
    names: Vec<String>,
    ids: HashMap<String, u32>,
    /// By id: the last id of the container's subcommands, which follow it; the id itself for all others.
    families: Vec<u32>,
    categories: Vec<(&'static str, Bits)>,
    all: Bits,
    /// By id: what a command does with its keys, unless that depends on the request.
    key_flags: Vec<Option<KeyFlags>>,
}

impl Catalog {
    /// Reads the table.
    pub fn new(registry: &Registry) -> Self {
        let commands = registry.all();
        let names: Vec<String> = commands.iter().map(|command| command.spec.full_name()).collect();
        let mut catalog = Catalog {
            ids: (0..).zip(&names).map(|(id, name)| (name.clone(), id)).collect(),
            families: (0..)
                .zip(commands)
                .map(|(id, command)| id + command.spec.subcommands.len() as u32)
                .collect(),
            categories: CATEGORIES.map(|name| (name, Bits::new(commands.len()))).into(),
            all: Bits::new(commands.len()),
            key_flags: commands
                .iter()
                .map(|command| fixed_key_flags(command.spec))
                .collect(),
            names,
        };
        for command in commands {
            catalog.all.set(command.id, true);
            for category in categories(command.spec) {
                let members = catalog.categories.iter_mut().find(|(name, _)| *name == category);
                if let Some((_, members)) = members {
                    members.set(command.id, true);
                }
            }
        }
        catalog
    }

    /// Number of commands and subcommands; ids are below it.
    pub fn ids_count(&self) -> u32 {
        self.names.len() as u32
    }

    /// The command called `name` (`get`, `config|get`), in any case.
    pub fn find(&self, name: &[u8]) -> Option<u32> {
        let name = std::str::from_utf8(name).ok()?.to_ascii_lowercase();
        self.ids.get(&name).copied()
    }

    /// What a command does with its single key; `None` if that depends on the request.
    pub fn single_key_flags(&self, id: u32) -> Option<KeyFlags> {
        self.key_flags[id as usize]
    }

    /// The full name of a command.
    pub fn name(&self, id: u32) -> &str {
        &self.names[id as usize]
    }

    /// The command, and if it is a container its subcommands.
    pub fn family(&self, id: u32) -> RangeInclusive<u32> {
        id..=self.families[id as usize]
    }

    /// Whether it has subcommands.
    pub fn is_container(&self, id: u32) -> bool {
        self.families[id as usize] > id
    }

    /// Whether it is one.
    pub fn is_subcommand(&self, id: u32) -> bool {
        self.name(id).contains('|')
    }

    /// The members of a category, by its name without `@`, in any case.
    pub fn category(&self, name: &[u8]) -> Option<&Bits> {
        let found = self
            .categories
            .iter()
            .find(|(known, _)| known.as_bytes().eq_ignore_ascii_case(name));
        found.map(|(_, members)| members)
    }

    /// All categories with their members.
    pub fn categories(&self) -> impl Iterator<Item = (&'static str, &Bits)> {
        self.categories.iter().map(|(name, members)| (*name, members))
    }

    /// No command.
    pub fn no_bits(&self) -> Bits {
        Bits::new(self.names.len())
    }

    /// Every command.
    pub fn all_bits(&self) -> Bits {
        self.all.clone()
    }
}

fn fixed_key_flags(spec: &CommandSpec) -> Option<KeyFlags> {
    match spec.key_flags_of {
        Some(_) => None,
        None => spec.keys.first().map(|keys| keys.flags),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subcommands_follow_their_container_and_share_its_categories() {
        let registry = crate::command_registry();
        let catalog = Catalog::new(&registry);
        for command in registry.all() {
            for id in catalog.family(command.id).skip(1) {
                assert!(catalog.name(id).starts_with(&format!("{}|", command.spec.name)));
                for (name, members) in catalog.categories().filter(|(_, all)| all.contains(command.id)) {
                    // A rule about the category then means the same for the container and its parts.
                    assert!(members.contains(id), "{} is not in @{name}", catalog.name(id));
                }
            }
            assert_eq!(
                catalog.find(command.spec.full_name().to_uppercase().as_bytes()),
                Some(command.id)
            );
        }
        assert_eq!(catalog.find(b"nosuch"), None);
    }
}
