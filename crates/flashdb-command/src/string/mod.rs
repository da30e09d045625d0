//! Strings: rows and handlers.

mod basic;

use crate::spec::CommandSpec;

/// The family's rows.
pub static COMMANDS: &[&CommandSpec] = &[&basic::GET, &basic::STRLEN];
