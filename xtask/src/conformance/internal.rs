//! The suite's internal mode: it writes a redis.conf, starts `src/redis-server` with it, reads the log and kills the
//! process, as whoever replaces the binary of an installation does. Our server is put there under that name.
//!
//! Only units are run this way that check something the other mode cannot. What Redis itself passes so is recorded once,
//! by `--internal --record`, from Debian's binary, and committed.

use super::Results;
use super::ledger::Expected;
use super::transcript::Outcome;
use crate::process;
use anyhow::{Context, Result, bail};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

/// The units that need this mode. Those about replication and `maxmemory` are not among them.
const UNITS: &[&str] = &[
    "unit/acl",
    "unit/acl-v2",
    "unit/auth",
    "unit/client-eviction",
    "unit/info",
    "unit/introspection",
    "unit/limits",
    "unit/memefficiency",
    "unit/networking",
    "unit/obuf-limits",
    "unit/pendingquerybuf",
    "unit/pubsubshard",
    "unit/querybuf",
    "unit/replybufsize",
    "unit/shutdown",
];

/// Tags of tests that are left out: active defragmentation is off in Debian's build as in ours, and its tests end at once.
pub const TAGS: &str = "-defrag";

/// Where Debian's package puts the server.
const REDIS_SERVER: &str = "/usr/bin/redis-server";

/// The units, of which it is to be found out what Redis passes.
pub fn every_unit() -> Expected {
    UNITS
        .iter()
        .map(|unit| ((*unit).to_owned(), Vec::new()))
        .collect()
}

/// Writes down which tests passed.
pub fn record(results: &Results) -> Result<()> {
    let mut passed = Expected::new();
    for (unit, result) in results {
        let names = result.outcomes.iter();
        let names = names.filter(|(_, outcome)| **outcome == Outcome::Passed);
        passed.insert(unit.clone(), names.map(|(name, _)| name.clone()).collect());
        for (name, outcome) in &result.outcomes {
            if let Outcome::Failed(reason) = outcome {
                println!("not passed: {unit} | {name} | {reason}");
            }
        }
    }
    let path = process::root().join("conformance/internal-7.0.15.json");
    let mut known: Expected = match std::fs::read_to_string(&path) {
        Ok(text) => serde_json::from_str(&text)?,
        Err(_) => Expected::new(),
    };
    known.append(&mut passed);
    let text = serde_json::to_string_pretty(&known)? + "\n";
    std::fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))
}

/// Puts the programs where the suite looks for them: the server of the command `server`, and Redis's own tools.
pub fn put_programs(copy: &Path, server: &str) -> Result<()> {
    let folder = copy.join("src");
    std::fs::create_dir_all(&folder)?;
    let mut words = server.split_whitespace();
    let program = words.next().context("empty server command")?;
    let program = if program.contains('/') {
        std::fs::canonicalize(program)?
    } else {
        Path::new(REDIS_SERVER).with_file_name(program)
    };
    if !program.exists() {
        bail!("{} is not there", program.display());
    }
    let place = folder.join("redis-server");
    let flags: Vec<&str> = words.collect();
    if flags.is_empty() {
        symlink(&program, &place)?;
    } else {
        let script = format!(
            "#!/bin/sh\nexec {} \"$@\" {}\n",
            program.display(),
            flags.join(" ")
        );
        std::fs::write(&place, script)?;
        std::fs::set_permissions(&place, std::fs::Permissions::from_mode(0o755))?;
    }
    for tool in [
        "redis-cli",
        "redis-benchmark",
        "redis-check-aof",
        "redis-check-rdb",
    ] {
        let installed = Path::new(REDIS_SERVER).with_file_name(tool);
        if installed.exists() {
            symlink(installed, folder.join(tool))?;
        }
    }
    Ok(())
}
