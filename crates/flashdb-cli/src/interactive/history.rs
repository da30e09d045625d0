//! The history: a file of lines, which redis-cli reads and writes, too (REDISCLI_HISTFILE, otherwise
//! `~/.rediscli_history`). Lines with passwords stay out of it.
//!
//! Each line is appended when it is typed, so that several prompts share a file; only its owner may read it.

use flashdb_base::split_args::split_args;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Lines that are kept.
pub const LINES_MAX: usize = 1000;

/// See the module's head.
pub struct History {
    path: Option<PathBuf>,
    last: String,
}

impl History {
    /// The file's lines, oldest first, and the history itself. Without a file, or with one that cannot be read, it begins
    /// empty.
    pub fn load() -> (Self, Vec<String>) {
        let path = match std::env::var_os("REDISCLI_HISTFILE") {
            Some(path) => Some(PathBuf::from(path)),
            None => std::env::home_dir().map(|home| home.join(".rediscli_history")),
        };
        Self::load_from(path.filter(|path| !path.as_os_str().is_empty() && path != Path::new("/dev/null")))
    }

    fn load_from(path: Option<PathBuf>) -> (Self, Vec<String>) {
        let bytes = path
            .as_ref()
            .and_then(|path| std::fs::read(path).ok())
            .unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes);
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        let history = History {
            path,
            last: lines.last().cloned().unwrap_or_default(),
        };
        if lines.len() > LINES_MAX {
            lines.drain(..lines.len() - LINES_MAX);
            history.write(&(lines.join("\n") + "\n"), true);
        }
        (history, lines)
    }

    /// Keeps a line; says whether it may be brought back.
    pub fn add(&mut self, line: &str) -> bool {
        if line.trim().is_empty() || is_secret(line) {
            return false;
        }
        if line != self.last {
            self.write(&format!("{line}\n"), false);
            line.clone_into(&mut self.last);
        }
        true
    }

    fn write(&self, text: &str, anew: bool) {
        let Some(path) = &self.path else { return };
        let mut options = std::fs::OpenOptions::new();
        options
            .create(true)
            .write(true)
            .truncate(anew)
            .append(!anew)
            .mode(0o600);
        // A history that cannot be kept is no reason to disturb the work.
        let _written = options
            .open(path)
            .and_then(|mut file| file.write_all(text.as_bytes()));
    }
}

/// Whether a line holds a password, or cannot be taken apart and might.
pub fn is_secret(line: &str) -> bool {
    let Ok(mut words) = split_args(line.as_bytes()) else {
        return true;
    };
    words.iter_mut().for_each(|word| word.make_ascii_lowercase());
    let mut words: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
    // A number of times may come before the command.
    while words
        .first()
        .is_some_and(|word| word.iter().all(u8::is_ascii_digit))
    {
        words.remove(0);
    }
    match words.as_slice() {
        [b"auth", ..] | [b"acl", b"setuser" | b"setrole" | b"genpass", ..] => true,
        [b"config", b"set", settings @ ..] => settings.iter().any(|setting| {
            matches!(
                *setting,
                b"requirepass"
                    | b"masterauth"
                    | b"masteruser"
                    | b"tls-key-file-pass"
                    | b"tls-client-key-file-pass"
                    | b"alert-webhooks"
                    | b"alert-webhook-secret"
            )
        }),
        [b"hello" | b"migrate", options @ ..] => {
            options.iter().any(|option| matches!(*option, b"auth" | b"auth2"))
        }
        [b"sentinel", b"set", ..] => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_seen() {
        for line in [
            "AUTH x",
            "auth user x",
            "3 auth x",
            "acl setuser ann on >x",
            "config set appendonly yes requirepass x",
            "CONFIG SET MASTERAUTH x",
            "config set alert-webhooks https://hooks.example/T0/x",
            "config set alert-webhook-secret x",
            "hello 3 auth u p",
            "migrate h 1 k 0 1 auth2 u p",
            "set k \"open",
        ] {
            assert!(is_secret(line), "{line}");
        }
        for line in [
            "get auth",
            "config get requirepass",
            "hello 3",
            "acl list",
            "",
            "7",
        ] {
            assert!(!is_secret(line), "{line}");
        }
    }

    #[test]
    fn the_file_holds_each_line_once_and_the_last_ones_only() {
        let folder = std::env::temp_dir().join(format!("flashdb-cli-history-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder");
        let path = folder.join("history");
        let (mut history, lines) = History::load_from(Some(path.clone()));
        assert!(lines.is_empty());
        assert!(history.add("get a") && history.add("get a") && history.add("get b"));
        assert!(!history.add("auth secret") && !history.add("  "));
        assert_eq!(std::fs::read_to_string(&path).expect("written"), "get a\nget b\n");
        let many: String = (0..LINES_MAX + 5)
            .map(|number| format!("get {number}\n"))
            .collect();
        std::fs::write(&path, &many).expect("written");
        let (_, lines) = History::load_from(Some(path.clone()));
        assert_eq!((lines.len(), lines[0].as_str()), (LINES_MAX, "get 5"));
        assert_eq!(
            std::fs::read_to_string(&path).expect("kept").lines().count(),
            LINES_MAX
        );
        std::fs::remove_dir_all(&folder).expect("removed");
    }
}
