//! The policy on made-up machines, and a simulation of what it does for accesses.
//!
//! The simulation knows: clients that stay with the loop the kernel gave them; keys, whose bytes lie on the node of the loop that
//! created them; and shares of a client's accesses that go to keys of its own. It counts accesses of a loop to bytes of
//! its node. It does not know caches, bandwidth, tables (whose segments lie wherever a loop made them grow) or the allocator.

use super::*;
use crate::topology::tests::Tree;
use flashdb_base::prng::Prng;

/// `nodes` nodes of `cores` cores with `threads` threads: Linux numbers first threads first.
fn machine(nodes: usize, cores: usize, threads: usize) -> Topology {
    let cpu = |node: usize, core: usize, thread: usize| thread * nodes * cores + node * cores + core;
    let core = |node: usize, core: usize| (0..threads).map(|thread| cpu(node, core, thread)).collect();
    let node = |number: usize| Node {
        number,
        cores: (0..cores).map(|index| core(number, index)).collect(),
    };
    Topology {
        nodes: (0..nodes).map(node).collect(),
    }
}

fn loops_on(placement: &Placement, node: usize) -> usize {
    placement.seats().iter().filter(|seat| seat.node == node).count()
}

#[test]
fn one_node_is_left_as_it_is() {
    for topology in [None, Some(machine(1, 4, 2))] {
        let free = Placement::new(topology.as_ref(), 3, &[]);
        assert_eq!(free.nodes(), 1);
        assert!(
            free.seats()
                .iter()
                .all(|seat| seat.cpus.is_empty() && seat.node == 0)
        );
        let listed = Placement::new(topology.as_ref(), 5, &[1, 2, 6]);
        let cpus: Vec<usize> = listed.seats().iter().map(|seat| seat.cpus[0]).collect();
        assert_eq!(cpus, [1, 2, 6, 1, 2], "in the order of the list, as ever");
        for shard in 0..256 {
            assert_eq!(free.worker_of_shard(shard, 3), usize::from(shard) % 3);
        }
    }
}

#[test]
fn loops_are_bound_to_nodes_in_turn() {
    let placement = Placement::new(Some(&machine(2, 4, 2)), 16, &[]);
    let nodes: Vec<usize> = placement.seats().iter().map(|seat| seat.node).collect();
    assert_eq!(nodes[..4], [0, 1, 0, 1]);
    assert_eq!((loops_on(&placement, 0), loops_on(&placement, 1)), (8, 8));
    assert_eq!(placement.seats()[1].cpus, [4, 5, 6, 7, 12, 13, 14, 15]);
}

#[test]
fn a_list_over_several_nodes_gives_whole_cores_first() {
    let list: Vec<usize> = (0..16).collect();
    let placement = Placement::new(Some(&machine(2, 4, 2)), 16, &list);
    let cpus: Vec<usize> = placement.seats().iter().map(|seat| seat.cpus[0]).collect();
    assert_eq!(cpus, [0, 4, 1, 5, 2, 6, 3, 7, 8, 12, 9, 13, 10, 14, 11, 15]);
}

#[test]
fn a_list_within_one_node_keeps_everything_there() {
    let placement = Placement::new(Some(&machine(2, 4, 2)), 4, &[4, 5, 6, 7]);
    let cpus: Vec<usize> = placement.seats().iter().map(|seat| seat.cpus[0]).collect();
    assert_eq!((placement.nodes(), cpus), (1, vec![4, 5, 6, 7]));
}

#[test]
fn a_list_with_cpus_that_are_not_there_is_followed_to_the_letter() {
    let placement = Placement::new(Some(&machine(2, 2, 1)), 3, &[0, 2, 99]);
    let cpus: Vec<usize> = placement.seats().iter().map(|seat| seat.cpus[0]).collect();
    assert_eq!(
        (placement.nodes(), cpus),
        (1, vec![0, 2, 99]),
        "binding to 99 warns"
    );
}

#[test]
fn nodes_of_different_size_get_loops_by_their_cores() {
    let tree = Tree::new("uneven");
    tree.file("cpu/online", "0-11\n").file("node/online", "0,4\n");
    tree.node(0, "0-7", &[]).node(4, "8-11", &[]);
    let all: Vec<usize> = (0..12).collect();
    let topology = Topology::read(tree.root(), &all);
    let placement = Placement::new(topology.as_ref(), 6, &[]);
    assert_eq!((loops_on(&placement, 0), loops_on(&placement, 1)), (4, 2));
    let cut = Topology::read(tree.root(), &[0, 8, 9, 10, 11]);
    let placement = Placement::new(cut.as_ref(), 5, &[]);
    assert_eq!(
        (loops_on(&placement, 0), loops_on(&placement, 1)),
        (1, 4),
        "a cpuset"
    );
}

/// Any machine, any number of loops, with and without a list.
#[test]
fn every_placement_is_sound() {
    let mut random = Prng::from_seed(3);
    for _ in 0..2000 {
        let mut drawn = |bound: u64| random.below(bound) as usize;
        let (nodes, threads) = (1 + drawn(4), 1 + drawn(2));
        let mut topology = machine(nodes, 1 + drawn(6), threads);
        for node in &mut topology.nodes {
            let kept = 1 + drawn(node.cores.len() as u64);
            node.cores.truncate(kept);
        }
        let mut all = topology.nodes.iter().flat_map(Node::cpus).collect::<Vec<_>>();
        all.sort_unstable();
        let list: Vec<usize> = match drawn(2) {
            0 => Vec::new(),
            _ => all.iter().copied().filter(|_| drawn(3) > 0).collect(),
        };
        let (loops, workers) = (1 + drawn(20), 1 + drawn(5));
        let placement = Placement::new(Some(&topology), loops, &list);
        let may = if list.is_empty() { &all } else { &list };
        assert_eq!(placement.seats().len(), loops);
        for seat in placement.seats() {
            assert!(seat.node < placement.nodes());
            assert!(seat.cpus.iter().all(|cpu| may.contains(cpu)));
            let of_node = &placement.nodes[seat.node];
            assert!(placement.nodes() == 1 || seat.cpus.iter().all(|cpu| of_node.contains(cpu)));
        }
        if placement.nodes() > 1 && !list.is_empty() && loops <= list.len() {
            let mut cpus: Vec<usize> = placement
                .seats()
                .iter()
                .flat_map(|seat| seat.cpus.clone())
                .collect();
            cpus.sort_unstable();
            cpus.dedup();
            assert_eq!(cpus.len(), loops, "no CPU twice while one is free");
        }
        for shard in 0..64 {
            let worker = placement.worker_of_shard(shard, workers);
            assert!(worker < workers);
            if workers >= placement.nodes() {
                assert_eq!(placement.node_of_worker(worker), placement.node_of_shard(shard));
            }
        }
    }
}

#[test]
fn shards_are_spread_over_the_nodes() {
    for nodes in [2, 4] {
        let placement = Placement::new(Some(&machine(nodes, 16, 1)), 16 * nodes, &[]);
        let mut counts = vec![0; nodes];
        (0..256).for_each(|shard| counts[placement.node_of_shard(shard)] += 1);
        assert!(
            counts.iter().all(|&count| count == 256 / nodes),
            "{nodes}: {counts:?}"
        );
    }
}

/// How memory and threads are treated in a simulation.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Way {
    /// Loops stay on their nodes, bytes on the node that wrote them first.
    Policy,
    /// The system moves loops between nodes from time to time.
    Wandering,
    /// Bytes lie on any node.
    Random,
}

const CLIENTS: usize = 256;
const KEYS_PER_CLIENT: usize = 64;
const ACCESSES: usize = 200_000;

/// The share of accesses that find the bytes on the node of their loop. `own_percent` of a client's accesses go to keys of its
/// own; a tenth of all replace the bytes.
fn local_share(nodes: usize, way: Way, own_percent: u64, seed: u64) -> f64 {
    let mut random = Prng::from_seed(seed);
    let placement = Placement::new(Some(&machine(nodes, 8, 2)), nodes * 8, &[]);
    let mut node_of_loop: Vec<usize> = placement.seats().iter().map(|seat| seat.node).collect();
    let loops = node_of_loop.len() as u64;
    let loop_of: Vec<usize> = (0..CLIENTS).map(|_| random.below(loops) as usize).collect();
    let any_node = |random: &mut Prng| random.below(nodes as u64) as usize;
    let mut written_on: Vec<usize> = (0..CLIENTS * KEYS_PER_CLIENT)
        .map(|key| match way {
            Way::Random => any_node(&mut random),
            _ => node_of_loop[loop_of[key / KEYS_PER_CLIENT]],
        })
        .collect();
    let mut local = 0;
    for access in 0..ACCESSES {
        if way == Way::Wandering && access % 1000 == 0 {
            let moved = random.below(loops) as usize;
            node_of_loop[moved] = any_node(&mut random);
        }
        let client = random.below(CLIENTS as u64) as usize;
        let key = if random.below(100) < own_percent {
            client * KEYS_PER_CLIENT + random.below(KEYS_PER_CLIENT as u64) as usize
        } else {
            random.below((CLIENTS * KEYS_PER_CLIENT) as u64) as usize
        };
        let here = node_of_loop[loop_of[client]];
        local += usize::from(written_on[key] == here);
        if random.below(10) == 0 {
            written_on[key] = if way == Way::Random {
                any_node(&mut random)
            } else {
                here
            };
        }
    }
    local as f64 / ACCESSES as f64
}

/// What the design note promises, and what it does not: with keys that everybody uses no placement beats chance.
#[test]
fn the_policy_keeps_own_data_local_and_never_does_worse_than_chance() {
    for nodes in [1, 2, 4] {
        for own_percent in [0, 50, 90, 100] {
            let share = |way| local_share(nodes, way, own_percent, 11);
            let (policy, wandering, random) = (share(Way::Policy), share(Way::Wandering), share(Way::Random));
            println!(
                "{nodes} nodes, {own_percent:3} % own keys: policy {policy:.3}, unbound {wandering:.3}, random {random:.3}"
            );
            let chance = 1.0 / nodes as f64;
            assert!((random - chance).abs() < 0.02);
            // Replacing bytes of others makes them local to somebody else, so a little of the gain is lost.
            let least = chance + (1.0 - chance) * 0.5 * (own_percent as f64 / 100.0).powi(2);
            assert!(
                policy > least - 0.02,
                "{nodes} nodes, {own_percent} %: {policy} is below {least}"
            );
            assert!(policy > wandering - 0.02);
            if own_percent == 100 {
                assert_eq!(policy, 1.0);
            }
        }
    }
}
