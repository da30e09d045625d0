//! Bounds on what a client may send, with Redis's names. A request beyond one of them is a
//! protocol error: the client is told why and the connection is closed.

/// Longest inline request and longest header line, in bytes (Redis: `PROTO_INLINE_MAX_SIZE`).
pub const INLINE_BYTES_MAX: usize = 64 * 1024;

/// What one request may hold. Cheap to copy; a connection gets the tight form until it is authenticated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestLimits {
    /// Most elements of one request.
    pub elements_max: usize,
    /// Longest single element in bytes (`proto-max-bulk-len`).
    pub bulk_bytes_max: usize,
    /// Whether the client has authenticated; only the wording of the error depends on it.
    pub authenticated: bool,
}

impl RequestLimits {
    /// Limits of a client that may run commands.
    pub fn authenticated(bulk_bytes_max: usize) -> Self {
        RequestLimits {
            elements_max: 1024 * 1024,
            bulk_bytes_max,
            authenticated: true,
        }
    }

    /// Limits before AUTH, as Redis sets them: nobody unknown makes the server buffer much.
    pub fn unauthenticated() -> Self {
        RequestLimits {
            elements_max: 10,
            bulk_bytes_max: 16384,
            authenticated: false,
        }
    }
}
