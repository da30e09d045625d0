//! The topology is read from made-up folders: one, two and four nodes, holes, offline CPUs, cpusets, damage.

use super::{Node, Topology, parse_list};
use flashdb_base::prng::Prng;
use std::path::{Path, PathBuf};

/// A made-up `/sys/devices/system`, removed when dropped.
pub(crate) struct Tree(PathBuf);

impl Drop for Tree {
    fn drop(&mut self) {
        // A folder left behind in the temporary directory does no harm.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

impl Tree {
    pub(crate) fn new(name: &str) -> Tree {
        let folder = std::env::temp_dir().join(format!("flashdb-topology-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder");
        Tree(folder)
    }

    pub(crate) fn root(&self) -> &Path {
        &self.0
    }

    pub(crate) fn file(&self, path: &str, content: &str) -> &Tree {
        let path = self.0.join(path);
        std::fs::create_dir_all(path.parent().expect("inside the tree")).expect("a folder");
        std::fs::write(path, content).expect("a file");
        self
    }

    /// A node with these CPUs, whose cores have these siblings each.
    pub(crate) fn node(&self, number: usize, cpulist: &str, cores: &[&str]) -> &Tree {
        self.file(&format!("node/node{number}/cpulist"), &format!("{cpulist}\n"));
        for siblings in cores {
            for cpu in parse_list(siblings).expect("a list") {
                self.file(
                    &format!("cpu/cpu{cpu}/topology/core_cpus_list"),
                    &format!("{siblings}\n"),
                );
            }
        }
        self
    }
}

fn node(number: usize, cores: &[&[usize]]) -> Node {
    let cores = cores.iter().map(|core| core.to_vec()).collect();
    Node { number, cores }
}

/// Two sockets of two cores with two threads each, numbered as Linux does it on most of them.
fn two_sockets(name: &str) -> Tree {
    let tree = Tree::new(name);
    tree.file("cpu/online", "0-7\n").file("node/online", "0-1\n");
    tree.node(0, "0-1,4-5", &["0,4", "1,5"])
        .node(1, "2-3,6-7", &["2,6", "3,7"]);
    tree
}

#[test]
fn a_machine_of_one_node_without_threads() {
    let tree = Tree::new("one");
    tree.file("cpu/online", "0-1\n").file("node/online", "0\n");
    tree.node(0, "0-1", &["0", "1"]);
    let expected = Topology {
        nodes: vec![node(0, &[&[0], &[1]])],
    };
    assert_eq!(Topology::read(tree.root(), &[0, 1]), Some(expected));
}

#[test]
fn siblings_are_one_core() {
    let tree = two_sockets("siblings");
    let all: Vec<usize> = (0..8).collect();
    let found = Topology::read(tree.root(), &all).expect("a sound tree");
    assert_eq!(
        found.nodes,
        [node(0, &[&[0, 4], &[1, 5]]), node(1, &[&[2, 6], &[3, 7]])]
    );
    assert_eq!(found.nodes[0].cpus(), [0, 1, 4, 5]);
}

#[test]
fn a_cpuset_leaves_a_part_of_the_nodes() {
    let tree = two_sockets("cpuset");
    let found = Topology::read(tree.root(), &[1, 4, 5]).expect("a sound tree");
    assert_eq!(found.nodes, [node(0, &[&[1, 5], &[4]])], "node 1 is out of reach");
}

#[test]
fn four_nodes_with_holes_offline_cpus_and_one_of_memory_only() {
    let tree = Tree::new("holes");
    tree.file("cpu/online", "0-2,4-7\n")
        .file("node/online", "0,2-3,5\n");
    tree.node(0, "0-1", &["0", "1"])
        .node(2, "2-3", &["2-3"])
        .node(3, "4-7", &["4-5"])
        .node(5, "", &[]);
    // An older kernel's name for the same thing.
    tree.file("cpu/cpu6/topology/thread_siblings_list", "6-7");
    let all: Vec<usize> = (0..8).collect();
    let found = Topology::read(tree.root(), &all).expect("a sound tree");
    assert_eq!(
        found.nodes,
        [
            node(0, &[&[0], &[1]]),
            node(2, &[&[2]]),
            node(3, &[&[4, 5], &[6, 7]])
        ]
    );
}

#[test]
fn what_contradicts_itself_is_not_known() {
    let all: Vec<usize> = (0..8).collect();
    let missing = Tree::new("missing");
    assert_eq!(Topology::read(missing.root(), &all), None);

    let tree = two_sockets("twice");
    tree.node(1, "1-3,6-7", &[]);
    assert_eq!(Topology::read(tree.root(), &all), None, "CPU 1 is in two nodes");

    let tree = two_sockets("nowhere");
    tree.node(1, "2,6-7", &[]);
    assert_eq!(Topology::read(tree.root(), &all), None, "CPU 3 is in no node");

    let tree = two_sockets("no-cpu");
    assert_eq!(Topology::read(tree.root(), &[]), None);
    assert_eq!(
        Topology::read(tree.root(), &[64]),
        None,
        "none of these is online"
    );
}

#[test]
fn lists_of_the_kernel() {
    assert_eq!(parse_list("0-2,8,10-11\n"), Some(vec![0, 1, 2, 8, 10, 11]));
    assert_eq!(parse_list("\n"), Some(vec![]));
    for odd in [
        "0-4294967295",
        "1024",
        "3-1",
        "-1",
        "a",
        "1-",
        "1,1",
        "0 1",
        "0x1",
        "99999999999999999999",
    ] {
        assert_eq!(parse_list(odd), None, "{odd}");
    }
}

#[test]
fn damaged_files_never_panic() {
    let mut random = Prng::from_seed(7);
    let all: Vec<usize> = (0..8).collect();
    let paths = [
        "cpu/online",
        "node/online",
        "node/node0/cpulist",
        "node/node1/cpulist",
        "cpu/cpu0/topology/core_cpus_list",
        "cpu/cpu3/topology/core_cpus_list",
    ];
    let tree = two_sockets("damaged");
    for _ in 0..500 {
        let path = paths[random.below(paths.len() as u64) as usize];
        let len = random.below(12) as usize;
        let content: String = (0..len)
            .map(|_| char::from(b"0123467,--\n\x00x"[random.below(13) as usize]))
            .collect();
        tree.file(path, &content);
        if let Some(found) = Topology::read(tree.root(), &all) {
            let mut cpus: Vec<usize> = found.nodes.iter().flat_map(Node::cpus).collect();
            assert!(found.nodes.iter().all(|node| !node.cores.is_empty()));
            cpus.sort_unstable();
            assert!(
                cpus.windows(2).all(|pair| pair[0] < pair[1]),
                "each CPU once: {found:?}"
            );
        }
    }
}

#[test]
fn this_machine_is_understood_or_left_alone() {
    if let Some(found) = Topology::of_this_machine() {
        assert!(!found.nodes.is_empty());
    }
}
