//! `--stat`: a line of figures from INFO each second, for as long as it takes; a server that goes away is waited for.

use super::{ModeError, Outcome, checked, is_json};
use crate::options::Options;
use crate::say;
use crate::session::{Failed, Session};
use serde_json::json;
use std::time::Duration;

const INTERVAL: Duration = Duration::from_secs(1);
/// Rows between two headers.
const HEADER_ROWS: u64 = 20;

/// Prints for ever.
///
/// # Errors
/// When the server refuses INFO.
pub fn run(session: &mut Session, options: &Options) -> Outcome {
    let interval = options.interval.unwrap_or(INTERVAL);
    let mut requests_before = None;
    let mut row = 0;
    loop {
        let Some(figures) = figures(session)? else {
            // Why has been printed.
            std::thread::sleep(interval);
            let _tried_again: Result<(), Failed> = session.connect();
            continue;
        };
        if is_json(options) {
            say!("{}\n", figures.as_json());
        } else {
            if row % HEADER_ROWS == 0 {
                say!(
                    "------- data ------ --------------------- load -------------------- - child -\n\
                     keys       mem      clients blocked requests            connections          \n"
                );
            }
            let new = requests_before.map_or(0, |before| figures.requests.wrapping_sub(before) as i64);
            say!("{}\n", figures.line(new));
        }
        requests_before = Some(figures.requests);
        row += 1;
        std::thread::sleep(interval);
    }
}

fn figures(session: &mut Session) -> Result<Option<Figures>, ModeError> {
    let Some(connection) = &mut session.connection else {
        return Ok(None);
    };
    match connection.ask(&["INFO"]) {
        Ok(reply) => {
            let reply = checked(reply)?;
            let text = String::from_utf8_lossy(reply.bytes().unwrap_or_default());
            Ok(Some(Figures::read(&text)))
        }
        Err(error) => {
            eprintln!("Error: {error}");
            session.connection = None;
            Ok(None)
        }
    }
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Figures {
    keys: u64,
    memory_bytes: u64,
    clients: u64,
    blocked: u64,
    requests: u64,
    connections: u64,
    child: String,
}

impl Figures {
    fn read(info: &str) -> Self {
        let mut figures = Figures::default();
        let mut children = Vec::new();
        for line in info.lines() {
            let Some((name, value)) = line.trim_end().split_once(':') else {
                continue;
            };
            let number = || value.parse().unwrap_or(0);
            match name {
                "used_memory" => figures.memory_bytes = number(),
                "connected_clients" => figures.clients = number(),
                "blocked_clients" => figures.blocked = number(),
                "total_commands_processed" => figures.requests = number(),
                "total_connections_received" => figures.connections = number(),
                "rdb_bgsave_in_progress" if value == "1" => children.push("SAVE"),
                "aof_rewrite_in_progress" if value == "1" => children.push("AOF"),
                "loading" if value == "1" => children.push("LOAD"),
                _ if name
                    .strip_prefix("db")
                    .is_some_and(|number| number.parse::<u32>().is_ok()) =>
                {
                    let keys = value.split(',').find_map(|field| field.strip_prefix("keys="));
                    figures.keys += keys.and_then(|keys| keys.parse().ok()).unwrap_or(0);
                }
                _ => {}
            }
        }
        figures.child = children.join("+");
        figures
    }

    fn line(&self, new_requests: i64) -> String {
        let memory = human_bytes(self.memory_bytes);
        let requests = format!("{} (+{new_requests})", self.requests);
        format!(
            "{:<10} {memory:<8} {:<7} {:<7} {requests:<19} {:<12}{}",
            self.keys, self.clients, self.blocked, self.connections, self.child
        )
    }

    fn as_json(&self) -> serde_json::Value {
        json!({
            "keys": self.keys,
            "memory_bytes": self.memory_bytes,
            "clients": self.clients,
            "blocked": self.blocked,
            "requests": self.requests,
            "connections": self.connections,
            "child": self.child,
        })
    }
}

fn human_bytes(bytes: u64) -> String {
    let units = ["K", "M", "G", "T", "P", "E"];
    if bytes < 1024 {
        return format!("{bytes}B");
    }
    let mut amount = bytes as f64 / 1024.0;
    let mut unit = 0;
    while amount >= 1024.0 && unit + 1 < units.len() {
        amount /= 1024.0;
        unit += 1;
    }
    format!("{amount:.2}{}", units[unit])
}

#[cfg(test)]
mod tests {
    use super::*;

    const INFO: &str = "# Clients\r\nconnected_clients:1\r\nblocked_clients:0\r\nused_memory:3124756\r\n\
        total_commands_processed:592331\r\ntotal_connections_received:261\r\nrdb_bgsave_in_progress:1\r\n\
        db0:keys=100,expires=0,avg_ttl=0\r\ndb9:keys=1,expires=0\r\ndbx:keys=7\r\n";

    #[test]
    fn a_line_is_as_redis_cli_writes_it() {
        let figures = Figures::read(INFO);
        assert_eq!(
            figures.line(1),
            "101        2.98M    1       0       592331 (+1)         261         SAVE"
        );
        assert_eq!(figures.as_json()["keys"], 101);
        assert_eq!(Figures::read("x\0:\r\n:\n"), Figures::default());
    }

    #[test]
    fn amounts_are_short() {
        let shown = [0, 1023, 1024, 1_039_360, 1 << 40].map(human_bytes);
        assert_eq!(shown, ["0B", "1023B", "1.00K", "1015.00K", "1.00T"]);
    }
}
