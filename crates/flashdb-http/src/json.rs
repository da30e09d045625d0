//! How bytes, numbers and replies of the engine become JSON, and back: text where it is UTF-8, base64 where it is not, and
//! no number that a browser would round.

use crate::error::ApiError;
use crate::thin;
use axum::body::{Body, HttpBody};
use axum::extract::{FromRequest, Request};
use axum::http::{StatusCode, header};
use base64::Engine as _;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};
use flashdb_resp::reply::Value;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize, Serializer};
use std::borrow::Cow;
use std::time::Duration;

/// Bytes of a request's body.
const BODY_BYTES_MAX: usize = 1 << 20;
/// Time for a body to come.
const BODY_TIME: Duration = Duration::from_secs(20);
/// The largest integer that a browser keeps exactly.
pub(crate) const EXACT_MAX: u64 = (1 << 53) - 1;
/// Base64 with its padding. Bits behind the last byte are nobody's concern, so that a pattern can say what is read.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true),
);

/// Bytes in an answer.
#[derive(Clone, Debug, Serialize, JsonSchema, PartialEq)]
#[serde(untagged)]
pub(crate) enum Bytes {
    /// UTF-8.
    Text(String),
    /// Not UTF-8.
    Base64 { b64: String },
    /// The beginning of a long text; `bytes` is the length of the whole.
    CutText { text: String, bytes: u64, cut: bool },
    /// The beginning of long bytes.
    CutBase64 { b64: String, bytes: u64, cut: bool },
}

impl From<Vec<u8>> for Bytes {
    fn from(bytes: Vec<u8>) -> Self {
        match String::from_utf8(bytes) {
            Ok(text) => Bytes::Text(text),
            Err(error) => Bytes::Base64 {
                b64: STANDARD.encode(error.as_bytes()),
            },
        }
    }
}

impl From<&[u8]> for Bytes {
    fn from(bytes: &[u8]) -> Self {
        bytes.to_vec().into()
    }
}

impl Bytes {
    /// The bytes; `None` of what was cut.
    pub fn whole(&self) -> Option<Vec<u8>> {
        match self {
            Bytes::Text(text) => Some(text.clone().into_bytes()),
            Bytes::Base64 { b64 } => STANDARD.decode(b64).ok(),
            Bytes::CutText { .. } | Bytes::CutBase64 { .. } => None,
        }
    }

    /// A string of a reply whose strings were cut.
    pub fn cut(value: Value) -> Self {
        let (value, whole_bytes) = thin::string(value).unwrap_or_default();
        Bytes::part(value, whole_bytes)
    }

    /// A string, or the beginning of one that has `whole_bytes`.
    pub fn part(value: Vec<u8>, whole_bytes: Option<u64>) -> Self {
        match whole_bytes {
            Some(bytes) => Bytes::beginning(&value, bytes),
            None => value.into(),
        }
    }

    /// Whether this is the beginning of a longer string.
    pub fn is_cut(&self) -> bool {
        matches!(self, Bytes::CutText { .. } | Bytes::CutBase64 { .. })
    }

    /// The beginning of a string of `bytes` bytes.
    pub fn beginning(value: &[u8], bytes: u64) -> Self {
        let text_bytes = match std::str::from_utf8(value) {
            Ok(_) => Some(value.len()),
            // A character that the cut went through does not make it binary.
            Err(error) if error.error_len().is_none() => Some(error.valid_up_to()),
            Err(_) => None,
        };
        match text_bytes {
            Some(length) => Bytes::CutText {
                text: String::from_utf8_lossy(&value[..length]).into_owned(),
                bytes,
                cut: true,
            },
            None => Bytes::CutBase64 {
                b64: STANDARD.encode(value),
                bytes,
                cut: true,
            },
        }
    }
}

/// Bytes in a request: text, or base64.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum GivenBytes {
    Text(String),
    Base64(Base64),
}

#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Base64 {
    #[schemars(regex(pattern = "^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$"))]
    b64: String,
}

impl GivenBytes {
    pub fn into_vec(self) -> Result<Vec<u8>, ApiError> {
        match self {
            GivenBytes::Text(text) => Ok(text.into_bytes()),
            GivenBytes::Base64(Base64 { b64 }) => LENIENT
                .decode(b64)
                .map_err(|error| ApiError::bad_request(format!("b64 is not base64: {error}"))),
        }
    }
}

/// The number of a database in a request. The document says up to where it goes on this server.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize, PartialEq, Eq, PartialOrd, Ord)]
#[serde(transparent)]
pub(crate) struct Database(pub u64);

impl Database {
    /// What the document calls it.
    pub const SCHEMA: &str = "Database";
}

impl JsonSchema for Database {
    fn schema_name() -> Cow<'static, str> {
        Self::SCHEMA.into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"description": "The number of a database.", "type": "integer", "minimum": 0})
    }
}

/// An integer: a decimal string where a browser would round it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Int(pub i64);

impl Serialize for Int {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0.unsigned_abs() <= EXACT_MAX {
            serializer.serialize_i64(self.0)
        } else {
            serializer.collect_str(&self.0)
        }
    }
}

impl JsonSchema for Int {
    fn schema_name() -> Cow<'static, str> {
        "Int".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "An integer; a decimal string beyond 2^53-1 in size.",
            "anyOf": [{"type": "integer"}, {"type": "string", "pattern": "^-?[0-9]+$"}]
        })
    }
}

/// A score or double: a string where it is no finite number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Score(pub f64);

impl Serialize for Score {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            value if value.is_finite() => serializer.serialize_f64(value),
            value if value.is_nan() => serializer.serialize_str("nan"),
            value if value > 0.0 => serializer.serialize_str("inf"),
            _ => serializer.serialize_str("-inf"),
        }
    }
}

impl JsonSchema for Score {
    fn schema_name() -> Cow<'static, str> {
        "Score".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A number, or what is none.",
            "anyOf": [{"type": "number"}, {"enum": ["inf", "-inf", "nan"]}]
        })
    }
}

/// A reply of the engine, with the types of RESP3.
#[derive(Clone, Debug, Serialize, JsonSchema, PartialEq)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum Reply {
    Status { value: Bytes },
    Error { code: String, message: String },
    Integer { value: Int },
    String { value: Bytes },
    Null,
    Double { value: Score },
    Boolean { value: bool },
    BigNumber { value: Bytes },
    Verbatim { format: Bytes, value: Bytes },
    Array { items: Vec<Reply> },
    Set { items: Vec<Reply> },
    Push { items: Vec<Reply> },
    Map { entries: Vec<(Reply, Reply)> },
}

impl From<Value> for Reply {
    fn from(value: Value) -> Self {
        let all = |items: Vec<Value>| items.into_iter().map(Reply::from).collect();
        match value {
            Value::Simple(text) => Reply::Status { value: text.into() },
            Value::Error(text) => {
                let message = String::from_utf8_lossy(&text).into_owned();
                Reply::Error {
                    code: message.split(' ').next().unwrap_or_default().to_owned(),
                    message,
                }
            }
            Value::Integer(value) => Reply::Integer { value: Int(value) },
            Value::Bulk(bytes) => Reply::String { value: bytes.into() },
            Value::Null => Reply::Null,
            Value::Double(text) => Reply::Double {
                value: Score(crate::ask::double(&text)),
            },
            Value::Boolean(value) => Reply::Boolean { value },
            Value::BigNumber(digits) => Reply::BigNumber { value: digits.into() },
            Value::Verbatim(format, text) => Reply::Verbatim {
                format: format.as_slice().into(),
                value: text.into(),
            },
            Value::Array(items) => Reply::Array { items: all(items) },
            Value::Set(items) => Reply::Set { items: all(items) },
            Value::Push(items) => Reply::Push { items: all(items) },
            Value::Attributed(_, reply) => Reply::from(*reply),
            Value::Map(pairs) => Reply::Map {
                entries: pairs
                    .into_iter()
                    .map(|(name, value)| (name.into(), value.into()))
                    .collect(),
            },
        }
    }
}

/// A request's JSON body of at most `BYTES_MAX` bytes, read under limits.
pub(crate) struct JsonBody<T, const BYTES_MAX: usize = BODY_BYTES_MAX>(pub T);

impl<T: DeserializeOwned, S: Send + Sync, const BYTES_MAX: usize> FromRequest<S> for JsonBody<T, BYTES_MAX> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, ApiError> {
        let kind = request.headers().get(header::CONTENT_TYPE);
        let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let essence = kind.split(';').next().unwrap_or_default().trim();
        // What a form can send must not get in: a page of another site may send it.
        if !essence.eq_ignore_ascii_case("application/json") {
            return Err(ApiError::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "NOT_JSON",
                "the body has to be application/json",
            ));
        }
        let body = read_body(request.into_body(), BYTES_MAX).await?;
        let bad = |message| ApiError::new(StatusCode::BAD_REQUEST, "BAD_JSON", message);
        // An array would be taken for the fields in their order.
        if body.trim_ascii_start().first() != Some(&b'{') {
            return Err(bad("the body has to be a JSON object".to_owned()));
        }
        read_json(&body)
            .map(JsonBody)
            .map_err(|error| bad(error.to_string()))
    }
}

/// Something told by a tag, as serde reads it, but for tags that are no text: it would take a number for the place of the variant.
pub(crate) fn tagged<T: DeserializeOwned, E: serde::de::Error>(
    tag: &'static str,
    fields: serde_json::Map<String, serde_json::Value>,
) -> Result<T, E> {
    match fields.get(tag) {
        Some(value) if !value.is_string() => Err(E::custom(format_args!("{tag} has to be a string"))),
        None => Err(E::missing_field(tag)),
        Some(_) => T::deserialize(serde_json::Value::Object(fields)).map_err(E::custom),
    }
}

/// Reads a body. To JSON `5.0` is the integer 5, and some clients write it so.
fn read_json<T: DeserializeOwned>(body: &[u8]) -> Result<T, serde_json::Error> {
    serde_json::from_slice(body).or_else(|error| {
        let Ok(mut whole) = serde_json::from_slice(body) else {
            return Err(error);
        };
        if with_integers(&mut whole) {
            return serde_json::from_value(whole);
        }
        Err(error)
    })
}

/// Writes integers that have a point as others are written; whether there were any.
fn with_integers(value: &mut serde_json::Value) -> bool {
    match value {
        serde_json::Value::Number(number) => {
            let Some(float) = number.as_f64().filter(|_| number.is_f64()) else {
                return false;
            };
            const ABOVE_ALL: f64 = 18_446_744_073_709_551_616.0;
            if float.fract() != 0.0 || !(-ABOVE_ALL / 2.0..ABOVE_ALL).contains(&float) {
                return false;
            }
            *value = if float < 0.0 {
                (float as i64).into()
            } else {
                (float as u64).into()
            };
            true
        }
        serde_json::Value::Array(items) => items
            .iter_mut()
            .fold(false, |found, item| with_integers(item) | found),
        serde_json::Value::Object(fields) => fields
            .values_mut()
            .fold(false, |found, field| with_integers(field) | found),
        _ => false,
    }
}

async fn read_body(body: Body, bytes_max: usize) -> Result<axum::body::Bytes, ApiError> {
    let too_large = || {
        ApiError::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "BODY_TOO_LARGE",
            format!("a body has at most {} KiB here", bytes_max >> 10),
        )
    };
    // As announced, before any of it is read.
    if body.size_hint().lower() > bytes_max as u64 {
        return Err(too_large());
    }
    let whole = tokio::time::timeout(BODY_TIME, Limited::new(body, bytes_max).collect());
    match whole.await {
        Err(_) => Err(ApiError::new(
            StatusCode::REQUEST_TIMEOUT,
            "TIMEOUT",
            "the body did not come in time",
        )),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_large()),
        Ok(Err(error)) => Err(ApiError::bad_request(format!("the body cannot be read: {error}"))),
        Ok(Ok(whole)) => Ok(whole.to_bytes()),
    }
}

/// The fields of a query, as bytes: globs and cursors need not be UTF-8.
pub(crate) struct Query(Vec<(Vec<u8>, Vec<u8>)>);

impl Query {
    pub fn of(query: Option<&str>) -> Self {
        let decode = |part: &str| {
            let part = part.replace('+', " ");
            percent_encoding::percent_decode_str(&part).collect::<Vec<u8>>()
        };
        let fields = query
            .unwrap_or_default()
            .split('&')
            .filter(|field| !field.is_empty());
        Query(
            fields
                .map(|field| {
                    let (name, value) = field.split_once('=').unwrap_or((field, ""));
                    (decode(name), decode(value))
                })
                .collect(),
        )
    }

    /// The field `name`, unless it is empty.
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        self.given(name).filter(|value| !value.is_empty())
    }

    /// The field `name`, which has to be something where it is given.
    pub fn given(&self, name: &str) -> Option<&[u8]> {
        let found = self.0.iter().find(|(given, _)| given == name.as_bytes());
        found.map(|(_, value)| value.as_slice())
    }

    /// Where the page before has ended: 1 to 20 digits. What is larger than any such place is behind all of them.
    pub fn cursor(&self, largest: u64) -> Result<u64, ApiError> {
        let number = self.place(20)?;
        Ok(u64::try_from(number).unwrap_or(u64::MAX).min(largest))
    }

    /// The same in names by prefix, where a place has 128 bits: 1 to 39 digits.
    pub fn names_cursor(&self) -> Result<u128, ApiError> {
        self.place(39)
    }

    fn place(&self, digits_max: usize) -> Result<u128, ApiError> {
        let Some(value) = self.get("cursor") else {
            return Ok(0);
        };
        let digits = std::str::from_utf8(value)
            .ok()
            .filter(|digits| has_digits(digits.as_bytes(), digits_max));
        let digits =
            digits.ok_or_else(|| ApiError::bad_request("cursor has to be that of the page before"))?;
        Ok(digits.parse().unwrap_or(u128::MAX))
    }

    /// A number within a range.
    pub fn number(
        &self,
        name: &str,
        default: u64,
        range: std::ops::RangeInclusive<u64>,
    ) -> Result<u64, ApiError> {
        let Some(value) = self.given(name) else {
            return Ok(default);
        };
        // The parser would take a sign, too.
        let digits = std::str::from_utf8(value)
            .ok()
            .filter(|_| value.iter().all(u8::is_ascii_digit));
        let number = digits.and_then(|digits| digits.parse().ok());
        number.filter(|number| range.contains(number)).ok_or_else(|| {
            ApiError::bad_request(format!(
                "{name} has to be a number from {} to {}",
                range.start(),
                range.end()
            ))
        })
    }
}

/// Whether these are the digits of a cursor.
pub(crate) fn is_digits(text: &[u8]) -> bool {
    has_digits(text, 20)
}

fn has_digits(text: &[u8], digits_max: usize) -> bool {
    (1..=digits_max).contains(&text.len()) && text.iter().all(u8::is_ascii_digit)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(value: impl Serialize) -> String {
        serde_json::to_string(&value).expect("JSON")
    }

    #[test]
    fn bytes_are_text_or_base64_and_long_ones_are_cut() {
        assert_eq!(json(Bytes::from(&b"a\"b"[..])), r#""a\"b""#);
        assert_eq!(json(Bytes::from(&b"\xff"[..])), r#"{"b64":"/w=="}"#);
        let long = "é".repeat(10_000).into_bytes();
        let Bytes::CutText { text, bytes, .. } = Bytes::beginning(&long[..16_383], 20_000) else {
            panic!("a text");
        };
        assert_eq!((text.len(), bytes), (16_382, 20_000));
        assert!(matches!(
            Bytes::beginning(&[0xff; 20], 90),
            Bytes::CutBase64 { bytes: 90, .. }
        ));
        assert_eq!(
            Bytes::cut(Value::Bulk(b"short".to_vec())),
            Bytes::Text("short".into())
        );
        let attributed = vec![(Value::Simple(b"bytes".to_vec()), Value::Integer(90))];
        let cut = Bytes::cut(Value::Attributed(
            attributed,
            Box::new(Value::Bulk(b"be".to_vec())),
        ));
        assert!(matches!(cut, Bytes::CutText { bytes: 90, .. }));
    }

    #[test]
    fn numbers_that_a_browser_would_round_are_strings() {
        assert_eq!(json(Int(EXACT_MAX as i64)), "9007199254740991");
        assert_eq!(json(Int(i64::MIN)), r#""-9223372036854775808""#);
        assert_eq!(
            json([Score(1.5), Score(f64::NEG_INFINITY), Score(f64::NAN)]),
            r#"[1.5,"-inf","nan"]"#
        );
    }

    #[test]
    fn replies_keep_their_types() {
        let value = Value::Map(vec![(
            Value::Bulk(b"\xff".to_vec()),
            Value::Array(vec![Value::Null, Value::Error(b"WRONGTYPE no".to_vec())]),
        )]);
        assert_eq!(
            json(Reply::from(value)),
            r#"{"type":"map","entries":[[{"type":"string","value":{"b64":"/w=="}},{"type":"array","items":[{"type":"null"},{"type":"error","code":"WRONGTYPE","message":"WRONGTYPE no"}]}]]}"#
        );
    }

    #[test]
    fn queries_are_bytes() {
        let query = Query::of(Some("match=a%FF%2b+b&limit=5&empty=&x"));
        assert_eq!(query.get("match"), Some(&b"a\xff+ b"[..]));
        assert_eq!(query.number("limit", 1, 1..=10).ok(), Some(5));
        assert!(query.number("empty", 1, 1..=10).is_err());
        assert_eq!(query.number("none", 1, 1..=10).ok(), Some(1));
        assert!(query.number("limit", 1, 6..=10).is_err());
        assert!(Query::of(Some("limit=%2B5")).number("limit", 1, 1..=10).is_err());
        assert!(Query::of(None).get("x").is_none());
    }

    #[test]
    fn every_cursor_of_the_pattern_is_read() {
        let cursor = |text: &str| Query::of(Some(&format!("cursor={text}"))).cursor(u64::MAX).ok();
        assert_eq!(cursor("18446744073709551615"), Some(u64::MAX));
        assert_eq!(cursor("99999999999999999999"), Some(u64::MAX));
        assert_eq!((cursor("007"), cursor("")), (Some(7), Some(0)));
        for none in ["%2B5", "-1", "5-3", "x", "000000000000000000000"] {
            assert_eq!(cursor(none), None, "{none}");
        }
    }

    #[test]
    fn integers_may_have_a_point() {
        #[derive(Deserialize, Debug, PartialEq)]
        #[serde(deny_unknown_fields)]
        struct Wish {
            whole: u64,
            all: Vec<i64>,
            part: f64,
        }
        let read = |text: &str| read_json::<Wish>(text.as_bytes()).map_err(|error| error.to_string());
        let wish = Wish {
            whole: 5,
            all: vec![1, -2],
            part: 3.0,
        };
        assert_eq!(read(r#"{"whole":5.0,"all":[1.0,-2e0],"part":3}"#), Ok(wish));
        let error = read(r#"{"whole":5.5,"all":[],"part":3.0}"#).expect_err("no integer");
        assert!(error.contains("whole") || error.contains("invalid"), "{error}");
        assert!(read(r#"{"whole":1e300,"all":[],"part":3.0}"#).is_err());
    }

    #[test]
    fn base64_is_read_as_its_pattern_says() {
        let read = |b64: &str| GivenBytes::Base64(Base64 { b64: b64.into() }).into_vec().ok();
        assert_eq!(read("/w=="), Some(vec![0xff]));
        assert_eq!(read("/x=="), Some(vec![0xff]));
        assert_eq!((read("/w"), read("/w=a")), (None, None));
    }
}
