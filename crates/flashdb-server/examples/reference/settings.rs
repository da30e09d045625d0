//! The page of the settings: those in effect, those of capabilities still to come, and those that
//! are accepted so that files of Redis work.

use crate::{HEAD, cell, code};
use flashdb_config::{Flags, ROWS, Row, Settings};

/// Settings whose default follows from the machine, and how.
const BY_MACHINE: &[(&str, &str)] = &[("io-threads", "one per core")];

/// `CONFIGURATION.md`.
pub fn page() -> String {
    let mut rows: Vec<&Row> = ROWS.iter().filter(|row| !row.is(Flags::HIDDEN)).collect();
    rows.sort_by_key(|row| row.name);
    let (waiting, rest): (Vec<&Row>, Vec<&Row>) =
        rows.into_iter().partition(|row| row.is(Flags::NO_EFFECT_YET));
    let (inert, working): (Vec<&Row>, Vec<&Row>) = rest.into_iter().partition(|row| row.is(Flags::INERT));
    [
        HEAD,
        INTRODUCTION,
        "\n## Settings\n\n",
        &table(&working),
        "\n## Without effect yet\n\n",
        "Known, checked and kept, but what they steer is not in this version. Setting one gives a warning at the start.\n\n",
        &table(&waiting),
        "\n## Without effect\n\n",
        "Accepted so that a file of Redis works: they steer something that FlashDB does not have by design.\n\n",
        &table(&inert),
    ]
    .concat()
}

const INTRODUCTION: &str = "
# Configuration

A setting can stand in a file (`flashdb /etc/flashdb.conf`, syntax of `redis.conf`), on the command line (`--port 7000`) or in
the environment (`FLASHDB_PORT=7000`: dashes become underscores). The command line wins over the file, the file over the
environment. `CONFIG GET` shows the values in use, `CONFIG SET` changes them, `CONFIG REWRITE` writes them to the file.

The column *While running* says whether `CONFIG SET` takes a new value: **yes**; **at start** (what is read only once);
**no**; **protected** (only where `enable-protected-configs` allows it).
";

fn table(rows: &[&Row]) -> String {
    let mut out =
        String::from("| Setting | Default | Values | While running | What |\n|---|---|---|---|---|\n");
    let defaults = Settings::default();
    for row in rows {
        let names: Vec<String> = row.names().map(code).collect();
        out.push_str(&format!(
            "| {} | {} | {} | {} | {} |\n",
            names.join(", also "),
            default(row, &defaults),
            cell(&row.domain()),
            changeable(row),
            cell(row.summary)
        ));
    }
    out
}

fn default(row: &Row, defaults: &Settings) -> String {
    match BY_MACHINE.iter().find(|(name, _)| *name == row.name) {
        Some((_, words)) => (*words).into(),
        None => match String::from_utf8_lossy(&row.value(defaults)).as_ref() {
            "" => "(empty)".into(),
            text => code(text),
        },
    }
}

fn changeable(row: &Row) -> &'static str {
    match () {
        () if row.is(Flags::IMMUTABLE) => "no",
        () if row.is(Flags::AT_START) => "at start",
        () if row.is(Flags::PROTECTED) => "protected",
        () => "yes",
    }
}
