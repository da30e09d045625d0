//! Reads what callgrind writes: the total of a file, and what single functions had of it themselves.
//!
//! A file lists for each function (`fn=`) lines of position and cost; a line behind `calls=` is the cost of what was called
//! and counted there. Names are written once and stand for themselves by a number in parentheses after that.

use std::collections::HashMap;

/// Instructions in the text of a file, less those that the functions of `without` executed themselves (in what they call
/// they count). `None` when there are none.
pub fn instructions(text: &str, without: &[&str]) -> Option<u64> {
    let total = text.lines().find_map(|line| line.strip_prefix("totals: "))?;
    let total: u64 = total.trim().parse().ok()?;
    total.checked_sub(own(text, without)).filter(|&count| count > 0)
}

fn own(text: &str, functions: &[&str]) -> u64 {
    let mut names: HashMap<&str, &str> = HashMap::new();
    let (mut inside, mut of_callee, mut sum) = (false, false, 0);
    for line in text.lines() {
        if let Some(function) = line.strip_prefix("fn=") {
            inside = functions.contains(&name(&mut names, function));
        } else if let Some(callee) = line.strip_prefix("cfn=") {
            name(&mut names, callee);
        } else if line.starts_with("calls=") {
            of_callee = true;
        } else if line.starts_with(|first: char| first.is_ascii_digit() || "+-*".contains(first)) {
            let cost = line.split(' ').nth(1).and_then(|cost| cost.parse::<u64>().ok());
            if inside && !of_callee {
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

#[cfg(test)]
mod tests {
    use super::instructions;

    const FILE: &str = "positions: line\nevents: Ir\nfl=(1) a.rs\nfn=(1) first\n5 10\n+1 20\ncfn=(2) second\n\
        calls=3 9\n+1 300\n* 2\n\nfn=(2)\n9 300\ntotals: 332\n";

    #[test]
    fn functions_can_be_left_out() {
        assert_eq!(instructions(FILE, &[]), Some(332));
        assert_eq!(instructions(FILE, &["first"]), Some(300));
        assert_eq!(instructions(FILE, &["second", "third"]), Some(32));
    }

    #[test]
    fn nothing_counted_is_no_count() {
        assert_eq!(instructions("totals: 0\n", &[]), None);
        assert_eq!(instructions("fn=(1) a\n", &[]), None);
        assert_eq!(instructions(FILE, &["first", "second"]), None);
    }
}
