//! `--scan`: all keys, one a line; quoted on a terminal, JSON strings with `--json`.

use super::{Outcome, Pages, quoted};
use crate::connection::Connection;
use crate::format::{Format, to_json};
use crate::options::Options;
use crate::output::print;
use flashdb_resp::reply::Value;

/// Lists the keys.
///
/// # Errors
/// When the connection breaks or the server refuses SCAN.
pub fn run(connection: &mut Connection, options: &Options) -> Outcome {
    let mut pages = Pages::new(options);
    while let Some(keys) = pages.next(connection)? {
        let mut lines = Vec::new();
        for key in keys {
            match options.style.format {
                Format::Terminal | Format::Table => lines.extend(quoted(&key).into_bytes()),
                Format::Json { ascii: false } => lines.extend(to_json(&Value::Bulk(key))),
                Format::Json { ascii: true } => {
                    let mut line = options.style.show(&Value::Bulk(key), false);
                    line.pop();
                    lines.extend(line);
                }
                Format::Raw | Format::Csv => lines.extend(key),
            }
            lines.push(b'\n');
        }
        print(&lines);
        std::thread::sleep(options.interval.unwrap_or_default());
    }
    Ok(())
}
