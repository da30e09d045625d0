//! What is asked of a bulk job, checked: which keys, what is done to each, how fast. What has passed here is a [`Plan`], and
//! everything in it is bounded.

use crate::api::keys::{TYPES, check_type};
use crate::api::put::{TTL_MS_MAX, check_ttl};
use crate::ask::about;
use crate::error::ApiError;
use crate::json::{Bytes, Database, GivenBytes};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// Keys that are named one by one, at most.
pub(super) const KEYS_MAX: usize = 1000;
/// Bytes of a prefix, a pattern, or what takes the place of a prefix.
const MATCH_BYTES_MAX: usize = 1024;
/// Keys that may be changed though they are more than were confirmed, at least.
const MORE_MIN: u64 = 10;
/// Keys per second unless said otherwise.
pub(super) const RATE_DEFAULT: u64 = 5000;
pub(super) const RATE_MAX: u64 = 1_000_000;

/// What is to be done with each key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum BulkAction {
    Delete,
    /// Needs `ttl_ms`.
    Expire,
    Persist,
    /// Needs `prefix` and `to`.
    RenamePrefix,
}

/// A bulk job to be.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct BulkWish {
    #[serde(default)]
    db: Database,
    action: BulkAction,
    /// What the keys begin with; empty for all keys. Together with `keys`, those of them that begin so.
    prefix: Option<GivenBytes>,
    /// A glob, instead of a prefix.
    pattern: Option<GivenBytes>,
    /// Keys by name.
    #[schemars(length(min = 1, max = KEYS_MAX))]
    keys: Option<Vec<GivenBytes>>,
    /// Only keys of this type.
    #[schemars(schema_with = "type_or_null")]
    r#type: Option<String>,
    #[schemars(range(min = 1, max = TTL_MS_MAX))]
    ttl_ms: Option<i64>,
    /// What takes the place of `prefix`.
    to: Option<GivenBytes>,
    /// Keys per second, at most; 5000 unless given. Less while the server is busy.
    #[schemars(range(min = 1, max = 1_000_000))]
    rate: Option<u64>,
    /// Takes a snapshot before the first key.
    #[serde(default)]
    snapshot_first: bool,
    /// Changes nothing, and answers what it would be about.
    #[serde(default)]
    pub dry_run: bool,
    /// As the dry run says, for all actions but `persist`.
    confirm: Option<String>,
}

/// Which keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Matched {
    Prefix(Vec<u8>),
    Pattern(Vec<u8>),
    Keys(Vec<Vec<u8>>),
}

/// What is done to one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Deed {
    Delete,
    Expire { ttl_ms: i64 },
    Persist,
    Rename { from: Vec<u8>, to: Vec<u8> },
}

/// Why a key is left as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Left {
    /// It has the new prefix already, as those have that were renamed before.
    IsNew,
    /// Renamed, it would be renamed again when the walk comes to its new name.
    WouldRepeat,
}

/// What is to be done.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub db: u64,
    pub deed: Deed,
    pub matched: Matched,
    pub kind: Option<String>,
    pub rate: u64,
    pub snapshot_first: bool,
    pub confirm: Option<String>,
}

fn bytes_of(given: GivenBytes, name: &str) -> Result<Vec<u8>, ApiError> {
    let bytes = given.into_vec()?;
    if bytes.len() > MATCH_BYTES_MAX {
        let message = format!("{name} has to have at most {MATCH_BYTES_MAX} bytes");
        return Err(ApiError::bad_request(message));
    }
    Ok(bytes)
}

fn bad<T>(message: &str) -> Result<T, ApiError> {
    Err(ApiError::bad_request(message))
}

/// Each part is well formed, but they do not go together.
fn impossible<T>(message: &str) -> Result<T, ApiError> {
    Err(ApiError::conflict(message))
}

fn type_or_null(_: &mut SchemaGenerator) -> Schema {
    let types = TYPES.map(Some);
    json_schema!({"description": "Only keys of this type.", "enum": types.iter().chain([&None]).collect::<Vec<_>>()})
}

impl BulkWish {
    /// The plan, if it can be one.
    pub(super) fn check(self, databases: u64) -> Result<Plan, ApiError> {
        if self.db.0 >= databases {
            return bad("there is no such database");
        }
        let rate = self.rate.unwrap_or(RATE_DEFAULT);
        check_rate(rate)?;
        if let Some(kind) = &self.r#type {
            check_type(kind.as_bytes())?;
        }
        let prefix = self.prefix.map(|given| bytes_of(given, "prefix")).transpose()?;
        let pattern = self.pattern.map(|given| bytes_of(given, "pattern")).transpose()?;
        let to = self.to.map(|given| bytes_of(given, "to")).transpose()?;
        let deed = deed_of(self.action, self.ttl_ms, prefix.as_deref(), to)?;
        let matched = match (self.keys, prefix, pattern) {
            (Some(keys), prefix, None) => Matched::Keys(named(keys, &prefix.unwrap_or_default())?),
            (None, Some(prefix), None) => Matched::Prefix(prefix),
            (None, None, Some(pattern)) if !pattern.is_empty() => Matched::Pattern(pattern),
            _ => return impossible("there has to be one of prefix, pattern and keys"),
        };
        if matches!((&matched, &self.r#type), (Matched::Keys(_), Some(_))) {
            return impossible("type is for a prefix or a pattern");
        }
        Ok(Plan {
            db: self.db.0,
            deed,
            matched,
            kind: self.r#type,
            rate,
            snapshot_first: self.snapshot_first,
            confirm: self.confirm,
        })
    }
}

pub(super) fn check_rate(rate: u64) -> Result<(), ApiError> {
    if (1..=RATE_MAX).contains(&rate) {
        return Ok(());
    }
    bad("rate has to be a number from 1 to 1000000")
}

fn named(keys: Vec<GivenBytes>, prefix: &[u8]) -> Result<Vec<Vec<u8>>, ApiError> {
    if !(1..=KEYS_MAX).contains(&keys.len()) {
        return bad("keys has to name 1 to 1000 keys");
    }
    let mut names = keys
        .into_iter()
        .map(GivenBytes::into_vec)
        .collect::<Result<Vec<_>, _>>()?;
    names.retain(|name| name.starts_with(prefix));
    Ok(names)
}

fn deed_of(
    action: BulkAction,
    ttl_ms: Option<i64>,
    prefix: Option<&[u8]>,
    to: Option<Vec<u8>>,
) -> Result<Deed, ApiError> {
    if let Some(ttl_ms) = ttl_ms {
        check_ttl(ttl_ms)?;
    }
    if (action == BulkAction::Expire) != ttl_ms.is_some() {
        return impossible("expire needs ttl_ms, and nothing else has it");
    }
    if (action == BulkAction::RenamePrefix) != to.is_some() {
        return impossible("rename-prefix needs to, and nothing else has it");
    }
    Ok(match (action, to) {
        (BulkAction::Delete, _) => Deed::Delete,
        (BulkAction::Expire, _) => Deed::Expire {
            ttl_ms: ttl_ms.unwrap_or(1),
        },
        (BulkAction::Persist, _) => Deed::Persist,
        (BulkAction::RenamePrefix, to) => {
            let (Some(from), Some(to)) = (prefix, to) else {
                return impossible("rename-prefix needs prefix and to");
            };
            if from == to.as_slice() {
                return impossible("prefix and to have to differ");
            }
            let from = from.to_vec();
            Deed::Rename { from, to }
        }
    })
}

impl Deed {
    /// The command whose right it takes.
    pub fn command(&self) -> &'static str {
        match self {
            Deed::Delete => "unlink",
            Deed::Expire { .. } => "pexpire",
            Deed::Persist => "persist",
            Deed::Rename { .. } => "renamenx",
        }
    }

    /// The word that is typed before it is done; none where nothing is lost by it.
    fn word(&self) -> Option<&'static str> {
        match self {
            Deed::Delete => Some("delete"),
            Deed::Expire { .. } => Some("expire"),
            Deed::Persist => None,
            Deed::Rename { .. } => Some("rename"),
        }
    }

    /// The sentence that is typed before so many keys are changed.
    pub fn phrase(&self, keys: u64) -> Option<String> {
        let things = if keys == 1 { "key" } else { "keys" };
        self.word().map(|word| format!("{word} {keys} {things}"))
    }

    /// The name that a key will have.
    pub fn new_name(&self, key: &[u8]) -> Option<Vec<u8>> {
        match self {
            Deed::Rename { from, to } => {
                let rest = key.strip_prefix(from.as_slice())?;
                Some([to, rest].concat())
            }
            _ => None,
        }
    }

    /// Whether its walk may come to the new names, too.
    pub fn meets_its_own(&self) -> bool {
        matches!(self, Deed::Rename { from, to } if to.starts_with(from))
    }

    /// Whether a key is to be left as it is.
    pub fn leaves(&self, key: &[u8]) -> Option<Left> {
        let Deed::Rename { from, to } = self else {
            return None;
        };
        if to.starts_with(from) {
            return key.starts_with(to).then_some(Left::IsNew);
        }
        let name = self.new_name(key)?;
        name.starts_with(from).then_some(Left::WouldRepeat)
    }

    /// What the engine is asked for one key.
    pub fn request(&self, key: &[u8]) -> Vec<Vec<u8>> {
        match self {
            Deed::Delete => about("UNLINK", key, []),
            Deed::Expire { ttl_ms } => about("PEXPIRE", key, [&ttl_ms.to_string()]),
            Deed::Persist => about("PERSIST", key, []),
            Deed::Rename { .. } => {
                let mut request = about("RENAMENX", key, []);
                request.extend(self.new_name(key));
                request
            }
        }
    }
}

impl Plan {
    /// The number of keys that whoever confirms has seen: that of the sentence.
    ///
    /// # Errors
    /// Where the sentence is not the one of this action.
    pub fn confirmed(&self) -> Result<Option<u64>, ApiError> {
        let Some(word) = self.deed.word() else {
            return Ok(None);
        };
        let given = self.confirm.as_deref().unwrap_or_default();
        let number = given.split(' ').nth(1).and_then(|text| text.parse().ok());
        if number.and_then(|keys| self.deed.phrase(keys)).as_deref() == Some(given) {
            return Ok(number);
        }
        let message = format!("confirm has to be \"{word} N keys\", as the dry run says it");
        Err(ApiError::conflict(message))
    }

    /// Keys that may be changed at most: those that were confirmed, and a few that may have come since they were counted.
    ///
    /// # Errors
    /// As [`Plan::confirmed`].
    pub fn most(&self) -> Result<Option<u64>, ApiError> {
        let most = |keys: u64| keys.saturating_add((keys / 100).max(MORE_MIN));
        Ok(self.confirmed()?.map(most))
    }

    /// The pattern for SCAN.
    pub fn pattern(&self) -> Vec<u8> {
        match &self.matched {
            Matched::Prefix(prefix) => pattern_of(prefix),
            Matched::Pattern(pattern) => pattern.clone(),
            Matched::Keys(_) => b"*".to_vec(),
        }
    }

    /// As the job shows what was asked for, without the names of single keys.
    pub fn told(&self) -> Map<String, Value> {
        let mut told = Map::new();
        let mut tell = |name: &str, value: Value| told.insert(name.to_owned(), value);
        match &self.deed {
            Deed::Delete => tell("action", json!(BulkAction::Delete)),
            Deed::Persist => tell("action", json!(BulkAction::Persist)),
            Deed::Expire { ttl_ms } => {
                tell("ttl_ms", json!(ttl_ms));
                tell("action", json!(BulkAction::Expire))
            }
            Deed::Rename { from, to } => {
                tell("prefix", json!(Bytes::from(from.as_slice())));
                tell("to", json!(Bytes::from(to.as_slice())));
                tell("action", json!(BulkAction::RenamePrefix))
            }
        };
        told.extend(self.which());
        told.insert("rate".to_owned(), self.rate.into());
        told.insert("snapshot_first".to_owned(), self.snapshot_first.into());
        told
    }

    /// Which keys it is about, without the names of single ones.
    pub fn which(&self) -> Map<String, Value> {
        let mut told = Map::new();
        let mut tell = |name: &str, value: Value| told.insert(name.to_owned(), value);
        tell("db", self.db.into());
        match &self.matched {
            Matched::Prefix(prefix) => tell("prefix", json!(Bytes::from(prefix.as_slice()))),
            Matched::Pattern(pattern) => tell("pattern", json!(Bytes::from(pattern.as_slice()))),
            Matched::Keys(keys) => tell("keys_count", json!(keys.len())),
        };
        if let Some(kind) = &self.kind {
            tell("type", json!(kind));
        }
        told
    }
}

/// The glob of all that begins with `prefix`.
pub(super) fn pattern_of(prefix: &[u8]) -> Vec<u8> {
    let mut pattern = Vec::with_capacity(prefix.len() + 1);
    for &byte in prefix {
        if matches!(byte, b'*' | b'?' | b'[' | b']' | b'\\') {
            pattern.push(b'\\');
        }
        pattern.push(byte);
    }
    pattern.push(b'*');
    pattern
}

#[cfg(test)]
mod tests {
    use super::*;
    use flashdb_base::glob::matches;

    fn plan(wish: Value) -> Result<Plan, String> {
        let wish: BulkWish = serde_json::from_value(wish).map_err(|error| error.to_string())?;
        wish.check(16).map_err(|error| error.message)
    }

    #[test]
    fn wishes_have_bounds() {
        let many = vec!["a"; KEYS_MAX + 1];
        for bad in [
            json!({"action": "delete"}),
            json!({"action": "delete", "prefix": "a:", "pattern": "a*"}),
            json!({"action": "delete", "pattern": ""}),
            json!({"action": "delete", "prefix": "a:", "db": 16}),
            json!({"action": "delete", "prefix": "a:", "rate": 0}),
            json!({"action": "delete", "prefix": "a:", "rate": 1_000_001}),
            json!({"action": "delete", "prefix": "a:", "ttl_ms": 5}),
            json!({"action": "delete", "prefix": "a".repeat(MATCH_BYTES_MAX + 1)}),
            json!({"action": "delete", "prefix": "a:", "type": ""}),
            json!({"action": "delete", "prefix": "a:", "what": 1}),
            json!({"action": "delete", "keys": []}),
            json!({"action": "delete", "keys": many}),
            json!({"action": "delete", "keys": ["a"], "type": "hash"}),
            json!({"action": "expire", "prefix": "a:"}),
            json!({"action": "expire", "prefix": "a:", "ttl_ms": 0}),
            json!({"action": "rename-prefix", "prefix": "a:"}),
            json!({"action": "rename-prefix", "prefix": "a:", "to": "a:"}),
            json!({"action": "rename-prefix", "pattern": "a*", "to": "b"}),
            json!({"action": "flush", "prefix": "a:"}),
        ] {
            assert!(plan(bad.clone()).is_err(), "{bad}");
        }
        let good = plan(json!({"action": "delete", "prefix": {"b64": "/w=="}})).expect("a plan");
        assert_eq!((good.rate, good.matched), (5000, Matched::Prefix(vec![255])));
        let some = plan(json!({"action": "rename-prefix", "keys": ["a:1", "b"], "prefix": "a:", "to": "c:"}));
        assert_eq!(
            some.expect("a plan").matched,
            Matched::Keys(vec![b"a:1".to_vec()])
        );
    }

    #[test]
    fn a_prefix_is_taken_literally() {
        for prefix in ["", "a:", "a*[x]?\\", "[^", "\\"] {
            let pattern = pattern_of(prefix.as_bytes());
            let key = [prefix.as_bytes(), b"rest"].concat();
            assert!(
                matches(&pattern, &key) && matches(&pattern, prefix.as_bytes()),
                "{prefix}"
            );
            assert!(prefix.is_empty() || !matches(&pattern, b"other"), "{prefix}");
        }
    }

    #[test]
    fn no_key_is_renamed_twice() {
        let rename = |from: &str, to: &str| Deed::Rename {
            from: from.into(),
            to: to.into(),
        };
        assert_eq!(rename("a:", "b:").leaves(b"a:1"), None);
        assert_eq!(rename("a:", "b:").new_name(b"a:1"), Some(b"b:1".to_vec()));
        assert_eq!(rename("a:", "a:old:").leaves(b"a:1"), None);
        assert_eq!(rename("a:", "a:old:").leaves(b"a:old:1"), Some(Left::IsNew));
        assert_eq!(rename("a:b:", "a:").leaves(b"a:b:1"), None);
        assert_eq!(rename("a:b:", "a:").leaves(b"a:b:b:1"), Some(Left::WouldRepeat));
        assert_eq!(rename("a:", "").leaves(b"a:a:1"), Some(Left::WouldRepeat));
        assert_eq!(rename("", "x:").leaves(b"1"), None);
        assert_eq!(rename("", "x:").leaves(b"x:1"), Some(Left::IsNew));
    }

    #[test]
    fn what_was_confirmed_bounds_what_is_changed() {
        for (confirm, most) in [
            ("delete 0 keys", 10),
            ("delete 1 key", 11),
            ("delete 5000 keys", 5050),
            ("delete 18446744073709551615 keys", u64::MAX),
        ] {
            let plan = plan(json!({"action": "delete", "prefix": "a:", "confirm": confirm})).expect("a plan");
            assert_eq!(plan.most().expect("confirmed"), Some(most), "{confirm}");
        }
        let persist = plan(json!({"action": "persist", "prefix": "a:"})).expect("a plan");
        assert_eq!(persist.most().expect("nothing to confirm"), None);
    }

    #[test]
    fn the_sentence_has_to_be_that_of_the_action() {
        let confirmed = |action: &str, confirm: &str| {
            let mut wish = json!({"action": action, "prefix": "a:", "confirm": confirm});
            if action == "expire" {
                wish["ttl_ms"] = json!(5);
            }
            plan(wish).expect("a plan").confirmed().is_ok()
        };
        assert!(confirmed("delete", "delete 12 keys") && confirmed("delete", "delete 1 key"));
        assert!(confirmed("expire", "expire 0 keys") && confirmed("persist", ""));
        for bad in [
            "",
            "delete",
            "delete  keys",
            "delete 1 keys",
            "delete x keys",
            "expire 12 keys",
            "delete 12 keys ",
        ] {
            assert!(!confirmed("delete", bad), "{bad}");
        }
    }
}
