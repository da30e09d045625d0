//! Listening, and what connections may cost: their number, the time for headers to come and for answers to be taken. Starts
//! and ends the threads of the interface.

use crate::jobs::JobKind;
use crate::linger::{Linger, Unread};
use crate::traces::{Connection, Traces};
use crate::{App, api, audit, branches, live, tap};
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::Request;
use flashdb_base::address::host_of;
use flashdb_config::{BindAddress, ConfigStore, Origin};
use flashdb_server::engine::{AfterGone, Engine};
use hyper::body::Incoming;
use hyper_util::rt::{TokioIo, TokioTimer};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener, ToSocketAddrs};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::Semaphore;
use tokio::time::{Instant, Sleep, sleep};
use tower::ServiceExt;

/// Threads of the interface.
const THREADS: usize = 2;
/// Connections at a time; who comes later waits to be accepted.
const CONNECTIONS_MAX: usize = 512;
/// Of these from one address, unless it is this machine: no one peer takes all places. Above it they are closed at once.
const CONNECTIONS_OF_PEER_MAX: usize = 64;
/// Time for the headers of a request to come, from the end of the one before.
const HEADER_TIME: Duration = Duration::from_secs(10);
const HEADER_BYTES_MAX: usize = 32 << 10;
/// Time in which a reader has to take something of an answer.
const STALL_TIME: Duration = Duration::from_secs(20);
/// Time for what is under way when the server ends.
const END_TIME: Duration = Duration::from_secs(2);
/// Time for the last answers to leave.
const LEAVE_TIME: Duration = Duration::from_millis(50);
/// Time after the start of the first sample: the engine has counted its keys by then.
const FIRST_SAMPLE: Duration = Duration::from_millis(250);
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);

/// An address that cannot be listened on.
#[derive(Debug)]
pub struct BindError {
    address: String,
    error: io::Error,
}

impl fmt::Display for BindError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let BindError { address, error } = self;
        write!(
            f,
            "cannot listen for HTTP on {address}: {error}; --http-port names another port, 0 none"
        )
    }
}

impl std::error::Error for BindError {}

/// Sockets that listen already, so that what is wrong with them is known before the server starts.
pub struct Listeners {
    sockets: Vec<TcpListener>,
    addresses: Vec<SocketAddr>,
}

impl Listeners {
    /// Listens where the settings say. None where HTTP is switched off; none and a warning where the port is the default, which
    /// nobody asked for, and cannot be had.
    ///
    /// # Errors
    /// When an address that was asked for cannot be had.
    pub fn open(config: &ConfigStore, warnings: &mut Vec<String>) -> Result<Option<Self>, BindError> {
        let settings = config.settings();
        if settings.http_port == 0 {
            return Ok(None);
        }
        let asked_for = ["http-port", "http-bind"].iter().any(|name| {
            config
                .origin(name)
                .is_some_and(|origin| origin != Origin::Default)
        });
        if !asked_for && settings.http_port == settings.port {
            let port = settings.port;
            warnings.push(format!(
                "No HTTP interface and no dashboard: port {port} is for clients; --http-port names another"
            ));
            return Ok(None);
        }
        match bind_all(&settings.http_bind, settings.http_port) {
            Ok(sockets) if sockets.is_empty() => Ok(None),
            Ok(sockets) => {
                let addresses: Vec<SocketAddr> = sockets
                    .iter()
                    .filter_map(|socket| socket.local_addr().ok())
                    .collect();
                warnings.extend(in_clear(&addresses));
                Ok(Some(Listeners { sockets, addresses }))
            }
            Err(error) if asked_for => Err(error),
            Err(error) => {
                warnings.push(format!("No HTTP interface and no dashboard: {error}"));
                Ok(None)
            }
        }
    }
}

/// What to say where other machines can come in: there is no TLS here.
fn in_clear(addresses: &[SocketAddr]) -> Option<String> {
    let reachable = addresses.iter().find(|address| !address.ip().is_loopback())?;
    Some(format!(
        "HTTP on {reachable} is without TLS: passwords and data can be read on their way. Put a proxy with TLS before it, and let \
         --http-bind 127.0.0.1 keep others out"
    ))
}

fn bind_all(addresses: &[BindAddress], port: u16) -> Result<Vec<TcpListener>, BindError> {
    let mut sockets = Vec::new();
    for bind in addresses {
        match bind_one(bind.resolvable(), port) {
            Ok(socket) => sockets.push(socket),
            Err(error) if bind.optional && error.kind() != io::ErrorKind::AddrInUse => {
                tracing::debug!(address = bind.host, %error, "skipping an address that this machine does not have");
            }
            Err(error) => {
                return Err(BindError {
                    address: format!("{}:{port}", bind.host),
                    error,
                });
            }
        }
    }
    Ok(sockets)
}

fn bind_one(host: &str, port: u16) -> io::Result<TcpListener> {
    let address = (host, port).to_socket_addrs()?.next();
    let address = address.ok_or(io::ErrorKind::AddrNotAvailable)?;
    let domain = socket2::Domain::for_address(address);
    let socket = socket2::Socket::new(domain, socket2::Type::STREAM, Some(socket2::Protocol::TCP))?;
    if address.is_ipv6() {
        // Beside a socket for IPv4 on the same port.
        socket.set_only_v6(true)?;
    }
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(128)?;
    Ok(socket.into())
}

/// The interface in service.
pub struct Running {
    runtime: Runtime,
    app: Arc<App>,
}

impl Listeners {
    /// Where it is to be reached from this machine.
    pub fn url(&self) -> String {
        let Some(address) = self.addresses.first() else {
            return String::new();
        };
        let port = address.port();
        match address {
            address if address.ip().is_unspecified() => format!("http://127.0.0.1:{port}"),
            address => format!("http://{address}"),
        }
    }

    /// Starts to serve, on threads of its own.
    ///
    /// # Errors
    /// When the system gives no threads or files, or traces cannot be sent to what the settings name.
    pub fn serve(self, engine: Engine) -> io::Result<Running> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(THREADS)
            .thread_name("http")
            .enable_all()
            .build()?;
        let port = self.addresses.first().map_or(0, SocketAddr::port);
        if let Some(address) = self.addresses.first() {
            engine.set_guests_address(address.to_string());
        }
        let settings = engine.config().settings();
        let traces = Traces::begin(&settings, engine.run_id(), runtime.handle())?;
        drop(settings);
        let app = Arc::new(App::new(engine, port, traces));
        let watching = Arc::downgrade(&app);
        app.engine
            .on_users_gone(move || forget_the_gone(watching.upgrade()?));
        if let Some(traces) = &app.traces {
            traces.follow_clients(&app.engine);
        }
        api::remove_leftovers(&app);
        let router = api::router(app.clone());
        let places = Arc::new(Places::default());
        let _inside = runtime.enter();
        runtime.spawn(sample(app.clone()));
        runtime.spawn(tap::run(app.clone()));
        runtime.spawn(branches::run(app.clone()));
        runtime.spawn(api::clients::run(app.clone()));
        runtime.spawn(api::slow_log::run(app.clone()));
        runtime.spawn(audit::run(app.clone()));
        for socket in self.sockets {
            let listener = tokio::net::TcpListener::from_std(socket)?;
            runtime.spawn(accept(listener, router.clone(), places.clone()));
        }
        drop(_inside);
        Ok(Running { runtime, app })
    }
}

/// Forgets what is kept of users who are gone; answers what is left to do where the disk may be waited for.
fn forget_the_gone(app: Arc<App>) -> Option<AfterGone> {
    let files = app.imports.forget_the_gone(&app.engine);
    let is_behind = app.console.forget_the_gone();
    if files.is_empty() && !is_behind {
        return None;
    }
    Some(Box::new(move || {
        app.console.write_removals();
        // The room of large files is given back slowly.
        drop(files);
    }))
}

impl Running {
    /// Ends: tells who watches, gives what is under way two seconds.
    pub fn end(self) {
        self.app.ending.store(true, Ordering::Release);
        let (app, traced) = (self.app.clone(), self.app.clone());
        self.runtime.block_on(async move {
            let gone = async {
                while !app.viewers.are_gone()
                    || app.guests.available_permits() < crate::GUESTS_MAX
                    || app.jobs.are_running(JobKind::Bulk)
                    || app.jobs.are_running(JobKind::Import)
                {
                    sleep(Duration::from_millis(20)).await;
                }
            };
            // Who is not done by then is cut off.
            let _ = tokio::time::timeout(END_TIME, gone).await;
            sleep(LEAVE_TIME).await;
        });
        traced.console.write();
        if let Some(traces) = &traced.traces {
            traced.engine.tell_of_connected();
            traces.end();
        }
        self.runtime.shutdown_background();
    }
}

async fn sample(app: Arc<App>) {
    let interval = Duration::from_millis(crate::sampler::INTERVAL_MS);
    let mut second = tokio::time::interval_at(Instant::now() + FIRST_SAMPLE, interval);
    // A second that was missed is a gap, not two samples at once.
    second.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    loop {
        second.tick().await;
        // There are none for a moment after the start.
        app.engine.note_http_bytes(
            app.sampler.memory_bytes()
                + app.command_rates.memory_bytes()
                + app.console.memory_bytes()
                + app.hub.memory_bytes(),
        );
        app.hub.forget_old();
        app.streams.forget_old(std::time::Instant::now());
        if let Some(figures) = app.engine.figures() {
            let rejected_total = figures.rejected_total;
            app.command_rates.take(figures.at_ms, &figures.by_command);
            api::memory::publish(&app, &figures);
            let moment = app.sampler.take(figures, app.engine.started_ms());
            live::publish_sample(&app.hub, &moment.sample);
            api::hot_keys::publish(&app);
            api::command_stats::publish(&app);
            api::pubsub::publish(&app);
            api::alerts::look(&app, &moment.sample, rejected_total);
        }
        app.console.look();
        if app.console.is_due() {
            let app = app.clone();
            tokio::task::spawn_blocking(move || app.console.write());
        }
    }
}

async fn accept(listener: tokio::net::TcpListener, router: axum::Router, places: Arc<Places>) {
    loop {
        let Ok(permit) = places.all.clone().acquire_owned().await else {
            return;
        };
        match listener.accept().await {
            Ok((stream, peer)) => {
                let Some(place) = places.take(peer.ip()) else {
                    tracing::debug!(%peer, "too many HTTP connections from this address");
                    continue;
                };
                let router = router.clone();
                tokio::spawn(async move {
                    serve_connection(stream, peer, router).await;
                    drop((permit, place));
                });
            }
            Err(error) => {
                tracing::debug!(%error, "accepting an HTTP connection failed");
                sleep(ACCEPT_AGAIN).await;
            }
        }
    }
}

/// The places for connections.
struct Places {
    all: Arc<Semaphore>,
    taken: Mutex<HashMap<IpAddr, usize>>,
}

impl Default for Places {
    fn default() -> Self {
        Places {
            all: Arc::new(Semaphore::new(CONNECTIONS_MAX)),
            taken: Mutex::default(),
        }
    }
}

impl Places {
    /// A place for a connection from there, while it has not too many.
    fn take(self: &Arc<Self>, peer: IpAddr) -> Option<Place> {
        let peer = host_of(peer);
        let mut taken = self.taken.lock();
        let count = taken.entry(peer).or_default();
        if *count >= CONNECTIONS_OF_PEER_MAX && !peer.is_loopback() {
            return None;
        }
        *count += 1;
        Some(Place {
            places: self.clone(),
            peer,
        })
    }
}

/// One of them, until it is dropped.
struct Place {
    places: Arc<Places>,
    peer: IpAddr,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.taken.lock();
        let Some(count) = taken.get_mut(&self.peer) else {
            return;
        };
        *count -= 1;
        if *count == 0 {
            taken.remove(&self.peer);
        }
    }
}

async fn serve_connection(stream: TcpStream, peer: SocketAddr, router: axum::Router) {
    // Answers are written whole.
    let _ = stream.set_nodelay(true);
    let traced = Arc::new(Connection::new(peer));
    let unread = Unread::default();
    let stream = Impatient::new(stream, traced.clone(), unread.clone());
    let service = hyper::service::service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(ConnectInfo(peer));
        request.extensions_mut().insert(traced.clone());
        let watch = |body| Body::new(unread.watch(body));
        router.clone().oneshot(request.map(watch))
    });
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIME)
        .max_buf_size(HEADER_BYTES_MAX)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    if let Err(error) = connection.await {
        tracing::debug!(%peer, %error, "an HTTP connection ended");
    }
}

/// A stream that fails when its peer takes nothing for a while.
struct Impatient {
    stream: TcpStream,
    stalled: Option<Pin<Box<Sleep>>>,
    linger: Linger,
    /// Ends with the stream, which a WebSocket takes along.
    _traced: Arc<Connection>,
}

impl Impatient {
    fn new(stream: TcpStream, traced: Arc<Connection>, unread: Unread) -> Self {
        Impatient {
            stream,
            stalled: None,
            linger: Linger::new(unread),
            _traced: traced,
        }
    }

    /// Notes whether writing went on; fails once it has not for too long.
    fn watch<T>(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.stalled = None;
            return written;
        }
        let stalled = self
            .stalled
            .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(Instant::now() + STALL_TIME)));
        match stalled.as_mut().poll(cx) {
            Poll::Ready(()) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl AsyncRead for Impatient {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Impatient {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.watch(cx, written)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Impatient { stream, linger, .. } = &mut *self;
        // Of a stream that was shut down already it is done at once.
        ready!(Pin::new(&mut *stream).poll_shutdown(cx))?;
        linger.poll(cx, stream)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        self.watch(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_lets_other_machines_in_is_told_that_there_is_no_tls() {
        let warning_of = |texts: &[&str]| {
            let addresses: Vec<SocketAddr> = texts
                .iter()
                .map(|text| text.parse().expect("an address"))
                .collect();
            in_clear(&addresses)
        };
        assert_eq!(warning_of(&["127.0.0.1:8080", "[::1]:8080"]), None);
        for outside in ["0.0.0.0:8080", "[::]:8080", "192.0.2.1:8080"] {
            let warning = warning_of(&["127.0.0.1:8080", outside]).expect("a warning");
            assert!(warning.contains(outside), "{warning}");
        }
    }

    #[test]
    fn no_peer_takes_all_places() {
        let places = Arc::new(Places::default());
        let from = |text: &str| text.parse::<IpAddr>().expect("an address");
        let mut held: Vec<Place> = (0..CONNECTIONS_OF_PEER_MAX)
            .filter_map(|_| places.take(from("203.0.113.7")))
            .collect();
        assert_eq!(held.len(), CONNECTIONS_OF_PEER_MAX);
        assert!(places.take(from("::ffff:203.0.113.7")).is_none());
        assert!(places.take(from("203.0.113.8")).is_some());
        held.pop();
        held.extend(places.take(from("203.0.113.7")));
        assert!(places.take(from("203.0.113.7")).is_none());
        // Other addresses of the same host.
        let many: Vec<Place> = (0..=CONNECTIONS_OF_PEER_MAX)
            .filter_map(|at| places.take(from(&format!("2001:db8::{at:x}"))))
            .collect();
        assert_eq!(many.len(), CONNECTIONS_OF_PEER_MAX);
        let here: Vec<Place> = (0..=CONNECTIONS_OF_PEER_MAX)
            .filter_map(|_| places.take(from("127.0.0.1")))
            .collect();
        assert!(here.len() > CONNECTIONS_OF_PEER_MAX);
        drop((held, many, here));
        assert!(places.taken.lock().is_empty());
    }
}
