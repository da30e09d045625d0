//! `user` and `role` lines: who may do what, declared in the configuration instead of in an `aclfile`.
//! What the rules mean only the server knows, which has the commands; here they are collected, each
//! with its place, and written back by CONFIG REWRITE.

use crate::error::Location;

/// What a line declares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AclSubject {
    /// A user.
    User,
    /// A role: rules that users share.
    Role,
}

impl AclSubject {
    /// What a line beginning with `word` declares.
    pub fn of(word: &[u8]) -> Option<Self> {
        match word {
            word if word.eq_ignore_ascii_case(b"user") => Some(Self::User),
            word if word.eq_ignore_ascii_case(b"role") => Some(Self::Role),
            _ => None,
        }
    }
}

/// A `user` or `role` line, for the server to carry out when it knows its commands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AclLine {
    /// What it declares.
    pub subject: AclSubject,
    /// Name of the user or role.
    pub name: Vec<u8>,
    /// Its rules.
    pub rules: Vec<Vec<u8>>,
    /// Where the line is, for [`LaunchError::at`](crate::LaunchError::at).
    pub location: Location,
    /// The line itself.
    pub line: Vec<u8>,
}
