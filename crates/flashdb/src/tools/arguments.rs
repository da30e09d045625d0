//! The words behind a tool's name: its own options, settings of the server, and one or more paths.

use super::error::ToolError;
use flashdb_config::{Launch, Settings};
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;

const PORT: u16 = 6379;

/// A server to be reached.
#[derive(Clone, Debug)]
pub struct Address {
    /// Name or address.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// ACL user, if not the default one.
    pub user: Option<String>,
    /// Password.
    pub password: Option<String>,
}

/// See the module's head.
#[derive(Debug)]
pub struct Arguments {
    /// Where the server is.
    pub address: Address,
    /// Whether the server was named by any option.
    pub names_server: bool,
    /// Whether a data folder was named.
    pub names_folder: bool,
    /// `--rdb-version`.
    pub rdb_version: u32,
    /// `--rate`: most keys a second; 0 for as many as it takes.
    pub rate: u64,
    paths: Vec<PathBuf>,
    settings: Vec<OsString>,
}

impl Arguments {
    /// Takes them apart. The password may come from the environment's `REDISCLI_AUTH`, which no process list shows.
    ///
    /// # Errors
    /// When an option lacks its value, or has none that it can have.
    pub fn read(words: &[OsString]) -> Result<Self, ToolError> {
        let mut read = Arguments {
            address: Address {
                host: "127.0.0.1".into(),
                port: PORT,
                user: None,
                password: std::env::var("REDISCLI_AUTH").ok(),
            },
            names_server: false,
            names_folder: false,
            rdb_version: 11,
            rate: 0,
            paths: Vec::new(),
            settings: Vec::new(),
        };
        let mut words = words.iter();
        while let Some(word) = words.next() {
            let option = word.to_str().unwrap_or_default();
            let mut value = || {
                let value = words.next().and_then(|value| value.to_str());
                value
                    .map(str::to_owned)
                    .ok_or_else(|| ToolError::Usage(format!("{option} needs a value")))
            };
            match option {
                "--help" => return Err(ToolError::Help),
                "-h" | "--host" => read.address.host = value()?,
                "-p" | "--port" => read.address.port = number(option, &value()?)?,
                "-a" | "--pass" => read.address.password = Some(value()?),
                "--user" => read.address.user = Some(value()?),
                "--rate" => read.rate = number(option, &value()?)?,
                "--rdb-version" => read.rdb_version = number(option, &value()?)?,
                _ if option.starts_with("--") => {
                    let value = words
                        .next()
                        .ok_or_else(|| ToolError::Usage(format!("{option} needs a value")))?;
                    read.names_folder |= option == "--dir";
                    read.settings.extend([word.clone(), value.clone()]);
                }
                _ if option.starts_with('-') && option.len() > 1 => {
                    return Err(ToolError::Usage(format!("there is no option {option}")));
                }
                _ => read.paths.push(PathBuf::from(word)),
            }
            read.names_server |= matches!(
                option,
                "-h" | "--host" | "-p" | "--port" | "--user" | "-a" | "--pass"
            );
        }
        Ok(read)
    }

    /// The one path.
    ///
    /// # Errors
    /// When there is none, or several.
    pub fn path(&self, what: &str) -> Result<PathBuf, ToolError> {
        match self.paths.as_slice() {
            [path] => Ok(path.clone()),
            _ => Err(ToolError::Usage(format!("one {what} has to be named"))),
        }
    }

    /// The settings, from the environment and the options.
    ///
    /// # Errors
    /// When one is not accepted.
    pub fn settings(&self) -> Result<Arc<Settings>, ToolError> {
        let words = std::iter::once(OsString::from("flashdb")).chain(self.settings.iter().cloned());
        match flashdb_config::load(words, std::env::vars_os()) {
            Ok(Launch::Run { config, .. }) => Ok(config.settings()),
            Ok(_) => Err(ToolError::Usage("a setting is expected".into())),
            Err(error) => Err(ToolError::Usage(error.to_string())),
        }
    }
}

fn number<T: std::str::FromStr>(option: &str, text: &str) -> Result<T, ToolError> {
    text.parse()
        .map_err(|_| ToolError::Usage(format!("{option} is a number, not '{text}'")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<Arguments, ToolError> {
        let words: Vec<OsString> = line.split_whitespace().map(OsString::from).collect();
        Arguments::read(&words)
    }

    #[test]
    fn options_settings_and_paths() {
        let read = read("-h there -p 7000 file --dir folder -a secret").unwrap();
        assert_eq!((read.address.host.as_str(), read.address.port), ("there", 7000));
        assert_eq!(read.address.password.as_deref(), Some("secret"));
        assert!(read.names_server && read.names_folder);
        assert_eq!(read.path("file").unwrap(), PathBuf::from("file"));
        assert!(read.settings().unwrap().dir.ends_with("folder"));
    }

    #[test]
    fn what_is_not_understood_is_said() {
        for (line, said) in [
            ("-p", "-p needs a value"),
            ("-p x", "-p is a number"),
            ("-z", "no option -z"),
            ("--dir", "--dir needs a value"),
        ] {
            let error = read(line).unwrap_err().to_string();
            assert!(error.contains(said), "{error}");
        }
        assert!(read("a b").unwrap().path("file").is_err());
        assert!(read("--nonsense 1").unwrap().settings().is_err());
    }
}
