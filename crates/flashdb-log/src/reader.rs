//! Reads the log in order, checked to the last bit: `scan` begins in the segment that has the first frame wanted, and goes
//! on to the end of the last. Segments are mapped; frames are borrowed from the mapping, which others may keep alive.
//!
//! The last segment may end in something that a crash left behind, a *torn tail*; anything else that is not right is
//! *damage*, and stops the scan with file and offset. The two are told apart by what can be proven to have been synced
//! (`docs/formats/wal.md`): before the last segment everything, in it all that a later mark covers.

use crate::archive::{self, Source};
use crate::error::{LogDamage, LogError};
use crate::record::{CONTINUES, FRAME_MIN, FrameError, Kind};
use crate::repair::next_frame;
use crate::segment::{self, FRAMES_AT, HistoryId, Mark, SegmentStart};
use crate::{Frame, Lsn};
use flashdb_disk::{Disk, Mapped};
use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

/// Places of damage kept in a report; the rest is only counted.
const DAMAGES_KEPT: usize = 100;

/// What to do at damage.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnDamage {
    /// Stop with an error.
    #[default]
    Stop,
    /// Leave out what is damaged and go on with the next frame that is sound.
    Skip,
}

/// How to scan.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ScanOptions {
    /// Frames up to this one are not wanted: a snapshot covers them.
    pub from: Lsn,
    /// The history that the segments must have; `None` for that of the first one read.
    pub history: Option<HistoryId>,
    /// What to do at damage.
    pub on_damage: OnDamage,
    /// Whether archived segments are read where older frames are wanted.
    pub archived: bool,
    /// The last frame wanted. Frames behind it may be visited; segments behind it are not even looked at.
    pub until_lsn: Option<Lsn>,
    /// As `until_lsn`: segments made later than this, Unix ms, are not looked at. It is an error where LSNs are missing by then.
    pub until_ms: Option<u64>,
    /// Unix ms of the state that `from` stands for; 0 if that is not known. The second behind it needs no log.
    pub from_ms: u64,
    /// The segment that a writer goes on with meanwhile; segments behind it are not looked at.
    pub active: Option<ActiveSegment>,
}

/// A segment that is being written. It may be cut at any moment, so it is read and not mapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ActiveSegment {
    /// Its number.
    pub id: u64,
    /// How much of it is whole frames. What follows is not looked at.
    pub bytes: u64,
}

/// A point in time is as exact as that.
const EXACT_MS: u64 = 1000;

impl ScanOptions {
    /// Whether nothing from frame `next` on is wanted, which is in a segment made at `created_ms` if that is known.
    fn is_behind(&self, next: Lsn, created_ms: Option<u64>) -> bool {
        let made_later = |until_ms| created_ms.is_some_and(|created_ms| created_ms > until_ms);
        self.until_lsn.is_some_and(|until| next > until) || self.until_ms.is_some_and(made_later)
    }

    /// Whether the state at `from` is that of the time until which frames are wanted, as exactly as times are known.
    pub fn is_reached_by_from(&self) -> bool {
        let second = self.from_ms..self.from_ms.saturating_add(EXACT_MS);
        self.until_ms.is_some_and(|until_ms| second.contains(&until_ms))
    }
}

/// A frame as the scan comes by.
#[derive(Clone, Copy)]
pub struct Visited<'a> {
    /// The frame, sound. It is an ordinary one.
    pub frame: Frame<'a>,
    /// Unix ms before which it was not written: the time of the last mark or segment beginning before it.
    pub written_ms: u64,
    path: &'a Path,
    mapped: &'a Mapped,
    offset: usize,
}

impl Visited<'_> {
    /// The segment's file.
    pub fn path(&self) -> &Path {
        self.path
    }

    /// What the frame is borrowed from.
    pub fn mapped(&self) -> &Mapped {
        self.mapped
    }

    /// Where in it the frame begins.
    pub fn offset(&self) -> usize {
        self.offset
    }

    /// The frame with what it is borrowed from. Clones an `Arc`.
    pub fn keep(&self) -> KeptFrame {
        KeptFrame {
            mapped: self.mapped.clone(),
            offset: self.offset,
        }
    }
}

/// A frame that can be taken to another thread.
#[derive(Clone)]
pub struct KeptFrame {
    mapped: Mapped,
    offset: usize,
}

impl KeptFrame {
    /// The frame. Its checksum is not computed again.
    pub fn frame(&self) -> Frame<'_> {
        Frame::read_again(&self.mapped.bytes()[self.offset..]).expect("the scan has read this frame")
    }
}

/// How the last segment ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TailKind {
    /// With a frame.
    Whole,
    /// With preallocated zeros.
    Zeros,
    /// With what a crash left behind, which never was acknowledged as durable.
    Torn(String),
}

/// The end of the last segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tail {
    /// The segment's file.
    pub path: PathBuf,
    /// The segment's number.
    pub segment: u64,
    /// Where the last whole frame ends.
    pub offset: u64,
    /// Length of the file.
    pub file_len: u64,
    /// Up to where the segment itself proves that it was synced.
    pub proven: u64,
    /// What is behind `offset`.
    pub kind: TailKind,
}

/// What was left out of the scan.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Skipped {
    /// Frames left out, by their LSNs.
    pub frames: u64,
    /// Bytes left out.
    pub bytes: u64,
    /// Places.
    pub places: u64,
    /// The first hundred of them.
    pub damages: Vec<LogDamage>,
}

/// What a scan found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ScanEnd {
    /// LSN of the last frame in the log; `from` if that is larger or there is none.
    pub last: Lsn,
    /// Frames visited.
    pub frames: u64,
    /// Bytes of frames visited.
    pub bytes: u64,
    /// The segments' history; `None` if no segment was read.
    pub history: Option<HistoryId>,
    /// How the last segment ends; `None` if there is none, if it is archived, or if `visit` ended the scan.
    pub tail: Option<Tail>,
    /// Segments behind the last that have neither a valid beginning nor a frame: a crash came while they were made.
    pub headless: Vec<PathBuf>,
    /// What was left out; nothing unless the options allow it.
    pub skipped: Skipped,
    /// Whether `visit` ended the scan.
    pub stopped: bool,
    /// Unix ms of the last mark or segment beginning that was read, 0 if there was none: what was written before it was visited.
    pub known_ms: u64,
}

/// Calls `visit` for all frames of the log in `dir` behind `options.from`, in order and without gaps; a group that takes
/// several frames is visited as a whole or not at all. The mappings live until the last [`KeptFrame`] is gone.
///
/// # Errors
/// `Damage`, `Gap`, `ForeignHistory`, `Version`, or `Io`. With `Version` no frame was visited.
pub fn scan(
    disk: &dyn Disk,
    dir: &Path,
    options: &ScanOptions,
    visit: impl FnMut(&Visited<'_>) -> ControlFlow<()>,
) -> Result<ScanEnd, LogError> {
    let mut sources = archive::sources(disk, dir, options.archived)?;
    if let Some(active) = options.active {
        // What was begun since.
        sources.retain(|source| source.id <= active.id);
    }
    let headless = take_headless(disk, &mut sources, options)?;
    let Some(begin) = first_needed(disk, &sources, options)? else {
        return Ok(ScanEnd {
            history: options.history,
            last: options.from,
            headless,
            stopped: true,
            ..ScanEnd::default()
        });
    };
    let needed = &sources[begin..];
    // All of them before the first frame: whoever cuts the log at a damage moves aside what follows.
    for source in needed {
        source.refuse_other_version(disk)?;
    }
    let mut scan = Scan {
        disk,
        options,
        visit,
        expected: options.from + 1,
        placed: false,
        end: ScanEnd {
            history: options.history,
            last: options.from,
            headless,
            ..ScanEnd::default()
        },
        written_ms: 0,
        path: PathBuf::new(),
        proof: Proof::default(),
        before: None,
        left_gap: None,
    };
    for (index, source) in needed.iter().enumerate() {
        // What came later may lie behind a gap: whoever goes back does not need it to join.
        let start = match options.until_ms {
            Some(_) => source.start(disk)?,
            None => None,
        };
        let created_ms = start.as_ref().map(|start| start.created_ms);
        if scan.placed && options.is_behind(scan.expected, created_ms) {
            scan.refuse_hole(source, start)?;
            scan.end.stopped = true;
            break;
        }
        scan.segment(source, index + 1 == needed.len())?;
        if scan.end.stopped {
            break;
        }
    }
    if scan.placed {
        scan.end.last = scan.end.last.max(scan.expected - 1);
    }
    scan.end.known_ms = scan.written_ms;
    Ok(scan.end)
}

/// A segment's bytes.
fn content(source: &Source, disk: &dyn Disk, options: &ScanOptions) -> Result<Mapped, LogError> {
    match options.active {
        Some(active) if active.id == source.id && !source.archived => source.read(disk, active.bytes),
        _ => source.content(disk),
    }
}

/// Takes away the segments at the end that were never entered.
fn take_headless(
    disk: &dyn Disk,
    sources: &mut Vec<Source>,
    options: &ScanOptions,
) -> Result<Vec<PathBuf>, LogError> {
    let mut headless = Vec::new();
    while let Some(last) = sources.last() {
        if last.archived || last.start(disk)?.is_some() {
            break;
        }
        let mapped = content(last, disk, options)?;
        let bytes = mapped.bytes();
        // Frames and marks are written only behind a beginning that is durable; before it the file holds no more than that,
        // or a part of it, and zeros.
        if bytes.iter().skip(FRAMES_AT).any(|&byte| byte != 0) {
            break;
        }
        let marked = |history| Mark::find(bytes, &history, 0).is_some();
        if segment::claimed_version(bytes).is_some()
            || next_frame(bytes, 0, options.from + 1).is_some()
            || options.history.is_some_and(marked)
        {
            break;
        }
        headless.push(last.path.clone());
        sources.pop();
    }
    Ok(headless)
}

/// Index of the segment that has the first frame wanted: the last of those that begin early enough; `None` if all of them are
/// behind the last one wanted, and nothing is between that and `from`.
fn first_needed(
    disk: &dyn Disk,
    sources: &[Source],
    options: &ScanOptions,
) -> Result<Option<usize>, LogError> {
    let wanted = options.from + 1;
    if options.is_behind(wanted, None) {
        return Ok(None);
    }
    let mut earliest = None;
    for (index, source) in sources.iter().enumerate().rev() {
        let Some(start) = source.start(disk)? else {
            continue;
        };
        if start.first <= wanted {
            return Ok(Some(index));
        }
        earliest = Some((index, start));
    }
    let needs_none = |start: &SegmentStart| {
        options.is_behind(wanted, Some(start.created_ms))
            && (options.is_reached_by_from() || options.on_damage == OnDamage::Skip)
    };
    match earliest {
        // A segment before it whose beginning cannot be read is the cause, and is reported.
        Some((0, start)) if needs_none(&start) => Ok(None),
        Some((index @ 0, start)) if options.on_damage == OnDamage::Stop => Err(LogError::Gap {
            wanted,
            found: start.first,
            path: sources[index].path.clone(),
        }),
        _ => Ok(Some(0)),
    }
}

/// Why a segment is not read on.
enum Stop {
    /// `visit` wants no more.
    Asked,
    /// Bytes that are no frame. `hard` ones cannot come from a crash: their checksum fits.
    Bad {
        offset: usize,
        hard: bool,
        reason: String,
    },
    /// The end, and whether zeros follow.
    End { offset: usize, zeros: bool },
}

fn bad(offset: usize, hard: bool, reason: impl ToString) -> Stop {
    Stop::Bad {
        offset,
        hard,
        reason: reason.to_string(),
    }
}

/// Follows the marks of one segment, to know how much of it is durable by its own word.
#[derive(Default)]
struct Proof {
    /// Up to this offset it is.
    proven: u64,
    /// LSN before each mark that is not, and the offset behind the mark. Few: each sync ends most of them.
    marks: VecDeque<(Lsn, u64)>,
}

impl Proof {
    /// A mark that ends at `end` stands behind the frame `lsn`, and says that `durable` was.
    fn mark(&mut self, lsn: Lsn, end: u64, durable: Lsn) {
        self.marks.push_back((lsn, end));
        while let Some(&(lsn, end)) = self.marks.front()
            && lsn < durable
        {
            self.proven = end;
            self.marks.pop_front();
        }
    }

    /// Everything before the `end` of a frame or mark is durable.
    fn all(&mut self, end: u64) {
        self.proven = end;
        self.marks.clear();
    }
}

struct Scan<'s, V> {
    disk: &'s dyn Disk,
    options: &'s ScanOptions,
    visit: V,
    /// LSN of the next frame.
    expected: Lsn,
    /// Whether `expected` comes from a segment.
    placed: bool,
    end: ScanEnd,
    written_ms: u64,
    /// This segment's file.
    path: PathBuf,
    /// How much of it is proven to be durable.
    proof: Proof,
    /// The segment before and its length, for damage that shows only in what follows it.
    before: Option<(PathBuf, u64)>,
    /// The last LSN that is missing between two segments that follow each other, while that is reported.
    left_gap: Option<Lsn>,
}

impl<V: FnMut(&Visited<'_>) -> ControlFlow<()>> Scan<'_, V> {
    /// Refuses to end before a segment of which LSNs before it are missing, unless the log tells of the time that is wanted: those may
    /// have come by then, in a segment that is gone or while the log was off.
    fn refuse_hole(&self, source: &Source, start: Option<SegmentStart>) -> Result<(), LogError> {
        let found = start.map_or(0, |start| start.first);
        let tells = self
            .options
            .until_ms
            .is_none_or(|until_ms| until_ms <= self.written_ms);
        if found <= self.expected || tells || self.options.is_reached_by_from() {
            return Ok(());
        }
        Err(LogError::Gap {
            wanted: self.expected,
            found,
            path: source.path.clone(),
        })
    }

    fn segment(&mut self, source: &Source, is_last: bool) -> Result<(), LogError> {
        let mapped = match content(source, self.disk, self.options) {
            Err(LogError::Damage(damage)) => {
                return self.damage_at(damage.path, damage.offset, damage.reason);
            }
            content => content?,
        };
        let bytes = mapped.bytes();
        self.proof = Proof::default();
        self.path.clone_from(&source.path);
        let mut at = match self.enter(source, bytes)? {
            Some(at) => at,
            None => return Ok(()),
        };
        loop {
            // Frames of a group that is not whole yet.
            let mut group = Vec::new();
            let stop = self.frames(&mapped, &mut at, &mut group);
            let whole_until = group.first().map(|&offset: &usize| offset as u64);
            // A group without its end counts for nothing.
            self.expected -= group.len() as u64;
            match stop {
                Stop::Asked => self.end.stopped = true,
                Stop::End { offset, zeros } if is_last => {
                    let kind = match whole_until {
                        Some(_) => TailKind::Torn("a transaction ends before its last record".into()),
                        None if zeros => TailKind::Zeros,
                        None => TailKind::Whole,
                    };
                    self.set_tail(source, bytes, whole_until.unwrap_or(offset as u64), kind);
                }
                Stop::End { offset, .. } => {
                    if let Some(group_at) = whole_until {
                        let reason = "a transaction ends before its last record".to_string();
                        self.damage(source, group_at, reason)?;
                    }
                    self.before = Some((source.path.clone(), offset as u64));
                }
                Stop::Bad { offset, hard, reason } => {
                    let lsn = self.expected + group.len() as u64;
                    if is_last && !hard && !self.was_durable(&bytes[offset..], lsn) {
                        let at = whole_until.unwrap_or(offset as u64);
                        self.set_tail(source, bytes, at, TailKind::Torn(reason));
                        break;
                    }
                    self.damage(source, offset as u64, reason)?;
                    if let Some(next) = self.skip(bytes, offset) {
                        at = next;
                        continue;
                    }
                    if is_last {
                        let kind = TailKind::Torn("nothing sound follows the damage".into());
                        self.set_tail(source, bytes, offset as u64, kind);
                    }
                    self.before = Some((source.path.clone(), offset as u64));
                }
            }
            break;
        }
        Ok(())
    }

    /// Checks the beginning of a segment; where its frames begin, or `None` if it has none to read.
    fn enter(&mut self, source: &Source, bytes: &[u8]) -> Result<Option<usize>, LogError> {
        let start = match SegmentStart::decode(bytes, source.id) {
            Ok(start) => start,
            Err((offset, reason)) => {
                self.damage(source, offset as u64, reason)?;
                self.before = Some((source.path.clone(), 0));
                return Ok(self.skip(bytes, offset.min(FRAMES_AT)));
            }
        };
        if *self.end.history.get_or_insert(start.history) != start.history {
            return Err(LogError::ForeignHistory {
                path: source.path.clone(),
            });
        }
        self.written_ms = start.created_ms;
        if !self.placed {
            // Before the first wanted frame, or skipping: where it begins is where we are.
            if start.first > self.expected {
                self.end.skipped.frames += start.first - self.expected;
            }
            self.expected = start.first;
            self.placed = true;
        }
        if start.first > self.expected {
            let (path, offset) = self
                .before
                .clone()
                .unwrap_or_else(|| (source.path.clone(), segment::HEADER_LEN as u64));
            let mut reason = format!(
                "LSN {} to {} are missing before {}",
                self.expected,
                start.first - 1,
                source.path.display()
            );
            if let Some(name) = segment::name_before(&source.path)
                && !path.to_string_lossy().contains(name.as_str())
            {
                // The log goes on in a file whose number does not follow: one between them was lost as a whole.
                reason.push_str(&format!("; {name} is not there"));
                self.damage_at(path, offset, reason)?;
            } else {
                self.left_gap = Some(start.first - 1);
                let told = self.damage_at(path, offset, reason);
                self.left_gap = None;
                told?;
            }
            self.end.skipped.frames += start.first - self.expected;
            self.expected = start.first;
        } else if start.first < self.expected {
            let reason = format!(
                "it begins with LSN {} although {} is next",
                start.first, self.expected
            );
            self.damage(source, segment::HEADER_LEN as u64, reason)?;
        }
        Ok(Some(FRAMES_AT))
    }

    /// Reads frames from `at` on, and leaves in `group` the offsets of those that wait for the rest of their group.
    fn frames(&mut self, mapped: &Mapped, at: &mut usize, group: &mut Vec<usize>) -> Stop {
        let bytes = mapped.bytes();
        loop {
            let rest = &bytes[*at..];
            let header = &rest[..rest.len().min(FRAME_MIN)];
            if header.iter().all(|&byte| byte == 0) {
                if rest.iter().any(|&byte| byte != 0) {
                    return bad(*at, false, "zeros where a record should be");
                }
                let zeros = !rest.is_empty();
                return Stop::End { offset: *at, zeros };
            }
            let frame = match Frame::read(rest) {
                Ok(frame) => frame,
                Err(error) => return bad(*at, matches!(error, FrameError::Malformed(_)), error),
            };
            match frame.record.kind {
                Kind::Durable => match Mark::decode(&frame.record) {
                    Ok(mark) if frame.lsn + 1 == self.expected && Some(mark.history) == self.end.history => {
                        self.written_ms = mark.at_ms;
                        let end = (*at + frame.bytes_len) as u64;
                        match mark.durable >= frame.lsn {
                            // All frames; the mark itself may be the last thing that was written.
                            true => self.proof.all(*at as u64),
                            false => self.proof.mark(frame.lsn, end, mark.durable),
                        }
                    }
                    Ok(_) => return bad(*at, true, "a mark that belongs elsewhere"),
                    Err(error) => return bad(*at, true, error),
                },
                Kind::SegmentStart => return bad(*at, true, "a segment begins within another"),
                _ if frame.lsn != self.expected => {
                    let reason = format!("LSN {} where {} is next", frame.lsn, self.expected);
                    return bad(*at, true, reason);
                }
                _ => {
                    self.expected += 1;
                    if frame.record.flags & CONTINUES != 0 {
                        group.push(*at);
                    } else if self.deliver(mapped, group, *at, frame).is_break() {
                        return Stop::Asked;
                    }
                }
            }
            *at += frame.bytes_len;
        }
    }

    /// Visits a frame and those of its group before it.
    fn deliver(
        &mut self,
        mapped: &Mapped,
        group: &mut Vec<usize>,
        offset: usize,
        frame: Frame<'_>,
    ) -> ControlFlow<()> {
        if frame.lsn <= self.options.from {
            group.clear();
            return ControlFlow::Continue(());
        }
        for offset in group.drain(..) {
            let frame = Frame::read_again(&mapped.bytes()[offset..]).expect("it was read right before");
            self.visit(mapped, offset, frame)?;
        }
        self.visit(mapped, offset, frame)
    }

    fn visit(&mut self, mapped: &Mapped, offset: usize, frame: Frame<'_>) -> ControlFlow<()> {
        self.end.frames += 1;
        self.end.bytes += frame.bytes_len as u64;
        (self.visit)(&Visited {
            frame,
            written_ms: self.written_ms,
            path: &self.path,
            mapped,
            offset,
        })
    }

    /// Whether the frame `lsn` was synced, by what the bytes behind it say, or since another segment was to follow: unless
    /// it follows a failure, from which a snapshot came that covers the frame.
    fn was_durable(&self, behind: &[u8], lsn: Lsn) -> bool {
        let rotated = !self.end.headless.is_empty() && lsn > self.options.from;
        rotated
            || self
                .end
                .history
                .is_some_and(|history| Mark::find(behind, &history, lsn).is_some())
    }

    /// Where the next sound frame behind the damage at `offset` is; counts what is left out.
    fn skip(&mut self, bytes: &[u8], offset: usize) -> Option<usize> {
        let Some((next, lsn)) = next_frame(bytes, offset, self.expected) else {
            self.end.skipped.bytes += (bytes.len() - offset) as u64;
            return None;
        };
        self.end.skipped.bytes += (next - offset) as u64;
        self.end.skipped.frames += lsn - self.expected;
        self.expected = lsn;
        self.placed = true;
        Some(next)
    }

    fn damage(&mut self, source: &Source, offset: u64, reason: String) -> Result<(), LogError> {
        self.damage_at(source.path.clone(), offset, reason)
    }

    fn damage_at(&mut self, path: PathBuf, offset: u64, reason: String) -> Result<(), LogError> {
        let damage = LogDamage {
            path,
            offset,
            lsn: self.expected,
            left_gap_until: self.left_gap,
            reason,
        };
        if self.options.on_damage == OnDamage::Stop {
            return Err(damage.into());
        }
        let skipped = &mut self.end.skipped;
        skipped.places += 1;
        if skipped.damages.len() < DAMAGES_KEPT {
            skipped.damages.push(damage);
        }
        Ok(())
    }

    fn set_tail(&mut self, source: &Source, bytes: &[u8], offset: u64, kind: TailKind) {
        if source.archived {
            return;
        }
        self.end.tail = Some(Tail {
            path: source.path.clone(),
            segment: source.id,
            offset,
            file_len: bytes.len() as u64,
            proven: self.proof.proven.min(offset),
            kind,
        });
    }
}
