//! A stream parsed before the measured part begins, as the server's connections hold it.

use crate::stream::Stream;
use flashdb_resp::{Args, Batch, RequestLimits, RequestParser};

/// A stream and where the words of its requests are.
pub struct Parsed {
    stream: Stream,
    batch: Batch,
}

impl Parsed {
    /// # Errors
    /// What the parser says, when the stream is more than it takes.
    pub fn new(stream: Stream) -> Result<Self, String> {
        let mut batch = Batch::default();
        let limits = RequestLimits::authenticated(512 << 20);
        // Spans are 32 bits wide.
        if u32::try_from(stream.bytes().len()).is_err() {
            return Err("the requests of this shape take more than 4 GiB".to_owned());
        }
        RequestParser::default()
            .parse(stream.bytes(), &limits, stream.len(), &mut batch)
            .map_err(|error| error.0)?;
        Ok(Parsed { stream, batch })
    }

    /// Number of requests.
    pub fn len(&self) -> usize {
        self.batch.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.batch.is_empty()
    }

    /// The words of request `index`.
    #[inline]
    pub fn args(&self, index: usize) -> Args<'_> {
        self.batch.args(index, self.stream.bytes())
    }
}
