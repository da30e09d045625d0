//! Replies as JSON, in redis-cli's way: maps are objects, sets and pushes arrays, and an error is `error:"..."`, which no
//! JSON parser takes for a value. Infinite numbers are strings, since JSON has none.

use flashdb_base::split_args::push_quoted;
use flashdb_resp::reply::Value;

/// Appends a reply. With `ascii`, bytes of strings are escaped as at the prompt, and the backslashes of that once more.
pub fn push(out: &mut Vec<u8>, reply: &Value, ascii: bool) {
    match reply {
        Value::Null => out.extend_from_slice(b"null"),
        Value::Error(text) => {
            out.extend_from_slice(b"error:");
            push_string(out, text, ascii);
        }
        Value::Boolean(value) => out.extend_from_slice(value.to_string().as_bytes()),
        Value::Integer(number) => out.extend_from_slice(number.to_string().as_bytes()),
        Value::Double(text) if !text.iter().any(u8::is_ascii_digit) => push_string(out, text, ascii),
        Value::Double(text) | Value::BigNumber(text) => out.extend_from_slice(text),
        Value::Simple(text) | Value::Bulk(text) | Value::Verbatim(_, text) => push_string(out, text, ascii),
        Value::Array(items) | Value::Set(items) | Value::Push(items) => {
            out.push(b'[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                push(out, item, ascii);
            }
            out.push(b']');
        }
        Value::Map(pairs) => {
            out.push(b'{');
            for (index, (name, value)) in pairs.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                push_name(out, name, ascii);
                out.push(b':');
                push(out, value, ascii);
            }
            out.push(b'}');
        }
        Value::Attributed(_, reply) => push(out, reply, ascii),
    }
}

/// A reply as a JSON text of its own.
pub fn to_json(reply: &Value) -> Vec<u8> {
    let mut out = Vec::new();
    push(&mut out, reply, false);
    out
}

/// Names of an object are strings, whatever they were in the map.
fn push_name(out: &mut Vec<u8>, name: &Value, ascii: bool) {
    match name.plain() {
        Value::Simple(text) | Value::Bulk(text) | Value::Verbatim(_, text) => push_string(out, text, ascii),
        other => {
            let text = to_json(other);
            push_string(out, &text, ascii);
        }
    }
}

fn push_string(out: &mut Vec<u8>, text: &[u8], ascii: bool) {
    if !ascii {
        return push_escaped(out, text);
    }
    let mut quoted = Vec::new();
    push_quoted(&mut quoted, text);
    let inner = quoted.get(1..quoted.len() - 1).unwrap_or_default();
    push_escaped(out, inner);
}

fn push_escaped(out: &mut Vec<u8>, text: &[u8]) {
    out.push(b'"');
    for &byte in text {
        match byte {
            b'"' | b'\\' => out.extend([b'\\', byte]),
            b'\n' => out.extend(b"\\n"),
            b'\r' => out.extend(b"\\r"),
            b'\t' => out.extend(b"\\t"),
            0x08 => out.extend(b"\\b"),
            0x0c => out.extend(b"\\f"),
            0..=0x1f => out.extend(format!("\\u{byte:04x}").into_bytes()),
            _ => out.push(byte),
        }
    }
    out.push(b'"');
}
