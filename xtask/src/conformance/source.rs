//! Redis 7.0.15's source tree with its Tcl suite, from Debian's source package.
//!
//! The machine's own binary-package lines are turned into source-package lines in a private folder, and apt keeps its
//! lists and cache there too: nothing under `/etc` or `/var` is touched and no root is needed.

use crate::{packages, process};
use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};
use std::process::Command;

const VERSION: &str = "7.0.15";

/// The unpacked source: `given`, or the cached download, or a new download.
pub fn locate(given: Option<String>, folder: &Path) -> Result<PathBuf> {
    let source = match given {
        Some(path) => PathBuf::from(path),
        None => folder.join("source").join(format!("redis-{VERSION}")),
    };
    if !source.join("tests/test_helper.tcl").exists() {
        if source.parent() != Some(&folder.join("source")) {
            bail!("{} holds no tests/test_helper.tcl", source.display());
        }
        download(folder)?;
    }
    Ok(source.canonicalize()?)
}

fn download(folder: &Path) -> Result<()> {
    packages::require(&[packages::DPKG_DEV])?;
    println!("fetching Debian's source package of Redis {VERSION}");
    let apt = folder.join("apt");
    for part in ["sources", "lists/partial", "cache/archives/partial"] {
        std::fs::create_dir_all(apt.join(part))?;
    }
    write_source_lines(Path::new("/etc/apt"), &apt.join("sources"))?;

    let options: Vec<String> = [
        ("Dir::Etc::SourceList", "none"),
        ("Dir::Etc::SourceParts", "sources"),
        ("Dir::State::Lists", "lists"),
        ("Dir::Cache", "cache"),
    ]
    .iter()
    .flat_map(|(name, part)| ["-o".to_owned(), format!("{name}={}", apt.join(part).display())])
    .chain(["-o".to_owned(), "APT::Sandbox::User=root".to_owned()])
    .collect();

    // A repository without sources fails the update, and need not matter: what counts is whether Redis is found.
    let update = process::capture(Command::new("apt-get").args(&options).args(["update", "-q"]));
    let versions = process::capture(
        Command::new("apt-cache")
            .args(&options)
            .args(["showsrc", "redis"]),
    );
    let versions = versions.unwrap_or_default();
    let version = versions
        .lines()
        .filter_map(|line| line.strip_prefix("Version: "))
        .find(|version| {
            version
                .split(':')
                .next_back()
                .is_some_and(|version| version.starts_with(VERSION))
        });
    let Some(version) = version else {
        let why = update
            .err()
            .map(|error| format!(" ({error:#})"))
            .unwrap_or_default();
        bail!(
            "this machine's package sources have no source of Redis {VERSION}; give an unpacked one with --source{why}"
        );
    };

    let unpacked = folder.join("source");
    std::fs::create_dir_all(&unpacked)?;
    let package = format!("redis={version}");
    let mut get = Command::new("apt-get");
    get.args(&options)
        .args(["source", "-q", &package])
        .current_dir(&unpacked);
    process::capture(&mut get).map(drop)
}

/// Writes to `sources` what `etc_apt` lists, as source packages: one-line `.list` files and `.sources` stanzas.
fn write_source_lines(etc_apt: &Path, sources: &Path) -> Result<()> {
    let mut files = vec![etc_apt.join("sources.list")];
    if let Ok(folder) = std::fs::read_dir(etc_apt.join("sources.list.d")) {
        files.extend(folder.flatten().map(|entry| entry.path()));
    }
    let mut written = 0;
    for file in files {
        let Some(extension) = file.extension().and_then(|extension| extension.to_str()) else {
            continue;
        };
        let Ok(text) = std::fs::read_to_string(&file) else {
            continue;
        };
        let lines = match extension {
            "list" => source_lines(&text),
            "sources" => source_stanzas(&text),
            _ => continue,
        };
        if !lines.is_empty() {
            std::fs::write(sources.join(format!("{written}.{extension}")), lines)?;
            written += 1;
        }
    }
    if written == 0 {
        bail!("no package sources found under {}", etc_apt.display());
    }
    Ok(())
}

/// `deb ...` lines as `deb-src ...` lines.
fn source_lines(text: &str) -> String {
    let lines = text.lines().filter_map(|line| line.trim().strip_prefix("deb "));
    lines.map(|rest| format!("deb-src {rest}\n")).collect()
}

/// The deb822 stanzas that offer binary packages, offering source packages instead.
fn source_stanzas(text: &str) -> String {
    let mut result = String::new();
    let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
    for stanza in lines.split(|line| line.trim().is_empty()) {
        let is_binary = |line: &&str| {
            let words = line.strip_prefix("Types:").unwrap_or_default();
            words.split_whitespace().any(|word| word == "deb")
        };
        if !stanza.iter().any(is_binary) {
            continue;
        }
        for line in stanza {
            result.push_str(if line.starts_with("Types:") {
                "Types: deb-src"
            } else {
                line
            });
            result.push('\n');
        }
        result.push('\n');
    }
    result
}

/// Copies what the suite needs into `copy`, replacing what was there: it writes below its own `tests` folder, so that
/// units that run at the same time need a copy each.
pub fn copy_suite(source: &Path, copy: &Path) -> Result<()> {
    if copy.exists() {
        std::fs::remove_dir_all(copy).with_context(|| format!("cannot clear {}", copy.display()))?;
    }
    std::fs::create_dir_all(copy)?;
    let mut command = Command::new("cp");
    process::check(
        command
            .arg("-r")
            .arg(source.join("tests"))
            .arg(source.join("utils"))
            .arg(copy),
    )
}

#[cfg(test)]
mod tests {
    use super::{source_lines, source_stanzas};

    #[test]
    fn one_line_entries_become_source_entries() {
        let text =
            "# comment\ndeb http://a b main\ndeb-src http://a b main\n deb [signed-by=x] http://c d main\n";
        assert_eq!(
            source_lines(text),
            "deb-src http://a b main\ndeb-src [signed-by=x] http://c d main\n"
        );
    }

    #[test]
    fn stanzas_become_source_stanzas() {
        let text = "Types: deb\n# note\nURIs: http://a\n\nTypes: deb-src\nURIs: http://b\n\nTypes: deb deb-src\nURIs: http://c\n";
        let want = "Types: deb-src\nURIs: http://a\n\nTypes: deb-src\nURIs: http://c\n\n";
        assert_eq!(source_stanzas(text), want);
    }
}
