//! Which CPUs share a memory node and which share a core, as Linux tells it in files below `/sys/devices/system`.
//!
//! Read once at the start, to decide where core loops run (`placement.rs`). The folder is an argument, so that tests give made-up
//! machines. Whatever is missing, odd or contradictory there makes the answer "not known", which the policy takes for
//! one node: a wrong picture would be worse than none, and no start may fail for it. Nodes without CPUs that this
//! process may use (memory only, offline, outside its cpuset) are left out.

use crate::affinity::CPU_NUMBER_MAX;
use std::path::Path;

/// The CPUs that this process may use, by memory node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Topology {
    /// Nodes with at least one usable CPU, by ascending number of the system.
    pub nodes: Vec<Node>,
}

/// One memory node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// The system's number of it.
    pub number: usize,
    /// Its cores: of each the usable CPUs (hardware threads), ascending. Ascending by first CPU, none empty.
    pub cores: Vec<Vec<usize>>,
}

impl Node {
    /// Its usable CPUs, ascending.
    pub fn cpus(&self) -> Vec<usize> {
        let mut cpus = self.cores.concat();
        cpus.sort_unstable();
        cpus
    }
}

impl Topology {
    /// This machine's, as far as this process may use it; `None` where the system does not tell.
    pub fn of_this_machine() -> Option<Topology> {
        let allowed = crate::affinity::allowed_cpus().ok()?;
        Topology::read(Path::new("/sys/devices/system"), &allowed)
    }

    /// As the files below `root` tell, of the CPUs in `allowed`; `None` when they cannot be understood, or place one of
    /// these CPUs in no node or in two.
    pub fn read(root: &Path, allowed: &[usize]) -> Option<Topology> {
        let mut usable = allowed.to_vec();
        if let Some(online) = list_in(&root.join("cpu/online")) {
            usable.retain(|cpu| online.contains(cpu));
        }
        usable.sort_unstable();
        usable.dedup();
        let mut nodes = Vec::new();
        for number in list_in(&root.join("node/online"))? {
            let of_node = list_in(&root.join(format!("node/node{number}/cpulist")))?;
            let cpus: Vec<usize> = usable
                .iter()
                .copied()
                .filter(|cpu| of_node.contains(cpu))
                .collect();
            if !cpus.is_empty() {
                let cores = cores_of(root, &cpus);
                nodes.push(Node { number, cores });
            }
        }
        let mut placed: Vec<usize> = nodes.iter().flat_map(Node::cpus).collect();
        placed.sort_unstable();
        (placed == usable && !usable.is_empty()).then_some(Topology { nodes })
    }
}

/// `cpus` (ascending) by the core they belong to. One whose core is not told has it for itself.
fn cores_of(root: &Path, cpus: &[usize]) -> Vec<Vec<usize>> {
    let mut cores: Vec<Vec<usize>> = Vec::new();
    for &cpu in cpus {
        if cores.iter().any(|core| core.contains(&cpu)) {
            continue;
        }
        let folder = root.join(format!("cpu/cpu{cpu}/topology"));
        // The second is the name before Linux 5.3.
        let siblings = list_in(&folder.join("core_cpus_list"))
            .or_else(|| list_in(&folder.join("thread_siblings_list")))
            .unwrap_or_default();
        let taken = |other: &usize| cores.iter().any(|core| core.contains(other));
        let mut core: Vec<usize> = siblings
            .into_iter()
            .filter(|other| cpus.contains(other) && !taken(other))
            .collect();
        if !core.contains(&cpu) {
            core = vec![cpu];
        }
        cores.push(core);
    }
    cores
}

/// Longer than any list of 1,024 numbers that the kernel prints.
const LIST_BYTES_MAX: usize = 8192;

fn list_in(path: &Path) -> Option<Vec<usize>> {
    let text = std::fs::read_to_string(path).ok()?;
    (text.len() <= LIST_BYTES_MAX)
        .then(|| parse_list(&text))
        .flatten()
}

/// A list as the kernel prints it: `0-3,8,10-11`, ascending; empty for none.
fn parse_list(text: &str) -> Option<Vec<usize>> {
    let mut numbers = Vec::new();
    for part in text.trim().split(',').filter(|part| !part.is_empty()) {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last) = (first.parse::<usize>().ok()?, last.parse::<usize>().ok()?);
        // The bound also keeps an absurd range from becoming an absurd vector.
        if first > last || last > CPU_NUMBER_MAX || numbers.last().is_some_and(|&before| before >= first) {
            return None;
        }
        numbers.extend(first..=last);
    }
    Some(numbers)
}

#[cfg(test)]
#[path = "topology_test.rs"]
pub(crate) mod tests;
