//! What the user asked for, from the command line. Everything is checked here, so that the rest need not.

use crate::compare::Figure;
use crate::flags;
use crate::keys::Distribution;
use crate::socket::Address;
use crate::value_size::{VALUE_BYTES_MAX, ValueSizes};
use crate::workload::{self, Workload};
use std::path::PathBuf;
use std::str::FromStr;

/// A server to measure.
#[derive(Clone, Debug, PartialEq)]
pub struct Server {
    /// What reports call it.
    pub name: String,
    /// Where it listens.
    pub address: Address,
    /// Its process, when the user named it.
    pub pid: Option<u32>,
}

/// Everything that the command line says.
#[derive(Clone, Debug)]
pub struct Options {
    /// At least one.
    pub servers: Vec<Server>,
    /// For AUTH.
    pub password: Option<String>,
    /// For AUTH, with a password.
    pub user: Option<String>,
    /// To SELECT.
    pub database: u32,
    /// Connections, at least 1.
    pub clients: usize,
    /// Requests per test.
    pub requests: u64,
    /// Sizes of values.
    pub sizes: ValueSizes,
    /// The sizes as they were written.
    pub sizes_text: String,
    /// Whether connections are kept.
    pub keep_alive: bool,
    /// Bound of random numbers.
    pub keyspace: Option<u64>,
    /// How they are drawn.
    pub distribution: Distribution,
    /// The distribution as it was written.
    pub distribution_text: String,
    /// Requests per batch, or outstanding per connection in the open loop; at least 1.
    pub pipeline: usize,
    /// One line per test.
    pub is_quiet: bool,
    /// CSV instead of text.
    pub is_csv: bool,
    /// Decimals of latencies.
    pub precision: usize,
    /// Runs until interrupted.
    pub loops: bool,
    /// Only holds connections.
    pub is_idle: bool,
    /// Shows errors as they come.
    pub shows_errors: bool,
    /// HELLO 3.
    pub is_resp3: bool,
    /// CLIENT TRACKING.
    pub has_tracking: bool,
    /// At least 1, at most `clients`.
    pub threads: usize,
    /// What to run.
    pub workloads: Vec<Workload>,
    /// Whether the last word of the command comes from standard input.
    pub last_from_stdin: bool,
    /// Open loop: requests per second.
    pub rate: Option<f64>,
    /// Seconds per test.
    pub duration_s: Option<f64>,
    /// Of everything drawn.
    pub seed: u64,
    /// Times that each test runs.
    pub rounds: usize,
    /// Of the series.
    pub interval_ms: u64,
    /// Where JSON goes.
    pub json: Option<PathBuf>,
    /// Where the drawing goes.
    pub plot: Option<PathBuf>,
    /// The stored run.
    pub compare: Option<PathBuf>,
    /// Percent.
    pub tolerance: f64,
    /// What is compared.
    pub figures: Vec<Figure>,
}

/// What the command line asks to do.
#[derive(Debug)]
pub enum Request {
    /// Measure.
    Run(Box<Options>),
    /// Print this and end.
    Print(String),
}

impl Options {
    /// Whether JSON goes to standard output, where nothing else may then go.
    pub fn is_json_on_stdout(&self) -> bool {
        self.json.as_ref().is_some_and(|path| path.as_os_str() == "-")
    }
}

/// Words as they were found, before they are put in relation to each other.
#[derive(Default)]
struct Found {
    host: Option<String>,
    port: Option<u16>,
    socket: Option<PathBuf>,
    tests: Option<Vec<String>>,
    mix: Option<String>,
    command: Vec<Vec<u8>>,
    servers: Vec<Server>,
    pids: Vec<(Option<String>, u32)>,
    rounds: Option<usize>,
}

/// Reads the command line without the program's name. `password` is what REDISCLI_AUTH holds.
///
/// # Errors
/// One line that says what is wrong.
pub fn parse(words: &[String], password: Option<String>) -> Result<Request, String> {
    let mut options = defaults(password);
    let mut found = Found::default();
    let mut rest = words.iter();
    while let Some(word) = rest.next() {
        if !word.starts_with('-') || word == "-" {
            found.command.push(word.clone().into_bytes());
            found.command.extend(rest.map(|word| word.clone().into_bytes()));
            break;
        }
        let (name, inline) = match word.split_once('=') {
            Some((name, value)) if name.starts_with("--") => (name, Some(value)),
            _ => (word.as_str(), None),
        };
        match name {
            "--help" => return Ok(Request::Print(flags::help())),
            "--version" => return Ok(Request::Print(version())),
            _ => {}
        }
        let flag = flags::find(name).ok_or_else(|| unknown(name))?;
        let argument = match (flag.argument, inline) {
            ("", None) => "",
            ("", Some(_)) => return Err(format!("{name} takes no argument")),
            (_, Some(value)) => value,
            (argument, None) => rest
                .next()
                .ok_or_else(|| format!("{name} needs its argument <{argument}>"))?,
        };
        take(&mut options, &mut found, name, argument)?;
    }
    settle(&mut options, found)?;
    Ok(Request::Run(Box::new(options)))
}

fn version() -> String {
    format!("flashdb-benchmark {}\n", flashdb_base::version::FLASHDB_VERSION)
}

fn unknown(name: &str) -> String {
    if flags::REFUSED.contains(&name) {
        format!("{name} is redis-benchmark's; this program has neither TLS nor cluster mode")
    } else {
        format!("there is no option {name}; --help lists them")
    }
}

fn defaults(password: Option<String>) -> Options {
    Options {
        servers: Vec::new(),
        password,
        user: None,
        database: 0,
        clients: 50,
        requests: 100_000,
        sizes: ValueSizes::fixed(3),
        sizes_text: "3".to_owned(),
        keep_alive: true,
        keyspace: None,
        distribution: Distribution::Uniform,
        distribution_text: "uniform".to_owned(),
        pipeline: 1,
        is_quiet: false,
        is_csv: false,
        precision: 3,
        loops: false,
        is_idle: false,
        shows_errors: false,
        is_resp3: false,
        has_tracking: false,
        threads: 1,
        workloads: Vec::new(),
        last_from_stdin: false,
        rate: None,
        duration_s: None,
        seed: 1,
        rounds: 1,
        interval_ms: 250,
        json: None,
        plot: None,
        compare: None,
        tolerance: 5.0,
        figures: Figure::DEFAULT.to_vec(),
    }
}

fn number<T>(name: &str, text: &str, low: T, high: T) -> Result<T, String>
where
    T: FromStr + PartialOrd + std::fmt::Display + Copy,
{
    match text.parse::<T>() {
        Ok(value) if value >= low && value <= high => Ok(value),
        _ => Err(format!("{name} is a number from {low} to {high}, not {text:?}")),
    }
}

fn take(options: &mut Options, found: &mut Found, name: &str, text: &str) -> Result<(), String> {
    match name {
        "-h" => found.host = Some(text.to_owned()),
        "-p" => found.port = Some(number(name, text, 1, u16::MAX)?),
        "-s" => found.socket = Some(PathBuf::from(text)),
        "-u" => take_uri(options, found, text)?,
        "-a" => options.password = Some(text.to_owned()),
        "--user" => options.user = Some(text.to_owned()),
        "-c" => options.clients = number(name, text, 1, 1_000_000)?,
        "-n" => options.requests = number(name, text, 1, u64::MAX >> 1)?,
        "-d" | "--value-size" => take_sizes(options, name, text)?,
        "--dbnum" => options.database = number(name, text, 0, i32::MAX as u32)?,
        "-3" => options.is_resp3 = true,
        "--threads" => options.threads = number(name, text, 1, 512)?,
        "--enable-tracking" => options.has_tracking = true,
        "-k" => options.keep_alive = number(name, text, 0, 1)? == 1,
        "-r" => options.keyspace = Some(number(name, text, 1, 1_000_000_000_000)?),
        "-P" => options.pipeline = number(name, text, 1, 1_000_000)?,
        "-q" => options.is_quiet = true,
        "--precision" => options.precision = number(name, text, 0, 6)?,
        "--csv" => options.is_csv = true,
        "-l" => options.loops = true,
        "-t" => found.tests = Some(text.split(',').map(str::to_owned).collect()),
        "-I" => options.is_idle = true,
        "-x" => options.last_from_stdin = true,
        "-e" => options.shows_errors = true,
        _ => take_own(options, found, name, text)?,
    }
    Ok(())
}

fn take_own(options: &mut Options, found: &mut Found, name: &str, text: &str) -> Result<(), String> {
    match name {
        "--rate" => options.rate = Some(number(name, text, 0.001, 1e9)?),
        "--duration" => options.duration_s = Some(number(name, text, 0.001, 1e7)?),
        "--mix" => found.mix = Some(text.to_owned()),
        "--distribution" => {
            options.distribution = Distribution::parse(text).ok_or_else(|| {
                format!("{name} is uniform, zipf[:exponent], sequential or latest[:exponent], not {text:?}")
            })?;
            options.distribution_text = text.to_owned();
        }
        "--seed" => options.seed = number(name, text, 0, u64::MAX)?,
        "--server" => found.servers.push(server(text)?),
        "--server-pid" => found.pids.push(pid(name, text)?),
        "--rounds" => found.rounds = Some(number(name, text, 1, 1000)?),
        "--interval" => options.interval_ms = number(name, text, 10, 3_600_000)?,
        "--json" => options.json = Some(PathBuf::from(text)),
        "--plot" => options.plot = Some(PathBuf::from(text)),
        "--compare" => options.compare = Some(PathBuf::from(text)),
        "--tolerance" => options.tolerance = number(name, text, 0.0, 1000.0)?,
        "--compare-on" => {
            let figures: Option<Vec<Figure>> = text.split(',').map(Figure::parse).collect();
            options.figures =
                figures.ok_or_else(|| format!("{name} knows rps,p50,p95,p99,p99.9,cpu, not {text:?}"))?;
        }
        _ => return Err(unknown(name)),
    }
    Ok(())
}

fn take_sizes(options: &mut Options, name: &str, text: &str) -> Result<(), String> {
    options.sizes = if name == "-d" {
        ValueSizes::fixed(number(name, text, 0, VALUE_BYTES_MAX)?)
    } else {
        ValueSizes::parse(text).ok_or_else(|| {
            format!("{name} is a size, a range 16-512 or a list 32:0.7,4096:0.3, not {text:?}")
        })?
    };
    options.sizes_text = text.to_owned();
    Ok(())
}

fn take_uri(options: &mut Options, found: &mut Found, text: &str) -> Result<(), String> {
    let wrong = || format!("-u is redis://[[user:]password@]host[:port][/db], not {text:?}");
    let rest = text.strip_prefix("redis://").ok_or_else(wrong)?;
    let (rest, database) = rest.split_once('/').unwrap_or((rest, ""));
    if !database.is_empty() {
        options.database = number("the database of -u", database, 0, i32::MAX as u32)?;
    }
    let place = match rest.rsplit_once('@') {
        Some((who, place)) => {
            let (user, password) = who.split_once(':').unwrap_or(("", who));
            options.user = (!user.is_empty()).then(|| user.to_owned());
            options.password = Some(password.to_owned());
            place
        }
        None => rest,
    };
    let (host, port) = match place.rsplit_once(':') {
        // A colon inside brackets belongs to an IPv6 address.
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (place, None),
    };
    found.host = Some(host.trim_matches(['[', ']']).to_owned());
    if let Some(port) = port {
        found.port = Some(number("the port of -u", port, 1, u16::MAX)?);
    }
    Ok(())
}

fn server(text: &str) -> Result<Server, String> {
    let wrong = || format!("--server is name=host:port or name=/path/of/socket, not {text:?}");
    let (name, place) = text.split_once('=').ok_or_else(wrong)?;
    if name.is_empty() {
        return Err(wrong());
    }
    let address = if place.contains('/') {
        Address::Unix(PathBuf::from(place))
    } else {
        let (host, port) = place.rsplit_once(':').ok_or_else(wrong)?;
        let host = if host.is_empty() {
            DEFAULT_HOST
        } else {
            host.trim_matches(['[', ']'])
        };
        Address::Tcp(
            host.to_owned(),
            number("the port of --server", port, 1, u16::MAX)?,
        )
    };
    Ok(Server {
        name: name.to_owned(),
        address,
        pid: None,
    })
}

fn pid(name: &str, text: &str) -> Result<(Option<String>, u32), String> {
    let (server, pid) = match text.rsplit_once('=') {
        Some((server, pid)) => (Some(server.to_owned()), pid),
        None => (None, text),
    };
    Ok((server, number(name, pid, 1, u32::MAX)?))
}

const DEFAULT_HOST: &str = "127.0.0.1";
const DEFAULT_PORT: u16 = 6379;

/// Puts what was found in relation, once everything is known.
fn settle(options: &mut Options, mut found: Found) -> Result<(), String> {
    settle_servers(options, &mut found)?;
    options.rounds = found
        .rounds
        .unwrap_or(if options.servers.len() > 1 { 3 } else { 1 });
    options.threads = options.threads.min(options.clients);
    if options.user.is_some() && options.password.is_none() {
        return Err("--user needs a password, by -a or REDISCLI_AUTH".to_owned());
    }
    if options.rate.is_some() && !options.keep_alive {
        return Err("--rate keeps its connections; -k 0 does not go with it".to_owned());
    }
    let has_keyspace = options.keyspace.is_some();
    if options.distribution != Distribution::Uniform && !has_keyspace {
        return Err("--distribution needs -r: the number of keys".to_owned());
    }
    if options.last_from_stdin && found.command.is_empty() {
        return Err("-x needs a command, whose last word it reads".to_owned());
    }
    if !found.command.is_empty() && found.mix.is_some() {
        return Err("--mix and a command of your own do not go together".to_owned());
    }
    options.workloads = if let Some(mix) = &found.mix {
        vec![workload::mix(mix, has_keyspace)?]
    } else if found.command.is_empty() {
        workload::select(found.tests.as_deref(), has_keyspace)?
    } else {
        vec![workload::custom(&found.command)]
    };
    Ok(())
}

fn settle_servers(options: &mut Options, found: &mut Found) -> Result<(), String> {
    options.servers = std::mem::take(&mut found.servers);
    let has_place = found.host.is_some() || found.port.is_some() || found.socket.is_some();
    if options.servers.is_empty() {
        let address = match found.socket.take() {
            Some(path) => Address::Unix(path),
            None => Address::Tcp(
                found.host.take().unwrap_or_else(|| DEFAULT_HOST.to_owned()),
                found.port.unwrap_or(DEFAULT_PORT),
            ),
        };
        options.servers.push(Server {
            name: "server".to_owned(),
            address,
            pid: None,
        });
    } else if has_place {
        return Err("--server says where the servers are; -h, -p, -s and -u do not go with it".to_owned());
    }
    for (index, server) in options.servers.iter().enumerate() {
        if options.servers[..index]
            .iter()
            .any(|other| other.name == server.name)
        {
            return Err(format!("two servers are called {:?}", server.name));
        }
    }
    for (name, pid) in &found.pids {
        let server = match name {
            None if options.servers.len() == 1 => options.servers.first_mut(),
            None => return Err("--server-pid of several servers is name=pid".to_owned()),
            Some(name) => options.servers.iter_mut().find(|server| server.name == *name),
        };
        let server = server.ok_or_else(|| {
            format!(
                "--server-pid: no server is called {:?}",
                name.as_deref().unwrap_or("")
            )
        })?;
        server.pid = Some(*pid);
    }
    Ok(())
}

#[cfg(test)]
mod tests;
