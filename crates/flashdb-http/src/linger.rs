//! Closing a connection whose peer still sends: an answer that comes before the end of a body, such as a refusal of a file, would be lost
//! otherwise. A system that closes a socket with bytes that nobody has read tells its peer so by a reset, and the peer's system
//! may throw away what it had received by then.
//!
//! So what still comes is taken and dropped for a while after the last byte was sent: bounded in time and in bytes, and only where a body was
//! left unread.

use axum::body::{Bytes, HttpBody};
use hyper::body::{Frame, Incoming, SizeHint};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Sleep, sleep};

/// Time in which a peer has to hear that it need not go on.
const LINGER_TIME: Duration = Duration::from_secs(5);
/// Bytes that are taken from it meanwhile.
const LINGER_BYTES_MAX: usize = 64 << 20;
const PIECE_BYTES: usize = 16 << 10;

/// Whether the body of a connection's last request was left before its end.
#[derive(Clone, Default)]
pub(crate) struct Unread(Arc<AtomicBool>);

impl Unread {
    /// The body of the next request. What was left of the one before has come to its end.
    pub fn watch(&self, body: Incoming) -> Watched {
        self.0.store(false, Ordering::Relaxed);
        Watched {
            body,
            ended: false,
            unread: self.clone(),
        }
    }

    fn is_left(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// A body that tells when it is left before its end.
pub(crate) struct Watched {
    body: Incoming,
    /// One of no known length does not say so itself.
    ended: bool,
    unread: Unread,
}

impl HttpBody for Watched {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        self.ended |= frame.is_none();
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        if !self.ended && !self.body.is_end_stream() {
            self.unread.0.store(true, Ordering::Relaxed);
        }
    }
}

/// What is taken from a peer after the last byte to it.
#[derive(Default)]
pub(crate) struct Linger {
    unread: Unread,
    begun: Option<Begun>,
}

struct Begun {
    until: Pin<Box<Sleep>>,
    left_bytes: usize,
}

impl Linger {
    pub fn new(unread: Unread) -> Self {
        Linger { unread, begun: None }
    }

    /// Takes what still comes; ready when the connection may be closed.
    pub fn poll(&mut self, cx: &mut Context<'_>, stream: &mut TcpStream) -> Poll<io::Result<()>> {
        if !self.unread.is_left() {
            return Poll::Ready(Ok(()));
        }
        let begun = self.begun.get_or_insert_with(|| Begun {
            until: Box::pin(sleep(LINGER_TIME)),
            left_bytes: LINGER_BYTES_MAX,
        });
        let mut piece = [0; PIECE_BYTES];
        while begun.left_bytes > 0 && begun.until.as_mut().poll(cx).is_pending() {
            let mut buffer = ReadBuf::new(&mut piece);
            let read = ready!(Pin::new(&mut *stream).poll_read(cx, &mut buffer));
            let count = buffer.filled().len();
            if read.is_err() || count == 0 {
                break;
            }
            begun.left_bytes = begun.left_bytes.saturating_sub(count);
        }
        Poll::Ready(Ok(()))
    }
}
