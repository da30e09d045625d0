//! All rows by name. Built once at the start from the families here and the rows that the server
//! adds (those about connections, transactions, publish/subscribe); read-only afterwards.

use crate::error::ErrorReply;
use crate::spec::{Audit, CommandSpec, Flags};
use flashdb_resp::Args;
use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Deref;

/// A numbered row of the table. One word, because commands go from hand to hand for every request: a processor that reads
/// at once what was written in parts waits until all of it has left for the cache.
#[derive(Clone, Copy)]
pub struct Command(&'static NumberedRow);

impl Deref for Command {
    type Target = NumberedRow;

    #[inline]
    fn deref(&self) -> &NumberedRow {
        self.0
    }
}

/// A row with its number, which indexes statistics.
pub struct NumberedRow {
    /// The row (of a subcommand, once resolved).
    pub spec: &'static CommandSpec,
    /// Dense number over commands and subcommands.
    pub id: u32,
    /// Always looked at once it has run, however short: it is for administrators, or belongs in the audit log.
    pub is_noted: bool,
    /// Position of the only key, precomputed.
    pub single_key: Option<u32>,
}

/// The command table.
pub struct Registry {
    by_name: HashMap<Cow<'static, str>, Command, foldhash::fast::FixedState>,
    /// Some commands go by other names than their rows say.
    renamed: bool,
    subcommands: HashMap<(u32, &'static str), Command>,
    all: Vec<Command>,
}

/// Longest command name looked up; longer ones do not exist.
const NAME_BYTES_MAX: usize = 64;

impl Registry {
    /// Numbers the rows. Names are unique (a test checks it).
    pub fn new(groups: &[&'static [&'static CommandSpec]]) -> Self {
        let mut registry = Registry {
            by_name: HashMap::default(),
            renamed: false,
            subcommands: HashMap::new(),
            all: Vec::new(),
        };
        let mut specs: Vec<&'static CommandSpec> =
            groups.iter().flat_map(|rows| rows.iter().copied()).collect();
        specs.sort_by_key(|spec| spec.name);
        for spec in specs {
            let command = registry.number(spec);
            let twice = registry.by_name.insert(spec.name.into(), command);
            assert!(twice.is_none(), "two rows are called {}", spec.name);
            for sub in spec.subcommands {
                let numbered = registry.number(sub);
                registry.subcommands.insert((command.id, sub.name), numbered);
            }
        }
        registry
    }

    fn number(&mut self, spec: &'static CommandSpec) -> Command {
        let single_key = spec.single_key().map(|at| at as u32);
        // A server has one table, for as long as it runs.
        let command = Command(Box::leak(Box::new(NumberedRow {
            spec,
            id: self.all.len() as u32,
            is_noted: spec.flags.has(Flags::ADMIN) || spec.audit != Audit::No,
            single_key,
        })));
        self.all.push(command);
        command
    }

    /// Gives a command another name, or none if `to` is empty (`rename-command`): requests, scripts and COMMAND find it
    /// under that one only. Its row, the log and the statistics keep the old one.
    ///
    /// # Errors
    /// Redis's texts: there is no such command, or the new name is taken or cannot be one.
    pub fn rename(&mut self, from: &[u8], to: &[u8]) -> Result<(), &'static str> {
        let command = self.find(from).ok_or("No such command in rename-command")?;
        let lower = to.to_ascii_lowercase();
        let to = std::str::from_utf8(&lower)
            .ok()
            .filter(|name| name.len() <= NAME_BYTES_MAX)
            .ok_or("A command's name has to be text of at most 64 bytes")?;
        let from = from.to_ascii_lowercase();
        if from != lower && self.by_name.contains_key(to) {
            return Err("Target command name already exists");
        }
        self.renamed = true;
        self.by_name.retain(|name, _| name.as_bytes() != from);
        if !to.is_empty() {
            self.by_name.insert(to.to_owned().into(), command);
        }
        Ok(())
    }

    /// Whether a row's own name may not be what its command goes by.
    #[inline]
    pub fn is_renamed(&self) -> bool {
        self.renamed
    }

    /// The command called `name`, in any case; containers unresolved.
    #[inline]
    pub fn find(&self, name: &[u8]) -> Option<Command> {
        let mut lower = [0u8; NAME_BYTES_MAX];
        let lower = lower.get_mut(..name.len())?;
        lower.copy_from_slice(name);
        lower.make_ascii_lowercase();
        self.by_name.get(std::str::from_utf8(lower).ok()?).copied()
    }

    /// The command of a request, containers resolved to their subcommand.
    ///
    /// # Errors
    /// Redis's texts for unknown commands and subcommands.
    pub fn resolve(&self, args: &Args<'_>) -> Result<Command, ErrorReply> {
        let command = self.find(args.at(0)).ok_or_else(|| unknown_command(args))?;
        self.resolve_sub(command, args)
    }

    /// Resolves a container's subcommand; any other command is returned as it is.
    #[inline]
    pub fn resolve_sub(&self, command: Command, args: &Args<'_>) -> Result<Command, ErrorReply> {
        if command.spec.subcommands.is_empty() {
            return Ok(command);
        }
        let Some(word) = args.get(1) else {
            // A container alone: its own handler if it has a meaning (COMMAND), else an arity error.
            return Ok(command);
        };
        self.find_sub(command, word)
            .ok_or_else(|| unknown_subcommand(command.spec, word))
    }

    /// The subcommand `word` of a container.
    pub fn find_sub(&self, container: Command, word: &[u8]) -> Option<Command> {
        let lower = word.to_ascii_lowercase();
        let name = std::str::from_utf8(&lower).ok()?;
        let spec = container.spec.subcommands.iter().find(|sub| sub.name == name)?;
        self.subcommands.get(&(container.id, spec.name)).copied()
    }

    /// Number of commands and subcommands; ids are below it.
    pub fn ids_count(&self) -> usize {
        self.all.len()
    }

    /// All commands and subcommands by id.
    pub fn all(&self) -> &[Command] {
        &self.all
    }

    /// The commands without subcommands, by name.
    pub fn commands(&self) -> impl Iterator<Item = Command> {
        self.all
            .iter()
            .copied()
            .filter(|command| command.spec.container.is_empty())
    }
}

/// Redis's answer to a command that does not exist: the name and the start of the arguments.
pub fn unknown_command(args: &Args<'_>) -> ErrorReply {
    let mut text = b"ERR unknown command '".to_vec();
    text.extend(args.at(0).iter().take(128));
    text.extend_from_slice(b"', with args beginning with: ");
    let mut shown = 0;
    for word in args.iter_from(1) {
        if shown >= 128 {
            break;
        }
        text.push(b'\'');
        let take = word.len().min(128 - shown);
        text.extend_from_slice(&word[..take]);
        text.extend_from_slice(b"' ");
        shown += take + 3;
    }
    ErrorReply::from_bytes(text)
}

fn unknown_subcommand(container: &CommandSpec, word: &[u8]) -> ErrorReply {
    let mut text = b"ERR unknown subcommand '".to_vec();
    text.extend(word.iter().take(128));
    text.extend_from_slice(format!("'. Try {} HELP.", container.name.to_ascii_uppercase()).as_bytes());
    ErrorReply::from_bytes(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_get_other_names() {
        let mut registry = Registry::new(&crate::families());
        assert!(!registry.is_renamed());
        assert_eq!(registry.rename(b"FLUSHALL", b""), Ok(()));
        assert_eq!(registry.rename(b"get", b"Fetch"), Ok(()));
        assert!(registry.is_renamed());
        let name = |word: &str| registry.find(word.as_bytes()).map(|command| command.spec.name);
        assert_eq!(
            [
                name("flushall"),
                name("get"),
                name("fetch"),
                name("FETCH"),
                name("set")
            ],
            [None, None, Some("get"), Some("get"), Some("set")]
        );
    }

    #[test]
    fn names_that_cannot_be_given() {
        let mut registry = Registry::new(&crate::families());
        assert_eq!(
            registry.rename(b"nonsense", b"x"),
            Err("No such command in rename-command")
        );
        assert_eq!(
            registry.rename(b"get", b"SET"),
            Err("Target command name already exists")
        );
        assert!(registry.rename(b"get", &[0xff]).is_err());
        assert!(registry.rename(b"get", &[b'x'; NAME_BYTES_MAX + 1]).is_err());
        assert!(registry.find(b"get").is_some(), "a refused name changes nothing");
        assert_eq!(registry.rename(b"get", b"GET"), Ok(()));
        assert!(registry.find(b"get").is_some());
    }
}
