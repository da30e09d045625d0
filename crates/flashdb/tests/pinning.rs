//! Which CPUs the core loops of a running server may use: those that `server-cpulist` names, one each; otherwise, on a machine
//! with one memory node, all that the process may use.
#![cfg(target_os = "linux")]

mod support;

use flashdb_io::affinity;
use flashdb_io::topology::Topology;
use std::path::Path;
use std::time::{Duration, Instant};
use support::Server;

/// The masks of the core loops, as the system shows them (`0-1`), by number of the loop.
fn masks_of_loops(server: &Server) -> Vec<String> {
    let tasks = format!("/proc/{}/task", server.pid());
    let mut masks = Vec::new();
    for task in std::fs::read_dir(tasks).expect("the process").flatten() {
        let name = std::fs::read_to_string(task.path().join("comm")).unwrap_or_default();
        if let Some(number) = name.trim().strip_prefix("core-") {
            masks.push((number.to_owned(), mask_in(&task.path())));
        }
    }
    masks.sort();
    masks.into_iter().map(|(_, mask)| mask).collect()
}

fn mask_in(task: &Path) -> String {
    let status = std::fs::read_to_string(task.join("status")).unwrap_or_default();
    let mask = status
        .lines()
        .find_map(|line| line.strip_prefix("Cpus_allowed_list:"));
    mask.unwrap_or_default().trim().to_owned()
}

/// Every loop binds itself as it begins; the first answer may come from another one.
fn await_masks(server: &Server, wanted: &[String]) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while masks_of_loops(server) != wanted {
        assert!(
            Instant::now() < deadline,
            "{:?}, not {wanted:?}",
            masks_of_loops(server)
        );
        std::thread::yield_now();
    }
}

#[test]
fn core_loops_run_where_the_list_says() {
    let allowed = affinity::allowed_cpus().expect("a mask");
    let last = allowed.last().expect("a CPU").to_string();
    let server = Server::start(&["--io-threads", "3", "--server-cpulist", &last]);
    await_masks(&server, &[last.clone(), last.clone(), last]);
    let whole = mask_in(Path::new("/proc/self"));
    assert_eq!(
        mask_in(Path::new(&format!("/proc/{}", server.pid()))),
        whole,
        "other threads are free"
    );
}

#[test]
fn nothing_is_bound_on_one_node() {
    let nodes = Topology::of_this_machine().map_or(1, |topology| topology.nodes.len());
    if nodes > 1 {
        return; // The unit tests of the policy say what happens then.
    }
    let server = Server::start(&["--io-threads", "2"]);
    let whole = mask_in(Path::new("/proc/self"));
    await_masks(&server, &[whole.clone(), whole]);
}
