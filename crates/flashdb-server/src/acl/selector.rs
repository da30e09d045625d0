//! A selector: commands, keys and channels that belong together. A request is allowed if one selector
//! allows all of it; what two selectors allow is never added up.

use super::catalog::Catalog;
use super::command_set::CommandSet;
use super::pattern::{Access, KeyPattern, Pattern};
use super::rules::{Fault, fits_a_line, inner_rules};

/// Commands with the keys and channels that they may be used on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selector {
    /// The commands.
    pub commands: CommandSet,
    /// Patterns of keys; empty if all are allowed.
    pub keys: Vec<KeyPattern>,
    /// Whether all keys may be read and written.
    pub all_keys: bool,
    /// Patterns of channels; empty if all are allowed.
    pub channels: Vec<Pattern>,
    /// Whether all channels are allowed.
    pub all_channels: bool,
}

impl Selector {
    /// Allows nothing, but for all channels where the settings say so.
    pub fn new(catalog: &Catalog, all_channels: bool) -> Self {
        Selector {
            commands: CommandSet::none(catalog),
            keys: Vec::new(),
            all_keys: false,
            channels: Vec::new(),
            all_channels,
        }
    }

    /// Allows everything.
    pub fn all(catalog: &Catalog) -> Self {
        Selector {
            commands: CommandSet::all(catalog),
            all_keys: true,
            ..Self::new(catalog, true)
        }
    }

    /// Reads `( … )`; `None` if the rule is no selector.
    pub fn parse(rule: &[u8], catalog: &Catalog, all_channels: bool) -> Option<Result<Self, Fault>> {
        let rules = match inner_rules(rule)? {
            Ok(rules) => rules,
            Err(fault) => return Some(Err(fault)),
        };
        let mut selector = Selector::new(catalog, all_channels);
        for rule in rules {
            if let Err(fault) = selector.apply(rule, catalog) {
                return Some(Err(fault));
            }
        }
        Some(Ok(selector))
    }

    /// Applies a rule about commands, keys or channels.
    pub fn apply(&mut self, rule: &[u8], catalog: &Catalog) -> Result<(), Fault> {
        match rule.to_ascii_lowercase().as_slice() {
            b"allkeys" | b"~*" => self.set_all_keys(),
            b"resetkeys" => {
                self.all_keys = false;
                self.keys.clear();
            }
            b"allchannels" | b"&*" => self.set_all_channels(),
            b"resetchannels" => {
                self.all_channels = false;
                self.channels.clear();
            }
            b"allcommands" => self.commands = CommandSet::all(catalog),
            b"nocommands" => self.commands = CommandSet::none(catalog),
            _ => return self.apply_prefixed(rule, catalog),
        }
        Ok(())
    }

    fn apply_prefixed(&mut self, rule: &[u8], catalog: &Catalog) -> Result<(), Fault> {
        match rule {
            [b'+' | b'-', ..] if !fits_a_line(rule) => Err(Fault::Syntax),
            [sign @ (b'+' | b'-'), b'@', name @ ..] => {
                self.commands.set_category(catalog, name, *sign == b'+')
            }
            [sign @ (b'+' | b'-'), name @ ..] => self.commands.set_command(catalog, name, *sign == b'+'),
            [b'~', pattern @ ..] => self.add_keys(pattern, Access::BOTH),
            [b'%', rest @ ..] => {
                let (access, pattern) = access_and_pattern(rest)?;
                self.add_keys(pattern, access)
            }
            [b'&', pattern @ ..] => self.add_channels(pattern),
            _ => Err(Fault::Syntax),
        }
    }

    fn add_keys(&mut self, text: &[u8], access: Access) -> Result<(), Fault> {
        if self.all_keys {
            return Err(Fault::KeyAfterAll);
        }
        if !fits_a_line(text) {
            return Err(Fault::Syntax);
        }
        let known = self.keys.iter_mut().find(|known| known.pattern.text() == text);
        let access = match known {
            Some(known) => {
                known.access = known.access.and(access);
                known.access
            }
            None => {
                let pattern = Pattern::new(text);
                self.keys.push(KeyPattern { pattern, access });
                access
            }
        };
        if text == b"*" && access == Access::BOTH {
            self.set_all_keys();
        }
        Ok(())
    }

    fn set_all_keys(&mut self) {
        self.all_keys = true;
        self.keys.clear();
    }

    fn add_channels(&mut self, text: &[u8]) -> Result<(), Fault> {
        if self.all_channels {
            return Err(Fault::ChannelAfterAll);
        }
        if !fits_a_line(text) {
            return Err(Fault::Syntax);
        }
        if !self.channels.iter().any(|known| known.text() == text) {
            self.channels.push(Pattern::new(text));
        }
        Ok(())
    }

    fn set_all_channels(&mut self) {
        self.all_channels = true;
        self.channels.clear();
    }

    /// Whether everything is allowed.
    pub fn is_all(&self, catalog: &Catalog) -> bool {
        self.all_keys && self.all_channels && self.commands.is_all(catalog)
    }

    /// Whether `needed` is allowed on `key`.
    #[inline]
    pub fn allows_key(&self, key: &[u8], needed: Access) -> bool {
        self.all_keys || self.keys.iter().any(|known| known.allows(key, needed))
    }

    /// Whether every key may be read.
    pub fn reads_all_keys(&self) -> bool {
        let reads_all =
            |known: &KeyPattern| known.pattern.text() == b"*" && known.access.covers(Access::READ);
        self.all_keys || self.keys.iter().any(reads_all)
    }

    /// Whether every key that begins with `prefix` may be read. May say no where a pattern is more than a prefix and a star.
    pub fn reads_all_below(&self, prefix: &[u8]) -> bool {
        let head =
            |known: &KeyPattern| known.access.covers(Access::READ) && known.pattern.covers_below(prefix);
        self.all_keys || self.keys.iter().any(head)
    }

    /// Whether [`Selector::reads_all_below`] holds for something that begins with `prefix`.
    pub fn reads_some_below(&self, prefix: &[u8]) -> bool {
        let head =
            |known: &KeyPattern| known.access.covers(Access::READ) && known.pattern.leads_through(prefix);
        self.all_keys || self.keys.iter().any(head)
    }

    /// Whether a channel is allowed; a pattern of channels has to stand among the rules as it is.
    pub fn allows_channel(&self, name: &[u8], is_pattern: bool) -> bool {
        let allows = |known: &Pattern| {
            if is_pattern {
                known.text() == name
            } else {
                known.matches(name)
            }
        };
        self.all_channels || self.channels.iter().any(allows)
    }

    /// The rules about keys, as ACL GETUSER shows them.
    pub fn keys_text(&self) -> Vec<u8> {
        if self.all_keys {
            return b"~*".to_vec();
        }
        let mut text = Vec::new();
        for known in &self.keys {
            if !text.is_empty() {
                text.push(b' ');
            }
            known.describe(&mut text);
        }
        text
    }

    /// The rules about channels, as ACL GETUSER shows them.
    pub fn channels_text(&self) -> Vec<u8> {
        if self.all_channels {
            return b"&*".to_vec();
        }
        let names: Vec<Vec<u8>> = self
            .channels
            .iter()
            .map(|known| [b"&", known.text()].concat())
            .collect();
        names.join(&b' ')
    }

    /// The rules about commands, as ACL GETUSER shows them.
    pub fn commands_text(&self, catalog: &Catalog) -> Vec<u8> {
        let mut text = Vec::new();
        self.commands.describe(catalog, &mut text);
        text
    }

    /// Appends all rules, each behind a blank, such that they lead to this selector from one that allows nothing.
    pub fn describe(&self, catalog: &Catalog, out: &mut Vec<u8>) {
        for text in [
            self.keys_text(),
            if self.all_channels {
                Vec::new()
            } else {
                b"resetchannels".to_vec()
            },
            self.channels_text(),
            self.commands_text(catalog),
        ] {
            if !text.is_empty() {
                out.push(b' ');
                out.extend_from_slice(&text);
            }
        }
    }

    /// As [`Selector::describe`], in parentheses.
    pub fn describe_enclosed(&self, catalog: &Catalog, out: &mut Vec<u8>) {
        let mut text = Vec::new();
        self.describe(catalog, &mut text);
        out.extend_from_slice(b" (");
        out.extend_from_slice(text.trim_ascii_start());
        out.push(b')');
    }
}

/// Reads `R~x`, `W~x` or `RW~x`. Without the tilde there is no pattern, which matches the empty key only.
fn access_and_pattern(rest: &[u8]) -> Result<(Access, &[u8]), Fault> {
    let mut access = Access::NONE;
    for (at, byte) in rest.iter().enumerate() {
        let more = match byte.to_ascii_uppercase() {
            b'R' => Access::READ,
            b'W' => Access::WRITE,
            b'~' if access != Access::NONE => return Ok((access, &rest[at + 1..])),
            _ => return Err(Fault::Syntax),
        };
        if access.covers(more) {
            return Err(Fault::Syntax);
        }
        access = access.and(more);
    }
    if access == Access::NONE {
        return Err(Fault::Syntax);
    }
    Ok((access, b""))
}
