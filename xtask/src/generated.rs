//! `cargo xtask gen`: the pages under `docs/` that follow from the source: one per command, the settings, and the
//! table of `docs/COMPATIBILITY.md`. `--check` changes nothing and fails on a page that is stale.

use crate::arguments::Arguments;
use crate::{conformance, process};
use anyhow::{Context, Result, bail};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Only generated pages lie in here: others are removed.
const PAGES: &str = "commands";
const COMPATIBILITY: &str = "COMPATIBILITY.md";

/// Runs the task as asked for on the command line.
pub fn run(arguments: &mut Arguments) -> Result<()> {
    let check = arguments.switch("--check");
    arguments.finish()?;
    let wanted = wanted()?;
    let stale = stale(&wanted)?;
    if check {
        for path in &stale {
            println!("stale: docs/{}", path.display());
        }
        if !stale.is_empty() {
            bail!("gen: {} stale pages; run 'cargo xtask gen'", stale.len());
        }
        println!("gen: {} pages are as the source says", wanted.len());
        return Ok(());
    }
    for path in &stale {
        let target = docs().join(path);
        match wanted.get(path) {
            Some(text) => write(&target, text)?,
            None => std::fs::remove_file(&target).with_context(|| target.display().to_string())?,
        }
    }
    println!(
        "gen: {} pages, {} of them new, changed or removed",
        wanted.len(),
        stale.len()
    );
    Ok(())
}

/// Number of pages that are as they should be, and of those that are not, each of which is printed.
pub fn check() -> Result<(usize, usize)> {
    let wanted = wanted()?;
    let stale = stale(&wanted)?;
    for path in &stale {
        println!("stale: docs/{}; run 'cargo xtask gen'", path.display());
    }
    Ok((usize::from(stale.is_empty()), stale.len()))
}

type Pages = BTreeMap<PathBuf, String>;

fn docs() -> PathBuf {
    process::root().join("docs")
}

/// All generated pages, by their path under `docs/`.
fn wanted() -> Result<Pages> {
    let folder = process::target().join("reference");
    if folder.exists() {
        std::fs::remove_dir_all(&folder).with_context(|| folder.display().to_string())?;
    }
    let mut cargo = process::cargo();
    cargo.args([
        "run",
        "--quiet",
        "-p",
        "flashdb-server",
        "--example",
        "reference",
        "--",
    ]);
    process::check(cargo.arg(&folder))?;
    let mut pages = Pages::new();
    for path in files(&folder)? {
        pages.insert(path.clone(), read(&folder.join(&path))?);
    }
    let hand = read(&docs().join(COMPATIBILITY))?;
    let table = conformance::tables()?;
    let whole = between_marks(&hand, &table).with_context(|| COMPATIBILITY.to_owned())?;
    pages.insert(COMPATIBILITY.into(), whole);
    Ok(pages)
}

/// The pages that differ, are missing, or should not be there.
fn stale(wanted: &Pages) -> Result<BTreeSet<PathBuf>> {
    let mut stale: BTreeSet<PathBuf> = wanted
        .iter()
        .filter(|(path, text)| !std::fs::read_to_string(docs().join(path)).is_ok_and(|there| there == **text))
        .map(|(path, _)| path.clone())
        .collect();
    let folder = docs().join(PAGES);
    if folder.exists() {
        let there = files(&folder)?;
        stale.extend(
            there
                .into_iter()
                .map(|path| Path::new(PAGES).join(path))
                .filter(|path| !wanted.contains_key(path)),
        );
    }
    Ok(stale)
}

/// The files under a folder, as paths relative to it.
fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let entry = entry?;
        let name = PathBuf::from(entry.file_name());
        if entry.file_type()?.is_dir() {
            found.extend(files(&entry.path())?.into_iter().map(|inner| name.join(inner)));
        } else {
            found.push(name);
        }
    }
    Ok(found)
}

fn read(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).with_context(|| path.display().to_string())
}

fn write(path: &Path, text: &str) -> Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::write(path, text).with_context(|| path.display().to_string())
}

const BEGIN: &str = "<!-- generated: begin -->\n";
const END: &str = "<!-- generated: end -->";

/// `text` with what stands between its two marks replaced.
fn between_marks(text: &str, inner: &str) -> Result<String> {
    let begin = text.find(BEGIN).context("no line '<!-- generated: begin -->'")? + BEGIN.len();
    let end = text[begin..]
        .find(END)
        .context("no line '<!-- generated: end -->'")?
        + begin;
    Ok([&text[..begin], inner, &text[end..]].concat())
}

#[cfg(test)]
mod tests {
    use super::between_marks;

    #[test]
    fn only_the_marked_part_is_replaced() {
        let text = "a\n<!-- generated: begin -->\nold\n<!-- generated: end -->\nb\n";
        let whole = between_marks(text, "new\n").expect("marks");
        assert_eq!(
            whole,
            "a\n<!-- generated: begin -->\nnew\n<!-- generated: end -->\nb\n"
        );
        assert_eq!(between_marks(&whole, "old\n").expect("marks"), text);
        assert!(between_marks("no marks", "").is_err());
    }
}
