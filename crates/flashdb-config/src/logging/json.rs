//! Log lines as JSON objects that Filebeat and Logstash take as they are: `@timestamp`, `level`, `message`, `target`, then the
//! event's fields by their names, and `spans` with those of what surrounds it. Names that the head uses get an underscore
//! when a field has them too, so that no object has a name twice.

use flashdb_base::clock;
use std::fmt::{self, Debug, Write};
use tracing::field::{Field, Visit};
use tracing::span::Record;
use tracing::{Event, Subscriber};
use tracing_subscriber::field::RecordFields;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, FormattedFields};
use tracing_subscriber::registry::LookupSpan;

const HEAD: [&str; 4] = ["@timestamp", "level", "target", "spans"];

/// Formats events; the fields of spans by [`JsonFields`].
pub(super) struct JsonLines;

impl<S> FormatEvent<S, JsonFields> for JsonLines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, JsonFields>,
        mut line: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let metadata = event.metadata();
        write!(line, "{{\"@timestamp\":\"{}\"", Timestamp(clock::unix_ms()))?;
        write!(
            line,
            ",\"level\":\"{}\",\"target\":{}",
            metadata.level(),
            Quoted(metadata.target())
        )?;
        let mut fields = Fields::new(&mut line);
        event.record(&mut fields);
        fields.result?;
        if let Some(scope) = context.event_scope() {
            line.write_str(",\"spans\":{")?;
            for (at, span) in scope.from_root().enumerate() {
                let separator = if at == 0 { "" } else { "," };
                write!(line, "{separator}{}:{{", Quoted(span.name()))?;
                if let Some(fields) = span.extensions().get::<FormattedFields<JsonFields>>() {
                    line.write_str(fields.fields.trim_start_matches(','))?;
                }
                line.write_char('}')?;
            }
            line.write_char('}')?;
        }
        line.write_str("}\n")
    }
}

/// Formats fields as `,"name":value` each.
pub(super) struct JsonFields;

impl<'w> FormatFields<'w> for JsonFields {
    fn format_fields<R: RecordFields>(&self, mut out: Writer<'w>, fields: R) -> fmt::Result {
        let mut visitor = Fields::new(&mut out);
        fields.record(&mut visitor);
        visitor.result
    }

    fn add_fields(&self, current: &'w mut FormattedFields<Self>, fields: &Record<'_>) -> fmt::Result {
        self.format_fields(current.as_writer(), fields)
    }
}

struct Fields<'o> {
    out: &'o mut dyn Write,
    result: fmt::Result,
}

impl<'o> Fields<'o> {
    fn new(out: &'o mut dyn Write) -> Self {
        Fields { out, result: Ok(()) }
    }

    fn add(&mut self, field: &Field, value: fmt::Arguments<'_>) {
        if self.result.is_ok() {
            let name = field.name();
            let mark = if HEAD.contains(&name) { "_" } else { "" };
            self.result = write!(self.out, ",\"{}{mark}\":{value}", Escaped(name));
        }
    }
}

impl Visit for Fields<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        // The message comes this way, too, and is no quoted text then.
        self.add(field, format_args!("{}", Quoted(&format!("{value:?}"))));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.add(field, format_args!("{}", Quoted(value)));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.add(field, format_args!("{value}"));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.add(field, format_args!("{value}"));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.add(field, format_args!("{value}"));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        if value.is_finite() {
            self.add(field, format_args!("{value}"));
        } else {
            // JSON has no such numbers.
            self.add(field, format_args!("\"{value}\""));
        }
    }
}

struct Quoted<'t>(&'t str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", Escaped(self.0))
    }
}

struct Escaped<'t>(&'t str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            match c {
                '"' => f.write_str("\\\"")?,
                '\\' => f.write_str("\\\\")?,
                '\n' => f.write_str("\\n")?,
                '\r' => f.write_str("\\r")?,
                '\t' => f.write_str("\\t")?,
                c if c.is_control() => write!(f, "\\u{:04x}", u32::from(c))?,
                c => f.write_char(c)?,
            }
        }
        Ok(())
    }
}

/// Unix milliseconds as `2026-11-22T08:15:30.123Z`: three digits, since Filebeat wants exactly these.
struct Timestamp(u64);

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const DAY_S: u64 = 86_400;
        let (seconds, ms) = (self.0 / 1000, self.0 % 1000);
        let (year, month, day) = civil(seconds / DAY_S);
        let of_day = seconds % DAY_S;
        let (hour, minute, second) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
        write!(
            f,
            "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{ms:03}Z"
        )
    }
}

/// Year, month and day of a day counted from 1970-01-01. Years are taken to begin in March, so that the leap day is their
/// last; 719,468 days lie between the first of March of year 0 and 1970.
fn civil(days: u64) -> (u64, u64, u64) {
    const ERA_DAYS: u64 = 146_097;
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / ERA_DAYS, shifted % ERA_DAYS);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 {
        from_march + 3
    } else {
        from_march - 9
    };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_told_to_the_millisecond() {
        for (ms, wanted) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (1_709_251_199_999, "2024-02-29T23:59:59.999Z"),
            (1_709_251_200_000, "2024-03-01T00:00:00.000Z"),
            (1_798_761_599_007, "2026-12-31T23:59:59.007Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
        ] {
            assert_eq!(Timestamp(ms).to_string(), wanted);
        }
    }

    #[test]
    fn what_would_end_a_string_is_escaped() {
        assert_eq!(
            Quoted("a\"b\\c\nd\r\t\u{1}\u{7f}ä").to_string(),
            "\"a\\\"b\\\\c\\nd\\r\\t\\u0001\\u007fä\""
        );
    }
}
