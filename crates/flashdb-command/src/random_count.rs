//! The count of commands that answer random elements (HRANDFIELD, SRANDMEMBER, ZRANDMEMBER): a
//! positive one asks for different elements, a negative one for independent draws. Only the latter can
//! ask for more than there is, so its reply needs a bound of its own.

use crate::args;
use crate::context::Context;
use crate::error::{self, ErrorReply};
use flashdb_base::prng::Prng;
use flashdb_resp::Reply;
use flashdb_store::Access;

/// How many random elements, and how they are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RandomCount {
    /// So many different elements, fewer if there are not enough.
    Distinct(usize),
    /// So many draws; the same element may come again.
    Repeated(usize),
}

impl RandomCount {
    /// Reads a count.
    ///
    /// # Errors
    /// Not an integer, or `i64::MIN`, whose negation is none. Redis's texts.
    pub fn parse(word: &[u8]) -> Result<Self, ErrorReply> {
        match args::integer(word)? {
            i64::MIN => Err(ErrorReply::new(format!(
                "ERR value is out of range, value must between {} and {}",
                -i64::MAX,
                i64::MAX
            ))),
            count if count < 0 => Ok(RandomCount::Repeated(count.unsigned_abs() as usize)),
            count => Ok(RandomCount::Distinct(count as usize)),
        }
    }

    /// The count of elements each answered with a second value (WITHVALUES, WITHSCORES), which Redis
    /// allows only up to half the range.
    pub fn paired(self) -> Result<Self, ErrorReply> {
        match self {
            RandomCount::Distinct(count) | RandomCount::Repeated(count) if count > i64::MAX as usize / 2 => {
                Err(error::OUT_OF_RANGE)
            }
            count => Ok(count),
        }
    }

    /// Whether nothing is asked for.
    pub fn is_zero(self) -> bool {
        matches!(self, RandomCount::Distinct(0))
    }
}

/// The shortest element of a reply: `$0`, and two line ends.
const ELEMENT_BYTES_MIN: u64 = 6;

/// How far the reply to repeated draws may grow.
#[derive(Clone, Copy, Debug)]
pub struct ReplyBound {
    /// Bytes that no data could justify: `proto-max-bulk-len`.
    refused_above: u64,
    /// Bytes of output above which the client is disconnected.
    disconnected_above: Option<u64>,
}

impl ReplyBound {
    /// The bound of a running command. What a script gets is no output: it has to be whole.
    pub fn of(context: &Context<'_, '_>) -> Self {
        let output_bytes_max = context.session.output_bytes_max(context.settings);
        ReplyBound {
            refused_above: context.settings.proto_max_bulk_len,
            disconnected_above: (output_bytes_max > 0 && !context.mode.in_script).then_some(output_bytes_max),
        }
    }
}

/// Calls `draw` `count` times to write an element each. Stops where the reply is so long that the client is disconnected
/// for it, as `client-output-buffer-limit` says: whoever sends replies sees to that.
///
/// # Errors
/// `ERR value is out of range` where the reply outgrows any that data could justify.
pub fn repeat(
    count: usize,
    reply: &mut Reply,
    bound: ReplyBound,
    mut draw: impl FnMut(&mut Reply),
) -> Result<(), ErrorReply> {
    let begin = reply.len() as u64;
    let stop_at = bound
        .disconnected_above
        .filter(|bytes| *bytes < bound.refused_above);
    // A count that must end above the bound does so before the work, not after.
    let is_too_much = (count as u64).saturating_mul(ELEMENT_BYTES_MIN) > bound.refused_above;
    if is_too_much && stop_at.is_none() {
        return Err(error::OUT_OF_RANGE);
    }
    for _ in 0..count {
        draw(reply);
        let written = reply.len() as u64 - begin;
        if stop_at.is_some_and(|bytes| written > bytes) {
            return Ok(());
        }
        if written > bound.refused_above {
            return Err(error::OUT_OF_RANGE);
        }
    }
    Ok(())
}

/// A generator of its own, for draws while the data is borrowed.
pub fn prng(data: &mut Access<'_>) -> Prng {
    Prng::from_seed(data.prng.next_u64())
}
