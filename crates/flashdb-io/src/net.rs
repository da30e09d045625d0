//! Listeners and streams, TCP or unix socket behind one type. Each core loop has its own TCP
//! listener on the same port (SO_REUSEPORT), so the kernel spreads connections without a lock.

use mio::event::Source;
use mio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use mio::{Interest, Registry, Token};
use rustix::net::{RecvFlags, SendFlags};
use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};
use std::io::{self, Read, Write};
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

/// A listening socket.
pub enum Listener {
    /// TCP.
    Tcp(TcpListener),
    /// Unix socket.
    Unix(UnixListener),
}

/// A client's socket.
pub enum Stream {
    /// TCP.
    Tcp(TcpStream),
    /// Unix socket.
    Unix(UnixStream),
}

/// A connection just accepted.
pub struct Accepted {
    /// Its socket, non-blocking.
    pub stream: Stream,
    /// Address of the client, or the socket's path.
    pub peer: String,
    /// Address it connected to.
    pub local: String,
    /// Whether it came from this machine.
    pub is_local: bool,
    /// Whether it came over a unix socket that clients connect to.
    pub is_unix: bool,
}

/// Resolves an address of the `bind` setting.
pub fn resolve(host: &str, port: u16) -> io::Result<SocketAddr> {
    let found = match host {
        "*" => ("0.0.0.0", port).to_socket_addrs(),
        "::*" => ("::", port).to_socket_addrs(),
        host => (host, port).to_socket_addrs(),
    }?
    .next();
    found.ok_or_else(|| io::Error::new(io::ErrorKind::AddrNotAvailable, format!("{host} has no address")))
}

/// Fails if somebody listens on `address` already. With SO_REUSEPORT a second server would
/// otherwise share the port in silence.
pub fn probe(address: SocketAddr) -> io::Result<()> {
    // Binding is enough to meet a listener, and nobody can connect to a socket that is only bound.
    tcp_socket(address)?.bind(&address.into())
}

fn tcp_socket(address: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_reuse_address(true)?;
    Ok(socket)
}

/// Listens on a TCP address together with the other core loops.
pub fn listen_tcp(address: SocketAddr, backlog: i32) -> io::Result<Listener> {
    let socket = tcp_socket(address)?;
    socket.set_reuse_port(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(backlog)?;
    Ok(Listener::Tcp(TcpListener::from_std(socket.into())))
}

/// Listens on a unix socket; an old socket file is replaced. `mode` are its permissions.
pub fn listen_unix(path: &Path, mode: Option<u32>, backlog: i32) -> io::Result<Listener> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    socket.bind(&socket2::SockAddr::unix(path)?)?;
    socket.listen(backlog)?;
    if let Some(mode) = mode {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))?;
    }
    Ok(Listener::Unix(UnixListener::from_std(socket.into())))
}

impl Listener {
    /// Accepts one connection; `WouldBlock` when there is none.
    pub fn accept(&self) -> io::Result<Accepted> {
        match self {
            Listener::Tcp(listener) => {
                let (stream, peer) = listener.accept()?;
                let local = stream.local_addr().map(|a| a.to_string()).unwrap_or_default();
                let is_local = is_loopback(peer.ip());
                Ok(Accepted {
                    stream: Stream::Tcp(stream),
                    peer: peer.to_string(),
                    local,
                    is_local,
                    is_unix: false,
                })
            }
            Listener::Unix(listener) => {
                let (stream, _) = listener.accept()?;
                let path = listener
                    .local_addr()
                    .ok()
                    .and_then(|a| a.as_pathname().map(|p| p.display().to_string()))
                    .unwrap_or_default();
                let name = format!("{path}:0");
                Ok(Accepted {
                    stream: Stream::Unix(stream),
                    peer: name.clone(),
                    local: name,
                    is_local: true,
                    is_unix: true,
                })
            }
        }
    }
}

/// Whether a peer of this address is on this machine, also as an IPv4 address that came over IPv6. The
/// machine's own outer addresses do not count: what comes from them may have been forwarded.
fn is_loopback(peer: IpAddr) -> bool {
    peer.to_canonical().is_loopback()
}

impl Stream {
    /// Sends small replies at once (TCP only).
    pub fn set_nodelay(&self) -> io::Result<()> {
        match self {
            Stream::Tcp(stream) => stream.set_nodelay(true),
            Stream::Unix(_) => Ok(()),
        }
    }

    /// Lets the kernel notice dead peers after about `seconds` (`tcp-keepalive`); 0 switches it off.
    pub fn set_keepalive(&self, seconds: u32) -> io::Result<()> {
        let Stream::Tcp(stream) = self else { return Ok(()) };
        let socket = SockRef::from(stream);
        if seconds == 0 {
            return socket.set_keepalive(false);
        }
        let interval = (seconds / 3).max(1);
        socket.set_tcp_keepalive(
            &TcpKeepalive::new()
                .with_time(Duration::from_secs(seconds.into()))
                .with_interval(Duration::from_secs(interval.into()))
                .with_retries(3),
        )
    }
}

impl AsRawFd for Stream {
    fn as_raw_fd(&self) -> RawFd {
        match self {
            Stream::Tcp(stream) => stream.as_raw_fd(),
            Stream::Unix(stream) => stream.as_raw_fd(),
        }
    }
}

impl AsFd for Stream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Stream::Tcp(stream) => stream.as_fd(),
            Stream::Unix(stream) => stream.as_fd(),
        }
    }
}

// Straight into the kernel: the C library's calls are points of cancellation, and pay for that in a program of several
// threads.

impl Read for Stream {
    #[inline]
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let (count, _) = rustix::net::recv(self.as_fd(), buffer, RecvFlags::empty())?;
        Ok(count)
    }
}

impl Write for Stream {
    #[inline]
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(rustix::net::send(self.as_fd(), bytes, SendFlags::NOSIGNAL)?)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

macro_rules! delegate_source {
    ($type:ty, $first:path, $second:path) => {
        impl Source for $type {
            fn register(&mut self, registry: &Registry, token: Token, interests: Interest) -> io::Result<()> {
                match self {
                    $first(inner) => inner.register(registry, token, interests),
                    $second(inner) => inner.register(registry, token, interests),
                }
            }

            fn reregister(
                &mut self,
                registry: &Registry,
                token: Token,
                interests: Interest,
            ) -> io::Result<()> {
                match self {
                    $first(inner) => inner.reregister(registry, token, interests),
                    $second(inner) => inner.reregister(registry, token, interests),
                }
            }

            fn deregister(&mut self, registry: &Registry) -> io::Result<()> {
                match self {
                    $first(inner) => inner.deregister(registry),
                    $second(inner) => inner.deregister(registry),
                }
            }
        }
    };
}
delegate_source!(Listener, Listener::Tcp, Listener::Unix);
delegate_source!(Stream, Stream::Tcp, Stream::Unix);

#[cfg(test)]
mod tests {
    use super::is_loopback;

    #[test]
    fn only_loopback_addresses_are_of_this_machine() {
        let is_local = |text: &str| is_loopback(text.parse().expect("an address"));
        for local in ["127.0.0.1", "127.8.9.10", "::1", "::ffff:127.0.0.1"] {
            assert!(is_local(local), "{local}");
        }
        for remote in [
            "10.0.0.1",
            "192.168.1.2",
            "0.0.0.0",
            "203.0.113.7",
            "fe80::1",
            "2001:db8::1",
            "::ffff:10.0.0.1",
        ] {
            assert!(!is_local(remote), "{remote}");
        }
    }
}
