//! Which commands a selector allows: a bit for each command and subcommand, and for commands without
//! subcommands the first arguments with which alone they are allowed (`+select|0`).
//!
//! Only the bits are kept, not the rules that led to them. The description is found by taking
//! categories as long as they make it shorter, then naming the commands that are left over; reading
//! it gives the same bits.

use super::catalog::{Bits, Catalog};
use super::rules::Fault;
use flashdb_resp::Args;
use std::collections::BTreeMap;

/// A set of commands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandSet {
    bits: Bits,
    /// Whether it began with all commands; those of later versions are in it then.
    open: bool,
    /// By command that is not in the set as a whole: first arguments that are.
    first_args: BTreeMap<u32, Vec<Box<[u8]>>>,
}

impl CommandSet {
    /// No command.
    pub fn none(catalog: &Catalog) -> Self {
        CommandSet {
            bits: catalog.no_bits(),
            open: false,
            first_args: BTreeMap::new(),
        }
    }

    /// All commands.
    pub fn all(catalog: &Catalog) -> Self {
        CommandSet {
            bits: catalog.all_bits(),
            open: true,
            first_args: BTreeMap::new(),
        }
    }

    /// Whether every command is in the set.
    pub fn is_all(&self, catalog: &Catalog) -> bool {
        self.open && self.bits == catalog.all_bits()
    }

    /// Whether the command is in the set, whatever its arguments.
    #[inline]
    pub fn contains(&self, id: u32) -> bool {
        self.bits.contains(id)
    }

    /// Whether the request may run.
    pub fn allows(&self, id: u32, args: &Args<'_>) -> bool {
        self.bits.contains(id) || self.allows_first_arg(id, args)
    }

    fn allows_first_arg(&self, id: u32, args: &Args<'_>) -> bool {
        let (Some(allowed), Some(word)) = (self.first_args.get(&id), args.get(1)) else {
            return false;
        };
        allowed.iter().any(|known| known.eq_ignore_ascii_case(word))
    }

    /// `+name` and `-name`, with `container|sub` and `command|first-arg`.
    pub fn set_command(&mut self, catalog: &Catalog, name: &[u8], allow: bool) -> Result<(), Fault> {
        if let Some(id) = catalog.find(name) {
            self.set_ids(catalog.family(id), allow);
            return Ok(());
        }
        let at = name.iter().rposition(|&byte| byte == b'|');
        let (Some(at), true) = (at, allow) else {
            return Err(Fault::UnknownCommand);
        };
        let (id, word) = (catalog.find(&name[..at]), &name[at + 1..]);
        match id {
            None => Err(Fault::UnknownCommand),
            Some(id) if catalog.is_subcommand(id) => Err(Fault::FirstArgOfSubcommand),
            Some(id) if catalog.is_container(id) => Err(Fault::UnknownCommand),
            Some(_) if word.is_empty() => Err(Fault::Syntax),
            Some(id) => {
                self.add_first_arg(id, word);
                Ok(())
            }
        }
    }

    fn add_first_arg(&mut self, id: u32, word: &[u8]) {
        if self.bits.contains(id) {
            return;
        }
        let words = self.first_args.entry(id).or_default();
        if !words.iter().any(|known| known.eq_ignore_ascii_case(word)) {
            words.push(word.into());
        }
    }

    fn set_ids(&mut self, ids: impl IntoIterator<Item = u32>, allow: bool) {
        for id in ids {
            self.bits.set(id, allow);
            self.first_args.remove(&id);
        }
    }

    /// `+@name` and `-@name`.
    pub fn set_category(&mut self, catalog: &Catalog, name: &[u8], allow: bool) -> Result<(), Fault> {
        if name.eq_ignore_ascii_case(b"all") {
            *self = if allow {
                Self::all(catalog)
            } else {
                Self::none(catalog)
            };
            return Ok(());
        }
        let members = catalog.category(name).ok_or(Fault::UnknownCommand)?;
        self.set_ids(members.iter(), allow);
        Ok(())
    }

    /// Appends the rules that lead to this set. O(categories squared times commands), 64 commands at a time.
    pub fn describe(&self, catalog: &Catalog, out: &mut Vec<u8>) {
        let mut reached = if self.open {
            Self::all(catalog)
        } else {
            Self::none(catalog)
        };
        // Categories only lead away from where the description began; commands go both ways.
        let sign = if self.open { b'-' } else { b'+' };
        out.extend_from_slice(if self.open { b"+@all" } else { b"-@all" });
        while let Some((name, members)) = self.best_category(catalog, &reached.bits) {
            out.extend_from_slice(&[b' ', sign, b'@']);
            out.extend_from_slice(name.as_bytes());
            reached.set_ids(members.iter(), !self.open);
        }
        for id in 0..catalog.ids_count() {
            let allowed = self.bits.contains(id);
            if reached.bits.contains(id) != allowed {
                out.extend_from_slice(if allowed { b" +" } else { b" -" });
                out.extend_from_slice(catalog.name(id).as_bytes());
                reached.set_ids(catalog.family(id), allowed);
            }
            for word in self.first_args.get(&id).into_iter().flatten() {
                out.extend_from_slice(b" +");
                out.extend_from_slice(catalog.name(id).as_bytes());
                out.push(b'|');
                out.extend_from_slice(word);
            }
        }
    }

    /// The category that brings `reached` closest to this set, if one brings it closer at all.
    fn best_category<'c>(&self, catalog: &'c Catalog, reached: &Bits) -> Option<(&'static str, &'c Bits)> {
        let wanted = !self.open;
        let mut best = None;
        let mut most = 0;
        for (name, members) in catalog.categories() {
            let gain = members.gain(reached, &self.bits, wanted);
            if gain > most {
                (best, most) = (Some((name, members)), gain);
            }
        }
        best
    }
}
