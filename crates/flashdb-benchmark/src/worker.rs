//! The event loop of one thread: sends requests, counts replies, keeps latencies, and hands them over once per interval.
//!
//! Closed loop: a connection sends its next batch when the last one is answered; latency counts from the write. Open loop:
//! requests leave when they are due; latency counts from that moment even if all connections were busy, so a server that
//! stalls is charged for every request that had to wait (no coordinated omission).

use crate::connection::{Connection, Sent};
use crate::control::Greeting;
use crate::cpu;
use crate::latency::{self, Latencies};
use crate::pacing::{Alarm, Schedule};
use crate::scanner::Scanned;
use crate::socket::{Endpoint, Socket};
use crate::template::{Filling, Template};
use flashdb_base::clock::monotonic_ns;
use mio::event::Event;
use mio::{Events, Interest, Poll, Token};
use std::collections::VecDeque;
use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::Sender;

/// How long replies are awaited after the last request should have been sent, where a run has an end in time.
pub const GRACE_NS: u64 = 10_000_000_000;

/// A request that leaves later than this after it was due, with a connection free, counts as late.
const LATE_NS: u64 = 1_000_000;

/// How soon a thread notices that the run was stopped.
const STOP_CHECK_NS: u64 = 50_000_000;

/// One read takes at most so much; shared by all connections of a thread.
const CHUNK_BYTES: usize = 128 << 10;

const ALARM: Token = Token(usize::MAX);

/// What all threads of a run share.
#[derive(Debug)]
pub struct Plan {
    /// The server.
    pub endpoint: Endpoint,
    /// What new connections say first.
    pub greeting: Greeting,
    /// The commands.
    pub templates: Vec<Template>,
    /// Sums of the weights up to and including each command; the last is 1.
    pub shares: Vec<f64>,
    /// Requests per batch, or outstanding per connection.
    pub pipeline: usize,
    /// Whether connections are kept.
    pub keep_alive: bool,
    /// Open loop: requests per second.
    pub rate: Option<f64>,
    /// Requests of all threads; `u64::MAX` when only time ends the run.
    pub quota: u64,
    /// Closed loop: when no more is sent.
    pub duration_ns: Option<u64>,
    /// Of the series.
    pub interval_ns: u64,
    /// Threads.
    pub threads: usize,
    /// Requests taken from the quota.
    pub issued: AtomicU64,
    /// Ends the run at once: the user interrupted, or another thread failed.
    pub stop: Arc<AtomicBool>,
    /// Ends this run only.
    pub failed: AtomicBool,
}

/// Error replies of one kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErrorCount {
    /// The first text of the kind, which is named by its first word.
    pub text: String,
    /// How many.
    pub count: u64,
}

/// Adds errors of a text to the counts by kind. Texts that come together are counted under the last.
pub fn count_errors(counts: &mut Vec<ErrorCount>, text: &str, count: u64) {
    const KINDS_MAX: usize = 32;
    let kind = |text: &str| text.split(' ').next().unwrap_or_default().to_owned();
    let is_full = counts.len() >= KINDS_MAX;
    let known = counts.iter_mut().find(|known| kind(&known.text) == kind(text));
    match known {
        Some(known) => known.count += count,
        None if is_full => counts[KINDS_MAX - 1].count += count,
        None => counts.push(ErrorCount {
            text: text.to_owned(),
            count,
        }),
    }
}

/// What a thread found in one interval.
#[derive(Debug)]
pub struct Slice {
    /// The thread.
    pub worker: usize,
    /// Which interval since the start.
    pub index: u64,
    /// Whether the thread ends with it, maybe before the interval does.
    pub is_last: bool,
    /// By command.
    pub latencies: Vec<Latencies>,
    /// By kind.
    pub errors: Vec<ErrorCount>,
}

/// How a thread ended.
#[derive(Debug)]
pub struct End {
    /// The thread.
    pub worker: usize,
    /// Processor time that it took.
    pub cpu_ns: u64,
    /// When the last reply came; the start when none did.
    pub last_reply_ns: u64,
    /// Requests sent and not answered, or due and not sent.
    pub unanswered: u64,
    /// Open loop: requests that a free connection waited for, because this thread was busy or had no processor.
    pub late: u64,
    /// Why it could not go on.
    pub failure: Option<String>,
}

/// From a thread to the collector.
#[derive(Debug)]
pub enum Message {
    /// An interval is over.
    Slice(Slice),
    /// The thread is done.
    End(End),
}

/// See the head of the file.
pub struct Worker {
    index: usize,
    plan: Arc<Plan>,
    poll: Poll,
    connections: Vec<Connection>,
    filling: Filling,
    chunk: Vec<u8>,
    start_ns: u64,
    schedule: Option<Schedule>,
    alarm: Alarm,
    /// Open loop: connections with room for another request, each once.
    with_room: VecDeque<usize>,
    /// Open loop: connections with something to write in this turn.
    to_flush: Vec<usize>,
    /// Open loop: since when some connection has had room.
    room_since_ns: u64,
    late: u64,
    in_flight: u64,
    last_reply_ns: u64,
    latencies: Vec<Latencies>,
    errors: Vec<ErrorCount>,
    interval: u64,
    sender: Sender<Message>,
}

impl Worker {
    /// A thread's part of the run, over connections that have been greeted.
    ///
    /// # Errors
    /// Those of the system.
    pub fn new(
        index: usize,
        plan: Arc<Plan>,
        sockets: Vec<Socket>,
        filling: Filling,
        sender: Sender<Message>,
    ) -> io::Result<Self> {
        let poll = Poll::new()?;
        let mut connections: Vec<Connection> = sockets.into_iter().map(Connection::new).collect();
        for (token, connection) in connections.iter_mut().enumerate() {
            poll.registry()
                .register(&mut connection.socket, Token(token), Interest::READABLE)?;
        }
        let alarm = Alarm::new(poll.registry(), ALARM)?;
        let latencies = plan.templates.iter().map(|_| latency::histogram()).collect();
        Ok(Self {
            index,
            with_room: (0..connections.len()).collect(),
            to_flush: Vec::new(),
            poll,
            connections,
            filling,
            chunk: vec![0; CHUNK_BYTES],
            start_ns: 0,
            schedule: None,
            alarm,
            room_since_ns: 0,
            late: 0,
            in_flight: 0,
            last_reply_ns: 0,
            latencies,
            errors: Vec::new(),
            interval: 0,
            sender,
            plan,
        })
    }

    /// Runs to the end. Everything found goes to the collector.
    pub fn run(mut self, start_ns: u64) {
        let cpu_begin_ns = cpu::own_thread_ns();
        self.start_ns = start_ns;
        self.last_reply_ns = start_ns;
        self.schedule = self
            .plan
            .rate
            .map(|rate| Schedule::new(start_ns, rate, self.plan.quota, self.index, self.plan.threads));
        let failure = self.drive().err();
        if failure.is_some() {
            self.plan.failed.store(true, Ordering::Relaxed);
        }
        self.hand_over(true);
        let end = End {
            worker: self.index,
            cpu_ns: cpu::own_thread_ns() - cpu_begin_ns,
            last_reply_ns: self.last_reply_ns,
            unanswered: self.unanswered(),
            late: self.late,
            failure,
        };
        // A collector that has gone does not want to know.
        let _ = self.sender.send(Message::End(end));
    }

    fn unanswered(&self) -> u64 {
        let now_ns = monotonic_ns();
        let mut unsent = 0;
        if let Some(mut schedule) = self.schedule.clone() {
            while schedule.due_ns().is_some_and(|due_ns| due_ns <= now_ns) {
                unsent += 1;
                schedule.advance();
            }
        }
        self.in_flight + unsent
    }

    fn drive(&mut self) -> Result<(), String> {
        let plan = Arc::clone(&self.plan);
        let mut events = Events::with_capacity(1024);
        if self.schedule.is_none() {
            for index in 0..self.connections.len() {
                self.send_batch(index)?;
            }
        }
        loop {
            let now_ns = monotonic_ns();
            self.end_interval(now_ns);
            self.send_due(now_ns)?;
            if self.is_over(&plan, now_ns) {
                return Ok(());
            }
            let due_ns = self.next_due_ns();
            let wait = self
                .alarm
                .wait(monotonic_ns(), due_ns, STOP_CHECK_NS.min(plan.interval_ns))
                .map_err(|error| format!("timer: {error}"))?;
            match self.poll.poll(&mut events, Some(wait)) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(format!("waiting for replies: {error}")),
            }
            for event in &events {
                if event.token() != ALARM {
                    self.handle(event)?;
                }
            }
        }
    }

    /// The next request that some connection has room for.
    fn next_due_ns(&self) -> Option<u64> {
        let schedule = self.schedule.as_ref()?;
        schedule.due_ns().filter(|_| !self.with_room.is_empty())
    }

    fn is_over(&self, plan: &Plan, now_ns: u64) -> bool {
        if plan.stop.load(Ordering::Relaxed) || plan.failed.load(Ordering::Relaxed) {
            return true;
        }
        if let Some(schedule) = &self.schedule {
            return (schedule.due_ns().is_none() && self.in_flight == 0)
                || now_ns > schedule.end_ns() + GRACE_NS;
        }
        // Outstanding batches are what keeps a closed loop going.
        self.in_flight == 0
            || plan
                .duration_ns
                .is_some_and(|duration| now_ns > self.start_ns + duration + GRACE_NS)
    }

    fn end_interval(&mut self, now_ns: u64) {
        let interval = now_ns.saturating_sub(self.start_ns) / self.plan.interval_ns;
        if interval > self.interval {
            self.hand_over(false);
            self.interval = interval;
        }
    }

    fn hand_over(&mut self, is_last: bool) {
        let fresh = self.latencies.iter().map(|_| latency::histogram()).collect();
        let slice = Slice {
            worker: self.index,
            index: self.interval,
            is_last,
            latencies: std::mem::replace(&mut self.latencies, fresh),
            errors: std::mem::take(&mut self.errors),
        };
        let _ = self.sender.send(Message::Slice(slice));
    }

    fn handle(&mut self, event: &Event) -> Result<(), String> {
        let index = event.token().0;
        let connection = &mut self.connections[index];
        if connection.is_connecting {
            if !event.is_writable() {
                return Ok(());
            }
            let connected = connection.socket.finish_connect();
            connected.map_err(|error| format!("connecting again: {error}"))?;
            connection.is_connecting = false;
        }
        if event.is_writable() && connection.waits_for_room {
            self.flush(index)?;
        }
        if event.is_readable() || event.is_read_closed() || event.is_error() {
            self.receive(index, event.is_read_closed())?;
        }
        Ok(())
    }

    /// Reads what is there. Events come once per change, so an end of the stream that has been announced is looked for.
    fn receive(&mut self, index: usize, is_end_announced: bool) -> Result<(), String> {
        loop {
            let connection = &mut self.connections[index];
            let count = match connection.socket.read(&mut self.chunk) {
                Ok(0) => return Err("the server closed a connection".to_owned()),
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(format!("reading replies: {error}")),
            };
            let now_ns = monotonic_ns();
            let scanned = connection.scanner.scan(&self.chunk[..count]);
            let scanned = scanned.map_err(|error| error.to_string())?;
            self.settle(index, scanned, now_ns)?;
            if self.schedule.is_none() && scanned.replies > 0 && self.connections[index].in_flight() == 0 {
                let is_new_socket = !self.plan.keep_alive;
                self.send_batch(index)?;
                if is_new_socket {
                    return Ok(());
                }
            }
            // A read that did not fill the chunk emptied the socket.
            if count < self.chunk.len() && !is_end_announced {
                return Ok(());
            }
        }
    }

    fn settle(&mut self, index: usize, scanned: Scanned, now_ns: u64) -> Result<(), String> {
        let connection = &mut self.connections[index];
        if scanned.errors > 0 {
            let text = String::from_utf8_lossy(connection.scanner.error_text());
            count_errors(&mut self.errors, &text, scanned.errors);
        }
        let before = connection.in_flight();
        let latencies = &mut self.latencies;
        let settled = connection.settle(scanned, |group| {
            let latency_ns = now_ns.saturating_sub(group.since_ns);
            latencies[group.command as usize].saturating_record_n(latency_ns, u64::from(group.count));
        });
        settled.map_err(|_| "the server sent more replies than it was sent requests".to_owned())?;
        let after = connection.in_flight();
        if after < before {
            self.in_flight -= (before - after) as u64;
            self.last_reply_ns = now_ns;
            if self.schedule.is_some() && before == self.plan.pipeline {
                if self.with_room.is_empty() {
                    self.room_since_ns = now_ns;
                }
                self.with_room.push_back(index);
            }
        }
        Ok(())
    }

    /// Closed loop: the next batch of a connection that has none outstanding.
    fn send_batch(&mut self, index: usize) -> Result<(), String> {
        let count = self.take_quota();
        if count == 0 {
            return Ok(());
        }
        if !self.plan.keep_alive && self.connections[index].scanner.has_scanned() {
            return self.send_on_new_socket(index, count);
        }
        self.append_batch(index, count);
        self.connections[index].count_from(monotonic_ns());
        self.flush(index)
    }

    fn append_batch(&mut self, index: usize, count: u64) {
        for _ in 0..count {
            let command = self.draw_command();
            let connection = &mut self.connections[index];
            self.plan.templates[command].append(&mut connection.out, &mut self.filling);
            connection.note(command as u32, 0);
        }
        self.in_flight += count;
    }

    /// Connecting counts as part of the latency: a client that keeps no connection waits for it too.
    fn send_on_new_socket(&mut self, index: usize, count: u64) -> Result<(), String> {
        let begin_ns = monotonic_ns();
        let connect = || -> io::Result<Socket> {
            let mut socket = Socket::begin_connect(&self.plan.endpoint)?;
            let interest = Interest::READABLE | Interest::WRITABLE;
            self.poll
                .registry()
                .register(&mut socket, Token(index), interest)?;
            Ok(socket)
        };
        let socket = connect().map_err(|error| format!("connecting again: {error}"))?;
        let greeting = &self.plan.greeting;
        self.connections[index].renew(socket, &greeting.bytes, greeting.replies);
        self.append_batch(index, count);
        self.connections[index].count_from(begin_ns);
        Ok(())
    }

    /// How many requests the next batch may have.
    fn take_quota(&mut self) -> u64 {
        let plan = &self.plan;
        if plan
            .duration_ns
            .is_some_and(|duration| monotonic_ns() >= self.start_ns + duration)
        {
            return 0;
        }
        let wanted = plan.pipeline as u64;
        let before = plan.issued.fetch_add(wanted, Ordering::Relaxed);
        plan.quota.saturating_sub(before).min(wanted)
    }

    fn draw_command(&mut self) -> usize {
        if self.plan.shares.len() == 1 {
            return 0;
        }
        let drawn = self.filling.prng.next_f64();
        let last = self.plan.shares.len() - 1;
        self.plan
            .shares
            .iter()
            .position(|share| drawn < *share)
            .unwrap_or(last)
    }

    /// Open loop: everything that is due, spread over the connections that have room.
    fn send_due(&mut self, now_ns: u64) -> Result<(), String> {
        let Some(mut schedule) = self.schedule.take() else {
            return Ok(());
        };
        while let Some(due_ns) = schedule.due_ns().filter(|due_ns| *due_ns <= now_ns) {
            let Some(index) = self.with_room.pop_front() else {
                break;
            };
            self.late += u64::from(now_ns.saturating_sub(due_ns.max(self.room_since_ns)) > LATE_NS);
            let command = self.draw_command();
            let connection = &mut self.connections[index];
            if connection.out.is_empty() {
                self.to_flush.push(index);
            }
            self.plan.templates[command].append(&mut connection.out, &mut self.filling);
            connection.note(command as u32, due_ns);
            self.in_flight += 1;
            if connection.in_flight() < self.plan.pipeline {
                self.with_room.push_back(index);
            }
            schedule.advance();
        }
        self.schedule = Some(schedule);
        while let Some(index) = self.to_flush.pop() {
            self.flush(index)?;
        }
        Ok(())
    }

    fn flush(&mut self, index: usize) -> Result<(), String> {
        let connection = &mut self.connections[index];
        let sent = connection
            .flush()
            .map_err(|error| format!("sending requests: {error}"))?;
        let waits = sent == Sent::Part;
        if waits != connection.waits_for_room {
            connection.waits_for_room = waits;
            let interest = if waits {
                Interest::READABLE | Interest::WRITABLE
            } else {
                Interest::READABLE
            };
            self.poll
                .registry()
                .reregister(&mut connection.socket, Token(index), interest)
                .map_err(|error| format!("watching a connection: {error}"))?;
        }
        Ok(())
    }
}
