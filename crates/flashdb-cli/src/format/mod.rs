//! How a reply looks: for people, as it is, as CSV, as JSON, or as a table.
//!
//! The first four are redis-cli's, byte for byte; where redis-cli gives up (big numbers, attributes) they go on in the same
//! spirit. All are pure: a value in, bytes out.

mod json;
mod plain;
mod table;
mod terminal;

use flashdb_resp::reply::Value;
pub use json::to_json;

/// The form of replies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// For people: types, numbers and quotes.
    Terminal,
    /// As they are.
    Raw,
    /// Comma-separated values.
    Csv,
    /// JSON.
    Json {
        /// Whether everything outside of ASCII is escaped.
        ascii: bool,
    },
    /// Columns.
    Table,
}

/// A form with what it takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Style {
    /// The form.
    pub format: Format,
    /// Between elements, in raw form.
    pub between_elements: Vec<u8>,
    /// Behind a reply, in raw form.
    pub behind_reply: Vec<u8>,
}

impl Style {
    /// With line ends between elements and behind replies.
    pub fn new(format: Format) -> Self {
        Style {
            format,
            between_elements: b"\n".to_vec(),
            behind_reply: b"\n".to_vec(),
        }
    }

    /// The reply with what is behind it. `is_text` says that the command answers with a text for people, which is not
    /// quoted (see [`answers_with_text`]).
    pub fn show(&self, reply: &Value, is_text: bool) -> Vec<u8> {
        let mut out = Vec::new();
        match self.format {
            // Such a text ends as it likes.
            Format::Raw | Format::Terminal | Format::Csv if is_text => {
                plain::push_raw(&mut out, reply, &self.between_elements);
            }
            Format::Raw => {
                plain::push_raw(&mut out, reply, &self.between_elements);
                out.extend_from_slice(&self.behind_reply);
            }
            Format::Terminal => terminal::push(&mut out, reply, &mut Vec::new()),
            Format::Csv => {
                plain::push_csv(&mut out, reply);
                out.push(b'\n');
            }
            Format::Json { ascii } => {
                json::push(&mut out, reply, ascii);
                out.push(b'\n');
            }
            Format::Table => table::push(&mut out, reply),
        }
        out
    }
}

/// Whether a command answers with a text that people read as it is: INFO, CLIENT LIST and the like.
pub fn answers_with_text(words: &[Vec<u8>]) -> bool {
    let is = |at: usize, names: &[&str]| {
        let word = words.get(at).map(Vec::as_slice).unwrap_or_default();
        names
            .iter()
            .any(|name| word.eq_ignore_ascii_case(name.as_bytes()))
    };
    match words.len() {
        _ if is(0, &["info", "lolwut"]) => true,
        2.. if is(0, &["debug"]) => is(1, &["htstats", "htstats-key", "client-eviction"]),
        2.. if is(0, &["memory"]) => is(1, &["malloc-stats", "doctor"]),
        2.. if is(0, &["client"]) => is(1, &["list", "info"]),
        2 if is(0, &["cluster"]) => is(1, &["nodes", "info"]),
        2 if is(0, &["latency"]) => is(1, &["doctor"]),
        3 if is(0, &["latency"]) => is(1, &["graph"]),
        2.. if is(0, &["proxy"]) => is(1, &["info"]),
        _ => false,
    }
}

#[cfg(test)]
mod tests;
