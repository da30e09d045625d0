//! Taking a large collection in pieces while it goes on changing: the state it had at one moment reaches a [`Taker`]
//! member by member, each once. Steps of whoever takes it come from one side; from the other, a write first hands over the
//! bucket of the member that it is about to change. Neither does more than a bounded amount of work at a time.
//!
//! What is left to take hangs on the table of members, or the nodes of a list, itself, beside which alone members can change: no caller can forget
//! to announce a change, and the value may be moved, renamed or replaced in the meantime. A table that is dropped hands over
//! what is left first. A copy of a collection is not being taken.

use crate::hash::Field;
use flashdb_table::{Change, Remainder, Table};
use std::any::Any;
use std::ops::Deref;

/// What is taken in pieces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A set.
    Set,
    /// A sorted set.
    ZSet,
    /// A hash.
    Hash,
    /// A list.
    List,
}

/// One member of a collection.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Part<'a> {
    /// Of a set.
    Member(&'a [u8]),
    /// Of a sorted set, with its score.
    Scored(&'a [u8], f64),
    /// Of a hash.
    Field(Field<'a>),
    /// Of a list, with the index that it had when taking began. Those of a piece follow each other.
    Element(u64, &'a [u8]),
}

impl Part<'_> {
    /// Bytes that it holds.
    pub fn len(&self) -> usize {
        match self {
            Part::Member(member) | Part::Element(_, member) => member.len(),
            Part::Scored(member, _) => member.len() + size_of::<f64>(),
            Part::Field(field) => field.name.len() + field.value.len(),
        }
    }

    /// Whether it holds nothing but an empty member.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Who takes a collection. Called by whoever may write to it at the time.
pub trait Taker: Any + Send + Sync {
    /// The next member.
    fn take(&mut self, part: Part<'_>);
    /// What came since the last call is a piece.
    fn close(&mut self);
}

/// How much a step may take, and has taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Amount {
    /// Members, and steps without any.
    pub members: usize,
    /// Bytes in them.
    pub bytes: usize,
}

/// What is taken at once outside the walk is closed into pieces of about this much: memory for one stays small.
pub(crate) const PIECE: Amount = Amount {
    members: 1000,
    bytes: 64 << 10,
};

/// A collection that can be taken in pieces once it is large.
pub trait Takeable {
    /// What it is.
    fn kind(&self) -> Kind;
    /// Number of members.
    fn members(&self) -> usize;
    /// Whether it can be: its members are in a table, or in several nodes.
    fn is_takeable(&self) -> bool;
    /// Who is taking it.
    fn taker(&self) -> Option<&dyn Taker>;
    /// Has `taker` take the members that there are now, save that nothing happens unless it is takeable. `epoch` is not 0
    /// and was never given for this collection before. O(1).
    fn begin_taking(&mut self, epoch: u64, taker: Box<dyn Taker>);
    /// Takes a piece of about `most`, at least a bucket; what was taken, and whether something is left. At the end the taker
    /// is dropped.
    fn take_some(&mut self, most: Amount) -> (Amount, bool);
    /// Drops the taker; the rest is not taken.
    fn end_taking(&mut self);
}

/// Makes a collection takeable whose `member_table` and `member_table_mut` give its table of members, if that is its encoding.
macro_rules! takeable {
    ($collection:ident) => {
        impl $crate::pieces::Takeable for $collection {
            fn kind(&self) -> $crate::pieces::Kind {
                $crate::pieces::Kind::$collection
            }

            fn members(&self) -> usize {
                self.len()
            }

            fn is_takeable(&self) -> bool {
                self.member_table().is_some()
            }

            #[inline]
            fn taker(&self) -> Option<&dyn $crate::pieces::Taker> {
                self.member_table()?.taker()
            }

            fn begin_taking(&mut self, epoch: u64, taker: Box<dyn $crate::pieces::Taker>) {
                if let Some(members) = self.member_table_mut() {
                    members.begin_taking(epoch, taker);
                }
            }

            fn take_some(&mut self, most: $crate::pieces::Amount) -> ($crate::pieces::Amount, bool) {
                match self.member_table_mut() {
                    Some(members) => members.take_some(most),
                    None => (
                        $crate::pieces::Amount {
                            members: 0,
                            bytes: 0,
                        },
                        false,
                    ),
                }
            }

            fn end_taking(&mut self) {
                if let Some(members) = self.member_table_mut() {
                    members.end_taking();
                }
            }
        }
    };
}
pub(crate) use takeable;

/// What is in a table of members.
pub(crate) trait Piecewise {
    fn hash(&self) -> u64;
    fn part(&self) -> Part<'_>;
    fn warm(&self);
}

/// A table of members. Reads are the table's own; changes are announced to whoever takes it, as there is no other way to
/// make them.
pub(crate) struct Members<T: Piecewise> {
    table: Table<T>,
    /// Nothing as a rule.
    open: Option<Box<Open>>,
}

/// What is left to take.
struct Open {
    rest: Remainder,
    taker: Box<dyn Taker>,
}

impl<T: Piecewise> Deref for Members<T> {
    type Target = Table<T>;

    #[inline]
    fn deref(&self) -> &Table<T> {
        &self.table
    }
}

impl<T: Piecewise> From<Table<T>> for Members<T> {
    fn from(table: Table<T>) -> Self {
        Members { table, open: None }
    }
}

impl<T: Piecewise> Default for Members<T> {
    fn default() -> Self {
        Table::new().into()
    }
}

/// A table that goes hands over what is left.
impl<T: Piecewise> Drop for Members<T> {
    fn drop(&mut self) {
        if self.open.is_some() {
            self.take_rest();
        }
    }
}

impl<T: Piecewise> Members<T> {
    /// See [`Table::find_mut`].
    #[inline]
    pub(crate) fn find_mut(&mut self, hash: u64, eq: impl FnMut(&T) -> bool) -> Option<&mut T> {
        self.announce(hash, Change::Update);
        self.table.find_mut(hash, eq)
    }

    /// See [`Table::insert_unique`].
    #[inline]
    pub(crate) fn insert_unique(&mut self, hash: u64, value: T) -> &mut T {
        self.announce(hash, Change::Insert);
        self.table.insert_unique(hash, value, T::hash)
    }

    /// See [`Table::find_mut_or_insert`].
    #[inline]
    pub(crate) fn find_mut_or_insert(
        &mut self,
        hash: u64,
        eq: impl FnMut(&T) -> bool,
        make: impl FnOnce() -> T,
    ) -> &mut T {
        self.announce(hash, Change::Insert);
        self.table.find_mut_or_insert(hash, eq, make, T::hash)
    }

    /// See [`Table::remove`].
    #[inline]
    pub(crate) fn remove(&mut self, hash: u64, eq: impl FnMut(&T) -> bool) -> Option<T> {
        self.announce(hash, Change::Remove);
        self.table.remove(hash, eq, T::hash)
    }

    #[inline]
    fn announce(&mut self, hash: u64, change: Change) {
        if self.open.is_some() {
            self.hand_over(hash, change);
        }
    }

    #[cold]
    #[inline(never)]
    fn hand_over(&mut self, hash: u64, change: Change) {
        let Some(open) = &mut self.open else { return };
        let Open { rest, taker } = &mut **open;
        let mut is_some = false;
        self.table
            .before_change(hash, change, rest, T::hash, T::warm, |value| {
                is_some = true;
                taker.take(value.part());
            });
        if is_some {
            taker.close();
        }
    }

    pub(crate) fn taker(&self) -> Option<&dyn Taker> {
        self.open.as_ref().map(|open| &*open.taker)
    }

    /// See [`Takeable::begin_taking`].
    pub(crate) fn begin_taking(&mut self, epoch: u64, taker: Box<dyn Taker>) {
        debug_assert!(self.open.is_none(), "taken once at a time");
        self.table.set_epoch(epoch);
        self.open = Some(Box::new(Open {
            rest: Remainder::everything(),
            taker,
        }));
    }

    /// See [`Takeable::take_some`].
    pub(crate) fn take_some(&mut self, most: Amount) -> (Amount, bool) {
        let mut taken = Amount { members: 0, bytes: 0 };
        let Some(open) = &mut self.open else {
            return (taken, false);
        };
        let Open { rest, taker } = &mut **open;
        let mut more = true;
        let mut is_some = false;
        while more && taken.members < most.members && taken.bytes < most.bytes {
            taken.members += 1;
            more = self.table.walk(rest, T::hash, T::warm, |value| {
                let part = value.part();
                is_some = true;
                taken.members += 1;
                taken.bytes += part.len();
                taker.take(part);
            });
        }
        if is_some {
            taker.close();
        }
        if !more {
            self.end_taking();
        }
        (taken, more)
    }

    #[cold]
    #[inline(never)]
    fn take_rest(&mut self) {
        while self.take_some(PIECE).1 {}
    }

    /// See [`Takeable::end_taking`].
    pub(crate) fn end_taking(&mut self) {
        if self.open.take().is_some() {
            self.table.set_epoch(0);
        }
    }
}

#[cfg(test)]
#[path = "pieces_test.rs"]
mod tests;
