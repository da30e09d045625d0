//! CSV with a heading: `key` and `value`, and if there are any `type`, `ttl_ms` or `ttl` (seconds), in any order. Quoted by RFC
//! 4180; rows end with LF or CRLF; fields are separated by commas, or by semicolons or tabs where the heading has no comma.
//!
//! Without a type, or with `string`, the value is the text as it stands. Of the other types it is the JSON that a line of
//! JSON has: `["a","b"]` for a list or set, `[["field","value"]]` for a hash, `[["member",1.5]]` for a sorted set.

use crate::item::{Ending, Expiry, Fault, Item, Limits, Place, Refusal, key_row, left_out};
use crate::steps::Step;
use crate::value::{Spot, expiry_of, value_of};
use flashdb_rdb::RdbValue;
use serde_json::value::RawValue;
use std::io::{BufRead, BufReader, Read};

const BUFFER_BYTES: usize = 256 << 10;
const MARK: &[u8] = b"\xef\xbb\xbf";
/// Columns of a row; the heading knows five.
const FIELDS_MAX: usize = 64;

/// Where a parser stands in a row.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Inside {
    /// At the beginning of a field.
    Begin,
    Plain,
    Quoted,
    /// Behind a quote: the end of the field, or half of a quote.
    Quote,
    /// Behind that, at what may be the end of a line of Windows.
    Return,
}

/// What became of a row.
enum Outcome {
    Fields(Place, Vec<Vec<u8>>),
    /// It is not quoted as it has to be; reading goes on behind it.
    Bad(Place, &'static str),
    End,
}

/// Rows of fields, of bounded size.
struct Table<R> {
    reader: BufReader<R>,
    place: Place,
    separator: u8,
    bytes_max: usize,
}

impl<R: Read> Table<R> {
    /// One byte; `None` at the end.
    fn byte(&mut self) -> Result<Option<u8>, Fault> {
        loop {
            match self.reader.fill_buf() {
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.fault(self.place, format!("read failed: {error}"))),
                Ok(available) => {
                    let Some(&byte) = available.first() else {
                        return Ok(None);
                    };
                    self.reader.consume(1);
                    self.place.offset += 1;
                    if byte == b'\n' {
                        self.place.line = self.place.line.map(|line| line + 1);
                    }
                    return Ok(Some(byte));
                }
            }
        }
    }

    fn fault(&self, place: Place, why: impl Into<String>) -> Fault {
        Fault {
            place,
            why: why.into(),
        }
    }

    /// The next row. One that is empty has no fields.
    fn row(&mut self) -> Result<Outcome, Fault> {
        let begin = self.place;
        let (mut fields, mut field, mut inside) = (Vec::new(), Vec::new(), Inside::Begin);
        let (mut bytes, mut bad) = (0, None);
        loop {
            let Some(byte) = self.byte()? else {
                if inside == Inside::Quoted {
                    return Err(self.fault(begin, "a quote has no end"));
                }
                if bytes == 0 {
                    return Ok(Outcome::End);
                }
                break;
            };
            bytes += 1;
            if bytes > self.bytes_max {
                return Err(self.fault(
                    begin,
                    "the row is longer than may be read; it may lack the end of a quote",
                ));
            }
            match (inside, byte) {
                (Inside::Quoted, b'"') => inside = Inside::Quote,
                (Inside::Quoted, byte) => field.push(byte),
                (Inside::Quote, b'"') => {
                    field.push(b'"');
                    inside = Inside::Quoted;
                }
                (Inside::Begin, b'"') => inside = Inside::Quoted,
                (_, b'\n') => break,
                (Inside::Return, _) => bad = Some("there is something behind the end of a quote"),
                (_, byte) if byte == self.separator => {
                    fields.push(std::mem::take(&mut field));
                    inside = Inside::Begin;
                    if fields.len() > FIELDS_MAX {
                        bad = Some("it has more than 64 fields");
                        fields.clear();
                    }
                }
                (Inside::Quote, b'\r') => inside = Inside::Return,
                (Inside::Quote, _) => bad = Some("there is something behind the end of a quote"),
                (_, byte) => {
                    field.push(byte);
                    inside = Inside::Plain;
                }
            }
        }
        if inside == Inside::Plain && field.last() == Some(&b'\r') {
            field.pop();
        }
        let is_blank =
            fields.is_empty() && field.is_empty() && matches!(inside, Inside::Begin | Inside::Plain);
        if !is_blank {
            fields.push(field);
        }
        Ok(match bad {
            Some(why) => Outcome::Bad(begin, why),
            None => Outcome::Fields(begin, fields),
        })
    }
}

/// Which column is what.
struct Columns {
    key: usize,
    value: usize,
    kind: Option<usize>,
    /// With how many ms one of it is.
    ttl: Option<(usize, i128)>,
    count: usize,
}

impl Columns {
    fn of(heading: &[Vec<u8>]) -> Result<Columns, Refusal> {
        let names: Vec<String> = heading
            .iter()
            .map(|name| String::from_utf8_lossy(name).trim().to_ascii_lowercase())
            .collect();
        let at = |wanted: &str| names.iter().position(|name| name == wanted);
        if let Some(other) = names
            .iter()
            .find(|name| !["key", "value", "type", "ttl_ms", "ttl"].contains(&name.as_str()))
        {
            let other: String = other.chars().take(60).collect();
            return Err(format!(
                "the heading has a column {other:?}; known are key, value, type, ttl_ms and ttl"
            ));
        }
        let again = (1..names.len()).find(|&at| names[..at].contains(&names[at]));
        if let Some(at) = again {
            return Err(format!("the heading has two columns {:?}", names[at]));
        }
        if at("ttl_ms").is_some() && at("ttl").is_some() {
            return Err("the heading has both ttl_ms and ttl; one says when a key expires".to_owned());
        }
        let (Some(key), Some(value)) = (at("key"), at("value")) else {
            return Err("the first line has to be a heading with key and value".to_owned());
        };
        let ttl = at("ttl_ms").map(|at| (at, 1)).or(at("ttl").map(|at| (at, 1000)));
        Ok(Columns {
            key,
            value,
            kind: at("type"),
            ttl,
            count: names.len(),
        })
    }

    fn row(&self, place: Place, mut fields: Vec<Vec<u8>>) -> Item {
        if fields.len() != self.count {
            let why = format!(
                "it has {} fields, and the heading has {}",
                fields.len(),
                self.count
            );
            return left_out(place, None, why);
        }
        let key = std::mem::take(&mut fields[self.key]);
        let made = self.value(&mut fields);
        key_row(place, key, made)
    }

    fn value(&self, fields: &mut [Vec<u8>]) -> Result<(RdbValue, Expiry), Refusal> {
        let expiry = match self.ttl {
            Some((at, times)) => expiry_of(whole(&fields[at])?.map(|ttl| ttl * times))?,
            None => Expiry::Never,
        };
        let given = std::mem::take(&mut fields[self.value]);
        let kind = self.kind.map_or(&b""[..], |at| fields[at].trim_ascii());
        if kind.is_empty() || kind == b"string" {
            return Ok((RdbValue::String(given), expiry));
        }
        let kind = String::from_utf8_lossy(kind);
        let raw: &RawValue = serde_json::from_slice(&given).map_err(|error| {
            format!(
                "the value of a {kind} is JSON here: {}",
                Spot::Value.reason(&error)
            )
        })?;
        Ok((value_of(&kind, raw, Spot::Value)?, expiry))
    }
}

fn whole(text: &[u8]) -> Result<Option<i128>, Refusal> {
    let text = text.trim_ascii();
    if text.is_empty() {
        return Ok(None);
    }
    let number = std::str::from_utf8(text)
        .ok()
        .and_then(|text| text.parse::<i64>().ok());
    let number = number.ok_or("a time to live is a whole number")?;
    Ok(Some(number.into()))
}

/// See the module's head.
pub(crate) struct CsvRows<R> {
    table: Table<R>,
    columns: Option<Columns>,
}

impl<R: Read> CsvRows<R> {
    pub fn new(reader: R, limits: Limits) -> Self {
        CsvRows {
            table: Table {
                reader: BufReader::with_capacity(BUFFER_BYTES, reader),
                place: Place {
                    line: Some(1),
                    offset: 0,
                },
                separator: b',',
                bytes_max: limits.line_bytes,
            },
            columns: None,
        }
    }

    /// Reads the heading, and by it finds what separates fields.
    fn begin(&mut self) -> Result<Columns, Fault> {
        let place = self.table.place;
        // As much as is read at once holds any heading.
        let first = match self.table.reader.fill_buf() {
            Ok(first) => first,
            Err(error) => return Err(self.table.fault(place, format!("read failed: {error}"))),
        };
        let has_mark = first.starts_with(MARK);
        let heading = first.split(|&byte| byte == b'\n').next().unwrap_or_default();
        let separators = [b',', b';', b'\t'];
        let found = separators.into_iter().find(|byte| heading.contains(byte));
        self.table.separator = found.unwrap_or(b',');
        if has_mark {
            self.table.reader.consume(MARK.len());
            self.table.place.offset += MARK.len() as u64;
        }
        let fields = match self.table.row()? {
            Outcome::Fields(_, fields) => fields,
            Outcome::Bad(..) | Outcome::End => Vec::new(),
        };
        Columns::of(&fields).map_err(|why| self.table.fault(place, why))
    }
}

impl<R: Read> Step for CsvRows<R> {
    fn step(&mut self) -> Result<Item, Fault> {
        let columns = match self.columns.take() {
            Some(columns) => columns,
            None => self.begin()?,
        };
        let item = loop {
            match self.table.row()? {
                Outcome::Fields(_, fields) if fields.is_empty() => {}
                Outcome::Fields(place, fields) => break columns.row(place, fields),
                Outcome::Bad(place, why) => break left_out(place, None, why),
                Outcome::End => break Item::End(Ending::default()),
            }
        };
        self.columns = Some(columns);
        Ok(item)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::steps::Steps;

    fn items(text: &[u8]) -> Vec<Result<Item, Fault>> {
        Steps::of(CsvRows::new(text, Limits::default())).collect()
    }

    #[test]
    fn quotes_line_ends_types_and_expiries() {
        let text = b"\xef\xbb\xbfkey;ttl;type;value\r\n\"a;\"\"b\";5;;\"two\r\nlines\"\r\n\r\nl;;list;\"[\"\"x\"\",\"\"y\"\"]\"\nempty;;;\"\"\n\xff;;;\xfe";
        let rows: Vec<_> = items(text)
            .into_iter()
            .filter_map(|item| match item.expect("an item") {
                Item::Key(row) => Some((row.place.line, row.key, row.value, row.expiry)),
                Item::End(_) => None,
                other => panic!("{other:?}"),
            })
            .collect();
        let string = |text: &[u8]| RdbValue::String(text.to_vec());
        assert_eq!(
            rows,
            [
                (
                    Some(2),
                    b"a;\"b".to_vec(),
                    string(b"two\r\nlines"),
                    Expiry::In(5000)
                ),
                (
                    Some(5),
                    b"l".to_vec(),
                    RdbValue::List(vec![b"x".to_vec(), b"y".to_vec()]),
                    Expiry::Never
                ),
                (Some(6), b"empty".to_vec(), string(b""), Expiry::Never),
                (Some(7), vec![0xff], string(b"\xfe"), Expiry::Never),
            ]
        );
    }

    #[test]
    fn bad_rows_are_named_and_bad_files_end() {
        let text = b"key,value,ttl_ms\na,b\nc,d,x\n\"e\"f,g,1\nh,i,-5\nj,k,\n";
        let lines: Vec<_> = items(text)
            .into_iter()
            .map(|item| match item.expect("an item") {
                Item::LeftOut(left) => left.place.line,
                _ => None,
            })
            .collect();
        assert_eq!(lines, [Some(2), Some(3), Some(4), Some(5), None, None]);
        for bad in [
            &b""[..],
            b"a,b\n1,2\n",
            b"key\nx\n",
            b"key,value,what\n",
            b"key,value\n\"a,b\nc,d\n",
        ] {
            let last = items(bad).pop().expect("an end");
            assert!(last.is_err(), "{last:?}");
        }
    }

    #[test]
    fn what_is_wrong_with_json_is_said_with_its_place_in_the_value() {
        let text = "key,type,value\na,,1\nb,list,\"[\"\"x\"\",\n5]\"\nc,list,[x]\n";
        let why: Vec<_> = items(text.as_bytes())
            .into_iter()
            .filter_map(|item| match item.expect("an item") {
                Item::LeftOut(left) => Some((left.place.line, left.why)),
                _ => None,
            })
            .collect();
        assert_eq!(why.len(), 2, "{why:?}");
        assert_eq!((why[0].0, why[1].0), (Some(3), Some(5)));
        assert!(why[0].1.ends_with("at line 2 column 1 of the value"), "{why:?}");
        assert!(why[1].1.ends_with("at column 2 of the value"), "{why:?}");
    }

    #[test]
    fn a_row_has_a_bound() {
        let limits = Limits {
            line_bytes: 64,
            ..Limits::default()
        };
        let text = [&b"key,value\na,"[..], &[b'x'; 100]].concat();
        let last = Steps::of(CsvRows::new(&text[..], limits)).last().expect("an end");
        assert_eq!(last.expect_err("a fault").place.line, Some(2));
    }
}
