//! Replies for people: types are named, elements numbered, strings quoted, nesting shown by indentation.

use flashdb_base::split_args::push_quoted;
use flashdb_resp::reply::Value;

/// Appends a reply with its line end. `indent` is what further lines begin with; the first one has been begun by the caller.
pub fn push(out: &mut Vec<u8>, reply: &Value, indent: &mut Vec<u8>) {
    let line = |out: &mut Vec<u8>, parts: [&[u8]; 2]| {
        parts.iter().for_each(|part| out.extend_from_slice(part));
        out.push(b'\n');
    };
    match reply {
        Value::Error(text) => line(out, [b"(error) ", text]),
        Value::Simple(text) | Value::Verbatim(_, text) => line(out, [text, b""]),
        Value::Integer(number) => line(out, [b"(integer) ", number.to_string().as_bytes()]),
        Value::Double(text) => line(out, [b"(double) ", text]),
        Value::BigNumber(text) => line(out, [b"(big number) ", text]),
        Value::Bulk(bytes) => {
            push_quoted(out, bytes);
            out.push(b'\n');
        }
        Value::Null => line(out, [b"(nil)", b""]),
        Value::Boolean(true) => line(out, [b"(true)", b""]),
        Value::Boolean(false) => line(out, [b"(false)", b""]),
        Value::Array(items) => push_items(out, items, indent, b"(empty array)\n", ')'),
        Value::Set(items) => push_items(out, items, indent, b"(empty set)\n", '~'),
        Value::Push(items) => push_items(out, items, indent, b"(empty push)\n", ')'),
        Value::Map(pairs) => push_pairs(out, pairs, indent, b"(empty hash)\n", '#'),
        Value::Attributed(pairs, reply) => {
            push_pairs(out, pairs, indent, b"(empty attribute)\n", '|');
            out.extend_from_slice(indent);
            push(out, reply, indent);
        }
    }
}

/// Digits of the largest number of an aggregate's elements.
fn digits(count: usize) -> usize {
    count.checked_ilog10().unwrap_or(0) as usize + 1
}

fn push_items(out: &mut Vec<u8>, items: &[Value], indent: &mut Vec<u8>, empty: &[u8], mark: char) {
    if items.is_empty() {
        return out.extend_from_slice(empty);
    }
    let width = digits(items.len());
    for (index, item) in items.iter().enumerate() {
        push_number(out, indent, index, width, mark);
        inside(indent, width, |indent| push(out, item, indent));
    }
}

fn push_pairs(out: &mut Vec<u8>, pairs: &[(Value, Value)], indent: &mut Vec<u8>, empty: &[u8], mark: char) {
    if pairs.is_empty() {
        return out.extend_from_slice(empty);
    }
    let width = digits(pairs.len());
    for (index, (name, value)) in pairs.iter().enumerate() {
        push_number(out, indent, index, width, mark);
        inside(indent, width, |indent| push(out, name, indent));
        // The value goes behind its name.
        if out.last() == Some(&b'\n') {
            out.pop();
        }
        out.extend_from_slice(b" => ");
        let is_aggregate = value.items().is_some_and(|items| !items.is_empty())
            || matches!(value.plain(), Value::Map(pairs) if !pairs.is_empty());
        if is_aggregate {
            out.push(b'\n');
            inside(indent, width, |indent| {
                out.extend_from_slice(indent);
                push(out, value, indent);
            });
        } else {
            inside(indent, width, |indent| push(out, value, indent));
        }
    }
}

fn push_number(out: &mut Vec<u8>, indent: &[u8], index: usize, width: usize, mark: char) {
    if index > 0 {
        out.extend_from_slice(indent);
    }
    out.extend_from_slice(format!("{:width$}{mark} ", index + 1).as_bytes());
}

fn inside(indent: &mut Vec<u8>, width: usize, act: impl FnOnce(&mut Vec<u8>)) {
    let outer = indent.len();
    indent.resize(outer + width + 2, b' ');
    act(indent);
    indent.truncate(outer);
}
