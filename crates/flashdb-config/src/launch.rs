//! From the command line to a configuration: what to do, and with which settings.

use std::ffi::OsString;
use std::io::Read;
use std::path::{Path, PathBuf};

use flashdb_base::version::version_line;

use crate::error::LaunchError;
use crate::load::{Loader, option_lines};
use crate::store::{ConfigStore, absolute};

/// What the command line asks for.
#[derive(Debug)]
pub enum Launch {
    /// Serve with this configuration.
    Run {
        /// The settings.
        config: ConfigStore,
        /// What the operator should know, one line each, for the log.
        warnings: Vec<String>,
    },
    /// Print this and end well.
    Print(String),
    /// The settings are in order. Look at what only the server understands, print the warnings and end.
    Checked {
        /// The settings.
        config: ConfigStore,
        /// As in [`Launch::Run`].
        warnings: Vec<String>,
    },
}

/// Reads the command line as redis-server takes it, with the program's name first, and everything
/// it refers to. Reads files, and the standard input when `-` is given.
pub fn load(
    args: impl IntoIterator<Item = OsString>,
    environment: impl IntoIterator<Item = (OsString, OsString)>,
) -> Result<Launch, LaunchError> {
    let here = std::env::current_dir().map_err(|error| LaunchError::unreadable(".".into(), &error))?;
    load_from(args, environment, &mut std::io::stdin(), &here)
}

/// [`load`] with a given standard input and working folder.
pub fn load_from(
    args: impl IntoIterator<Item = OsString>,
    environment: impl IntoIterator<Item = (OsString, OsString)>,
    standard_input: &mut dyn Read,
    working_folder: &Path,
) -> Result<Launch, LaunchError> {
    let arguments: Vec<OsString> = args.into_iter().skip(1).collect();
    let line = CommandLine::read(&arguments);
    match line.action {
        Action::Version => return Ok(Launch::Print(version_line() + "\n")),
        Action::Help => return Ok(Launch::Print(HELP.to_owned())),
        Action::Run | Action::Check => {}
    }
    let mut loader = Loader::new();
    loader.environment(environment)?;
    let file = line.file.map(|path| absolute(working_folder, &path));
    if let Some(file) = &file {
        loader.file(file)?;
    }
    if line.standard_input {
        let mut text = Vec::new();
        standard_input
            .read_to_end(&mut text)
            .map_err(|error| LaunchError::unreadable("-".into(), &error))?;
        loader.standard_input(&text)?;
    }
    loader.options(&option_lines(&line.options))?;
    let (config, warnings) = loader.finish(file, working_folder);
    match line.action {
        Action::Check => Ok(Launch::Checked { config, warnings }),
        _ => Ok(Launch::Run { config, warnings }),
    }
}

#[derive(Clone, Copy)]
enum Action {
    Run,
    Check,
    Version,
    Help,
}

/// The command line, taken apart but not understood.
struct CommandLine {
    action: Action,
    file: Option<PathBuf>,
    standard_input: bool,
    options: Vec<Vec<u8>>,
}

impl CommandLine {
    fn read(arguments: &[OsString]) -> Self {
        let mut line = Self {
            action: Action::Run,
            file: None,
            standard_input: false,
            options: Vec::new(),
        };
        let last = arguments.len().saturating_sub(1);
        for (index, argument) in arguments.iter().enumerate() {
            let bytes = argument.as_encoded_bytes();
            match bytes {
                b"-v" | b"--version" if index == 0 => line.action = Action::Version,
                b"-h" | b"--help" if index == 0 => line.action = Action::Help,
                b"--check-config" if matches!(line.action, Action::Run) => line.action = Action::Check,
                b"--log-json" => line.options.extend([b"--log-format".to_vec(), b"json".to_vec()]),
                b"-" if index == 0 || index == last => line.standard_input = true,
                _ if index == 0 && !bytes.starts_with(b"-") => line.file = Some(PathBuf::from(argument)),
                _ => line.options.push(bytes.to_vec()),
            }
        }
        line
    }
}

/// What `flashdb --help` prints.
pub const HELP: &str = "\
Usage: flashdb [/path/to/flashdb.conf | -] [--setting value ...] ...
       flashdb check DIR
       flashdb backup [SERVER] FILE|FOLDER
       flashdb restore [SERVER] FILE | FILE --dir DIR
       flashdb export [SERVER | --dir DIR] FILE.rdb [--rdb-version 10|11|12]
       flashdb import FILE|FOLDER [--dir DIR | SERVER [--rate N]]
       flashdb -v | --version
       flashdb -h | --help

Serves a Redis-compatible database on port 6379, with a dashboard and an HTTP API on http://127.0.0.1:8080,
and keeps its data in ./data.

Arguments:
  /path/to/flashdb.conf  settings to start with, in the syntax of redis.conf
  -                      as first or last argument: read settings from standard input as well
  --setting value ...    any setting of the file; a setting of several words takes several values
  --log-json             log lines as JSON, the same as --log-format json
  --check-config         say whether the configuration is accepted, and end
  -v, --version          print the version, and end
  -h, --help             print this text, and end

Tools:
  check    verifies a data folder without starting; tells damage with file and offset
  backup   copies a snapshot of a running server, and verifies it
  restore  gives a running server the data of a backup; or puts it into a new folder
  export   writes all data as an RDB file, for Redis and Valkey
  import   makes a data folder of an RDB file, an append-only file, or a folder with either; or sends
           these, or a data folder that no server uses, to a running server, at most N keys a second
  SERVER   -h host, -p port, --user name, -a password (or REDISCLI_AUTH in the environment)
  Tools take settings of the server, too: --databases 32

Where several places give a setting, the later of this list counts:
  defaults, environment (FLASHDB_MAXMEMORY_POLICY=allkeys-lru), file, standard input, options

Examples:
  flashdb                                    serve with the defaults
  flashdb /etc/flashdb.conf                  take the settings from a file
  flashdb --port 7000 --loglevel verbose     change some of them
  flashdb --save 3600 1 --save 60 100        several values, repeated
  flashdb --save '' --appendonly no          keep nothing on disk
  flashdb --http-port 0                      no dashboard and no HTTP API
  echo 'maxclients 500' | flashdb -          settings from another program
  flashdb /etc/flashdb.conf --check-config   look before a restart
  FLASHDB_REQUIREPASS=secret flashdb         a password that no process list shows

CONFIG GET '*' lists every setting of a running server.
";

#[cfg(test)]
#[path = "launch_test.rs"]
mod tests;
