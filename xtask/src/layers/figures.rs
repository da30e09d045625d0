//! Instruction counts as they are kept in `bench/instructions.json`, and the verdict over new ones.
//!
//! Counts depend on the compiler as much as on the source, so the file says which compiler they are of, and counts of
//! another one are not compared.

use super::Shape;
use crate::process;
use anyhow::{Context, Result, bail};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;

/// By how much a count may grow, in percent.
pub const GROWTH_MAX: f64 = 5.0;

/// Instructions per request, by layer and scenario.
pub type Counts = BTreeMap<(String, String), f64>;

/// What the file holds.
#[derive(Clone, Debug, PartialEq)]
pub struct Figures {
    /// Release, commit and target of the compiler.
    pub compiler: String,
    /// What else can move counts a little: valgrind's and the C library's versions.
    pub beside: String,
    pub shape: Shape,
    pub counts: Counts,
}

impl Figures {
    /// No counts yet, of this machine.
    pub fn here(shape: Shape) -> Result<Self> {
        Ok(Self {
            compiler: compiler()?,
            beside: beside(),
            shape,
            counts: Counts::new(),
        })
    }

    /// Where they are kept.
    pub fn path() -> PathBuf {
        process::root().join("bench/instructions.json")
    }

    /// Reads the file.
    pub fn load() -> Result<Self> {
        let path = Self::path();
        let read = || Self::parse(&std::fs::read_to_string(&path)?);
        read().with_context(|| {
            format!(
                "{}: 'cargo xtask bench instructions --update' writes it",
                path.display()
            )
        })
    }

    /// Writes the file.
    pub fn store(&self) -> Result<()> {
        let path = Self::path();
        std::fs::write(&path, self.text()?).with_context(|| format!("cannot write {}", path.display()))
    }

    fn parse(text: &str) -> Result<Self> {
        let value: Value = serde_json::from_str(text)?;
        let word = |name: &str| {
            value[name]
                .as_str()
                .map(str::to_owned)
                .with_context(|| format!("no '{name}'"))
        };
        let number = |name: &str| value[name].as_u64().with_context(|| format!("no '{name}'"));
        let mut counts = Counts::new();
        let layers = value["instructions"].as_object().context("no 'instructions'")?;
        for (layer, scenarios) in layers {
            for (scenario, count) in scenarios.as_object().context("a layer without scenarios")? {
                let count = count
                    .as_f64()
                    .with_context(|| format!("{layer} {scenario}: no number"))?;
                counts.insert((layer.clone(), scenario.clone()), count);
            }
        }
        Ok(Self {
            compiler: word("compiler")?,
            beside: word("beside")?,
            shape: Shape {
                keys: number("keys")?,
                operations: number("operations")?,
                value_bytes: number("value_bytes")?,
            },
            counts,
        })
    }

    fn text(&self) -> Result<String> {
        let mut layers: BTreeMap<&str, Map<String, Value>> = BTreeMap::new();
        for ((layer, scenario), count) in &self.counts {
            layers
                .entry(layer)
                .or_default()
                .insert(scenario.clone(), json!((count * 10.0).round() / 10.0));
        }
        let value = json!({
            "compiler": self.compiler,
            "beside": self.beside,
            "keys": self.shape.keys,
            "operations": self.shape.operations,
            "value_bytes": self.shape.value_bytes,
            "instructions": layers,
        });
        Ok(serde_json::to_string_pretty(&value)? + "\n")
    }

    /// Why counts made here cannot be compared with these, if they cannot.
    pub fn foreign(&self) -> Result<Option<String>> {
        let here = compiler()?;
        Ok((self.compiler != here).then(|| {
            format!(
                "{} is of {}, this is {here}",
                "bench/instructions.json", self.compiler
            )
        }))
    }
}

/// What became of a count.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Verdict {
    /// Within the bound.
    Same,
    /// More than the bound allows.
    Worse,
    /// Less by more than the bound: the file is to be updated, or the gain can be lost again unseen.
    Better,
    /// The file has no figure.
    New,
}

/// Judges a count by the stored one.
pub fn judge(stored: Option<f64>, count: f64) -> Verdict {
    match stored {
        None => Verdict::New,
        Some(stored) if growth(stored, count) > GROWTH_MAX => Verdict::Worse,
        Some(stored) if growth(stored, count) < -GROWTH_MAX => Verdict::Better,
        Some(_) => Verdict::Same,
    }
}

/// By how many percent a count has grown.
pub fn growth(stored: f64, count: f64) -> f64 {
    (count - stored) / stored * 100.0
}

fn compiler() -> Result<String> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let text = process::capture(Command::new(rustc).arg("-vV").current_dir(process::root()))?;
    let line = |name: &str| text.lines().find_map(|line| line.strip_prefix(name));
    match (text.lines().next(), line("host: ")) {
        (Some(version), Some(host)) => Ok(format!("{version} for {host}")),
        _ => bail!("rustc -vV: no version in '{text}'"),
    }
}

fn beside() -> String {
    let version = |program: &str, argument: &str| {
        let text = process::capture(Command::new(program).arg(argument)).unwrap_or_default();
        text.lines().next().unwrap_or_default().trim().to_owned()
    };
    format!(
        "{}, {}",
        version("valgrind", "--version"),
        version("getconf", "GNU_LIBC_VERSION")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures() -> Figures {
        Figures {
            compiler: "rustc 1".to_owned(),
            beside: "valgrind-1".to_owned(),
            shape: Shape {
                keys: 3,
                operations: 2,
                value_bytes: 1,
            },
            counts: Counts::from([(("table".to_owned(), "get-hit".to_owned()), 41.5)]),
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let text = figures().text().expect("serializable");
        assert_eq!(Figures::parse(&text).expect("valid"), figures());
        assert!(Figures::parse("{}").is_err());
        assert!(Figures::parse(&text.replace("41.5", "null")).is_err());
    }

    #[test]
    fn another_compiler_is_told() {
        assert!(figures().foreign().expect("a compiler").is_some());
        let mut here = figures();
        here.compiler = compiler().expect("a compiler");
        assert_eq!(here.foreign().expect("a compiler"), None);
    }

    #[test]
    fn five_percent_is_the_bound() {
        assert_eq!(judge(Some(100.0), 105.0), Verdict::Same);
        assert_eq!(judge(Some(100.0), 105.1), Verdict::Worse);
        assert_eq!(judge(Some(100.0), 95.0), Verdict::Same);
        assert_eq!(judge(Some(100.0), 94.9), Verdict::Better);
        assert_eq!(judge(None, 1.0), Verdict::New);
    }
}
