//! Lists: rows and handlers.

mod edit;
mod pop;
mod push;
mod read;
mod transfer;
mod wait;

use crate::args::is;
use crate::error::{self, ErrorReply};
use crate::spec::CommandSpec;
use flashdb_base::notify_flags::NotifyFlags;
use flashdb_config::Settings;
use flashdb_store::Access;
use flashdb_types::list::{End, Limits, List};

/// The family's rows.
pub static COMMANDS: &[&CommandSpec] = &[
    &wait::BLMOVE,
    &wait::BLMPOP,
    &wait::BLPOP,
    &wait::BRPOP,
    &wait::BRPOPLPUSH,
    &read::LINDEX,
    &edit::LINSERT,
    &read::LLEN,
    &transfer::LMOVE,
    &pop::LMPOP,
    &pop::LPOP,
    &read::LPOS,
    &push::LPUSH,
    &push::LPUSHX,
    &read::LRANGE,
    &edit::LREM,
    &edit::LSET,
    &edit::LTRIM,
    &pop::RPOP,
    &transfer::RPOPLPUSH,
    &push::RPUSH,
    &push::RPUSHX,
];

/// Bounds of a list's nodes as configured.
#[inline]
fn limits(settings: &Settings) -> Limits {
    Limits::from_setting(settings.list_max_listpack_size.into())
}

/// The end that `LEFT` or `RIGHT` names.
fn end_named(word: &[u8]) -> Result<End, ErrorReply> {
    match () {
        () if is(word, "LEFT") => Ok(End::Front),
        () if is(word, "RIGHT") => Ok(End::Back),
        () => Err(error::SYNTAX),
    }
}

/// What an end is called in requests.
fn end_name(end: End) -> &'static [u8] {
    match end {
        End::Front => b"LEFT",
        End::Back => b"RIGHT",
    }
}

/// The event of elements added at an end.
fn push_event(end: End) -> &'static str {
    match end {
        End::Front => "lpush",
        End::Back => "rpush",
    }
}

/// The event of elements taken at an end.
fn pop_event(end: End) -> &'static str {
    match end {
        End::Front => "lpop",
        End::Back => "rpop",
    }
}

/// The command that takes elements at an end, for decided effects.
fn pop_command(end: End) -> &'static [u8] {
    match end {
        End::Front => b"LPOP",
        End::Back => b"RPOP",
    }
}

/// Announces that elements were taken out of the list at `key`, which goes if none is left.
#[inline]
fn taken(data: &mut Access<'_>, key: &[u8], event: &'static str, is_empty: bool) {
    data.changed(key, NotifyFlags::LIST, event);
    if is_empty {
        data.remove_if(key, List::is_empty);
    }
}

/// The position that a client's index means; negative ones count from the end.
fn position(index: i64, len: usize) -> Option<usize> {
    match usize::try_from(index) {
        Ok(index) => (index < len).then_some(index),
        Err(_) => len.checked_sub(usize::try_from(index.unsigned_abs()).ok()?),
    }
}

/// The positions between two of a client's indexes, both included.
fn positions(start: i64, stop: i64, len: usize) -> std::ops::Range<usize> {
    let from_front = |index: i64| match index {
        0.. => index as u64,
        _ => (len as u64).saturating_sub(index.unsigned_abs()),
    };
    // A stop before the first element leaves nothing, a start before it is the first element.
    let before_first = stop < 0 && stop.unsigned_abs() > len as u64;
    let (start, stop) = (from_front(start), from_front(stop));
    if before_first || start > stop || start >= len as u64 {
        return 0..0;
    }
    start as usize..(stop as usize).min(len - 1) + 1
}

#[cfg(test)]
mod tests {
    use super::{position, positions};

    #[test]
    fn indexes_match_a_plain_model() {
        for len in 0..5_i64 {
            for start in -7..7 {
                let at = if start < 0 { start + len } else { start };
                let expected = (0..len).contains(&at).then_some(at as usize);
                assert_eq!(position(start, len as usize), expected);
                for stop in -7..7 {
                    let end = if stop < 0 { stop + len } else { stop };
                    let expected: Vec<usize> = (0..len)
                        .filter(|index| (at.max(0)..=end).contains(index))
                        .map(|index| index as usize)
                        .collect();
                    let found: Vec<usize> = positions(start, stop, len as usize).collect();
                    assert_eq!(found, expected, "{start} {stop} of {len}");
                }
            }
        }
        assert_eq!(positions(i64::MIN, i64::MAX, 3), 0..3);
        assert_eq!(positions(0, i64::MIN, 3), 0..0);
        assert_eq!(position(i64::MIN, 3), None);
    }
}
