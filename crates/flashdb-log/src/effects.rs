//! Effects of the running commands, encoded as frames that lack only their LSN. One buffer belongs to one core loop; it is
//! emptied into the [`Log`](crate::Log) before the shard locks are given up. No allocation per effect.

use crate::checksum;
use crate::record::{
    CONTINUES, FRAME_PREFIX, Header, Kind, Plan, REMOVAL, Record, frame_len, push_word, pushed_len,
};
use crate::{Frame, Lsn};

/// Largest body of one frame of a group; a larger group takes several frames.
const GROUP_BYTES_MAX: usize = 1 << 30;
/// Capacity kept from one use to the next.
const KEPT_BYTES: usize = 1 << 20;

/// See the module's head.
#[derive(Debug, Default)]
pub struct EffectBuffer {
    /// Closed frames, then the bodies of the open one, each behind room for a frame's prefix.
    bytes: Vec<u8>,
    /// Where the open frame begins.
    open_at: usize,
    /// Effects in the open frame.
    open_effects: usize,
    /// Whether an effect of the open frame is no removal.
    open_requested: bool,
}

/// A place in the open frame of an [`EffectBuffer`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EffectMark {
    open_at: usize,
    bytes: usize,
    effects: usize,
    requested: bool,
}

impl EffectBuffer {
    /// Whether neither a closed nor an open frame holds anything.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Whether the open frame holds effects.
    #[inline]
    pub fn has_open(&self) -> bool {
        self.open_effects > 0
    }

    /// Bytes held.
    pub fn bytes_len(&self) -> usize {
        self.bytes.len()
    }

    /// Adds the effect that a request has. `at` gives its words, of which there are `len`. O(bytes of the request).
    #[inline]
    pub fn push<'w>(&mut self, db: u16, removal: bool, len: usize, at: impl Fn(usize) -> &'w [u8]) {
        let plan = Plan::of(len, &at);
        let key = if plan.kind == Kind::Command { b"" } else { at(1) };
        let words = plan.value_words(len);
        let is_plain = plan.kind.has_plain_value();
        let value_len = match is_plain {
            true => at(words.start).len(),
            false => words.clone().map(|index| pushed_len(at(index).len())).sum(),
        };
        let header = Header {
            kind: plan.kind,
            flags: plan.flags | if removal { REMOVAL } else { 0 },
            db,
            key_len: key.len(),
            value_len,
            expire_at_ms: plan.expire_at_ms,
        };
        header.push(&mut self.bytes);
        self.bytes.extend_from_slice(key);
        if is_plain {
            self.bytes.extend_from_slice(at(words.start));
        } else {
            words.for_each(|index| push_word(&mut self.bytes, at(index)));
        }
        self.open_effects += 1;
        self.open_requested |= !removal;
    }

    /// Closes the open frame: what was added since the last call is replayed whole or not at all. Without effects there is
    /// no frame.
    #[inline]
    pub fn end_frame(&mut self) {
        match self.open_effects {
            0 => return,
            1 => {}
            _ => self.end_group(),
        }
        self.open_at = self.bytes.len();
        self.open_effects = 0;
        self.open_requested = false;
    }

    /// The effects of the open frame, in order.
    pub fn open(&self) -> impl Iterator<Item = Record<'_>> {
        let mut rest = &self.bytes[self.open_at..];
        std::iter::from_fn(move || {
            let body = rest.get(FRAME_PREFIX..)?;
            let (record, behind) = Record::take(body).expect("this module wrote a whole body");
            rest = behind;
            Some(record)
        })
    }

    /// Forgets the effects of the open frame (a transaction rolled back).
    pub fn drop_open(&mut self) {
        self.bytes.truncate(self.open_at);
        self.open_effects = 0;
        self.open_requested = false;
    }

    /// Where the open frame stands now, for [`EffectBuffer::return_to`].
    pub fn mark(&self) -> EffectMark {
        EffectMark {
            open_at: self.open_at,
            bytes: self.bytes.len(),
            effects: self.open_effects,
            requested: self.open_requested,
        }
    }

    /// Forgets the effects added since the mark was taken, which was in the frame that is open now.
    ///
    /// # Panics
    /// When a frame was closed since: our own bug, what is to be forgotten could be on its way to the disk.
    pub fn return_to(&mut self, mark: &EffectMark) {
        assert!(
            self.open_at == mark.open_at && self.bytes.len() >= mark.bytes,
            "a frame was closed since the mark"
        );
        self.bytes.truncate(mark.bytes);
        self.open_effects = mark.effects;
        self.open_requested = mark.requested;
    }

    fn end_group(&mut self) {
        let open = self.bytes.split_off(self.open_at);
        let flags = if self.open_requested { 0 } else { REMOVAL };
        let mut at = 0;
        while at < open.len() {
            let end = at + part_len(&open[at..]);
            let goes_on = if end < open.len() { CONTINUES } else { 0 };
            let value_len = bodies(&open[at..end]).map(|body| body.len()).sum();
            let header = Header {
                kind: Kind::Group,
                flags: flags | goes_on,
                db: 0,
                key_len: 0,
                value_len,
                expire_at_ms: 0,
            };
            header.push(&mut self.bytes);
            for body in bodies(&open[at..end]) {
                self.bytes.extend_from_slice(body);
            }
            at = end;
        }
    }

    /// Computes the checksums of the closed frames' bodies; their LSNs are added when they are known. All at once, some time
    /// after they were written: right after, each would wait for its bytes on their way to the cache, and for the one before.
    pub(crate) fn seal(&mut self) {
        let mut at = 0;
        while at < self.open_at {
            let frame = &mut self.bytes[at..];
            let len = body_at(frame);
            let crc = checksum::crc32c(&frame[FRAME_PREFIX..len]);
            frame[..4].copy_from_slice(&crc.to_le_bytes());
            at += len;
        }
    }

    /// Gives the closed frames, which are sealed, their LSNs, `next` upwards, and completes their checksums; returns the LSN after the last.
    #[inline]
    pub(crate) fn number(&mut self, mut next: Lsn) -> Lsn {
        debug_assert!(self.open_effects == 0, "a frame is still open");
        let mut at = 0;
        while at < self.bytes.len() {
            let frame = &mut self.bytes[at..];
            let lsn = next.to_le_bytes();
            let body_crc = u32::from_le_bytes([frame[0], frame[1], frame[2], frame[3]]);
            let crc = checksum::crc32c_append(body_crc, &lsn);
            frame[..4].copy_from_slice(&crc.to_le_bytes());
            frame[4..FRAME_PREFIX].copy_from_slice(&lsn);
            at += body_at(frame);
            next += 1;
        }
        next
    }

    /// The closed frames, as they are to be written.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes[..self.open_at]
    }

    /// Forgets everything; keeps some memory.
    #[inline]
    pub fn clear(&mut self) {
        self.bytes.clear();
        if self.bytes.capacity() > KEPT_BYTES {
            self.bytes = Vec::new();
        }
        self.open_at = 0;
        self.open_effects = 0;
        self.open_requested = false;
    }
}

/// Bytes of the frame, or body with room before it, at the front of `bytes`, which this module has written.
#[inline]
fn body_at(bytes: &[u8]) -> usize {
    frame_len(bytes).expect("this module wrote a whole frame")
}

/// The bodies at the front of `bytes`, each behind room for a prefix, that one frame of a group takes: one at least.
fn part_len(bytes: &[u8]) -> usize {
    let (mut len, mut value_len) = (0, 0);
    for body in bodies(bytes) {
        value_len += body.len();
        if len > 0 && value_len > GROUP_BYTES_MAX {
            break;
        }
        len += FRAME_PREFIX + body.len();
    }
    len
}

/// The bodies in `bytes`, which this module has written, each behind room for a prefix.
fn bodies(mut bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        if bytes.is_empty() {
            return None;
        }
        let (frame, behind) = bytes.split_at(body_at(bytes));
        bytes = behind;
        Some(&frame[FRAME_PREFIX..])
    })
}

/// The frames in `bytes`, as a tap or a reader sees them.
///
/// # Errors
/// The item is an error, the last, where the bytes are no frame.
pub fn frames(mut bytes: &[u8]) -> impl Iterator<Item = Result<Frame<'_>, crate::FrameError>> {
    std::iter::from_fn(move || {
        if bytes.is_empty() {
            return None;
        }
        let frame = Frame::read(bytes);
        match &frame {
            Ok(frame) => bytes = &bytes[frame.bytes_len..],
            Err(_) => bytes = &[],
        }
        Some(frame)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn push(buffer: &mut EffectBuffer, words: &[&str]) {
        buffer.push(3, false, words.len(), |at| words[at].as_bytes());
    }

    fn requests(buffer: &EffectBuffer) -> Vec<(Lsn, Vec<String>)> {
        let mut found = Vec::new();
        for frame in frames(buffer.bytes()) {
            let frame = frame.expect("sound");
            frame
                .for_each(|record| {
                    let request = record.request()?;
                    let words = request
                        .as_args()
                        .iter()
                        .map(|w| String::from_utf8_lossy(w).into_owned())
                        .collect();
                    found.push((frame.lsn, words));
                    assert_eq!(record.db, 3);
                    Ok::<(), crate::FrameError>(())
                })
                .expect("sound");
        }
        found
    }

    /// PER-05..10: every kind comes back as the request it was made of.
    #[test]
    fn requests_survive_encoding() {
        let all: &[&[&str]] = &[
            &["SET", "k", "v"],
            &["set", "k", ""],
            &["SET", "k", "v", "PXAT", "1700000000000"],
            &["SET", "k", "v", "KEEPTTL"],
            &["SET", "k", "v", "PXAT", "+5"],
            &["Set", "k", "v"],
            &["DEL", "k"],
            &["DEL", "k", "l"],
            &["PEXPIREAT", "k", "-5"],
            &["PEXPIREAT", "k", "5", "NX"],
            &["persist", "k"],
            &["HSET", "k", "f", "", "g", "v"],
            &["lpush", "k", "a", "b"],
            &["LPOP", "k"],
            &["FLUSHALL"],
            &["SWAPDB", "0", "1"],
            &["ZREMRANGEBYSCORE", "k", "-inf", "(5"],
            &["INCR", "k"],
            &["XADD", "s", "1-1", "f", "v"],
        ];
        let mut buffer = EffectBuffer::default();
        for words in all {
            push(&mut buffer, words);
            buffer.end_frame();
        }
        buffer.seal();
        assert_eq!(buffer.number(7), 7 + all.len() as u64);
        let expected: Vec<_> = all
            .iter()
            .enumerate()
            .map(|(i, words)| {
                (
                    7 + i as u64,
                    words.iter().map(|w| (*w).to_string()).collect::<Vec<_>>(),
                )
            })
            .collect();
        assert_eq!(requests(&buffer), expected);
    }

    /// A frame is as short as `docs/formats/wal.md` says, and long keys, values and words come back whole.
    #[test]
    fn lengths_around_a_byte_survive_encoding() {
        let mut buffer = EffectBuffer::default();
        buffer.push(0, false, 3, |at| {
            [b"SET".as_slice(), b"0123456789abcdef", &[b'v'; 32]][at]
        });
        assert_eq!(buffer.bytes_len(), 64);
        buffer.end_frame();
        let lens = [0, 1, 254, 255, 256, 70_000];
        let text = "x".repeat(70_000);
        let mut expected = Vec::new();
        for (key, value) in lens
            .iter()
            .flat_map(|key| lens.map(|value| (&text[..*key], &text[..value])))
        {
            for words in [
                vec!["SET", key, value],
                vec!["SET", key, value, "PXAT", "9"],
                vec!["SADD", key, value, value],
                vec!["COPY", key, value],
            ] {
                for db in [0, 7] {
                    buffer.push(db, false, words.len(), |at| words[at].as_bytes());
                    buffer.end_frame();
                    expected.push((db, words.iter().map(|word| word.len()).collect::<Vec<_>>()));
                }
            }
        }
        buffer.seal();
        buffer.number(1);
        let found: Vec<_> = frames(buffer.bytes())
            .skip(1)
            .map(|frame| {
                let record = frame.expect("sound").record;
                let request = record.request().expect("sound");
                (
                    record.db,
                    request.as_args().iter().map(<[u8]>::len).collect::<Vec<_>>(),
                )
            })
            .collect();
        assert!(found == expected);
    }

    #[test]
    fn a_group_has_one_lsn_and_one_checksum() {
        let mut buffer = EffectBuffer::default();
        push(&mut buffer, &["SET", "a", "1"]);
        push(&mut buffer, &["SADD", "b", "x", "y"]);
        buffer.end_frame();
        buffer.end_frame();
        push(&mut buffer, &["DEL", "a"]);
        buffer.end_frame();
        buffer.seal();
        assert_eq!(buffer.number(1), 3);
        let lsns: Vec<Lsn> = requests(&buffer).iter().map(|(lsn, _)| *lsn).collect();
        assert_eq!(lsns, [1, 1, 2]);
        let whole = buffer.bytes().to_vec();
        let first = frame_len(&whole).expect("whole");
        for at in 0..first {
            let mut damaged = whole.clone();
            damaged[at] ^= 0x10;
            assert!(Frame::read(&damaged).is_err(), "byte {at}");
            assert!(Frame::read(&whole[..at]).is_err(), "cut at {at}");
        }
    }

    #[test]
    fn dropping_the_open_frame_keeps_the_closed_ones() {
        let mut buffer = EffectBuffer::default();
        push(&mut buffer, &["SET", "a", "1"]);
        buffer.end_frame();
        push(&mut buffer, &["SET", "b", "1"]);
        buffer.drop_open();
        buffer.end_frame();
        buffer.seal();
        buffer.number(1);
        assert_eq!(requests(&buffer).len(), 1);
    }

    #[test]
    fn returning_to_a_mark_forgets_what_came_after_it() {
        let frame = |undone: &[&[&str]]| {
            let mut buffer = EffectBuffer::default();
            push(&mut buffer, &["SET", "before", "1"]);
            buffer.end_frame();
            buffer.push(3, true, 2, |at| [b"DEL".as_slice(), b"a"][at]);
            let mark = buffer.mark();
            for words in undone {
                push(&mut buffer, words);
            }
            buffer.return_to(&mark);
            assert_eq!(buffer.mark(), mark);
            buffer.push(3, true, 2, |at| [b"DEL".as_slice(), b"b"][at]);
            buffer.end_frame();
            buffer.seal();
            buffer.number(1);
            buffer.bytes().to_vec()
        };
        assert_eq!(frame(&[&["SET", "b", "1"], &["SADD", "s", "m"]]), frame(&[]));
    }
}
