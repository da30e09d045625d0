//! Reads what the Tcl suite prints while it runs a unit, line by line, into one outcome per test name.
//!
//! A name can occur several times (a test in a loop over encodings): it counts as passed when it passed at least once and
//! never failed, which is how the list of expected tests was made.

use std::collections::BTreeMap;

/// What became of a test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    Passed,
    Failed(String),
}

/// The outcomes of one run of one unit.
#[derive(Debug, Default)]
pub struct Transcript {
    pub outcomes: BTreeMap<String, Outcome>,
    /// The test that has begun and not ended.
    pub running: Option<String>,
    /// The error that ended the run early.
    pub exception: Option<String>,
    /// The suite said that the unit is done.
    pub done: bool,
    /// Which failed test further lines belong to.
    failing: Option<String>,
    finished: bool,
}

impl Transcript {
    /// Takes the next line of output.
    pub fn read(&mut self, raw: &str) {
        let line = without_colours(raw);
        let line = line.trim_end();
        if line.trim() == "The End" {
            self.finished = true; // What follows repeats the failures.
        }
        if self.finished {
            return;
        }
        if let Some((tag, text)) = tagged(line) {
            self.failing = None;
            match tag {
                "testing" => self.running = Some(text.to_owned()),
                "ok" => self.pass(without_duration(text)),
                "err" => self.fail(text),
                "exception" => self.exception = Some(text.to_owned()),
                tag if tag.ends_with(" done") => self.done = true,
                _ => {}
            }
        } else if let Some(name) = &self.failing {
            if let Some(Outcome::Failed(reason)) = self.outcomes.get_mut(name) {
                append(reason, line);
            }
        } else if let Some(exception) = &mut self.exception {
            append(exception, line);
        }
    }

    fn pass(&mut self, name: &str) {
        self.ended(name);
        self.outcomes.entry(name.to_owned()).or_insert(Outcome::Passed);
    }

    fn fail(&mut self, text: &str) {
        // "NAME in tests/unit/x.tcl"; without that part it is an error outside of any test.
        let Some((name, _)) = text.rsplit_once(" in tests/") else {
            append(self.exception.get_or_insert_default(), text);
            return;
        };
        self.ended(name);
        self.outcomes
            .insert(name.to_owned(), Outcome::Failed(String::new()));
        self.failing = Some(name.to_owned());
    }

    fn ended(&mut self, name: &str) {
        if self.running.as_deref() == Some(name) {
            self.running = None;
        }
    }
}

const REASON_BYTES_MAX: usize = 600;

fn append(text: &mut String, line: &str) {
    if text.len() + line.len() < REASON_BYTES_MAX && !line.is_empty() {
        if !text.is_empty() {
            text.push_str(" | ");
        }
        text.push_str(line.trim());
    }
}

/// "[tag]: text". The test's own process writes to the same stream, sometimes without ending the line, so that the tags
/// that matter count anywhere in a line.
fn tagged(line: &str) -> Option<(&str, &str)> {
    if let Some(found) = line.strip_prefix('[').and_then(|line| line.split_once("]: ")) {
        return Some(found);
    }
    let at = ["[testing]: ", "[ok]: ", "[err]: ", "[exception]: "]
        .iter()
        .filter_map(|tag| line.find(tag))
        .min()?;
    line[at + 1..].split_once("]: ")
}

/// "NAME (12 ms)" without the time.
fn without_duration(text: &str) -> &str {
    let cut = text.strip_suffix(" ms)").and_then(|head| head.rsplit_once(" ("));
    match cut {
        Some((name, digits)) if digits.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => text,
    }
}

fn without_colours(line: &str) -> String {
    let mut result = String::with_capacity(line.len());
    let mut rest = line;
    while let Some(at) = rest.find("\x1b[") {
        result.push_str(&rest[..at]);
        rest = rest[at + 2..]
            .split_once('m')
            .map(|(_, behind)| behind)
            .unwrap_or_default();
    }
    result.push_str(rest);
    result
}

#[cfg(test)]
mod tests {
    use super::{Outcome, Transcript};

    fn read(lines: &[&str]) -> Transcript {
        let mut transcript = Transcript::default();
        for line in lines {
            transcript.read(line);
        }
        transcript
    }

    #[test]
    fn outcomes_by_name() {
        let transcript = read(&[
            "[testing]: a (b)",
            "[\x1b[0;32;49mok\x1b[0m]: a (b) (12 ms)",
            "[testing]: c",
            "[\x1b[0;31;49merr\x1b[0m]: c in tests/unit/dump.tcl",
            "Expected 'x'",
            "[\x1b[0;36;49mignore\x1b[0m]: d: Not supported",
            "[1/1 \x1b[0;33;49mdone\x1b[0m]: unit/dump (15 seconds)",
            "                   The End",
            "*** [err]: e in tests/unit/dump.tcl",
        ]);
        assert_eq!(transcript.outcomes.get("a (b)"), Some(&Outcome::Passed));
        assert_eq!(
            transcript.outcomes.get("c"),
            Some(&Outcome::Failed("Expected 'x'".to_owned()))
        );
        assert_eq!(transcript.outcomes.len(), 2);
        assert!(transcript.done && transcript.running.is_none() && transcript.exception.is_none());
    }

    #[test]
    fn a_tag_counts_behind_an_unfinished_line() {
        let transcript = read(&[
            "[testing]: BGSAVE",
            "Waiting... [\x1b[0;32;49mok\x1b[0m]: BGSAVE (104 ms)",
        ]);
        assert_eq!(transcript.outcomes.get("BGSAVE"), Some(&Outcome::Passed));
    }

    #[test]
    fn a_failure_outweighs_a_pass_of_the_same_name() {
        let pass = "[ok]: twice (1 ms)";
        let fail = "[err]: twice in tests/unit/sort.tcl";
        for lines in [[pass, fail], [fail, pass]] {
            assert!(matches!(
                read(&lines).outcomes.get("twice"),
                Some(Outcome::Failed(_))
            ));
        }
    }

    #[test]
    fn an_exception_names_the_running_test() {
        let transcript = read(&[
            "[testing]: boom",
            "[exception]: Executing test client: ERR no",
            "    while executing",
        ]);
        assert_eq!(transcript.running.as_deref(), Some("boom"));
        assert!(
            transcript
                .exception
                .is_some_and(|text| text.contains("ERR no | while executing"))
        );
        assert!(!transcript.done);
    }
}
