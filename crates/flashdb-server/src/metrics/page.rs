//! Writing the text format: families with their HELP and TYPE, samples with their labels, and what has to be escaped in both.

use super::Kind;
use std::fmt::{Display, Write};

/// The text under construction.
#[derive(Default)]
pub struct Page(String);

impl Page {
    /// Begins a metric; its samples follow.
    pub fn family<'p>(&'p mut self, name: &'static str, kind: Kind, help: &str) -> Family<'p> {
        // Writing to a string does not fail, here and below.
        let _ = write!(self.0, "# HELP {name} ");
        escape(&mut self.0, help, false);
        let _ = write!(self.0, "\n# TYPE {name} {}\n", kind.name());
        Family {
            name,
            text: &mut self.0,
        }
    }

    /// What was written.
    pub fn text(self) -> String {
        self.0
    }
}

/// A metric whose samples are being written.
pub struct Family<'p> {
    name: &'static str,
    text: &'p mut String,
}

impl Family<'_> {
    /// Writes a sample; names of labels are as the format wants them, values may be anything.
    pub fn sample(&mut self, labels: &[(&str, &str)], value: impl Display) {
        self.part("", labels, value);
    }

    /// As [`Family::sample`], for a part of a histogram: `_bucket`, `_sum`, `_count`.
    pub fn part(&mut self, suffix: &str, labels: &[(&str, &str)], value: impl Display) {
        self.text.push_str(self.name);
        self.text.push_str(suffix);
        for (at, (name, label)) in labels.iter().enumerate() {
            self.text.push(if at == 0 { '{' } else { ',' });
            self.text.push_str(name);
            self.text.push_str("=\"");
            escape(self.text, label, true);
            self.text.push('"');
        }
        if !labels.is_empty() {
            self.text.push('}');
        }
        let _ = writeln!(self.text, " {value}");
    }
}

fn escape(out: &mut String, text: &str, quoted: bool) {
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '"' if quoted => out.push_str("\\\""),
            c => out.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_end_a_label_or_a_line_is_escaped() {
        let mut page = Page::default();
        let mut family = page.family("a_total", Kind::Counter, "say \"hi\"\\\n");
        family.sample(&[], 1);
        family.sample(&[("x", "1\"2\\3\n4"), ("y", "ä}{,=")], 2.5);
        assert_eq!(
            page.text(),
            "# HELP a_total say \"hi\"\\\\\\n\n# TYPE a_total counter\na_total 1\n\
             a_total{x=\"1\\\"2\\\\3\\n4\",y=\"ä}{,=\"} 2.5\n"
        );
    }
}
