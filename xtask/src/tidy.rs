//! `cargo xtask tidy`: the house rules that neither the compiler nor clippy can state.
//!
//! Crates depend in one direction; every source file opens with a head comment, belongs to a module tree and stays short
//! enough to read, or says why not; nothing unfinished is left behind.

use crate::arguments::Arguments;
use crate::process;
use anyhow::{Context, Result, bail};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Crates by layer: each may use only crates of the layers before its own.
const LAYERS: &[&[&str]] = &[
    &["flashdb-base"],
    &[
        "flashdb-resp",
        "flashdb-io",
        "flashdb-table",
        "flashdb-disk",
        "flashdb-benchmark",
    ],
    &["flashdb-types", "flashdb-log", "flashdb-snapshot", "flashdb-cli"],
    &["flashdb-rdb", "flashdb-store", "flashdb-script"],
    &["flashdb-config", "flashdb-command", "flashdb-import"],
    &["flashdb-persistence", "flashdb-layers"],
    &["flashdb-server"],
    &["flashdb-http"],
    &["flashdb"],
];

/// A dependency within a layer that is allowed, as (user, used).
const WITHIN_LAYER: &[(&str, &str)] = &[
    ("flashdb-store", "flashdb-rdb"),
    ("flashdb-command", "flashdb-config"),
];

const LINES_MAX: usize = 1000;
const HEAD_LINES_MAX: usize = 20;

/// Runs the task; prints every breach before it fails.
pub fn run(arguments: &mut Arguments) -> Result<()> {
    arguments.finish()?;
    let breaches = breaches()?;
    for breach in &breaches {
        println!("{breach}");
    }
    if !breaches.is_empty() {
        bail!("tidy: {} breaches of the house rules", breaches.len());
    }
    println!("tidy: nothing to complain about");
    Ok(())
}

/// All breaches, one line each.
pub fn breaches() -> Result<Vec<String>> {
    let root = process::root();
    let mut found = Vec::new();
    check_layers(&root, &mut found)?;
    let files = tracked_files(&root)?;
    for file in files
        .iter()
        .filter(|file| file.extension().is_some_and(|extension| extension == "rs"))
    {
        let path = root.join(file);
        // A file removed from the work tree and not from the index yet.
        let Ok(text) = std::fs::read_to_string(&path) else {
            continue;
        };
        let name = file.display().to_string();
        check_head(&name, &text, &mut found);
        check_length(&name, &text, &mut found);
        check_leftovers(&name, &text, &mut found);
    }
    check_orphans(&root, &files, &mut found);
    Ok(found)
}

fn layer(name: &str) -> Option<usize> {
    LAYERS.iter().position(|layer| layer.contains(&name))
}

fn check_layers(root: &Path, found: &mut Vec<String>) -> Result<()> {
    for entry in std::fs::read_dir(root.join("crates")).context("crates/")? {
        let folder = entry?.path();
        let Ok(manifest) = std::fs::read_to_string(folder.join("Cargo.toml")) else {
            continue;
        };
        let user = folder
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let Some(user_layer) = layer(&user) else {
            found.push(format!(
                "crates/{user}: no layer; add it to LAYERS in xtask/src/tidy.rs"
            ));
            continue;
        };
        for used in dependencies(&manifest) {
            let allowed = match layer(&used) {
                Some(used_layer) => {
                    used_layer < user_layer || WITHIN_LAYER.contains(&(user.as_str(), used.as_str()))
                }
                None => true, // Not one of ours.
            };
            if !allowed {
                found.push(format!(
                    "crates/{user}/Cargo.toml: back edge: {user} must not use {used}"
                ));
            }
        }
    }
    Ok(())
}

/// The names under `[dependencies]`. Test-only dependencies may point anywhere.
fn dependencies(manifest: &str) -> Vec<String> {
    let mut inside = false;
    let mut names = Vec::new();
    for line in manifest.lines() {
        if let Some(section) = line.strip_prefix('[') {
            inside = section.starts_with("dependencies]");
            names.extend(
                section
                    .strip_prefix("dependencies.")
                    .map(|name| name.trim_end_matches(']').to_owned()),
            );
        } else if inside {
            let name: String = line
                .chars()
                .take_while(|c| c.is_alphanumeric() || "-_".contains(*c))
                .collect();
            names.push(name);
        }
    }
    names.retain(|name| !name.is_empty());
    names
}

/// Files that git knows or would add.
fn tracked_files(root: &Path) -> Result<Vec<PathBuf>> {
    let mut git = std::process::Command::new("git");
    git.current_dir(root)
        .args(["ls-files", "--cached", "--others", "--exclude-standard", "-z"]);
    let listed = match process::capture(&mut git) {
        Ok(text) => text
            .split('\0')
            .filter(|name| !name.is_empty())
            .map(PathBuf::from)
            .collect(),
        // A source archive has no repository.
        Err(_) => walk(root)?,
    };
    Ok(listed)
}

fn walk(root: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut folders = vec![PathBuf::new()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(root.join(&folder))? {
            let entry = entry?;
            let path = folder.join(entry.file_name());
            if !entry.file_type()?.is_dir() {
                files.push(path);
            } else if !["target", ".git", "data"]
                .iter()
                .any(|name| path == Path::new(name))
            {
                folders.push(path);
            }
        }
    }
    Ok(files)
}

fn check_head(name: &str, text: &str, found: &mut Vec<String>) {
    let head = text.lines().take_while(|line| line.starts_with("//!")).count();
    let starts_as_script = text.starts_with("#!");
    if head == 0 && !starts_as_script {
        found.push(format!(
            "{name}:1: no //! head: what the file is, what it guarantees, what it leaves to others"
        ));
    }
}

fn check_length(name: &str, text: &str, found: &mut Vec<String>) {
    let lines = text.lines().count();
    let head: String = text
        .lines()
        .take(HEAD_LINES_MAX)
        .filter(|line| line.starts_with("//!"))
        .collect();
    if lines > LINES_MAX && !head.contains("reason") {
        found.push(format!(
            "{name}: {lines} lines; split it, or state in its head the reason why it is one thing"
        ));
    }
}

/// Words that mark unfinished work. Assembled here so that this file does not contain them.
fn leftover_marks() -> Vec<String> {
    [
        ("TO", "DO"),
        ("FIX", "ME"),
        ("X", "XX"),
        ("HA", "CK"),
        ("for", " now"),
        ("placeholder", " "),
    ]
    .iter()
    .map(|(left, right)| format!("{left}{right}"))
    .collect()
}

fn check_leftovers(name: &str, text: &str, found: &mut Vec<String>) {
    let marks = leftover_marks();
    for (number, line) in text.lines().enumerate() {
        // Only comments: a command's test may well contain such a word as data.
        let Some(comment) = line.find("//").map(|at| &line[at..]) else {
            continue;
        };
        if let Some(mark) = marks.iter().find(|mark| holds_word(comment, mark)) {
            found.push(format!("{name}:{}: leftover '{}'", number + 1, mark));
        }
    }
}

fn holds_word(text: &str, word: &str) -> bool {
    let is_edge = |c: Option<char>| !c.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == '-');
    text.match_indices(word).any(|(at, _)| {
        is_edge(text[..at].chars().next_back()) && is_edge(text[at + word.len()..].chars().next())
    })
}

/// A source file that no `mod` names is dead: cargo neither builds nor lints it.
fn check_orphans(root: &Path, files: &[PathBuf], found: &mut Vec<String>) {
    let sources: BTreeSet<&Path> = files
        .iter()
        .map(PathBuf::as_path)
        .filter(|file| in_module_tree(file) && root.join(file).exists())
        .collect();
    for file in &sources {
        let stem = file.file_stem().unwrap_or_default().to_string_lossy();
        if is_crate_root(file) {
            continue;
        }
        let (name, folder) = match stem.as_ref() {
            "mod" => (
                file.parent().and_then(Path::file_name),
                file.parent().and_then(Path::parent),
            ),
            _ => (file.file_stem(), file.parent()),
        };
        let (Some(name), Some(folder)) = (name, folder) else {
            continue;
        };
        let name = name.to_string_lossy();
        let holds = |parent: &Path, test: &dyn Fn(&str) -> bool| {
            std::fs::read_to_string(root.join(parent)).is_ok_and(|text| text.lines().map(str::trim).any(test))
        };
        let by_name = declaring_files(folder)
            .iter()
            .any(|parent| holds(parent, &|line| declares(line, &name)));
        let siblings = sources.iter().filter(|sibling| sibling.parent() == file.parent());
        let by_path = || {
            siblings
                .clone()
                .any(|sibling| holds(sibling, &|line| names_path(line, file)))
        };
        let declared = by_name || by_path();
        if !declared {
            found.push(format!("{}: no 'mod {name};' names this file", file.display()));
        }
    }
}

fn in_module_tree(file: &Path) -> bool {
    let is_rust = file.extension().is_some_and(|extension| extension == "rs");
    is_rust && file.components().any(|part| part.as_os_str() == "src")
}

/// `src/lib.rs`, `src/main.rs` and the binaries in `src/bin`.
fn is_crate_root(file: &Path) -> bool {
    let parent = file.parent().and_then(Path::file_name).unwrap_or_default();
    let name = file.file_name().unwrap_or_default();
    parent == "bin" || (parent == "src" && (name == "lib.rs" || name == "main.rs"))
}

/// The files that may declare a module that lies in `folder`.
fn declaring_files(folder: &Path) -> Vec<PathBuf> {
    let inside = ["mod.rs", "lib.rs", "main.rs"].map(|name| folder.join(name));
    inside.into_iter().chain([folder.with_extension("rs")]).collect()
}

/// Whether the line is `mod NAME;`, with whatever visibility.
fn declares(line: &str, name: &str) -> bool {
    let behind = line.find("mod ").map(|at| line[at + 4..].trim_start());
    behind
        .and_then(|rest| rest.strip_prefix(name))
        .is_some_and(|rest| rest.starts_with([';', ' ', '{']))
}

/// Whether the line is `#[path = "FILE"]`, which any file of the same folder may hold.
fn names_path(line: &str, file: &Path) -> bool {
    let file_name = file.file_name().unwrap_or_default().to_string_lossy();
    line.strip_prefix("#[path")
        .is_some_and(|rest| rest.contains(&format!("\"{file_name}\"")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dependencies_are_read_from_their_section_only() {
        let manifest = "[package]\nname = \"a\"\n\n[dependencies]\nb.workspace = true\nc = \"1\"\n\n[dev-dependencies]\nd = \"1\"\n\n[dependencies.e]\nversion = \"1\"\n";
        assert_eq!(dependencies(manifest), ["b", "c", "e"]);
    }

    #[test]
    fn heads_lengths_and_leftovers() {
        let mut found = Vec::new();
        check_head("a.rs", "fn main() {}\n", &mut found);
        check_length("b.rs", &"\n".repeat(LINES_MAX + 1), &mut found);
        check_leftovers(
            "c.rs",
            &format!("let x = 1; // {}{}: later\n", "TO", "DO"),
            &mut found,
        );
        assert_eq!(found.len(), 3, "{found:?}");

        found.clear();
        check_head("a.rs", "//! A head.\n", &mut found);
        check_length(
            "b.rs",
            &format!(
                "//! The reason for its length: a table.\n{}",
                "\n".repeat(LINES_MAX)
            ),
            &mut found,
        );
        check_leftovers("c.rs", "// mastodons\n", &mut found);
        assert!(found.is_empty(), "{found:?}");
    }

    #[test]
    fn module_declarations() {
        let file = Path::new("src/scan.rs");
        assert!(declares("pub(crate) mod scan;", "scan"));
        assert!(!declares("mod scanner;", "scan"));
        assert!(names_path("#[path = \"scan.rs\"]", file));
        assert!(!names_path("#[path = \"rescan.rs\"]", file));
    }
}
