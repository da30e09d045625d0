//! The committed side of conformance: which tests Redis itself passes, which failures are known and why, which units need
//! a server with one core loop, and how many tests must pass at least.

use crate::process;
use anyhow::{Context, Result, bail};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// The tests that Redis 7.0.15 passes, by unit.
pub type Expected = BTreeMap<String, Vec<String>>;

/// Who starts the servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// We do; the suite gets a port.
    External,
    /// The suite does, in place of `redis-server`.
    Internal,
}

impl Side {
    /// The tests that Redis passes.
    pub fn expected(self) -> Result<Expected> {
        match self {
            Side::External => read_expected("redis-7.0.15.json"),
            Side::Internal => read_expected("internal-7.0.15.json"),
        }
    }

    /// The file of known failures, below `conformance/`.
    pub fn known_file(self) -> &'static str {
        match self {
            Side::External => "known-failures.txt",
            Side::Internal => "internal-known-failures.txt",
        }
    }

    /// The known failures.
    pub fn known_failures(self) -> Result<KnownFailures> {
        KnownFailures::read(self.known_file())
    }

    /// The units that run with one core loop.
    pub fn one_loop_units(self) -> Result<OneLoopUnits> {
        read_one_loop_units(match self {
            Side::External => "one-loop-units.txt",
            Side::Internal => "internal-one-loop-units.txt",
        })
    }
}

/// Reads a list of expected tests; `FLASHDB_CONFORMANCE_LIST` names another one.
fn read_expected(name: &str) -> Result<Expected> {
    let path = match std::env::var_os("FLASHDB_CONFORMANCE_LIST") {
        Some(path) => PathBuf::from(path),
        None => process::root().join("conformance").join(name),
    };
    let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    serde_json::from_str(&text)
        .with_context(|| format!("{} is not a map of unit to test names", path.display()))
}

/// The known failures: unit and test name (`*` for the whole unit) to the reason.
#[derive(Default)]
pub struct KnownFailures {
    reasons: BTreeMap<(String, String), String>,
}

impl KnownFailures {
    fn read(name: &str) -> Result<Self> {
        let path = process::root().join("conformance").join(name);
        let text =
            std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        Self::parse(&text).with_context(|| path.display().to_string())
    }

    /// Lines of `unit | test name | reason`; empty lines and lines that begin with `#` are comments. A test name may
    /// hold the separator itself, so the unit ends at the first and the reason begins at the last one.
    fn parse(text: &str) -> Result<Self> {
        let mut known = Self::default();
        for (number, line) in text.lines().enumerate() {
            if line.trim().is_empty() || line.starts_with('#') {
                continue;
            }
            let parts = line
                .split_once(" | ")
                .and_then(|(unit, rest)| Some((unit, rest.rsplit_once(" | ")?)));
            let Some((unit, (test, reason))) = parts else {
                bail!("line {}: want 'unit | test name | reason'", number + 1);
            };
            if reason.trim().is_empty() {
                bail!("line {}: no reason", number + 1);
            }
            known.reasons.insert(
                (unit.trim().to_owned(), test.trim().to_owned()),
                reason.trim().to_owned(),
            );
        }
        Ok(known)
    }

    /// The reason why a whole unit is left out.
    pub fn unit_reason(&self, unit: &str) -> Option<&str> {
        self.reasons
            .get(&(unit.to_owned(), "*".to_owned()))
            .map(String::as_str)
    }

    /// The reason why a test by itself is left out.
    pub fn reason(&self, unit: &str, test: &str) -> Option<&str> {
        self.reasons
            .get(&(unit.to_owned(), test.to_owned()))
            .map(String::as_str)
    }

    /// Whether a failure of this test is known.
    pub fn contains(&self, unit: &str, test: &str) -> bool {
        self.unit_reason(unit).is_some() || self.reasons.contains_key(&(unit.to_owned(), test.to_owned()))
    }

    /// The names of the known failures of a unit.
    pub fn tests_of(&self, unit: &str) -> Vec<String> {
        let of_unit = self
            .reasons
            .keys()
            .filter(|(known, test)| known == unit && test != "*");
        of_unit.map(|(_, test)| test.clone()).collect()
    }
}

/// Units that run against a server with one core loop, with the reason.
pub type OneLoopUnits = BTreeMap<String, String>;

fn read_one_loop_units(name: &str) -> Result<OneLoopUnits> {
    let path = process::root().join("conformance").join(name);
    let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    parse_one_loop_units(&text).with_context(|| path.display().to_string())
}

/// Lines of `unit | reason`; empty lines and lines that begin with `#` are comments.
fn parse_one_loop_units(text: &str) -> Result<OneLoopUnits> {
    let mut units = BTreeMap::new();
    for (number, line) in text.lines().enumerate() {
        if line.trim().is_empty() || line.starts_with('#') {
            continue;
        }
        match line
            .split_once('|')
            .map(|(unit, reason)| (unit.trim(), reason.trim()))
        {
            Some((unit, reason)) if !unit.is_empty() && !reason.is_empty() => {
                units.insert(unit.to_owned(), reason.to_owned());
            }
            _ => bail!("line {}: want 'unit | reason'", number + 1),
        }
    }
    Ok(units)
}

/// The least number of expected tests that must pass, from `conformance/baseline.txt`.
pub fn baseline() -> Result<usize> {
    let text = std::fs::read_to_string(baseline_path()).unwrap_or_default();
    let number = text
        .lines()
        .find(|line| !line.starts_with('#') && !line.trim().is_empty());
    match number {
        Some(number) => number
            .trim()
            .parse()
            .context("conformance/baseline.txt: no number"),
        None => Ok(0),
    }
}

/// Writes a new baseline.
pub fn write_baseline(count: usize) -> Result<()> {
    let text = format!(
        "# Tests of conformance/redis-7.0.15.json that must pass at least. 'cargo xtask conformance --update' raises it;\n\
         # nothing lowers it.\n{count}\n"
    );
    std::fs::write(baseline_path(), text).context("cannot write conformance/baseline.txt")
}

fn baseline_path() -> PathBuf {
    process::root().join("conformance/baseline.txt")
}

#[cfg(test)]
mod tests {
    use super::{KnownFailures, parse_one_loop_units};

    #[test]
    fn units_with_one_loop_have_reasons() {
        let units = parse_one_loop_units("# comment\n\nunit/a | order\n").expect("valid");
        assert_eq!(units.get("unit/a").map(String::as_str), Some("order"));
        assert!(parse_one_loop_units("unit/a").is_err());
        assert!(parse_one_loop_units("unit/a | ").is_err());
    }

    #[test]
    fn known_failures() {
        let known =
            KnownFailures::parse("# comment\n\nunit/a | * | later\nunit/b | x | y | z\n").expect("valid");
        assert_eq!(known.unit_reason("unit/a"), Some("later"));
        assert!(known.contains("unit/a", "anything") && known.contains("unit/b", "x | y"));
        assert!(!known.contains("unit/b", "x"));
        assert_eq!(known.reason("unit/b", "x | y"), Some("z"));
        assert_eq!(known.tests_of("unit/b"), ["x | y"]);
        assert!(KnownFailures::parse("unit/a | no reason").is_err());
        assert!(KnownFailures::parse("unit/a | empty | ").is_err());
    }
}
