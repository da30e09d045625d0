//! Runs one scenario at one layer: `flashdb-layers table|shard|server SCENARIO --keys N --operations N --value-bytes N
//! [--port P]`, or prints the names of the scenarios: `flashdb-layers list`.
//!
//! Says `prepared` when the measured part can begin and begins when it reads a line, or the end of its input; says `ran`
//! when it is over and ends in the same way. At the lower layers that part runs inside [`measured`], by whose name
//! callgrind can tell it from the rest.

use flashdb_layers::scenario::{SCENARIOS, Scenario, Shape};
use flashdb_layers::server::ServerLayer;
use flashdb_layers::shard::ShardLayer;
use flashdb_layers::table::TableLayer;
use std::error::Error;
use std::hint::black_box;
use std::io::Write;
use std::process::ExitCode;

// The server's own: what a value costs depends on it.
#[path = "../../flashdb/src/allocator.rs"]
#[expect(dead_code, reason = "nothing is given back here")]
mod allocator;

/// The same hashes, and so the same work, in every run.
const HASH_SEED: u64 = 1;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("flashdb-layers: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let (layer, name) = match words.as_slice() {
        [list] if list == "list" => {
            SCENARIOS
                .iter()
                .for_each(|scenario| println!("{}", scenario.name));
            return Ok(());
        }
        [layer, name, ..] => (layer.as_str(), name.as_str()),
        _ => return Err("want a layer and a scenario, or 'list'".into()),
    };
    let scenario = Scenario::named(name).ok_or_else(|| format!("no scenario '{name}'"))?;
    let number = |option: &str| number(&words[2..], option);
    let shape = Shape {
        keys: number("--keys")?,
        operations: number("--operations")?,
        value_bytes: usize::try_from(number("--value-bytes")?)?,
    };
    if shape.operations > shape.keys || shape.keys < 100 {
        return Err("want at least 100 keys, and no more operations than keys".into());
    }
    if !flashdb_base::hash::fix_seed(HASH_SEED) {
        return Err("something was hashed before the seed was fixed".into());
    }
    match layer {
        "table" => {
            let mut layer = TableLayer::new(scenario, &shape)?;
            say_and_wait("prepared")?;
            measured(&mut || Ok(layer.run()))?;
        }
        "shard" => {
            let layer = ShardLayer::new(scenario, &shape)?;
            say_and_wait("prepared")?;
            measured(&mut || layer.run(|_| ()))?;
        }
        "server" => {
            let mut layer = ServerLayer::new(scenario, &shape, u16::try_from(number("--port")?)?)?;
            say_and_wait("prepared")?;
            layer.run()?;
        }
        other => return Err(format!("no layer '{other}'").into()),
    }
    Ok(say_and_wait("ran")?)
}

/// The part whose instructions count. Never inlined, nor left by a jump: callgrind knows it by its name and its return.
#[inline(never)]
fn measured(work: &mut dyn FnMut() -> Result<usize, String>) -> Result<usize, String> {
    black_box(work())
}

/// The number behind `option`.
fn number(words: &[String], option: &str) -> Result<u64, Box<dyn Error>> {
    let at = words.iter().position(|word| word == option);
    let text = at.and_then(|at| words.get(at + 1));
    let text = text.ok_or_else(|| format!("want {option} NUMBER"))?;
    text.parse()
        .map_err(|_| format!("{option}: '{text}' is not a number").into())
}

fn say_and_wait(word: &str) -> std::io::Result<()> {
    let mut output = std::io::stdout();
    writeln!(output, "{word}")?;
    output.flush()?;
    std::io::stdin().read_line(&mut String::new()).map(drop)
}
