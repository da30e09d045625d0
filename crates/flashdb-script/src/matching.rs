//! Lua 5.1's patterns, matched by code that can be stopped. Lua's own matcher goes back over what it tried without a look
//! at the time, so that one call (`("a"):rep(40):match("a*a*a*a*b")` with more of it) can hold a server for hours; this one
//! asks every few thousand steps whether it may go on, and bounds how deep it goes. It knows nothing of Lua's values.
//!
//! The language is that of section 5.4.1 of the Lua 5.1 manual, with `%f[set]`, and as there a pattern ends at its first
//! zero byte.

/// Captures in one pattern.
pub(crate) const CAPTURES_MAX: usize = 32;

/// Repetitions and captures that are open within each other: each is a call of a function here.
const DEPTH_MAX: usize = 1000;

/// Steps between two questions whether to go on: about a tenth of a millisecond.
const STEPS_BETWEEN_LOOKS: usize = 20_000;

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The pattern is wrong; the words are Lua's.
    Pattern(&'static str),
    /// It was told to stop.
    Interrupted,
}

const ENDS_WITH_PERCENT: Fault = Fault::Pattern("malformed pattern (ends with '%')");
const NO_CLOSING_BRACKET: Fault = Fault::Pattern("malformed pattern (missing ']')");
const UNBALANCED: Fault = Fault::Pattern("unbalanced pattern");
const NO_SET: Fault = Fault::Pattern("missing '[' after '%f' in pattern");
const TOO_MANY_CAPTURES: Fault = Fault::Pattern("too many captures");
const NOT_OPEN: Fault = Fault::Pattern("invalid pattern capture");
const NO_SUCH_CAPTURE: Fault = Fault::Pattern("invalid capture index");
const UNFINISHED: Fault = Fault::Pattern("unfinished capture");
const TOO_COMPLEX: Fault = Fault::Pattern("pattern too complex");

/// What a capture holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Captured {
    /// Bytes of the subject, from and to.
    Text(usize, usize),
    /// A place in the subject, counted from 1.
    Position(usize),
}

#[derive(Clone, Copy)]
enum Extent {
    Open,
    Position,
    Bytes(usize),
}

#[derive(Clone, Copy)]
struct Capture {
    start: usize,
    extent: Extent,
}

/// Where a match ends, if there is one.
type Found = Result<Option<usize>, Fault>;

/// A pattern being matched against a subject. Holds nothing that has to be dropped.
pub(crate) struct Matcher<'a, G> {
    subject: &'a [u8],
    pattern: &'a [u8],
    goes_on: G,
    captures: [Capture; CAPTURES_MAX],
    captures_count: usize,
    depth: usize,
    steps: usize,
}

/// Whether a pattern has any byte that does not stand for itself.
pub(crate) fn has_specials(pattern: &[u8]) -> bool {
    let end = text_end(pattern);
    pattern[..end].iter().any(|byte| b"^$*+?.([%-".contains(byte))
}

fn text_end(pattern: &[u8]) -> usize {
    pattern
        .iter()
        .position(|&byte| byte == 0)
        .unwrap_or(pattern.len())
}

impl<'a, G: FnMut() -> bool> Matcher<'a, G> {
    /// `goes_on` is asked now and then; false ends the match with [`Fault::Interrupted`].
    pub(crate) fn new(subject: &'a [u8], pattern: &'a [u8], goes_on: G) -> Self {
        let none = Capture {
            start: 0,
            extent: Extent::Open,
        };
        Matcher {
            subject,
            pattern: &pattern[..text_end(pattern)],
            goes_on,
            captures: [none; CAPTURES_MAX],
            captures_count: 0,
            depth: 0,
            steps: 0,
        }
    }

    /// Takes a `^` off the front of the pattern; whether there was one.
    pub(crate) fn take_anchor(&mut self) -> bool {
        let rest = self.pattern.strip_prefix(b"^");
        self.pattern = rest.unwrap_or(self.pattern);
        rest.is_some()
    }

    /// Matches the pattern to what begins at `start`; the end of it.
    ///
    /// # Errors
    /// When the pattern is wrong, or `goes_on` said no. Only what the match comes by is looked at.
    pub(crate) fn match_at(&mut self, start: usize) -> Found {
        self.captures_count = 0;
        self.depth = 0;
        self.step(start, 0)
    }

    /// The first match that begins at `start` or later: from and to.
    ///
    /// # Errors
    /// As [`Matcher::match_at`].
    pub(crate) fn search(&mut self, start: usize, anchored: bool) -> Result<Option<(usize, usize)>, Fault> {
        let last = if anchored { start } else { self.subject.len() };
        for from in start..=last {
            if let Some(to) = self.match_at(from)? {
                return Ok(Some((from, to)));
            }
        }
        Ok(None)
    }

    /// Captures of the last match.
    pub(crate) fn captures_count(&self) -> usize {
        self.captures_count
    }

    /// Capture `index`, from 0 on. A pattern without captures has the whole match as its first.
    ///
    /// # Errors
    /// When there is none, or it was not closed.
    pub(crate) fn capture(&self, index: usize, whole: (usize, usize)) -> Result<Captured, Fault> {
        if index >= self.captures_count {
            return match index {
                0 => Ok(Captured::Text(whole.0, whole.1)),
                _ => Err(NO_SUCH_CAPTURE),
            };
        }
        let Capture { start, extent } = self.captures[index];
        match extent {
            Extent::Open => Err(UNFINISHED),
            Extent::Position => Ok(Captured::Position(start + 1)),
            Extent::Bytes(len) => Ok(Captured::Text(start, start + len)),
        }
    }

    fn spend(&mut self, steps: usize) -> Result<(), Fault> {
        self.steps += steps;
        if self.steps >= STEPS_BETWEEN_LOOKS {
            self.steps = 0;
            if !(self.goes_on)() {
                return Err(Fault::Interrupted);
            }
        }
        Ok(())
    }

    /// Matches the pattern from `p` on, one level deeper.
    fn step(&mut self, s: usize, p: usize) -> Found {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(TOO_COMPLEX);
        }
        let found = self.items(s, p);
        self.depth -= 1;
        found
    }

    fn items(&mut self, mut s: usize, mut p: usize) -> Found {
        loop {
            self.spend(1)?;
            let Some(&item) = self.pattern.get(p) else {
                return Ok(Some(s));
            };
            match (item, self.pattern.get(p + 1)) {
                (b'(', Some(b')')) => return self.open(s, p + 2, Extent::Position),
                (b'(', _) => return self.open(s, p + 1, Extent::Open),
                (b')', _) => return self.close(s, p + 1),
                (b'$', None) => return Ok((s == self.subject.len()).then_some(s)),
                (b'%', Some(b'b')) => match self.balanced(s, p + 2)? {
                    Some(end) => (s, p) = (end, p + 4),
                    None => return Ok(None),
                },
                (b'%', Some(b'f')) => match self.frontier(s, p + 2)? {
                    Some(end) => p = end,
                    None => return Ok(None),
                },
                (b'%', Some(digit @ b'0'..=b'9')) => match self.repeated(s, *digit)? {
                    Some(end) => (s, p) = (end, p + 2),
                    None => return Ok(None),
                },
                _ => {
                    let end = self.item_end(p)?;
                    match self.pattern.get(end) {
                        Some(b'?') => {
                            if self.is_single(s, p, end)?
                                && let Some(found) = self.step(s + 1, end + 1)?
                            {
                                return Ok(Some(found));
                            }
                            p = end + 1;
                        }
                        Some(b'*') => return self.most(s, s, p, end),
                        Some(b'+') if self.is_single(s, p, end)? => return self.most(s + 1, s + 1, p, end),
                        Some(b'-') => return self.fewest(s, p, end),
                        Some(b'+') => return Ok(None),
                        _ if self.is_single(s, p, end)? => (s, p) = (s + 1, end),
                        _ => return Ok(None),
                    }
                }
            }
        }
    }

    /// As many of the item from `p` to `end` as there are from `s` on, then fewer, down to `least`.
    fn most(&mut self, least: usize, mut s: usize, p: usize, end: usize) -> Found {
        while self.is_single(s, p, end)? {
            s += 1;
        }
        loop {
            if let Some(found) = self.step(s, end + 1)? {
                return Ok(Some(found));
            }
            if s == least {
                return Ok(None);
            }
            s -= 1;
        }
    }

    /// None of the item, then more.
    fn fewest(&mut self, mut s: usize, p: usize, end: usize) -> Found {
        loop {
            if let Some(found) = self.step(s, end + 1)? {
                return Ok(Some(found));
            }
            if !self.is_single(s, p, end)? {
                return Ok(None);
            }
            s += 1;
        }
    }

    fn open(&mut self, s: usize, p: usize, extent: Extent) -> Found {
        let Some(capture) = self.captures.get_mut(self.captures_count) else {
            return Err(TOO_MANY_CAPTURES);
        };
        *capture = Capture { start: s, extent };
        self.captures_count += 1;
        let found = self.step(s, p)?;
        if found.is_none() {
            self.captures_count -= 1;
        }
        Ok(found)
    }

    fn close(&mut self, s: usize, p: usize) -> Found {
        let open = |capture: &Capture| matches!(capture.extent, Extent::Open);
        let at = self.captures[..self.captures_count]
            .iter()
            .rposition(open)
            .ok_or(NOT_OPEN)?;
        self.captures[at].extent = Extent::Bytes(s - self.captures[at].start);
        let found = self.step(s, p)?;
        if found.is_none() {
            self.captures[at].extent = Extent::Open;
        }
        Ok(found)
    }

    /// `%1`: the text of a capture again.
    fn repeated(&mut self, s: usize, digit: u8) -> Found {
        let index = usize::from(digit).wrapping_sub(usize::from(b'1'));
        let captures = &self.captures[..self.captures_count];
        match captures.get(index).ok_or(NO_SUCH_CAPTURE)? {
            Capture {
                extent: Extent::Open, ..
            } => Err(NO_SUCH_CAPTURE),
            Capture {
                extent: Extent::Position,
                ..
            } => Ok(None),
            &Capture {
                start,
                extent: Extent::Bytes(len),
            } => {
                self.spend(len / 16)?;
                let text = &self.subject[start..start + len];
                Ok(self.subject[s..].starts_with(text).then_some(s + len))
            }
        }
    }

    /// `%bxy`: from an x to the y that goes with it.
    fn balanced(&mut self, s: usize, p: usize) -> Found {
        let (Some(&begin), Some(&end)) = (self.pattern.get(p), self.pattern.get(p + 1)) else {
            return Err(UNBALANCED);
        };
        if self.subject.get(s) != Some(&begin) {
            return Ok(None);
        }
        let mut open = 1;
        for at in s + 1..self.subject.len() {
            self.spend(1)?;
            let byte = self.subject[at];
            if byte == end {
                open -= 1;
                if open == 0 {
                    return Ok(Some(at + 1));
                }
            } else if byte == begin {
                open += 1;
            }
        }
        Ok(None)
    }

    /// `%f[set]`: between a byte outside of the set and one inside; the end of the item.
    fn frontier(&mut self, s: usize, p: usize) -> Found {
        if self.pattern.get(p) != Some(&b'[') {
            return Err(NO_SET);
        }
        let end = self.item_end(p)?;
        self.spend(end - p)?;
        let before = s.checked_sub(1).map_or(0, |before| self.subject[before]);
        let here = self.subject.get(s).copied().unwrap_or(0);
        let set = &self.pattern[p + 1..end - 1];
        Ok((!is_in_set(before, set) && is_in_set(here, set)).then_some(end))
    }

    /// Where the item that begins at `p` ends, without what says how often it comes.
    fn item_end(&self, p: usize) -> Result<usize, Fault> {
        match self.pattern[p] {
            b'%' if p + 1 == self.pattern.len() => Err(ENDS_WITH_PERCENT),
            b'%' => Ok(p + 2),
            b'[' => self.set_end(p + 1),
            _ => Ok(p + 1),
        }
    }

    /// The end of a set whose bracket is before `at`. The first byte in it may be a closing bracket.
    fn set_end(&self, mut at: usize) -> Result<usize, Fault> {
        if self.pattern.get(at) == Some(&b'^') {
            at += 1;
        }
        loop {
            match self.pattern.get(at).ok_or(NO_CLOSING_BRACKET)? {
                b'%' if at + 1 < self.pattern.len() => at += 2,
                _ => at += 1,
            }
            if self.pattern.get(at) == Some(&b']') {
                return Ok(at + 1);
            }
        }
    }

    /// Whether the byte at `s` is one that the item from `p` to `end` stands for.
    fn is_single(&mut self, s: usize, p: usize, end: usize) -> Result<bool, Fault> {
        self.spend(end - p)?;
        let Some(&byte) = self.subject.get(s) else {
            return Ok(false);
        };
        Ok(match self.pattern[p] {
            b'.' => true,
            b'%' => is_in_class(byte, self.pattern[p + 1]),
            b'[' => is_in_set(byte, &self.pattern[p + 1..end - 1]),
            plain => plain == byte,
        })
    }
}

/// Whether `set`, the bytes between the brackets, has `byte`.
fn is_in_set(byte: u8, set: &[u8]) -> bool {
    let (set, inside) = match set {
        [b'^', rest @ ..] => (rest, false),
        _ => (set, true),
    };
    let mut rest = set;
    loop {
        rest = match rest {
            [] => return !inside,
            [b'%', class, _rest @ ..] if is_in_class(byte, *class) => return inside,
            [b'%', _, rest @ ..] => rest,
            // At the end of a set this is only left of one that its bracket belongs to.
            [b'%'] => return if byte == b']' { inside } else { !inside },
            [low, b'-', high, _rest @ ..] if (*low..=*high).contains(&byte) => return inside,
            [_, b'-', _, rest @ ..] => rest,
            [plain, _rest @ ..] if *plain == byte => return inside,
            [_, rest @ ..] => rest,
        };
    }
}

/// Whether `%class` stands for `byte`. A class that is no letter stands for itself.
fn is_in_class(byte: u8, class: u8) -> bool {
    let inside = match class.to_ascii_lowercase() {
        b'a' => byte.is_ascii_alphabetic(),
        b'c' => byte.is_ascii_control(),
        b'd' => byte.is_ascii_digit(),
        b'l' => byte.is_ascii_lowercase(),
        b'p' => byte.is_ascii_punctuation(),
        b's' => matches!(byte, b' ' | 9..=13),
        b'u' => byte.is_ascii_uppercase(),
        b'w' => byte.is_ascii_alphanumeric(),
        b'x' => byte.is_ascii_hexdigit(),
        b'z' => byte == 0,
        _ => return byte == class,
    };
    inside != class.is_ascii_uppercase()
}
