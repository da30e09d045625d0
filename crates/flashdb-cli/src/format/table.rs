//! Replies as tables: maps and lists of them in columns, and the texts of INFO and CLIENT LIST taken apart.
//!
//! What is no aggregate is shown as for people. Cells hold no line ends or control characters, so that nothing in the data
//! can draw on the terminal; columns are measured as terminals show them.

use super::terminal;
use flashdb_base::split_args::push_quoted;
use flashdb_resp::reply::Value;
use unicode_width::UnicodeWidthStr;

/// Widest column in terminal cells; what is longer is cut, with dots in the place of the rest.
const COLUMN_MAX: usize = 60;

#[derive(Default)]
struct Table {
    titles: Vec<String>,
    rows: Vec<Vec<String>>,
}

/// Appends a reply with its line end.
pub fn push(out: &mut Vec<u8>, reply: &Value) {
    let table = match reply.plain() {
        Value::Map(pairs) if !pairs.is_empty() => Some(of_pairs(pairs)),
        Value::Array(items) | Value::Set(items) | Value::Push(items) if !items.is_empty() => {
            Some(of_items(items))
        }
        Value::Bulk(text) | Value::Verbatim(_, text) => of_text(text),
        _ => None,
    };
    match table {
        Some(table) => table.push(out),
        None => terminal::push(out, reply.plain(), &mut Vec::new()),
    }
}

fn of_pairs(pairs: &[(Value, Value)]) -> Table {
    // A map of maps has a row for each.
    if pairs
        .iter()
        .all(|(_, value)| matches!(value.plain(), Value::Map(inner) if !inner.is_empty()))
    {
        let records = pairs.iter().map(|(name, value)| (cell(name), value));
        return of_records("name", records);
    }
    Table {
        titles: vec!["name".to_owned(), "value".to_owned()],
        rows: pairs
            .iter()
            .map(|(name, value)| vec![cell(name), cell(value)])
            .collect(),
    }
}

fn of_items(items: &[Value]) -> Table {
    let numbered = || items.iter().enumerate();
    if items.iter().all(|item| matches!(item.plain(), Value::Map(_))) {
        return of_records(
            "#",
            numbered().map(|(index, item)| ((index + 1).to_string(), item)),
        );
    }
    // Lists within the list are its rows.
    let width = items
        .iter()
        .map(|item| item.items().map_or(0, <[Value]>::len))
        .max()
        .unwrap_or(0);
    let is_grid = width > 0 && items.iter().all(|item| item.items().is_some());
    let columns = if is_grid { width } else { 1 };
    let titles = match is_grid {
        true => (1..=columns).map(|number| number.to_string()).collect(),
        false => vec!["value".to_owned()],
    };
    let rows = numbered().map(|(index, item)| {
        let mut row = vec![(index + 1).to_string()];
        match item.items().filter(|_| is_grid) {
            Some(cells) => row.extend(cells.iter().map(cell)),
            None => row.push(cell(item)),
        }
        row.resize(columns + 1, String::new());
        row
    });
    Table {
        titles: std::iter::once("#".to_owned())
            .chain::<Vec<String>>(titles)
            .collect(),
        rows: rows.collect(),
    }
}

/// One row for each map, one column for each name that occurs, in the order of their first occurrence.
fn of_records<'a>(first: &str, records: impl Iterator<Item = (String, &'a Value)>) -> Table {
    let fields = records.map(|(key, value)| {
        let pairs = value.pairs().unwrap_or_default();
        let fields = pairs.iter().map(|(name, value)| (cell(name), cell(value)));
        (key, fields.collect::<Vec<_>>())
    });
    of_fields(first, fields.collect())
}

type Record = (String, Vec<(String, String)>);

fn of_fields(first: &str, records: Vec<Record>) -> Table {
    let mut table = Table {
        titles: vec![first.to_owned()],
        rows: Vec::new(),
    };
    let mut columns = std::collections::HashMap::new();
    for (key, fields) in records {
        let mut row = vec![key];
        for (name, value) in fields {
            let at = *columns.entry(name.clone()).or_insert_with(|| {
                table.titles.push(name);
                table.titles.len() - 1
            });
            if row.len() <= at {
                row.resize(at + 1, String::new());
            }
            row[at] = value;
        }
        table.rows.push(row);
    }
    for row in &mut table.rows {
        row.resize(table.titles.len(), String::new());
    }
    table
}

/// INFO's lines (`name:value` under `# Section`) and those of CLIENT LIST (`name=value` parted by blanks).
fn of_text(text: &[u8]) -> Option<Table> {
    let text = std::str::from_utf8(text).ok()?;
    let lines = || text.lines().map(str::trim_end).filter(|line| !line.is_empty());
    if lines().next()?.starts_with("# ") {
        let mut section = "";
        let mut table = Table {
            titles: ["section", "name", "value"].map(str::to_owned).to_vec(),
            rows: Vec::new(),
        };
        for line in lines() {
            match (line.strip_prefix("# "), line.split_once(':')) {
                (Some(title), _) => section = title,
                (None, Some((name, value))) => table
                    .rows
                    .push([section, name, value].map(|text| clean(text.as_bytes())).to_vec()),
                (None, None) => return None,
            }
        }
        return Some(table);
    }
    if !text.starts_with("id=") {
        return None;
    }
    let records = lines().enumerate().map(|(index, line)| {
        let fields = line.split(' ').filter_map(|field| field.split_once('='));
        let fields = fields.map(|(name, value)| (clean(name.as_bytes()), clean(value.as_bytes())));
        ((index + 1).to_string(), fields.collect())
    });
    Some(of_fields("#", records.collect()))
}

/// A value as one line of text.
fn cell(value: &Value) -> String {
    let text = match value.plain() {
        Value::Null => return "(nil)".to_owned(),
        Value::Boolean(value) => return value.to_string(),
        Value::Integer(number) => return number.to_string(),
        Value::Error(text) => return format!("(error) {}", clean(text)),
        Value::Array(_) | Value::Set(_) | Value::Push(_) | Value::Map(_) => super::to_json(value),
        other => other.bytes().unwrap_or_default().to_vec(),
    };
    clean(&text)
}

/// The text itself if a terminal shows it as it is, otherwise in quotes.
fn clean(text: &[u8]) -> String {
    match std::str::from_utf8(text) {
        Ok(text) if !text.chars().any(is_unfit) => text.to_owned(),
        _ => {
            let mut quoted = Vec::new();
            push_quoted(&mut quoted, text);
            String::from_utf8_lossy(&quoted).into_owned()
        }
    }
}

/// Control characters and those that change the direction of a text or have no width.
fn is_unfit(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

impl Table {
    fn push(mut self, out: &mut Vec<u8>) {
        let all = || self.rows.iter().chain([&self.titles]);
        let widths: Vec<usize> = (0..self.titles.len())
            .map(|column| {
                let cells = all().map(|row| row[column].width());
                cells.max().unwrap_or(0).min(COLUMN_MAX)
            })
            .collect();
        // Numbers are read by their last digit.
        let is_right: Vec<bool> = (0..widths.len())
            .map(|column| {
                let mut cells = self.rows.iter().map(|row| &row[column]);
                !self.rows.is_empty() && cells.all(|cell| cell.parse::<f64>().is_ok())
            })
            .collect();
        let titles = std::mem::take(&mut self.titles);
        push_row(out, &titles, &widths, &vec![false; widths.len()]);
        let rule: Vec<String> = widths.iter().map(|width| "-".repeat(width + 2)).collect();
        out.extend_from_slice(rule.join("+").as_bytes());
        out.push(b'\n');
        for row in &self.rows {
            push_row(out, row, &widths, &is_right);
        }
        let plural = if self.rows.len() == 1 { "" } else { "s" };
        out.extend_from_slice(format!("({} row{plural})\n", self.rows.len()).as_bytes());
    }
}

fn push_row(out: &mut Vec<u8>, row: &[String], widths: &[usize], is_right: &[bool]) {
    let mut line = String::new();
    for (index, (cell, width)) in row.iter().zip(widths).enumerate() {
        let shown = cut(cell, *width);
        let gap = " ".repeat(width.saturating_sub(shown.width()));
        line.push_str(if index > 0 { "| " } else { " " });
        match is_right[index] {
            true => line.extend([&gap, &shown, " "]),
            false => line.extend([&shown, &gap, " "]),
        }
    }
    out.extend_from_slice(line.trim_end().as_bytes());
    out.push(b'\n');
}

fn cut(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut kept = String::new();
    for c in text.chars() {
        kept.push(c);
        if kept.width() + 3 > width {
            kept.pop();
            break;
        }
    }
    kept + "..."
}
