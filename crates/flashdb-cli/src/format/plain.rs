//! Replies as they are, and as CSV.

use flashdb_base::split_args::push_quoted;
use flashdb_resp::reply::Value;

/// Appends a reply without quotes or types, `between` between elements. Nulls are empty.
pub fn push_raw(out: &mut Vec<u8>, reply: &Value, between: &[u8]) {
    match reply {
        Value::Null => {}
        Value::Error(text) => {
            out.extend_from_slice(text);
            out.push(b'\n');
        }
        Value::Boolean(true) => out.extend_from_slice(b"(true)"),
        Value::Boolean(false) => out.extend_from_slice(b"(false)"),
        Value::Array(items) | Value::Set(items) | Value::Push(items) => {
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.extend_from_slice(between);
                }
                push_raw(out, item, between);
            }
        }
        Value::Map(pairs) => {
            for (index, (name, value)) in pairs.iter().enumerate() {
                if index > 0 {
                    out.extend_from_slice(between);
                }
                push_raw(out, name, between);
                out.push(b' ');
                push_raw(out, value, between);
            }
        }
        Value::Attributed(_, reply) => push_raw(out, reply, between),
        Value::Integer(number) => out.extend_from_slice(number.to_string().as_bytes()),
        Value::Simple(text)
        | Value::Bulk(text)
        | Value::Double(text)
        | Value::BigNumber(text)
        | Value::Verbatim(_, text) => out.extend_from_slice(text),
    }
}

/// Appends a reply as values parted by commas; aggregates within each other are one row.
pub fn push_csv(out: &mut Vec<u8>, reply: &Value) {
    match reply {
        Value::Null => out.extend_from_slice(b"NULL"),
        Value::Error(text) => {
            out.extend_from_slice(b"ERROR,");
            push_quoted(out, text);
        }
        Value::Boolean(value) => out.extend_from_slice(value.to_string().as_bytes()),
        Value::Integer(number) => out.extend_from_slice(number.to_string().as_bytes()),
        Value::Double(text) | Value::BigNumber(text) => out.extend_from_slice(text),
        Value::Simple(text) | Value::Bulk(text) | Value::Verbatim(_, text) => push_quoted(out, text),
        Value::Array(items) | Value::Set(items) | Value::Push(items) => push_row(out, items.iter()),
        Value::Map(pairs) => push_row(out, pairs.iter().flat_map(|(name, value)| [name, value])),
        Value::Attributed(_, reply) => push_csv(out, reply),
    }
}

fn push_row<'a>(out: &mut Vec<u8>, items: impl Iterator<Item = &'a Value>) {
    for (index, item) in items.enumerate() {
        if index > 0 {
            out.push(b',');
        }
        push_csv(out, item);
    }
}
