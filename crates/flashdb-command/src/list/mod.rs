//! Rows and handlers of this family.

use crate::spec::CommandSpec;

/// The family's rows.
pub static COMMANDS: &[&CommandSpec] = &[];
