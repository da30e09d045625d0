//! Users and roles from lines: of the `aclfile`, or of the configuration. Everything is read before
//! anything counts; whatever is wrong is reported with its line.

use super::catalog::Catalog;
use super::rules::{RefusedRule, UnclosedSelector, fits_a_line, merge_selectors};
use super::user::{DEFAULT_USER, Defaults, User};
use super::users::Users;
use flashdb_config::{AclLine, AclSubject, LaunchError};
use std::collections::HashSet;
use std::fmt;

/// Lines that are reported; further ones are counted.
const REPORTED_MAX: usize = 20;

/// What is wrong with an `aclfile`: one complaint for each line that is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Complaints(Vec<String>);

impl fmt::Display for Complaints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0[..self.0.len().min(REPORTED_MAX)].join(". "))?;
        match self.0.len().saturating_sub(REPORTED_MAX) {
            0 => Ok(()),
            more => write!(f, ". {more} further lines are wrong"),
        }
    }
}

/// A line taken apart.
struct Declaration<'t> {
    number: usize,
    subject: AclSubject,
    name: &'t [u8],
    rules: Vec<Vec<u8>>,
}

/// Reads the text of a file. `base` holds the default user for a file without one; a default user in
/// the file is still the same one to those who are connected. O(length).
///
/// # Errors
/// All lines that are wrong; `file` is how the file is called in them.
pub fn parse(
    text: &[u8],
    file: &str,
    base: &User,
    catalog: &Catalog,
    defaults: Defaults,
) -> Result<Users, Complaints> {
    let mut complaints = Vec::new();
    let mut declared = Vec::new();
    for (index, line) in text.split(|&byte| byte == b'\n').enumerate() {
        match declaration(index + 1, line) {
            Ok(found) => declared.extend(found),
            Err(complaint) => complaints.push((index + 1, complaint)),
        }
    }
    let mut users = Users::default();
    // Roles first, wherever they stand: users refer to them.
    for subject in [AclSubject::Role, AclSubject::User] {
        let mut names = HashSet::new();
        for found in declared.iter().filter(|found| found.subject == subject) {
            let complaint = if names.insert(found.name) {
                declare(&mut users, found, catalog, defaults)
            } else {
                Err(format!(
                    "Duplicate {} '{}' found",
                    word(subject),
                    String::from_utf8_lossy(found.name)
                ))
            };
            complaints.extend(complaint.err().map(|complaint| (found.number, complaint)));
        }
    }
    if complaints.is_empty() {
        let mut user = users
            .get(DEFAULT_USER)
            .map_or_else(|| base.clone(), |user| User::clone(user));
        (user.id, user.person) = (base.id, base.person);
        users.insert(user);
        return Ok(users);
    }
    complaints.sort_by_key(|(number, _)| *number);
    let shown = complaints
        .into_iter()
        .map(|(number, complaint)| format!("{file}:{number}: {complaint}"));
    Err(Complaints(shown.collect()))
}

fn word(subject: AclSubject) -> &'static str {
    match subject {
        AclSubject::User => "user",
        AclSubject::Role => "role",
    }
}

/// Takes a line apart; empty lines and comments declare nothing.
fn declaration(number: usize, line: &[u8]) -> Result<Option<Declaration<'_>>, String> {
    let line = line.trim_ascii();
    if line.is_empty() || line.starts_with(b"#") {
        return Ok(None);
    }
    let mut words = line.split(|&byte| byte == b' ').filter(|word| !word.is_empty());
    let subject = match words.next() {
        Some(b"user") => Some(AclSubject::User),
        Some(b"role") => Some(AclSubject::Role),
        _ => None,
    };
    let (Some(subject), Some(name)) = (subject, words.next()) else {
        return Err("should start with user or role keyword followed by the name".into());
    };
    if !fits_a_line(name) {
        return Err("names can't contain spaces or null characters".into());
    }
    let rules = merge_selectors(words)
        .map_err(|_: UnclosedSelector| "Unmatched parenthesis in selector definition")?;
    Ok(Some(Declaration {
        number,
        subject,
        name,
        rules,
    }))
}

fn declare(
    users: &mut Users,
    found: &Declaration<'_>,
    catalog: &Catalog,
    defaults: Defaults,
) -> Result<(), String> {
    let rules = found.rules.iter().map(Vec::as_slice);
    let result = match found.subject {
        AclSubject::Role => users.set_role(catalog, found.name, rules),
        AclSubject::User => users.set_user(catalog, defaults, found.name, rules),
    };
    result.map_err(|refused| {
        format!(
            "Error in applying operation '{}': {}",
            shown(&refused),
            refused.fault
        )
    })
}

/// The rule for a log or a reply; passwords and hashes are left out.
fn shown(refused: &RefusedRule) -> String {
    match refused.rule.first() {
        Some(b'>' | b'<' | b'#' | b'!') => "(redacted)".into(),
        _ => String::from_utf8_lossy(&refused.rule).into_owned(),
    }
}

/// Reads the `user` and `role` lines of the configuration into `users`.
///
/// # Errors
/// The first line that is wrong.
pub fn declare_all(
    users: &mut Users,
    lines: &[AclLine],
    catalog: &Catalog,
    defaults: Defaults,
) -> Result<(), LaunchError> {
    for subject in [AclSubject::Role, AclSubject::User] {
        let mut names = HashSet::new();
        for line in lines.iter().filter(|line| line.subject == subject) {
            let declared = declare_line(users, line, names.insert(&line.name), catalog, defaults);
            declared.map_err(|complaint| {
                let name = String::from_utf8_lossy(&line.name);
                let reason = format!("Error in {} declaration '{name}': {complaint}", word(subject));
                LaunchError::at(&line.location, &line.line, reason)
            })?;
        }
    }
    Ok(())
}

fn declare_line(
    users: &mut Users,
    line: &AclLine,
    is_new: bool,
    catalog: &Catalog,
    defaults: Defaults,
) -> Result<(), String> {
    let subject = word(line.subject);
    if !is_new {
        return Err(format!(
            "Duplicate {subject} found. A {subject} can only be defined once in config files"
        ));
    }
    if line.name.is_empty() || !fits_a_line(&line.name) {
        return Err("names can't be empty or contain spaces or null characters".into());
    }
    // The default user is there already, with all permissions.
    let reset = (line.name == DEFAULT_USER && line.subject == AclSubject::User).then(|| b"reset".to_vec());
    let words = line.rules.iter().map(Vec::as_slice);
    let mut rules = merge_selectors(words).map_err(|UnclosedSelector(at)| {
        format!(
            "Unmatched parenthesis in acl selector starting at '{}'",
            String::from_utf8_lossy(&at)
        )
    })?;
    rules.splice(0..0, reset);
    let found = Declaration {
        number: 0,
        subject: line.subject,
        name: &line.name,
        rules,
    };
    declare(users, &found, catalog, defaults)
}
