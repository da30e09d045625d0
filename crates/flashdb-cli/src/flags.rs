//! The flags: one row each, from which parsing knows how many words a flag takes and `--help` is made.
//!
//! Those of the first groups are redis-cli's, with its meaning; the last group is ours. What redis-cli has and this program
//! has not is listed, too, so that it is refused by name and not taken for a typing error.

/// A flag as it may be given.
#[derive(Debug)]
pub struct Flag {
    /// As typed, dashes included.
    pub name: &'static str,
    /// What its argument is called; empty when it takes none.
    pub argument: &'static str,
    /// One or more lines for `--help`.
    pub help: &'static str,
}

const fn flag(name: &'static str, argument: &'static str, help: &'static str) -> Flag {
    Flag { name, argument, help }
}

/// Where the server is, and who asks.
pub const SERVER: &[Flag] = &[
    flag("-h", "host", "server's host (127.0.0.1)"),
    flag("-p", "port", "server's port (6379)"),
    flag("-s", "socket", "server's Unix socket, instead of host and port"),
    flag("-u", "uri", "redis://[[user:]password@]host[:port][/db]"),
    flag(
        "-a",
        "password",
        "password; better given as REDISCLI_AUTH, which other users do not see",
    ),
    flag("--pass", "password", "the same as -a"),
    flag("--user", "name", "user that the password belongs to"),
    flag(
        "--askpass",
        "",
        "asks for the password on the terminal; -a and REDISCLI_AUTH do not count then",
    ),
    flag(
        "--no-auth-warning",
        "",
        "no warning about a password on the command line",
    ),
    flag("-n", "db", "database (0)"),
    flag("-2", "", "RESP2"),
    flag("-3", "", "RESP3"),
    flag("-c", "", "follows redirections to other nodes (MOVED, ASK)"),
];

/// How a command is sent and its reply shown.
pub const COMMAND: &[Flag] = &[
    flag("-r", "times", "sends the command so often; negative: for ever"),
    flag(
        "-i",
        "seconds",
        "pause between two times; fractions are fine. In --scan, --bigkeys, --memkeys and --hotkeys\nthe pause per 100 steps; in --stat and --latency-history the interval",
    ),
    flag(
        "-x",
        "",
        "the last word of the command is read from standard input",
    ),
    flag(
        "-X",
        "tag",
        "the word of the command that equals the tag is read from standard input",
    ),
    flag(
        "-d",
        "text",
        "between elements of a reply, in raw form (line end)",
    ),
    flag("-D", "text", "behind each reply, in raw form (line end)"),
    flag("-e", "", "exit status 1 when the server answers with an error"),
    flag(
        "--quoted-input",
        "",
        "words are quoted as in the interactive mode, so that they can hold any byte",
    ),
    flag(
        "--raw",
        "",
        "replies as they are (default when the output is no terminal)",
    ),
    flag("--no-raw", "", "replies for people (default on a terminal)"),
    flag("--csv", "", "replies as CSV"),
    flag("--json", "", "replies as JSON; speaks RESP3 unless -2 is given"),
    flag(
        "--quoted-json",
        "",
        "the same with bytes outside of ASCII escaped",
    ),
    flag(
        "--show-pushes",
        "yes|no",
        "whether messages that answer no request are shown (yes on a terminal)",
    ),
    flag(
        "--eval",
        "file",
        "runs a Lua script: --eval FILE KEY... , ARGUMENT...",
    ),
    flag("--verbose", "", "says more"),
    flag("--help", "", "this text"),
    flag("--version", "", "the version"),
];

/// The other things that the program does.
pub const MODES: &[Flag] = &[
    flag("--stat", "", "a line of figures about the server each second"),
    flag(
        "--latency",
        "",
        "measures the time of PING without end; when the output is no terminal, for a second (-i)",
    ),
    flag(
        "--latency-history",
        "",
        "the same, a line for every 15 seconds (-i)",
    ),
    flag(
        "--latency-dist",
        "",
        "the same, as a spectrum in 256 colours, each second (-i)",
    ),
    flag(
        "--intrinsic-latency",
        "seconds",
        "how long this machine itself makes a busy program wait; needs no server",
    ),
    flag(
        "--lru-test",
        "keys",
        "a cache with so many keys, of which a fifth gets four fifths of the reads",
    ),
    flag("--replica", "", "shows what the server tells its replicas"),
    flag("--slave", "", "the same as --replica"),
    flag(
        "--rdb",
        "file",
        "saves the server's data as an RDB file; - is standard output",
    ),
    flag(
        "--functions-rdb",
        "file",
        "the same with the function libraries only",
    ),
    flag("--pipe", "", "sends RESP from standard input as fast as it goes"),
    flag(
        "--pipe-timeout",
        "seconds",
        "how long --pipe waits for the last reply (30; 0: for ever)",
    ),
    flag("--bigkeys", "", "looks for keys with many elements"),
    flag("--memkeys", "", "looks for keys that take much memory"),
    flag(
        "--memkeys-samples",
        "n",
        "the same, looking at n elements of each key",
    ),
    flag(
        "--hotkeys",
        "",
        "looks for keys that are used much (maxmemory-policy *lfu)",
    ),
    flag("--scan", "", "lists all keys, by SCAN"),
    flag(
        "--pattern",
        "glob",
        "which keys, for --scan, --bigkeys, --memkeys and --hotkeys",
    ),
    flag(
        "--quoted-pattern",
        "glob",
        "the same, quoted as in the interactive mode",
    ),
];

/// Flags of ours.
pub const OWN: &[Flag] = &[flag(
    "--table",
    "",
    "replies as tables; speaks RESP3 unless -2 is given",
)];

/// Flags of redis-cli that this program does not have, each with the reason.
pub const REFUSED: &[(&str, &str)] = &[
    ("--tls", TLS),
    ("--sni", TLS),
    ("--cacert", TLS),
    ("--cacertdir", TLS),
    ("--insecure", TLS),
    ("--cert", TLS),
    ("--key", TLS),
    ("--tls-ciphers", TLS),
    ("--tls-ciphersuites", TLS),
    ("--cluster", CLUSTER),
    ("--cluster-yes", CLUSTER),
    ("--ldb", DEBUGGER),
    ("--ldb-sync-mode", DEBUGGER),
];

const TLS: &str = "TLS is not supported; the server has no TLS port";
const CLUSTER: &str = "managing a cluster is not supported; -c follows redirections";
const DEBUGGER: &str = "the script debugger is not supported; --eval runs the script";

/// The row of a flag.
pub fn find(name: &str) -> Option<&'static Flag> {
    let all = SERVER.iter().chain(COMMAND).chain(MODES).chain(OWN);
    all.into_iter().find(|flag| flag.name == name)
}

/// Why a flag of redis-cli is refused, if it is one.
pub fn refusal(name: &str) -> Option<&'static str> {
    let row = REFUSED.iter().find(|(refused, _)| *refused == name);
    row.map(|(_, reason)| *reason)
}

/// The text of `--help`.
pub fn help() -> String {
    let mut text = String::from(
        "Usage: flashdb-cli [OPTIONS] [COMMAND [ARGUMENT...]]\n\n\
         Sends a command to a server that speaks RESP and shows its reply; without a command, asks for\n\
         one after the other.\n",
    );
    for (title, rows) in [
        ("The server", SERVER),
        ("A command and its reply", COMMAND),
        ("Instead of a command", MODES),
        ("What redis-cli has not", OWN),
    ] {
        text.push_str(&format!("\n{title}:\n"));
        push_rows(&mut text, rows);
    }
    text.push_str(
        "\nREDISCLI_AUTH holds a password, REDISCLI_HISTFILE the name of the history file (~/.rediscli_history),\n\
         REDISCLI_RCFILE that of the preferences (~/.redisclirc).\n\
         \nNot there: --tls and its kin, --cluster, --ldb; docs/CLI.md compares flag by flag.\n\
         \nExamples:\n\
         \x20 flashdb-cli -x set photo < photo.jpg\n\
         \x20 flashdb-cli -r 10 -i 0.5 --csv incr counter\n\
         \x20 flashdb-cli -3 --table hgetall user:1\n\
         \x20 flashdb-cli --scan --pattern 'user:*'\n\
         \x20 flashdb-cli --eval script.lua key1 key2 , first second\n",
    );
    text
}

fn push_rows(text: &mut String, rows: &[Flag]) {
    const COLUMN: usize = 28;
    for row in rows {
        let head = match row.argument {
            "" => row.name.to_owned(),
            argument => format!("{} <{argument}>", row.name),
        };
        for (index, line) in row.help.lines().enumerate() {
            let left = if index == 0 { head.as_str() } else { "" };
            text.push_str(&format!("  {left:COLUMN$} {line}\n"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_explained() {
        let rows = || SERVER.iter().chain(COMMAND).chain(MODES).chain(OWN);
        let refused = REFUSED.iter().map(|(name, _)| *name);
        let mut names: Vec<&str> = rows().map(|flag| flag.name).chain(refused).collect();
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
        let help = help();
        assert!(help.lines().all(|line| line.len() <= 140), "too wide");
        assert!(rows().all(|flag| help.contains(flag.name)));
    }
}
