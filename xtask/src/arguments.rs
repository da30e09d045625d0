//! The few kinds of command-line arguments that the tasks take: switches, options with a value, and plain words.
//!
//! A task takes what it knows and calls `finish`, which refuses whatever is left.

use anyhow::{Context, Result, bail};
use std::str::FromStr;

/// What stands behind the task's name on the command line and has not been taken yet.
pub struct Arguments {
    words: Vec<String>,
}

impl Arguments {
    pub fn new(words: Vec<String>) -> Self {
        Self { words }
    }

    /// Takes `--name`; true when it was there.
    pub fn switch(&mut self, name: &str) -> bool {
        let before = self.words.len();
        self.words.retain(|word| word != name);
        self.words.len() != before
    }

    /// Takes `--name VALUE` or `--name=VALUE`; an error when the value is missing.
    pub fn option(&mut self, name: &str) -> Result<Option<String>> {
        let prefix = format!("{name}=");
        let Some(at) = self
            .words
            .iter()
            .position(|word| word == name || word.starts_with(&prefix))
        else {
            return Ok(None);
        };
        let word = self.words.remove(at);
        if let Some(value) = word.strip_prefix(&prefix) {
            return Ok(Some(value.to_owned()));
        }
        if at == self.words.len() {
            bail!("{name} needs a value");
        }
        Ok(Some(self.words.remove(at)))
    }

    /// Takes every occurrence of `--name VALUE`.
    pub fn options(&mut self, name: &str) -> Result<Vec<String>> {
        let mut values = Vec::new();
        while let Some(value) = self.option(name)? {
            values.push(value);
        }
        Ok(values)
    }

    /// Takes `--name VALUE` as a number, or `default`.
    pub fn number<T: FromStr>(&mut self, name: &str, default: T) -> Result<T> {
        match self.option(name)? {
            Some(text) => text
                .parse()
                .ok()
                .with_context(|| format!("{name}: '{text}' is not a number")),
            None => Ok(default),
        }
    }

    /// Takes the first word if it is `word`: a task within the task. To be called before the rest is taken.
    pub fn leading(&mut self, word: &str) -> bool {
        let leads = self.words.first().is_some_and(|first| first == word);
        if leads {
            self.words.remove(0);
        }
        leads
    }

    /// Takes the plain words (those without leading dashes).
    pub fn plain(&mut self) -> Vec<String> {
        let (plain, rest) = std::mem::take(&mut self.words)
            .into_iter()
            .partition(|word| !word.starts_with('-'));
        self.words = rest;
        plain
    }

    /// Takes everything behind a `--`: words for another program. To be called before the rest is taken.
    pub fn behind_dashes(&mut self) -> Vec<String> {
        let Some(at) = self.words.iter().position(|word| word == "--") else {
            return Vec::new();
        };
        let behind = self.words.split_off(at + 1);
        self.words.truncate(at);
        behind
    }

    /// Refuses what no task took.
    pub fn finish(&self) -> Result<()> {
        match self.words.first() {
            Some(word) => bail!("unknown argument '{word}'"),
            None => Ok(()),
        }
    }
}
