//! `cargo xtask bench layers`: nanoseconds of processor time per request at each layer.
//!
//! Processor time of the process that does the work (at the upper layer the server, all its threads, the kernel's part
//! included), the median of several rounds, in which layers and scenarios take turns. Processor time is less touched by
//! other work on the machine than the clock, but not untouched: caches and the speed of the processor are shared. Where the
//! difference between two builds matters, compare instruction counts.

use super::scene::{Scene, cpu_ns, wait_until_idle};
use super::{Driver, FIRST_PORT, SERVER_FLAGS, Selection, Shape, folder};
use crate::arguments::Arguments;
use crate::server::{self, Server};
use anyhow::Result;
use std::collections::BTreeMap;

/// Runs the task.
pub fn run(arguments: &mut Arguments) -> Result<()> {
    let quick = arguments.switch("--quick");
    let keys = arguments.number("--keys", if quick { 10_000 } else { 1_000_000 })?;
    let shape = Shape {
        keys,
        operations: arguments.number("--operations", keys.min(200_000))?,
        value_bytes: arguments.number("--value-bytes", 32)?,
    };
    let rounds = arguments.number("--rounds", if quick { 1 } else { 3 })?;
    let given = arguments.option("--server")?;
    let driver = Driver::build()?;
    let selection = Selection::take(arguments, &driver)?;
    arguments.finish()?;
    let server = match selection.layers.contains(&"server") {
        true => Some(Server::start(
            &server::command(given)?,
            server::free_port(FIRST_PORT)?,
            SERVER_FLAGS,
            &folder()?.join("server.log"),
        )?),
        false => None,
    };
    let mut times: BTreeMap<(&str, &str), Vec<f64>> = BTreeMap::new();
    for _ in 0..rounds {
        for scenario in &selection.scenarios {
            for layer in &selection.layers {
                let ns = time(&driver, layer, scenario, &shape, server.as_ref())?;
                times.entry((layer, scenario)).or_default().push(ns);
            }
        }
    }
    println!("{shape:?}, median of {rounds}: ns of processor time per request");
    print!("{:<16}", "");
    selection.layers.iter().for_each(|layer| print!("{layer:>10}"));
    println!();
    for scenario in &selection.scenarios {
        print!("{scenario:<16}");
        for layer in &selection.layers {
            let mut all = times.remove(&(*layer, scenario.as_str())).unwrap_or_default();
            print!("{:>10.1}", median(&mut all));
        }
        println!();
    }
    Ok(())
}

fn time(driver: &Driver, layer: &str, scenario: &str, shape: &Shape, server: Option<&Server>) -> Result<f64> {
    let port = server.map_or(0, |server| server.port);
    let mut scene = Scene::prepare(&driver.words(layer, scenario, shape, port))?;
    let worker = match (layer, server) {
        ("server", Some(server)) => {
            wait_until_idle(server.id())?;
            server.id()
        }
        _ => scene.id(),
    };
    let before = cpu_ns(worker)?;
    scene.run()?;
    let after = cpu_ns(worker)?;
    scene.end()?;
    Ok((after - before) as f64 / shape.operations as f64)
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
