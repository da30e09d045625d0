//! Where a server listens, and sockets to it: blocking ones for questions before and after a run, non-blocking ones for the
//! load itself; TCP or Unix alike.

use mio::event::Source;
use mio::{Interest, Registry, Token};
use std::fmt;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::time::Duration;

/// Where a server listens.
#[derive(Clone, Debug, PartialEq)]
pub enum Address {
    /// Host, without brackets, and port.
    Tcp(String, u16),
    /// Path of the socket.
    Unix(PathBuf),
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(host, port) if host.contains(':') => write!(f, "[{host}]:{port}"),
            Self::Tcp(host, port) => write!(f, "{host}:{port}"),
            Self::Unix(path) => write!(f, "{}", path.display()),
        }
    }
}

/// An address that connections can be made to without asking a name server again.
#[derive(Clone, Debug)]
pub enum Endpoint {
    /// One that answered.
    Tcp(SocketAddr),
    /// Path of the socket.
    Unix(PathBuf),
}

/// How long a server may take to accept a connection, or to answer a question outside of a run.
const PATIENCE: Duration = Duration::from_secs(5);

impl Address {
    /// Finds the endpoint, by connecting to each address of the name until one answers.
    ///
    /// # Errors
    /// Those of the last address tried.
    pub fn resolve(&self) -> io::Result<Endpoint> {
        match self {
            Self::Unix(path) => {
                let endpoint = Endpoint::Unix(path.clone());
                BlockingSocket::connect(&endpoint).map(|_| endpoint)
            }
            Self::Tcp(host, port) => {
                let mut failure = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
                for address in (host.as_str(), *port).to_socket_addrs()? {
                    let endpoint = Endpoint::Tcp(address);
                    match BlockingSocket::connect(&endpoint) {
                        Ok(_) => return Ok(endpoint),
                        Err(error) => failure = error,
                    }
                }
                Err(failure)
            }
        }
    }
}

impl Endpoint {
    /// Whether the server runs on this machine, as far as the address tells.
    pub fn is_local(&self) -> bool {
        match self {
            Self::Tcp(address) => address.ip().is_loopback(),
            Self::Unix(_) => true,
        }
    }
}

/// A socket whose reads and writes wait, for 5 seconds at most.
#[derive(Debug)]
pub enum BlockingSocket {
    /// Over TCP.
    Tcp(std::net::TcpStream),
    /// Over a Unix socket.
    Unix(std::os::unix::net::UnixStream),
}

impl BlockingSocket {
    /// Connects, waiting for 5 seconds at most.
    ///
    /// # Errors
    /// Those of the system.
    pub fn connect(endpoint: &Endpoint) -> io::Result<Self> {
        match endpoint {
            Endpoint::Tcp(address) => {
                let stream = std::net::TcpStream::connect_timeout(address, PATIENCE)?;
                stream.set_nodelay(true)?;
                stream.set_read_timeout(Some(PATIENCE))?;
                stream.set_write_timeout(Some(PATIENCE))?;
                Ok(Self::Tcp(stream))
            }
            Endpoint::Unix(path) => {
                let stream = std::os::unix::net::UnixStream::connect(path)?;
                stream.set_read_timeout(Some(PATIENCE))?;
                stream.set_write_timeout(Some(PATIENCE))?;
                Ok(Self::Unix(stream))
            }
        }
    }

    /// The same connection for an event loop.
    ///
    /// # Errors
    /// Those of the system.
    pub fn into_nonblocking(self) -> io::Result<Socket> {
        match self {
            Self::Tcp(stream) => {
                stream.set_nonblocking(true)?;
                Ok(Socket::Tcp(mio::net::TcpStream::from_std(stream)))
            }
            Self::Unix(stream) => {
                stream.set_nonblocking(true)?;
                Ok(Socket::Unix(mio::net::UnixStream::from_std(stream)))
            }
        }
    }
}

impl Read for BlockingSocket {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.read(buffer),
            Self::Unix(stream) => stream.read(buffer),
        }
    }
}

impl Write for BlockingSocket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.write(bytes),
            Self::Unix(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A socket of an event loop.
#[derive(Debug)]
pub enum Socket {
    /// Over TCP.
    Tcp(mio::net::TcpStream),
    /// Over a Unix socket.
    Unix(mio::net::UnixStream),
}

impl Socket {
    /// Begins to connect; the socket becomes writable when it is connected or has failed.
    ///
    /// # Errors
    /// Those of the system that show at once.
    pub fn begin_connect(endpoint: &Endpoint) -> io::Result<Self> {
        match endpoint {
            Endpoint::Tcp(address) => mio::net::TcpStream::connect(*address).map(Self::Tcp),
            Endpoint::Unix(path) => mio::net::UnixStream::connect(path).map(Self::Unix),
        }
    }

    /// Called once writable after [`Self::begin_connect`].
    ///
    /// # Errors
    /// Why connecting failed.
    pub fn finish_connect(&mut self) -> io::Result<()> {
        let failure = match self {
            Self::Tcp(stream) => {
                let failure = stream.take_error()?;
                stream.set_nodelay(true)?;
                failure
            }
            Self::Unix(stream) => stream.take_error()?,
        };
        failure.map_or(Ok(()), Err)
    }
}

impl Read for Socket {
    #[inline]
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.read(buffer),
            Self::Unix(stream) => stream.read(buffer),
        }
    }
}

impl Write for Socket {
    #[inline]
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.write(bytes),
            Self::Unix(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Source for Socket {
    fn register(&mut self, registry: &Registry, token: Token, interest: Interest) -> io::Result<()> {
        match self {
            Self::Tcp(stream) => stream.register(registry, token, interest),
            Self::Unix(stream) => stream.register(registry, token, interest),
        }
    }

    fn reregister(&mut self, registry: &Registry, token: Token, interest: Interest) -> io::Result<()> {
        match self {
            Self::Tcp(stream) => stream.reregister(registry, token, interest),
            Self::Unix(stream) => stream.reregister(registry, token, interest),
        }
    }

    fn deregister(&mut self, registry: &Registry) -> io::Result<()> {
        match self {
            Self::Tcp(stream) => stream.deregister(registry),
            Self::Unix(stream) => stream.deregister(registry),
        }
    }
}
