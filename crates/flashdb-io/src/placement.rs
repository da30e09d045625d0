//! Which core loop runs where, and on which memory node a shard is at home: the policy, which is pure.
//!
//! Linux gives a page to the node of the thread that touches it first. So data lies on the node of the loop that wrote it as
//! long as loops stay on their nodes; that, and nothing finer, is what is arranged here. With several nodes each loop is bound to
//! the CPUs of one node (with `server-cpulist`, to one CPU), loops are spread over the nodes in proportion to their cores, whole
//! cores before second threads. A shard's home is the node of the loop that looks after its expiry; at a load, threads
//! of that node fill it. On one node, or where the system does not tell, nothing is bound but what `server-cpulist` asks for.
//! The design note `docs/design/0007-numa.md` says what can be expected of this, and what was rejected.

use crate::affinity;
use crate::topology::{Node, Topology};

/// Where core loops run, and where shards are at home.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placement {
    seats: Vec<Seat>,
    /// The CPUs of each node in use; at least one node.
    nodes: Vec<Vec<usize>>,
}

/// Where one core loop runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seat {
    /// Its node: an index below [`Placement::nodes`], not the system's number.
    pub node: usize,
    /// CPUs that it is bound to; empty for none in particular.
    pub cpus: Vec<usize>,
}

impl Default for Placement {
    /// One node, nothing bound.
    fn default() -> Self {
        Placement {
            seats: vec![Seat {
                node: 0,
                cpus: Vec::new(),
            }],
            nodes: vec![Vec::new()],
        }
    }
}

impl Placement {
    /// Places `loops` core loops on the machine, `None` for one that is not known. `cpulist` are the CPUs that the operator
    /// named, ascending; empty for all.
    pub fn new(topology: Option<&Topology>, loops: usize, cpulist: &[usize]) -> Placement {
        let nodes = topology.map_or_else(Vec::new, |topology| within(&topology.nodes, cpulist));
        if nodes.len() < 2 {
            return on_one_node(loops, cpulist);
        }
        let order = order(&nodes);
        let nodes: Vec<Vec<usize>> = nodes.iter().map(Node::cpus).collect();
        let seat = |&(node, cpu): &(usize, usize)| Seat {
            node,
            cpus: if cpulist.is_empty() {
                nodes[node].clone()
            } else {
                vec![cpu]
            },
        };
        Placement {
            seats: order.iter().cycle().take(loops.max(1)).map(seat).collect(),
            nodes,
        }
    }

    /// Number of memory nodes that loops run on; 1 where nothing is known.
    pub fn nodes(&self) -> usize {
        self.nodes.len()
    }

    /// Where the core loops run, by their number.
    pub fn seats(&self) -> &[Seat] {
        &self.seats
    }

    /// The node that `shard` is at home on.
    pub fn node_of_shard(&self, shard: u16) -> usize {
        self.seats[usize::from(shard) % self.seats.len()].node
    }

    /// The node of thread number `worker` of those that fill shards at a load.
    pub fn node_of_worker(&self, worker: usize) -> usize {
        worker % self.nodes.len()
    }

    /// Which of `workers` threads (at least one) fills `shard`: one of its home, if there is any.
    pub fn worker_of_shard(&self, shard: u16, workers: usize) -> usize {
        let (home, nodes) = (self.node_of_shard(shard), self.nodes.len());
        let at_home = (workers + nodes - 1 - home) / nodes;
        match at_home {
            _ if nodes == 1 => usize::from(shard) % workers,
            0 => usize::from(shard) % workers,
            count => home + nodes * (usize::from(shard) / self.seats.len() % count),
        }
    }

    /// Binds the calling thread, number `worker` of those that fill shards, to its node; nothing where there is only one.
    pub fn settle_worker(&self, worker: usize) {
        if self.nodes.len() > 1 {
            // A cpuset that has changed since the start: the load goes on, from wherever the system runs it.
            let _ = affinity::pin_thread(&self.nodes[self.node_of_worker(worker)]);
        }
    }
}

/// What `server-cpulist` asks for, and nothing else.
fn on_one_node(loops: usize, cpulist: &[usize]) -> Placement {
    let cpus = |id: usize| match cpulist {
        [] => Vec::new(),
        cpus => vec![cpus[id % cpus.len()]],
    };
    Placement {
        seats: (0..loops.max(1))
            .map(|id| Seat {
                node: 0,
                cpus: cpus(id),
            })
            .collect(),
        nodes: vec![cpulist.to_vec()],
    }
}

/// The nodes as far as `cpulist` names their CPUs. A list that names CPUs of no node is not understood: no nodes.
fn within(nodes: &[Node], cpulist: &[usize]) -> Vec<Node> {
    if cpulist.is_empty() {
        return nodes.to_vec();
    }
    let named = |node: &Node| {
        let core = |core: &Vec<usize>| -> Vec<usize> {
            let named = core.iter().filter(|cpu| cpulist.contains(cpu));
            named.copied().collect()
        };
        let cores = node.cores.iter().map(core).filter(|core| !core.is_empty());
        Node {
            number: node.number,
            cores: cores.collect(),
        }
    };
    let kept: Vec<Node> = nodes
        .iter()
        .map(named)
        .filter(|node| !node.cores.is_empty())
        .collect();
    let found: usize = kept.iter().map(|node| node.cpus().len()).sum();
    if found == cpulist.len() { kept } else { Vec::new() }
}

/// All CPUs with the index of their node, in the order in which loops get them: the first threads of all cores before any
/// second thread, and within that the nodes in turn, larger ones more often.
fn order(nodes: &[Node]) -> Vec<(usize, usize)> {
    let threads = nodes
        .iter()
        .flat_map(|node| &node.cores)
        .map(Vec::len)
        .max()
        .unwrap_or(0);
    let mut all = Vec::new();
    for thread in 0..threads {
        let mut level: Vec<(usize, usize, usize, usize)> = Vec::new();
        for (index, node) in nodes.iter().enumerate() {
            let cpus: Vec<usize> = node
                .cores
                .iter()
                .filter_map(|core| core.get(thread).copied())
                .collect();
            let spread = cpus.iter().enumerate();
            level.extend(spread.map(|(place, &cpu)| (2 * place + 1, 2 * cpus.len(), index, cpu)));
        }
        // Every node's CPUs are spread evenly over 0..1, as fractions compared without rounding.
        level.sort_by(|a, b| (a.0 * b.1).cmp(&(b.0 * a.1)).then(a.2.cmp(&b.2)));
        all.extend(level.into_iter().map(|(_, _, index, cpu)| (index, cpu)));
    }
    all
}

#[cfg(test)]
#[path = "placement_test.rs"]
mod tests;
