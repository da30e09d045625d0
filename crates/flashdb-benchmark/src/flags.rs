//! The flags: one row each, from which parsing knows how many words a flag takes and `--help` is made.
//!
//! Those in the first group are redis-benchmark's, with its meaning; the second group is ours.

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

/// Flags of redis-benchmark.
pub const FAMILIAR: &[Flag] = &[
    flag("-h", "host", "server's host (127.0.0.1)"),
    flag("-p", "port", "server's port (6379)"),
    flag("-s", "socket", "server's Unix socket, instead of host and port"),
    flag("-u", "uri", "redis://[[user:]password@]host[:port][/db]"),
    flag(
        "-a",
        "password",
        "password; better given as REDISCLI_AUTH, which other users do not see",
    ),
    flag("--user", "name", "user that the password belongs to"),
    flag("-c", "clients", "connections (50)"),
    flag("-n", "requests", "requests per test (100000)"),
    flag("-d", "bytes", "size of values (3)"),
    flag("--dbnum", "db", "database to SELECT (0)"),
    flag("-3", "", "speak RESP3"),
    flag("--threads", "n", "threads that share the connections (1)"),
    flag("--enable-tracking", "", "CLIENT TRACKING on, on every connection"),
    flag(
        "-k",
        "0|1",
        "1 keeps connections (default), 0 makes a new one for each batch of -P",
    ),
    flag(
        "-r",
        "keyspace",
        "__rand_int__ in a command becomes 12 digits, a number below this; so do the keys,\nmembers and scores of the tests. Without it every request takes the same key",
    ),
    flag(
        "-P",
        "n",
        "requests per batch; with --rate: outstanding requests per connection (1)",
    ),
    flag("-q", "", "one line per test"),
    flag("--precision", "n", "decimals of latencies (3)"),
    flag("--csv", "", "CSV on standard output"),
    flag("-l", "", "runs the tests again and again, until Ctrl-C"),
    flag(
        "-t",
        "tests",
        "only these, parted by commas: ping,set,get,incr,lpush,rpush,lpop,rpop,sadd,hset,spop,\nzadd,zpopmin,lrange,mset and parts such as ping_inline or lrange_300",
    ),
    flag(
        "-I",
        "",
        "opens the connections and leaves them idle, until Ctrl-C",
    ),
    flag(
        "-x",
        "",
        "the last word of the command is read from standard input",
    ),
    flag(
        "-e",
        "",
        "shows errors of the server while the test runs, one per second at most",
    ),
    flag("--help", "", "this text"),
    flag("--version", "", "the version"),
];

/// Flags of ours.
pub const OWN: &[Flag] = &[
    flag(
        "--rate",
        "n",
        "open loop: n requests per second in all, sent when they are due whether or not earlier\nones were answered; latency counts from the moment a request was due",
    ),
    flag(
        "--duration",
        "seconds",
        "runs each test for so long instead of -n",
    ),
    flag(
        "--mix",
        "list",
        "one test of several commands by weight: get:0.9,set:0.1",
    ),
    flag(
        "--distribution",
        "name",
        "of keys within -r: uniform (default), zipf[:exponent], sequential, latest[:exponent]",
    ),
    flag(
        "--value-size",
        "sizes",
        "of values: 100, 16-512 (even), or a weighted list 32:0.7,100-200:0.2,4096:0.1",
    ),
    flag("--seed", "n", "of what is drawn (1)"),
    flag(
        "--server",
        "name=where",
        "a server to measure, host:port or the path of a socket; given several times, the servers\ntake turns in each test and are compared with the last one",
    ),
    flag(
        "--server-pid",
        "[name=]pid",
        "its process, for CPU per request; found by INFO when the server is on this machine",
    ),
    flag(
        "--rounds",
        "n",
        "times that each test runs on each server, medians are shown (1; for several servers 3,\nafter one that is not counted)",
    ),
    flag("--interval", "ms", "of the series over time (250)"),
    flag(
        "--json",
        "file",
        "writes the results as JSON; - is standard output, without other output",
    ),
    flag("--plot", "file.svg", "draws throughput and latency over time"),
    flag(
        "--compare",
        "file.json",
        "compares with a stored run; exit status 3 when worse",
    ),
    flag("--tolerance", "percent", "that a figure may be worse by (5)"),
    flag(
        "--compare-on",
        "figures",
        "of rps,p50,p95,p99,p99.9,cpu (rps,p99,cpu)",
    ),
];

/// Flags of redis-benchmark that this program does not have, with the number of words they take.
pub const REFUSED: &[&str] = &[
    "--cluster",
    "--tls",
    "--sni",
    "--cacert",
    "--cacertdir",
    "--insecure",
    "--cert",
    "--key",
    "--tls-ciphers",
    "--tls-ciphersuites",
];

/// The row of a flag.
pub fn find(name: &str) -> Option<&'static Flag> {
    FAMILIAR.iter().chain(OWN).find(|flag| flag.name == name)
}

/// The text of `--help`.
pub fn help() -> String {
    let mut text = String::from(
        "Usage: flashdb-benchmark [OPTIONS] [COMMAND ARGS...]\n\n\
         Measures a server that speaks RESP: runs the tests of redis-benchmark, or the command given.\n\n\
         Options that redis-benchmark has:\n",
    );
    push_rows(&mut text, FAMILIAR);
    text.push_str("\nOptions of its own:\n");
    push_rows(&mut text, OWN);
    text.push_str(
        "\nIn a command __rand_int__ is replaced as -r says, and a word __data__ by a value of -d or --value-size.\n\
         \nExit status: 0 fine; 1 the server answered errors, or a connection failed; 2 wrong usage;\n\
         3 worse than the stored run; 130 interrupted (with the results so far).\n\
         \nExamples:\n\
         \x20 flashdb-benchmark -t set,get -n 1000000 -r 1000000 -P 16 -q\n\
         \x20 flashdb-benchmark --mix get:0.9,set:0.1 -r 1000000 --distribution zipf --rate 20000 --duration 30 --plot run.svg\n\
         \x20 flashdb-benchmark --server new=127.0.0.1:7000 --server old=127.0.0.1:7001 -t get -P 64 -n 1000000\n\
         \x20 flashdb-benchmark -t get -n 1000000 --json now.json --compare before.json\n\
         \x20 flashdb-benchmark -r 10000 lpush mylist __rand_int__\n",
    );
    text
}

fn push_rows(text: &mut String, rows: &[Flag]) {
    const COLUMN: usize = 26;
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
        let mut names: Vec<&str> = FAMILIAR
            .iter()
            .chain(OWN)
            .map(|flag| flag.name)
            .chain(REFUSED.iter().copied())
            .collect();
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
        let help = help();
        assert!(help.lines().all(|line| line.len() <= 140), "too wide");
        assert!(FAMILIAR.iter().chain(OWN).all(|flag| help.contains(flag.name)));
    }
}
