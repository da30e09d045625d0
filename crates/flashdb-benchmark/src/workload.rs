//! The tests by name, with the command that each sends: those of redis-benchmark, under the same names, titles and keys.
//!
//! Lists for LRANGE and the like are made by a test that runs before; it is named so in the output.

use crate::template::{RANDOM_MARK, VALUE_MARK};

/// A command that a test sends.
#[derive(Clone, Debug, PartialEq)]
pub struct Command {
    /// What reports call it.
    pub title: String,
    /// Words, with the marks of [`crate::template`]; empty for the inline PING.
    pub words: Vec<Vec<u8>>,
    /// Whether it makes keys, for the distribution "latest".
    pub is_write: bool,
    /// Its share of a mix.
    pub weight: f64,
}

/// One test: a command, or a weighted mix of them.
#[derive(Clone, Debug, PartialEq)]
pub struct Workload {
    /// What reports call it.
    pub title: String,
    /// At least one; weights sum up to 1.
    pub commands: Vec<Command>,
}

/// A row of the table of tests.
struct Row {
    /// What `-t` and `--mix` call it.
    name: &'static str,
    title: &'static str,
    /// Words parted by blanks; `K` stands for the random mark, `V` for a value, `S` for a score.
    line: &'static str,
    is_write: bool,
}

const fn row(name: &'static str, title: &'static str, line: &'static str, is_write: bool) -> Row {
    Row {
        name,
        title,
        line,
        is_write,
    }
}

const LIST_FILL: Row = row(
    "lpush",
    "LPUSH (needed to benchmark LRANGE)",
    "LPUSH mylist V",
    true,
);

/// In the order in which they run.
const ROWS: &[Row] = &[
    row("ping_inline", "PING_INLINE", "", false),
    row("ping_mbulk", "PING_MBULK", "PING", false),
    row("set", "SET", "SET key:K V", true),
    row("get", "GET", "GET key:K", false),
    row("incr", "INCR", "INCR counter:K", true),
    row("lpush", "LPUSH", "LPUSH mylist V", true),
    row("rpush", "RPUSH", "RPUSH mylist V", true),
    row("lpop", "LPOP", "LPOP mylist", true),
    row("rpop", "RPOP", "RPOP mylist", true),
    row("sadd", "SADD", "SADD myset element:K", true),
    row("hset", "HSET", "HSET myhash element:K V", true),
    row("spop", "SPOP", "SPOP myset", true),
    row("zadd", "ZADD", "ZADD myzset S element:K", true),
    row("zpopmin", "ZPOPMIN", "ZPOPMIN myzset", true),
    row(
        "lrange_100",
        "LRANGE_100 (first 100 elements)",
        "LRANGE mylist 0 99",
        false,
    ),
    row(
        "lrange_300",
        "LRANGE_300 (first 300 elements)",
        "LRANGE mylist 0 299",
        false,
    ),
    row(
        "lrange_500",
        "LRANGE_500 (first 500 elements)",
        "LRANGE mylist 0 499",
        false,
    ),
    row(
        "lrange_600",
        "LRANGE_600 (first 600 elements)",
        "LRANGE mylist 0 599",
        false,
    ),
    row(
        "mset",
        "MSET (10 keys)",
        "MSET key:K V key:K V key:K V key:K V key:K V key:K V key:K V key:K V key:K V key:K V",
        true,
    ),
];

impl Row {
    fn command(&self, has_keyspace: bool, weight: f64) -> Command {
        let words = self.line.split_whitespace().map(|word| match word {
            "V" => VALUE_MARK.to_vec(),
            "S" if has_keyspace => RANDOM_MARK.to_vec(),
            "S" => b"0".to_vec(),
            word => match word.strip_suffix(":K") {
                Some(prefix) => [prefix.as_bytes(), b":", RANDOM_MARK].concat(),
                None => word.as_bytes().to_vec(),
            },
        });
        Command {
            title: self.title.to_owned(),
            words: words.collect(),
            is_write: self.is_write,
            weight,
        }
    }

    fn workload(&self, has_keyspace: bool) -> Workload {
        Workload {
            title: self.title.to_owned(),
            commands: vec![self.command(has_keyspace, 1.0)],
        }
    }

    /// Whether `-t` with `name` means this test: its own name, or the family's.
    fn is_meant_by(&self, name: &str) -> bool {
        name == self.name
            || (name == "ping" && self.name.starts_with("ping_"))
            || (name == "lrange" && self.name.starts_with("lrange_"))
    }
}

/// The tests that run; all for `None`.
///
/// # Errors
/// The name that is no test's.
pub fn select(names: Option<&[String]>, has_keyspace: bool) -> Result<Vec<Workload>, String> {
    let lower: Option<Vec<String>> =
        names.map(|names| names.iter().map(|name| name.to_lowercase()).collect());
    if let Some(unknown) = lower
        .iter()
        .flatten()
        .find(|name| !ROWS.iter().any(|row| row.is_meant_by(name)))
    {
        return Err(format!(
            "no test is called {unknown:?}; there are {}",
            known_names()
        ));
    }
    let mut selected = Vec::new();
    let mut is_list_filled = false;
    for row in ROWS {
        if lower
            .as_ref()
            .is_some_and(|names| !names.iter().any(|name| row.is_meant_by(name)))
        {
            continue;
        }
        if row.name.starts_with("lrange_") && !is_list_filled {
            is_list_filled = true;
            selected.push(LIST_FILL.workload(has_keyspace));
        }
        selected.push(row.workload(has_keyspace));
    }
    Ok(selected)
}

/// Reads `get:0.9,set:0.1` (weights of any sum) into one workload.
///
/// # Errors
/// What is wrong with it.
pub fn mix(text: &str, has_keyspace: bool) -> Result<Workload, String> {
    let mut commands = Vec::new();
    for part in text.split(',') {
        let (name, weight) = part.split_once(':').unwrap_or((part, "1"));
        let row = ROWS.iter().find(|row| row.name == name.to_lowercase());
        let row = row.ok_or_else(|| format!("no test is called {name:?}; there are {}", known_names()))?;
        let weight: f64 = weight.parse().unwrap_or(f64::NAN);
        if !(weight > 0.0 && weight.is_finite()) {
            return Err(format!("the weight in {part:?} is no number above 0"));
        }
        commands.push(row.command(has_keyspace, weight));
    }
    if commands.len() > COMMANDS_MAX {
        return Err(format!("a mix has at most {COMMANDS_MAX} commands"));
    }
    let sum: f64 = commands.iter().map(|command| command.weight).sum();
    for command in &mut commands {
        command.weight /= sum;
    }
    let titles = commands
        .iter()
        .map(|command| format!("{} {:.0}%", command.title, command.weight * 100.0));
    Ok(Workload {
        title: format!("MIX {}", titles.collect::<Vec<_>>().join(", ")),
        commands,
    })
}

/// Each command of a mix has histograms of its own, 200 KB per thread and interval.
const COMMANDS_MAX: usize = 32;

/// The command line that the user gave instead of tests.
pub fn custom(words: &[Vec<u8>]) -> Workload {
    let shown: Vec<String> = words
        .iter()
        .map(|word| String::from_utf8_lossy(word).into_owned())
        .collect();
    // A title is one line.
    let mut title = shown.join(" ").replace(|letter: char| letter.is_control(), "?");
    if let Some((cut, _)) = title.char_indices().nth(TITLE_CHARS_MAX) {
        title.truncate(cut);
        title.push_str("...");
    }
    Workload {
        title: title.clone(),
        commands: vec![Command {
            title,
            words: words.to_vec(),
            is_write: true,
            weight: 1.0,
        }],
    }
}

/// A value from standard input is part of the command line and may be long.
const TITLE_CHARS_MAX: usize = 120;

fn known_names() -> String {
    let names: Vec<&str> = ["ping", "lrange"]
        .into_iter()
        .chain(ROWS.iter().map(|row| row.name))
        .collect();
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn titles(names: &[&str]) -> Vec<String> {
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        let selected = select(Some(&names), true).expect("known");
        selected.into_iter().map(|workload| workload.title).collect()
    }

    #[test]
    fn all_tests_are_those_of_redis_benchmark() {
        let all = select(None, false).expect("no names");
        assert_eq!(all.len(), 20);
        assert_eq!(all[14].title, "LPUSH (needed to benchmark LRANGE)");
        assert_eq!(all[19].commands[0].words.len(), 21);
    }

    #[test]
    fn families_and_case() {
        assert_eq!(titles(&["PING"]), ["PING_INLINE", "PING_MBULK"]);
        assert_eq!(titles(&["get", "set"]), ["SET", "GET"]);
        assert_eq!(titles(&["lrange"]).len(), 5);
        assert_eq!(titles(&["lrange_300"])[0], "LPUSH (needed to benchmark LRANGE)");
        assert!(select(Some(&["gett".to_owned()]), true).is_err());
    }

    #[test]
    fn scores_need_a_keyspace() {
        let names = ["zadd".to_owned()];
        let with = select(Some(&names), true).expect("known");
        let without = select(Some(&names), false).expect("known");
        assert_eq!(with[0].commands[0].words[2], RANDOM_MARK);
        assert_eq!(without[0].commands[0].words[2], b"0");
        assert_eq!(with[0].commands[0].words[3], b"element:__rand_int__");
    }

    #[test]
    fn mixes_have_shares() {
        let mixed = mix("get:9,set:1", true).expect("sound");
        assert_eq!(mixed.title, "MIX GET 90%, SET 10%");
        assert!((mixed.commands[0].weight - 0.9).abs() < 1e-9);
        for wrong in ["", "get:0", "get:x", "nosuch:1", "get:1,"] {
            assert!(mix(wrong, true).is_err(), "{wrong}");
        }
    }

    #[test]
    fn titles_are_one_short_line() {
        assert_eq!(
            custom(&[b"a".to_vec(), b"b\r\n\xff".to_vec()]).title,
            "a b??\u{fffd}"
        );
        let workload = custom(&[b"SET".to_vec(), b"k".to_vec(), vec![b'x'; 5000]]);
        assert_eq!(workload.title.len(), TITLE_CHARS_MAX + 3);
        assert_eq!(workload.commands[0].words[2].len(), 5000);
    }
}
