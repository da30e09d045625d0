//! One test on one server: opens the connections, starts the threads, and collects what they find into an outcome.

use crate::control::{Control, Greeting, ServerError};
use crate::cpu;
use crate::keys::KeySource;
use crate::latency::{self, Latencies, percentile_ms};
use crate::options::Options;
use crate::progress::{Progress, Watch};
use crate::record::Point;
use crate::socket::{Endpoint, Socket};
use crate::template::{Filling, Template, payload};
use crate::worker::{ErrorCount, Message, Plan, Slice, Worker, count_errors};
use crate::workload::Workload;
use flashdb_base::clock::monotonic_ns;
use flashdb_base::prng::Prng;
use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, channel};

/// A server that has been found.
#[derive(Clone, Debug)]
pub struct Found {
    /// What reports call it.
    pub name: String,
    /// As the user wrote it.
    pub address: String,
    /// Where connections go.
    pub endpoint: Endpoint,
    /// Its process, when that is on this machine and known.
    pub pid: Option<u32>,
}

/// What one run of a test on a server gave.
#[derive(Debug)]
pub struct Outcome {
    /// From the start to the last reply.
    pub seconds: f64,
    /// Of all requests.
    pub latencies: Latencies,
    /// By command of the workload.
    pub by_command: Vec<Latencies>,
    /// Error replies by kind.
    pub errors: Vec<ErrorCount>,
    /// Requests without a reply at the end.
    pub unanswered: u64,
    /// Requests of an open loop that left late through this program's fault.
    pub late: u64,
    /// Why the run ended early.
    pub failure: Option<String>,
    /// Over time.
    pub series: Vec<Point>,
    /// Processor time of the server during the run.
    pub server_cpu_ns: Option<u64>,
    /// Processor time of the threads that made the load.
    pub generator_cpu_ns: u64,
    /// Whether the user ended it.
    pub is_interrupted: bool,
}

impl Outcome {
    /// Replies, errors included.
    pub fn requests(&self) -> u64 {
        self.latencies.len()
    }

    /// Error replies.
    pub fn errors_count(&self) -> u64 {
        self.errors.iter().map(|kind| kind.count).sum()
    }

    /// Replies per second.
    pub fn requests_per_second(&self) -> f64 {
        if self.seconds > 0.0 {
            self.requests() as f64 / self.seconds
        } else {
            0.0
        }
    }

    /// `ns` per request, when there were any.
    pub fn per_request(&self, ns: u64) -> f64 {
        ns as f64 / self.requests().max(1) as f64
    }
}

/// Runs one test on one server.
///
/// # Errors
/// [`ServerError`] when connections could not be made; what goes wrong later is in the outcome.
pub fn run(
    options: &Options,
    server: &Found,
    workload: &Workload,
    stop: &Arc<AtomicBool>,
    progress: &mut Progress,
) -> Result<Outcome, ServerError> {
    let plan = Arc::new(plan(options, &server.endpoint, workload, stop));
    let groups = connect(options, server, &plan.greeting)?;
    let cpu_begin_ns = server.pid.and_then(cpu::process_ns);
    let collector = drive(options, &plan, groups, progress).map_err(|source| ServerError::Io {
        address: server.address.clone(),
        source,
    })?;
    let server_cpu_ns = server
        .pid
        .and_then(cpu::process_ns)
        .zip(cpu_begin_ns)
        .map(|(end, begin)| end.saturating_sub(begin));
    Ok(collector.finish(server_cpu_ns, stop.load(Ordering::Relaxed)))
}

/// Runs one test over connections that are there already and have been greeted: for programs that hold the server, or a
/// way to it, themselves. `options.clients` and `options.keep_alive` are of no account.
///
/// # Errors
/// Those of the system; what goes wrong later is in the outcome.
pub fn run_over(
    options: &Options,
    sockets: Vec<Socket>,
    workload: &Workload,
    stop: &Arc<AtomicBool>,
    watch: &mut dyn Watch,
) -> io::Result<Outcome> {
    // No connection is made, so where to does not matter.
    let nowhere = Endpoint::Unix(PathBuf::new());
    let mut plan = plan(options, &nowhere, workload, stop);
    plan.keep_alive = true;
    plan.threads = options.threads.min(sockets.len()).max(1);
    let mut groups: Vec<Vec<Socket>> = (0..plan.threads).map(|_| Vec::new()).collect();
    for (index, socket) in sockets.into_iter().enumerate() {
        groups[index % plan.threads].push(socket);
    }
    let collector = drive(options, &Arc::new(plan), groups, watch)?;
    Ok(collector.finish(None, stop.load(Ordering::Relaxed)))
}

/// Starts a thread for each group of connections, and collects what they find.
fn drive(
    options: &Options,
    plan: &Arc<Plan>,
    groups: Vec<Vec<Socket>>,
    watch: &mut dyn Watch,
) -> io::Result<Collector> {
    let (sender, receiver) = channel();
    let keys = KeySource::new(options.distribution, options.keyspace.unwrap_or(1));
    let payload = payload(options.sizes.max());
    let mut workers = Vec::new();
    for (index, sockets) in groups.into_iter().enumerate() {
        let filling = Filling {
            keys: keys.clone(),
            sizes: options.sizes.clone(),
            payload: Arc::clone(&payload),
            prng: Prng::from_seed(options.seed.wrapping_add((index as u64) << 32)),
        };
        workers.push(Worker::new(
            index,
            Arc::clone(plan),
            sockets,
            filling,
            sender.clone(),
        )?);
    }
    drop(sender);
    let start_ns = monotonic_ns();
    let mut collector = Collector::new(plan, start_ns);
    std::thread::scope(|scope| {
        for worker in workers {
            scope.spawn(move || worker.run(start_ns));
        }
        collector.collect(&receiver, watch);
    });
    Ok(collector)
}

fn plan(options: &Options, endpoint: &Endpoint, workload: &Workload, stop: &Arc<AtomicBool>) -> Plan {
    let template = |words: &[Vec<u8>], is_write| match words {
        [] => Template::raw(b"PING\r\n"),
        words => Template::new(words, options.keyspace.is_some(), is_write, &options.sizes),
    };
    let mut sum = 0.0;
    let shares = workload.commands.iter().map(|command| {
        sum += command.weight;
        sum
    });
    let duration_ns = options.duration_s.map(|seconds| (seconds * 1e9) as u64);
    // An open loop knows from its rate how many requests fall into the time.
    let quota = match (options.duration_s, options.rate) {
        (Some(seconds), Some(rate)) => ((seconds * rate) as u64).max(1),
        (Some(_), None) => u64::MAX,
        (None, _) => options.requests,
    };
    Plan {
        endpoint: endpoint.clone(),
        greeting: Greeting::new(options),
        shares: shares.collect(),
        templates: workload
            .commands
            .iter()
            .map(|command| template(&command.words, command.is_write))
            .collect(),
        pipeline: options.pipeline,
        keep_alive: options.keep_alive,
        rate: options.rate,
        quota,
        duration_ns,
        interval_ns: options.interval_ms * 1_000_000,
        threads: options.threads,
        issued: AtomicU64::new(0),
        stop: Arc::clone(stop),
        failed: AtomicBool::new(false),
    }
}

/// Opens all connections, and deals them to the threads.
fn connect(options: &Options, server: &Found, greeting: &Greeting) -> Result<Vec<Vec<Socket>>, ServerError> {
    let mut groups: Vec<Vec<Socket>> = (0..options.threads).map(|_| Vec::new()).collect();
    for index in 0..options.clients {
        let control = Control::open(&server.address, &server.endpoint, greeting)?;
        let socket = control
            .into_socket()
            .into_nonblocking()
            .map_err(|source| ServerError::Io {
                address: server.address.clone(),
                source,
            })?;
        groups[index % options.threads].push(socket);
    }
    Ok(groups)
}

/// Puts the slices of all threads together: an interval is complete when every thread has gone beyond it.
struct Collector {
    start_ns: u64,
    interval_s: f64,
    quota: Option<u64>,
    duration_s: Option<f64>,
    open: BTreeMap<u64, Latencies>,
    /// By thread: the first interval that it may still add to; `None` when it has ended.
    reached: Vec<Option<u64>>,
    by_command: Vec<Latencies>,
    total: Latencies,
    errors: Vec<ErrorCount>,
    series: Vec<Point>,
    last_reply_ns: u64,
    unanswered: u64,
    late: u64,
    failure: Option<String>,
    generator_cpu_ns: u64,
}

impl Collector {
    fn new(plan: &Plan, start_ns: u64) -> Self {
        Self {
            start_ns,
            interval_s: plan.interval_ns as f64 / 1e9,
            quota: (plan.quota != u64::MAX).then_some(plan.quota),
            duration_s: plan.duration_ns.map(|ns| ns as f64 / 1e9),
            open: BTreeMap::new(),
            reached: vec![Some(0); plan.threads],
            by_command: plan.templates.iter().map(|_| latency::histogram()).collect(),
            total: latency::histogram(),
            errors: Vec::new(),
            series: Vec::new(),
            last_reply_ns: start_ns,
            unanswered: 0,
            late: 0,
            failure: None,
            generator_cpu_ns: 0,
        }
    }

    fn collect(&mut self, receiver: &Receiver<Message>, watch: &mut dyn Watch) {
        for message in receiver {
            match message {
                Message::Slice(slice) => self.take(slice),
                Message::End(end) => {
                    self.reached[end.worker] = None;
                    self.generator_cpu_ns += end.cpu_ns;
                    self.last_reply_ns = self.last_reply_ns.max(end.last_reply_ns);
                    self.unanswered += end.unanswered;
                    self.late += end.late;
                    self.failure = self.failure.take().or(end.failure);
                }
            }
            let points = self.series.len();
            self.close_intervals();
            if self.series.len() > points
                && let Some(point) = self.series.last()
            {
                watch.show(point, &self.total, self.done_share(), &self.errors);
            }
        }
        watch.clear();
    }

    fn take(&mut self, slice: Slice) {
        // The last interval stays open until the thread has said when its last reply came.
        self.reached[slice.worker] = Some(slice.index + u64::from(!slice.is_last));
        let interval = self.open.entry(slice.index).or_insert_with(latency::histogram);
        for (command, latencies) in slice.latencies.iter().enumerate() {
            latency::add(interval, latencies);
            latency::add(&mut self.by_command[command], latencies);
        }
        for kind in slice.errors {
            count_errors(&mut self.errors, &kind.text, kind.count);
        }
    }

    fn close_intervals(&mut self) {
        let complete_below = self.reached.iter().flatten().min().copied().unwrap_or(u64::MAX);
        while let Some(entry) = self.open.first_entry()
            && *entry.key() < complete_below
        {
            let (index, latencies) = entry.remove_entry();
            latency::add(&mut self.total, &latencies);
            // Intervals in which no thread woke up had no replies: the last reply in the run ends the last interval.
            let begin_s = index as f64 * self.interval_s;
            let run_s = (self.last_reply_ns - self.start_ns) as f64 / 1e9;
            let is_last = complete_below == u64::MAX && self.open.is_empty();
            let length_s = if is_last {
                (run_s - begin_s).min(self.interval_s)
            } else {
                self.interval_s
            };
            // A rest of an interval is too short to tell a rate, unless it is all there is.
            if !is_last || self.series.is_empty() || length_s > self.interval_s / 4.0 {
                self.series.push(point(begin_s, length_s, &latencies));
            }
        }
    }

    /// From 0 to 1, by requests or by time.
    fn done_share(&self) -> Option<f64> {
        let seconds = (monotonic_ns() - self.start_ns) as f64 / 1e9;
        let by_time = self.duration_s.map(|duration| seconds / duration);
        let by_count = self.quota.map(|quota| self.total.len() as f64 / quota as f64);
        by_count.or(by_time).map(|share| share.min(1.0))
    }

    fn finish(self, server_cpu_ns: Option<u64>, is_interrupted: bool) -> Outcome {
        Outcome {
            seconds: (self.last_reply_ns - self.start_ns) as f64 / 1e9,
            latencies: self.total,
            by_command: self.by_command,
            errors: self.errors,
            unanswered: self.unanswered,
            late: self.late,
            failure: self.failure,
            series: self.series,
            server_cpu_ns,
            generator_cpu_ns: self.generator_cpu_ns,
            is_interrupted,
        }
    }
}

fn point(begin_s: f64, length_s: f64, latencies: &Latencies) -> Point {
    Point {
        seconds: begin_s + length_s,
        requests_per_second: if length_s > 0.0 {
            latencies.len() as f64 / length_s
        } else {
            0.0
        },
        p50_ms: percentile_ms(latencies, 50.0),
        p95_ms: percentile_ms(latencies, 95.0),
        p99_ms: percentile_ms(latencies, 99.0),
        p99_9_ms: percentile_ms(latencies, 99.9),
        max_ms: latency::ms(latencies.max()),
    }
}
