//! Starting and ending: directory, log, listeners, threads, signals. Everything that may fail does
//! so before the first client is accepted, with an error that names the thing that failed.

#[cfg(test)]
pub(crate) mod test_server;

use crate::acl::{Acl, SetupError};
use crate::core_loop::{CoreLoop, WAKER};
use crate::durability::{self, Durability, StartupError, Wish, checkpoints};
use crate::engine::Engine;
use crate::hot;
use crate::server::{LoopHandle, Server};
use crate::stats::LoopStats;
use crate::supervisor;
use flashdb_base::clock;
use flashdb_base::prng::Prng;
use flashdb_base::version::{FLASHDB_VERSION, REDIS_VERSION};
use flashdb_config::{ConfigStore, ConfigView, LaunchError, Settings, logging};
use flashdb_io::mailbox::Mailbox;
use flashdb_io::placement::Placement;
use flashdb_io::topology::Topology;
use flashdb_io::{affinity, net};
use flashdb_persistence::PersistenceError;
use flashdb_store::Keyspace;
use mio::{Poll, Waker};
use parking_lot::Mutex;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;

/// Why the server did not start.
#[derive(Debug)]
#[non_exhaustive]
pub enum StartError {
    /// The folder of the data (`dir`) cannot be made or written.
    Folder(PathBuf, io::Error),
    /// An address could not be listened on.
    Listen(String, io::Error),
    /// Threads, pollers or signals could not be set up.
    System(&'static str, io::Error),
    /// A line of the configuration cannot be carried out.
    Config(LaunchError),
    /// The users could not be set up.
    Acl(SetupError),
    /// The log could not be opened.
    Log(String),
    /// The data folder is in use, or not usable.
    Data(PersistenceError),
    /// The data could not be loaded, or cannot be kept.
    Startup(StartupError),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StartError::Folder(path, error) => write!(
                f,
                "cannot keep data in {}: {error}; --dir names another folder",
                path.display()
            ),
            StartError::Listen(address, error) if error.kind() == io::ErrorKind::AddrInUse => write!(
                f,
                "cannot listen on {address}: {error}; --port names another port"
            ),
            StartError::Listen(address, error) => write!(f, "cannot listen on {address}: {error}"),
            StartError::System(what, error) => write!(f, "{what}: {error}"),
            StartError::Config(error) => write!(f, "{error}"),
            StartError::Acl(error) => write!(f, "{error}"),
            StartError::Log(error) => write!(f, "{error}"),
            StartError::Data(error) => write!(f, "{error}"),
            StartError::Startup(error) => write!(f, "{error}"),
        }
    }
}

impl std::error::Error for StartError {}

/// Ends what was started beside the server.
pub type EndBeside = Box<dyn FnOnce()>;

/// Runs the server until it is told to end (a signal, SHUTDOWN). `beside` starts what runs beside it, as soon as guests are
/// admitted and before the data is loaded; what it returns is called once the core loops have ended.
pub fn run(
    config: ConfigStore,
    warnings: &[String],
    beside: impl FnOnce(Engine) -> io::Result<EndBeside>,
) -> Result<(), StartError> {
    let config = Arc::new(config);
    let settings = config.settings();
    crate::process::ignore_file_size_signal();
    prepare_folder(&settings).map_err(|error| StartError::Folder(settings.dir.clone(), error))?;
    if settings.disable_thp {
        crate::process::disable_huge_pages();
    }
    let log = logging::init(&settings).map_err(|error| StartError::Log(error.to_string()))?;
    tracing::info!(
        version = FLASHDB_VERSION,
        redis_version = REDIS_VERSION,
        pid = std::process::id(),
        "FlashDB is starting"
    );
    for warning in warnings {
        tracing::warn!("{warning}");
    }
    raise_file_limit(&settings);
    let addresses = tcp_addresses(&settings).inspect_err(|error| {
        // Whoever starts servers on ports that may be taken looks for these words in the log.
        tracing::error!(%error, "Failed listening on port {}", settings.port);
    })?;
    let durability = open_durability(&settings)?;
    let (server, pollers, collector) = build(config.clone(), log)?;
    if let Some(durability) = durability {
        // Before anybody can send, also while the data is loaded.
        durability.uploads().remove_stale().map_err(StartError::Data)?;
        // Set once, before anybody can look.
        let _ = server.durability.set(durability);
    }
    let listeners = open_listeners(&settings, &addresses, pollers.len())?;
    let freeing = spawn("lazy-free", {
        let server = server.clone();
        move || collector.run(&server.space)
    })?;
    // The freeing thread ends with the process: the channel's sender lives as long as the server.
    drop(freeing);
    let collecting = spawn("hot-keys", {
        let server = server.clone();
        move || hot::run(&server)
    })?;
    // It ends with the process, too; nothing depends on its last second.
    drop(collecting);
    let loops = start_loops(&server, &config, pollers, listeners)?;
    if settings.always_show_logo {
        show_banner(&settings);
    }
    write_pid_file(&settings);
    let signals = watch_signals(server.clone())?;
    let end_beside = match beside(Engine::new(server.clone())) {
        Ok(end_beside) => end_beside,
        Err(error) => {
            let error = StartError::System("cannot start what runs beside the server", error);
            return fail(&server, &settings, loops, &signals, error);
        }
    };
    let report = supervisor::report_load(&server);
    let checkpoints = load(&server, &settings);
    if let Some(report) = report {
        report.end();
    }
    let shown: Vec<String> = addresses.iter().map(ToString::to_string).collect();
    let checkpoints = match checkpoints {
        Ok(checkpoints) => checkpoints,
        Err(error) => {
            end_beside();
            return fail(&server, &settings, loops, &signals, error);
        }
    };
    tracing::info!(
        listen = shown.join(" "),
        unix_socket = settings.unixsocket,
        core_loops = loops.len(),
        dir = %settings.dir.display(),
        "Ready to accept connections"
    );
    supervisor::tell(&settings, supervisor::News::Ready);
    for thread in loops {
        if thread.join().is_err() {
            tracing::error!("a core loop ended by a fault");
        }
    }
    end_beside();
    supervisor::tell(&settings, supervisor::News::Stopping);
    signals.close();
    end_durability(&server, checkpoints);
    remove_files(&settings);
    tracing::info!("FlashDB is now ready to exit, bye bye...");
    Ok(())
}

/// Whether the commands that `config` renames, and the users and roles that it declares, or the file it names, are in order. Reads
/// that file.
///
/// # Errors
/// What is wrong with them.
pub fn check_users(config: &ConfigStore) -> Result<(), StartError> {
    Acl::at_start(&commands_of(config)?, config)
        .map(drop)
        .map_err(StartError::Acl)
}

/// All commands, by the names that the configuration gives them.
fn commands_of(config: &ConfigStore) -> Result<flashdb_command::Registry, StartError> {
    let mut registry = crate::command_registry();
    for line in config.renames() {
        registry
            .rename(&line.from, &line.to)
            .map_err(|reason| StartError::Config(LaunchError::at(&line.location, &line.line, reason)))?;
    }
    Ok(registry)
}

/// What `always-show-logo` asks for: the facts that Redis's logo has beside it, in its words, which scripts look for. Shown
/// once connections are accepted: whoever has seen the process id may connect.
fn show_banner(settings: &Settings) {
    tracing::info!("FlashDB {FLASHDB_VERSION}, compatible with Redis {REDIS_VERSION}");
    tracing::info!("Running in standalone mode");
    tracing::info!("Port: {}", settings.port);
    tracing::info!("PID: {}", std::process::id());
}

/// Makes the data folder and makes sure that files can be made in it, unless nothing is to be kept.
fn prepare_folder(settings: &Settings) -> io::Result<()> {
    std::fs::create_dir_all(&settings.dir)?;
    if settings.save.is_empty() && !settings.appendonly {
        return Ok(());
    }
    let probe = settings.dir.join(format!("flashdb-{}.probe", std::process::id()));
    std::fs::write(&probe, b"")?;
    std::fs::remove_file(&probe)
}

fn build(
    config: Arc<ConfigStore>,
    log: logging::LogControl,
) -> Result<(Arc<Server>, Vec<Poll>, flashdb_store::Collector), StartError> {
    let settings = config.settings();
    let count = settings.io_threads.max(1) as usize;
    let registry = commands_of(&config)?;
    let acl = Acl::at_start(&registry, &config).map_err(StartError::Acl)?;
    let (mut pollers, mut loops) = (Vec::new(), Vec::new());
    for _ in 0..count {
        let poll = Poll::new().map_err(|error| StartError::System("cannot create a poller", error))?;
        let waker = Waker::new(poll.registry(), WAKER)
            .map_err(|error| StartError::System("cannot create a waker", error))?;
        loops.push(LoopHandle {
            mailbox: Mailbox::new(waker),
            stats: LoopStats::new(registry.ids_count()),
            samples: Default::default(),
            awaits_durable: false.into(),
        });
        pollers.push(poll);
    }
    let databases = (settings.databases as usize).min(u16::MAX as usize - 1);
    let (space, collector) = Keyspace::new(settings.shards as usize, databases, count);
    let space = space.placed(placement(&settings));
    let now_ms = clock::unix_ms() as i64;
    let server = Server {
        space,
        registry,
        config,
        acl,
        log,
        loops,
        clients: Mutex::default(),
        clients_count: 0.into(),
        clients_bytes: 0.into(),
        client_ids: 1.into(),
        pubsub: Default::default(),
        feed: Default::default(),
        memory: Default::default(),
        key_tree: Default::default(),
        http_bytes: Default::default(),
        census: Default::default(),
        scripts: Default::default(),
        functions: Default::default(),
        tickets: Default::default(),
        monitors: Default::default(),
        hot_keys: Default::default(),
        hot_session: Default::default(),
        taps: Default::default(),
        audit: Default::default(),
        tracking: Default::default(),
        pause: Default::default(),
        slowlog: Mutex::default(),
        latency: Default::default(),
        stats: Default::default(),
        run_id: random_id(),
        replication_id: Mutex::new(random_id()),
        started_ms: now_ms,
        dirty: 0.into(),
        last_save: (now_ms / 1000).into(),
        durability: OnceLock::new(),
        loading: true.into(),
        aborting_saves: false.into(),
        save_failed: false.into(),
        active_expire: true.into(),
        ends_on_signal: 0.into(),
        end_holds: Default::default(),
        is_ending: false.into(),
        cron_paused: false.into(),
        saves_at_end: false.into(),
        ends_scripts: false.into(),
        stopping: false.into(),
        port: (settings.port as usize).into(),
        setting_check: Default::default(),
        on_left: Default::default(),
    };
    server
        .space
        .gate()
        .patience()
        .set_meanwhile(crate::core_loop::attend);
    Ok((Arc::new(server), pollers, collector))
}

/// Where the core loops run on this machine.
fn placement(settings: &Settings) -> Placement {
    let cpulist: Vec<usize> = settings
        .server_cpulist
        .cpus
        .iter()
        .copied()
        .map(usize::from)
        .collect();
    let topology = Topology::of_this_machine();
    Placement::new(topology.as_ref(), settings.io_threads as usize, &cpulist)
}

/// Takes the data folder. Where nothing is to be kept, a folder that cannot be used is none.
fn open_durability(settings: &Settings) -> Result<Option<Durability>, StartError> {
    match Durability::open(&settings.dir) {
        Ok(durability) => Ok(Some(durability)),
        Err(error) if keeps_nothing(settings) => {
            tracing::warn!(%error, "nothing can be saved");
            Ok(None)
        }
        Err(error) => Err(StartError::Data(error)),
    }
}

fn keeps_nothing(settings: &Settings) -> bool {
    !settings.appendonly && settings.save.is_empty() && settings.snapshot_interval == 0
}

/// Brings the data back, and starts the thread that takes snapshots. The core loops answer `-LOADING` meanwhile.
fn load(server: &Arc<Server>, settings: &Settings) -> Result<Option<JoinHandle<()>>, StartError> {
    let Some(durability) = server.durability.get() else {
        server.loading.store(false, Ordering::Release);
        return Ok(None);
    };
    durability::recover(server, durability, settings).map_err(StartError::Startup)?;
    server.loading.store(false, Ordering::Release);
    let server = server.clone();
    spawn("snapshots", move || {
        if let Some(durability) = server.durability.get() {
            checkpoints::run(&server, durability);
        }
    })
    .map(Some)
}

/// Ends what was started before `error` came up.
fn fail(
    server: &Server,
    settings: &Settings,
    loops: Vec<JoinHandle<()>>,
    signals: &signal_hook::iterator::Handle,
    error: StartError,
) -> Result<(), StartError> {
    let asked_to_end = server.stopping.load(Ordering::Acquire);
    server.stop();
    for thread in loops {
        // A loop that ended by a fault has said so.
        let _ = thread.join();
    }
    signals.close();
    remove_files(settings);
    if asked_to_end {
        tracing::info!("FlashDB has ended while it was loading");
        return Ok(());
    }
    Err(error)
}

/// Forty random hexadecimal digits, as Redis names runs and histories.
pub fn random_id() -> String {
    let mut prng = Prng::from_entropy();
    (0..40)
        .map(|_| char::from(b"0123456789abcdef"[prng.below(16) as usize]))
        .collect()
}

fn tcp_addresses(settings: &Settings) -> Result<Vec<SocketAddr>, StartError> {
    if settings.port == 0 {
        return Ok(Vec::new());
    }
    let mut addresses = Vec::new();
    for bind in &settings.bind {
        let tried = net::resolve(bind.resolvable(), settings.port).and_then(|address| {
            net::probe(address)?;
            Ok(address)
        });
        match tried {
            Ok(address) => addresses.push(address),
            Err(error) if bind.optional && error.kind() != io::ErrorKind::AddrInUse => {
                tracing::debug!(address = bind.host, %error, "skipping an address that this machine does not have");
            }
            Err(error) => {
                return Err(StartError::Listen(
                    format!("{}:{}", bind.host, settings.port),
                    error,
                ));
            }
        }
    }
    Ok(addresses)
}

/// Opens the listeners of `port` for every core loop; used at the start and by CONFIG SET.
pub fn open_tcp(settings: &Settings, addresses: &[SocketAddr]) -> Result<Vec<net::Listener>, StartError> {
    let backlog = settings.tcp_backlog.min(i32::MAX as u32) as i32;
    addresses
        .iter()
        .map(|address| {
            net::listen_tcp(*address, backlog).map_err(|error| StartError::Listen(address.to_string(), error))
        })
        .collect()
}

/// Opens new listeners for all loops after `port` or `bind` changed, and hands them over.
pub fn listen_anew(server: &Server, settings: &Settings) -> Result<(), StartError> {
    let addresses = tcp_addresses(settings)?;
    let mut opened = Vec::new();
    for _ in &server.loops {
        opened.push(open_tcp(settings, &addresses)?);
    }
    for (handle, listeners) in server.loops.iter().zip(opened) {
        handle.mailbox.post(crate::core_loop::Message::Listen(listeners));
    }
    server
        .port
        .store(settings.port as usize, std::sync::atomic::Ordering::Relaxed);
    Ok(())
}

fn open_listeners(
    settings: &Settings,
    addresses: &[SocketAddr],
    loops: usize,
) -> Result<Vec<Vec<net::Listener>>, StartError> {
    let mut all = Vec::new();
    for _ in 0..loops {
        all.push(open_tcp(settings, addresses)?);
    }
    if !settings.unixsocket.is_empty() {
        let path = settings.dir.join(&settings.unixsocket);
        let mode = (settings.unixsocketperm != 0).then_some(settings.unixsocketperm);
        let backlog = settings.tcp_backlog.min(i32::MAX as u32) as i32;
        let listener = net::listen_unix(&path, mode, backlog)
            .map_err(|error| StartError::Listen(path.display().to_string(), error))?;
        all[0].push(listener);
    }
    Ok(all)
}

fn start_loops(
    server: &Arc<Server>,
    config: &Arc<ConfigStore>,
    pollers: Vec<Poll>,
    listeners: Vec<Vec<net::Listener>>,
) -> Result<Vec<JoinHandle<()>>, StartError> {
    let placement = server.space.placement();
    if placement.nodes() > 1 {
        tracing::info!(
            nodes = placement.nodes(),
            "core loops are spread over the memory nodes"
        );
    }
    let mut threads = Vec::new();
    for (id, (poll, listeners)) in pollers.into_iter().zip(listeners).enumerate() {
        let mut core_loop = CoreLoop::new(id, server.clone(), poll, ConfigView::new(config.clone()));
        listeners
            .into_iter()
            .for_each(|listener| core_loop.listen(listener));
        let cpus = placement.seats()[id].cpus.clone();
        threads.push(spawn(&format!("core-{id}"), move || {
            if !cpus.is_empty()
                && let Err(error) = affinity::pin_thread(&cpus)
            {
                tracing::warn!(?cpus, %error, "cannot pin a core loop");
            }
            let _whole = EndsWithLoop;
            core_loop.run();
        })?);
    }
    Ok(threads)
}

/// Ends the process when a core loop ends by a fault. Its clients would otherwise wait for ever, and
/// those of the other loops for whatever it had locked; a supervisor can start the server again.
struct EndsWithLoop;

impl Drop for EndsWithLoop {
    fn drop(&mut self) {
        if std::thread::panicking() {
            tracing::error!("a core loop ended by a fault; the server ends");
            std::process::abort();
        }
    }
}

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, StartError> {
    std::thread::Builder::new()
        .name(name.into())
        .spawn(work)
        .map_err(|error| StartError::System("cannot start a thread", error))
}

/// Ends what keeps the data, in good order: the log whole and synced; a snapshot where the way of ending asks for one and
/// there is no log. The core loops are gone, so nobody waits.
fn end_durability(server: &Arc<Server>, checkpoints: Option<JoinHandle<()>>) {
    let Some(durability) = server.durability.get() else {
        return;
    };
    durability.checkpoints.stop();
    if checkpoints.is_some_and(|thread| thread.join().is_err()) {
        tracing::error!("the thread that takes snapshots ended by a fault");
    }
    server.aborting_saves.store(false, Ordering::Release);
    let log = server.space.log();
    let logged = log.is_enabled() && !log.has_failed() && !durability.is_enabling();
    // What was loaded in part must not become the newest snapshot.
    let saved = durability.checkpoints.saved_for_end();
    let is_saved = saved.is_some() && server.dirty.load(Ordering::Relaxed) == 0;
    if server.saves_at_end.load(Ordering::Acquire) && !logged && !server.is_loading() && !is_saved {
        if let Some(id) = saved {
            // The next one has all of it; the one from before this end stays instead.
            durability.pins.note_temporary(id);
        }
        let settings = server.settings();
        let taken = checkpoints::take_now(
            server,
            durability,
            &settings,
            Wish::labelled(String::new(), false),
        );
        if let Err(error) = taken {
            tracing::error!(%error, "the data could not be saved before ending");
        }
    }
    if let Err(error) = durability.stop_writer() {
        tracing::error!(%error, "the log could not be ended in good order");
    }
}

fn watch_signals(server: Arc<Server>) -> Result<signal_hook::iterator::Handle, StartError> {
    use signal_hook::consts::{SIGINT, SIGTERM};
    let mut signals = signal_hook::iterator::Signals::new([SIGINT, SIGTERM])
        .map_err(|error| StartError::System("cannot watch signals", error))?;
    let handle = signals.handle();
    spawn("signals", move || {
        for signal in signals.forever() {
            let name = if signal == SIGINT { "SIGINT" } else { "SIGTERM" };
            tracing::info!(signal = name, "ending on a signal");
            let already = server.ends_on_signal.swap(signal, Ordering::AcqRel) != 0;
            if already && signal == SIGINT {
                // What was acknowledged is as safe as in a crash.
                tracing::warn!("a second SIGINT: exiting now");
                std::process::exit(1);
            }
        }
    })?;
    Ok(handle)
}

/// Files that are not clients: listeners, pollers, log and data files.
const FILES_RESERVED: u64 = 64;
/// Of the HTTP interface: its connections, and two for each guest.
const FILES_OF_HTTP: u64 = 768;

/// Lets the process open as many sockets as `maxclients` asks for, if the system allows it. Returns
/// how many clients the limit now leaves room for.
pub fn raise_file_limit(settings: &Settings) -> u64 {
    let of_http = if settings.http_port == 0 { 0 } else { FILES_OF_HTTP };
    let wanted = u64::from(settings.maxclients) + FILES_RESERVED + of_http;
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: the call only writes the struct it is given.
    if unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit) } != 0 {
        return u64::from(settings.maxclients);
    }
    if limit.rlim_cur < wanted {
        let higher = libc::rlimit {
            rlim_cur: wanted.min(limit.rlim_max),
            ..limit
        };
        // SAFETY: the call only reads the struct it is given.
        if unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &higher) } == 0 {
            limit = higher;
        }
    }
    if limit.rlim_cur < wanted {
        tracing::warn!(
            wanted,
            available = limit.rlim_cur,
            "the limit of open files is too low for maxclients"
        );
    }
    limit.rlim_cur.saturating_sub(FILES_RESERVED)
}

fn write_pid_file(settings: &Settings) {
    if settings.pidfile.is_empty() {
        return;
    }
    let path = settings.dir.join(&settings.pidfile);
    if let Err(error) = std::fs::write(&path, format!("{}\n", std::process::id())) {
        tracing::warn!(path = %path.display(), %error, "cannot write the pid file");
    }
}

fn remove_files(settings: &Settings) {
    for name in [&settings.pidfile, &settings.unixsocket] {
        if !name.is_empty() {
            // Already gone is fine: the aim is that nothing is left behind.
            let _ = std::fs::remove_file(settings.dir.join(name));
        }
    }
}
