//! Reads what callgrind writes: the total of a file, and what calls of single functions had of it.
//!
//! A file lists for each function (`fn=`) lines of position and cost; a line behind `calls=` is the cost of what was called
//! and counted there. Names are written once and stand for themselves by a number in parentheses after that.

use std::collections::HashMap;

/// Instructions in the text of a file, less those that calls of the functions of `without` took, with all that these call in
/// turn. `None` when there are none.
pub fn instructions(text: &str, without: &[&str]) -> Option<u64> {
    let total = text.lines().find_map(|line| line.strip_prefix("totals: "))?;
    let total: u64 = total.trim().parse().ok()?;
    total
        .checked_sub(taken_by(text, without))
        .filter(|&count| count > 0)
}

/// What calls of these functions took. Calls from one of them to another are within the cost of the first.
fn taken_by(text: &str, functions: &[&str]) -> u64 {
    let mut names: HashMap<&str, &str> = HashMap::new();
    let (mut inside, mut calls_one, mut of_callee, mut sum) = (false, false, false, 0);
    for line in text.lines() {
        if let Some(function) = line.strip_prefix("fn=") {
            inside = functions.contains(&plain(name(&mut names, function)));
        } else if let Some(callee) = line.strip_prefix("cfn=") {
            calls_one = functions.contains(&plain(name(&mut names, callee)));
        } else if line.starts_with("calls=") {
            of_callee = true;
        } else if line.starts_with(|first: char| first.is_ascii_digit() || "+-*".contains(first)) {
            let cost = line.split(' ').nth(1).and_then(|cost| cost.parse::<u64>().ok());
            if of_callee && calls_one && !inside {
                sum += cost.unwrap_or(0);
            }
            of_callee = false;
        }
    }
    sum
}

/// The name that `(NUMBER) NAME` gives, or that `(NUMBER)` was given before.
fn name<'t>(names: &mut HashMap<&'t str, &'t str>, text: &'t str) -> &'t str {
    let (number, name) = text.split_once(' ').unwrap_or((text, ""));
    if !name.is_empty() {
        names.insert(number, name);
    }
    names.get(number).copied().unwrap_or(text)
}

/// A name without the depth (`'2`) that a function gets which was called from within itself.
fn plain(name: &str) -> &str {
    let end = name.trim_end_matches(|last: char| last.is_ascii_digit());
    end.strip_suffix('\'').unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::{instructions, plain};

    /// `first` takes 32 and calls `second`, which takes 270 and calls `third`, which takes 30.
    const FILE: &str = "positions: line\nevents: Ir\nfl=(1) a.rs\nfn=(1) first\n5 10\n+1 20\ncfn=(2) second\n\
        calls=3 9\n+1 300\n* 2\n\nfn=(2)\n9 270\ncfn=(3) third\ncalls=1 12\n* 30\n\nfn=(3)\n12 30\ntotals: 332\n";

    #[test]
    fn functions_can_be_left_out() {
        assert_eq!(instructions(FILE, &[]), Some(332));
        assert_eq!(instructions(FILE, &["second"]), Some(332 - 300));
        assert_eq!(
            instructions(FILE, &["third"]),
            Some(332 - 30),
            "with what it calls"
        );
        assert_eq!(
            instructions(FILE, &["second", "third"]),
            Some(332 - 300),
            "counted once"
        );
    }

    #[test]
    fn a_function_within_itself_is_the_same() {
        assert_eq!(plain("a::b'2"), "a::b");
        assert_eq!(plain("a::b2"), "a::b2");
        assert_eq!(plain("a::b"), "a::b");
    }

    #[test]
    fn nothing_counted_is_no_count() {
        assert_eq!(instructions("totals: 0\n", &[]), None);
        assert_eq!(instructions("fn=(1) a\n", &[]), None);
        let all_called = FILE.replace("totals: 332", "totals: 300");
        assert_eq!(instructions(&all_called, &["second"]), None);
    }
}
