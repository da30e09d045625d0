//! `:set hints` and `:set nohints`, typed or in the file of preferences (REDISCLI_RCFILE, otherwise `~/.redisclirc`).

use crate::say;
use flashdb_base::split_args::split_args;
use std::path::PathBuf;

/// What can be set.
pub struct Preferences {
    /// Whether the rest of a command is shown behind what is typed.
    pub hints: bool,
}

impl Default for Preferences {
    fn default() -> Self {
        Preferences { hints: true }
    }
}

impl Preferences {
    /// Reads the file, if there is one; a line that is no preference is said.
    pub fn load(&mut self) {
        let path = std::env::var_os("REDISCLI_RCFILE").map(PathBuf::from);
        let home = || std::env::home_dir().map(|home| home.join(".redisclirc"));
        let Some(Ok(text)) = path.or_else(home).map(std::fs::read) else {
            return;
        };
        for line in text.split(|byte| *byte == b'\n') {
            match split_args(line) {
                Ok(words) if words.is_empty() || words[0].starts_with(b"#") => {}
                Ok(words) => self.command(&words),
                Err(_) => say!("Invalid argument(s)\n"),
            }
        }
    }

    /// A line that begins with a colon.
    pub fn command(&mut self, words: &[Vec<u8>]) {
        match words {
            [set, name, ..] if set.eq_ignore_ascii_case(b":set") => {
                match name.to_ascii_lowercase().as_slice() {
                    b"hints" => self.hints = true,
                    b"nohints" => self.hints = false,
                    _ => say!(
                        "unknown redis-cli preference '{}'\n",
                        String::from_utf8_lossy(name)
                    ),
                }
            }
            [name, ..] => say!(
                "unknown redis-cli internal command '{}'\n",
                String::from_utf8_lossy(name)
            ),
            [] => {}
        }
    }
}
