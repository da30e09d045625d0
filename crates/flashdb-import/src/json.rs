//! JSON lines: what `GET /api/v1/export` writes, and what a person writes who has seen it.
//!
//! `{"key":…,"type":"hash","ttl_ms":null,"fields":[["f","v"]]}`, and `{"key":"a","value":"b"}` for a string; keys that an export
//! has left out (`error`) are told as such, and its last line (`end`) says that the file is whole.

use crate::item::{Ending, Fault, Item, Limits, Place, Refusal, key_row, left_out};
use crate::lines::{Line, Lines, TOO_LONG};
use crate::steps::Step;
use crate::stream::{Besides, stream};
use crate::value::{Spot, Text, expiring, expiry_of, part_of, value_of};
use flashdb_rdb::RdbValue;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::io::Read;

/// All that may be in a line.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Given<'a> {
    key: Option<Text>,
    r#type: Option<String>,
    ttl_ms: Option<i64>,
    #[serde(borrow)]
    value: Option<&'a RawValue>,
    #[serde(borrow)]
    items: Option<&'a RawValue>,
    #[serde(borrow)]
    members: Option<&'a RawValue>,
    #[serde(borrow)]
    fields: Option<&'a RawValue>,
    #[serde(borrow)]
    field_ttl_ms: Option<&'a RawValue>,
    #[serde(borrow)]
    entries: Option<&'a RawValue>,
    last_id: Option<String>,
    entries_added: Option<u64>,
    max_deleted_id: Option<String>,
    #[serde(borrow)]
    groups: Option<&'a RawValue>,
    error: Option<String>,
    end: Option<bool>,
    keys: Option<u64>,
    left_out: Option<u64>,
}

/// See the module's head.
pub(crate) struct JsonRows<R> {
    lines: Lines<R>,
    /// Lines with a key, or what was left out of one.
    rows: u64,
    /// How many the last line says there are, once it was there.
    ended: Option<u64>,
}

impl<R: Read> JsonRows<R> {
    pub fn new(reader: R, limits: Limits) -> Self {
        JsonRows {
            lines: Lines::new(reader, limits),
            rows: 0,
            ended: None,
        }
    }

    fn ending(&self) -> Ending {
        let note = match self.ended {
            None => Some("it has no last line as an export writes it; it may be cut off".to_owned()),
            Some(rows) if rows != self.rows => Some(format!(
                "its last line speaks of {rows} keys, and there are {}",
                self.rows
            )),
            Some(_) => None,
        };
        Ending { note }
    }
}

impl<R: Read> Step for JsonRows<R> {
    fn step(&mut self) -> Result<Item, Fault> {
        loop {
            let (place, line) = match self.lines.next()? {
                None => return Ok(Item::End(self.ending())),
                Some(Line::TooLong(place)) => {
                    self.rows += 1;
                    return Ok(left_out(place, None, TOO_LONG));
                }
                Some(Line::Text(place, line)) => (place, line),
            };
            let begin = match line.trim_ascii_start() {
                [] => continue,
                [begin, ..] => *begin,
            };
            // An array would be taken for one, its items for what an object names.
            if begin != b'{' {
                self.rows += 1;
                let why = "it is not a line of keys: an object is expected";
                return Ok(left_out(place, None, why));
            }
            let whole = Spot::Line { place, before: 0 };
            let given: Given<'_> = match serde_json::from_slice(&line) {
                Ok(given) => given,
                Err(error) => {
                    self.rows += 1;
                    return Ok(left_out(
                        place,
                        None,
                        format!("it is not a line of keys: {}", whole.reason(&error)),
                    ));
                }
            };
            if given.end == Some(true) && given.key.is_none() {
                self.ended = Some(
                    given
                        .keys
                        .unwrap_or(0)
                        .saturating_add(given.left_out.unwrap_or(0)),
                );
                continue;
            }
            self.rows += 1;
            return Ok(row(place, &line, given));
        }
    }
}

fn row(place: Place, line: &[u8], given: Given<'_>) -> Item {
    let Some(Text(key)) = given.key else {
        return left_out(place, None, "there is no key");
    };
    if given.end.is_some() {
        return left_out(place, Some(key), "a line with a key is not the last one");
    }
    if let Some(error) = given.error {
        return left_out(place, Some(key), format!("it was left out of the file: {error}"));
    }
    let kind = given.r#type.unwrap_or_else(|| "string".to_owned());
    let parts = [
        ("value", given.value),
        ("items", given.items),
        ("members", given.members),
        ("fields", given.fields),
        ("entries", given.entries),
    ];
    let spot = |raw: &RawValue| Spot::Line {
        place,
        before: raw.get().as_ptr().addr() - line.as_ptr().addr(),
    };
    let besides = Besides {
        last_id: given.last_id,
        entries_added: given.entries_added,
        max_deleted_id: given.max_deleted_id,
        groups: given.groups.map(|raw| (raw, spot(raw))),
    };
    let field_ttl_ms = given.field_ttl_ms.map(|raw| (raw, spot(raw)));
    let made = (|| -> Result<_, Refusal> {
        let wanted = part_of(&kind).ok_or_else(|| format!("there is no type {kind:?}"))?;
        let mut there = parts.iter().filter_map(|(name, raw)| Some((*name, (*raw)?)));
        let (Some((name, raw)), None) = (there.next(), there.next()) else {
            return Err(format!("a {kind} has {wanted:?}, and nothing else of its kind"));
        };
        if name != wanted {
            return Err(format!("a {kind} has {wanted:?}, not {name:?}"));
        }
        let value = match besides.given() {
            Some(name) if kind != "stream" => return Err(format!("a {kind} has no {name:?}")),
            Some(_) => RdbValue::Stream(stream(raw, spot(raw), &besides)?),
            None => value_of(&kind, raw, spot(raw))?,
        };
        let value = match (value, field_ttl_ms) {
            (value, None) => value,
            (RdbValue::Hash(fields), Some((raw, spot))) => RdbValue::Hash(expiring(fields, raw, spot)?),
            _ => return Err(format!("a {kind} has no \"field_ttl_ms\"")),
        };
        Ok((value, expiry_of(given.ttl_ms.map(i128::from))?))
    })();
    key_row(place, key, made)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::item::Expiry;
    use crate::steps::Steps;

    fn items(text: &[u8]) -> Vec<Item> {
        let rows = Steps::of(JsonRows::new(text, Limits::default()));
        rows.map(|item| item.expect("an item")).collect()
    }

    #[test]
    fn fields_of_a_hash_may_expire_and_nothing_else_has_fields() {
        let text = concat!(
            r#"{"key":"h","type":"hash","fields":[["a","1"],["b","2"]],"field_ttl_ms":[["b",90000]]}"#,
            "\n",
            r#"{"key":"h","type":"hash","fields":[["a","1"]],"field_ttl_ms":[["b",90]]}"#,
            "\n",
            r#"{"key":"h","type":"hash","fields":[["a","1"]],"field_ttl_ms":[["a",0]]}"#,
            "\n",
            r#"{"key":"h","type":"hash","fields":[["a","1"]],"field_ttl_ms":[["a",9007199254740991]]}"#,
            "\n",
            r#"{"key":"l","type":"list","items":["a"],"field_ttl_ms":[["a",90]]}"#,
            "\n",
        );
        let items = items(text.as_bytes());
        let Item::Key(row) = &items[0] else {
            panic!("a key")
        };
        let RdbValue::Hash(fields) = &row.value else {
            panic!("a hash")
        };
        assert_eq!(fields[0].expire_at_ms, None);
        assert!(
            fields[1]
                .expire_at_ms
                .is_some_and(|at_ms| at_ms > 1_700_000_000_000)
        );
        assert!(
            items[1..5].iter().all(|item| matches!(item, Item::LeftOut(_))),
            "{items:?}"
        );
    }

    #[test]
    fn rows_and_what_is_wrong_with_them() {
        let text = concat!(
            r#"{"key":{"b64":"/w=="},"type":"list","ttl_ms":90,"items":["x"]}"#,
            "\n\n",
            r#"{"key":"a","value":"b"}"#,
            "\r\n",
            r#"{"key":"lost","error":"NOPERM no"}"#,
            "\n{\n",
            r#"{"key":"a","type":"hash","items":["x"]}"#,
            "\n",
            r#"{"key":"a","value":"b","tll_ms":5}"#,
            "\n",
            r#"{"key":"a","value":"b","ttl_ms":0}"#,
            "\n",
            r#"{"key":"a","value":"b","last_id":"5-1"}"#,
            "\n",
            r#"{"key":"a","value":"b","end":true}"#,
            "\n",
            r#"["a","string",null,"b",null,null,null,null,null,null,null,null,null,null,null,null]"#,
            "\n",
            r#"{"end":true,"keys":2,"left_out":8}"#,
        );
        let items = items(text.as_bytes());
        let Item::Key(first) = &items[0] else {
            panic!("{items:?}")
        };
        assert_eq!(
            (&first.key, &first.value, first.expiry),
            (&vec![255], &RdbValue::List(vec![b"x".to_vec()]), Expiry::In(90))
        );
        assert!(matches!(&items[1], Item::Key(row) if row.place.line == Some(3)));
        let lines: Vec<_> = items[2..10]
            .iter()
            .map(|item| match item {
                Item::LeftOut(left) => left.place.line,
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(lines, [4, 5, 6, 7, 8, 9, 10, 11].map(Some));
        assert_eq!(items[10..], [Item::End(Ending::default())]);
    }

    #[test]
    fn what_is_wrong_is_said_with_the_line_of_the_file() {
        let good = "{\"key\":\"a\",\"value\":\"b\"}\n".repeat(699);
        for (line, column) in [
            ("{\"key\":\"a\",}", 12),
            ("{\"key\":\"a\",\"valu\":5}", 17),
            ("{\"key\":\"a\",\"value\":5}", 20),
            ("{\"key\":\"a\",\"type\":\"list\",\"items\":[\"x\",{}]}", 40),
            ("{\"key\":", 7),
        ] {
            let items = items(format!("{good}{line}\n").as_bytes());
            let Item::LeftOut(left) = &items[699] else {
                panic!("{items:?}")
            };
            assert_eq!(left.place.line, Some(700));
            let expected = format!(" at line 700 column {column}");
            assert!(left.why.ends_with(&expected), "{line}: {}", left.why);
        }
    }

    #[test]
    fn a_file_that_was_cut_off_is_known_for_one() {
        let note = |text: &str| match items(text.as_bytes()).pop() {
            Some(Item::End(ending)) => ending.note.unwrap_or_default(),
            other => panic!("{other:?}"),
        };
        assert!(note("{\"key\":\"a\",\"value\":\"b\"}\n").contains("cut off"));
        assert!(note("{\"end\":true,\"keys\":3}\n").contains("3 keys"));
        assert_eq!(note("{\"end\":true,\"keys\":0}\n"), "");
    }
}
