//! Intersection, union and difference of several sets: SINTER, SINTERCARD, SUNION, SDIFF.
//!
//! Missing keys are empty sets. All keys are looked up, and their types checked, before anything is
//! computed; then the sets are read together ([`Sets`]).

use crate::args::Cursor;
use crate::context::{CommandResult, Context};
use crate::error::{self, ErrorReply};
use crate::key_spec::{KeyFlags, KeySpec};
use crate::limits;
use crate::spec::{Arg, CommandSpec, Flags, Group};
use flashdb_base::number::{NumberBuffer, parse_i64};
use flashdb_store::{Access, WrongType};
use flashdb_types::set::{Member, Set, SetLimits};

const KEYS: &[KeySpec] = &[KeySpec::range(1, -1, 1, KeyFlags::RO.and(KeyFlags::ACCESS))];

/// What the three commands that answer members have in common.
const BASE: CommandSpec = CommandSpec {
    group: Group::Set,
    arity: -2,
    flags: Flags::READONLY,
    keys: KEYS,
    args: &[Arg::key("key").multiple()],
    reply: "A set of members.",
    tips: &["nondeterministic_output_order"],
    ..CommandSpec::EMPTY
};

pub(super) static SINTER: CommandSpec = CommandSpec {
    name: "sinter",
    summary: "Returns the members that all sets have.",
    complexity: "O(N*M) at worst, where N is the size of the smallest of M sets",
    handler: |context| answer(context, Operation::Intersection),
    ..BASE
};

pub(super) static SUNION: CommandSpec = CommandSpec {
    name: "sunion",
    summary: "Returns the members that any of the sets has.",
    complexity: "O(N) where N is the number of members of all sets",
    handler: |context| answer(context, Operation::Union),
    ..BASE
};

pub(super) static SDIFF: CommandSpec = CommandSpec {
    name: "sdiff",
    summary: "Returns the members of the first set that no other set has.",
    complexity: "O(N*M) at worst, where N is the size of the first of M sets",
    handler: |context| answer(context, Operation::Difference),
    ..BASE
};

pub(super) static SINTERCARD: CommandSpec = CommandSpec {
    name: "sintercard",
    summary: "Returns how many members all sets have, counting no further than a limit.",
    since: "7.0.0",
    group: Group::Set,
    complexity: "O(N*M) at worst, where N is the size of the smallest of M sets",
    arity: -3,
    flags: Flags::READONLY.and(Flags::MOVABLE_KEYS),
    keys: &[KeySpec::counted(1, KeyFlags::RO.and(KeyFlags::ACCESS))],
    args: &[
        Arg::integer("numkeys"),
        Arg::key("key").multiple(),
        Arg::integer("limit").with_token("LIMIT").optional(),
    ],
    reply: "The number of members.",
    handler: sintercard,
    ..CommandSpec::EMPTY
};

/// What becomes of several sets.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Operation {
    Intersection,
    Union,
    Difference,
}

/// Several sets under shared access; `None` for a key that does not exist.
pub(super) struct Sets<'d>(Vec<Option<&'d Set>>);

impl<'d> Sets<'d> {
    /// Looks the keys up in order.
    ///
    /// # Errors
    /// The first key that is no set.
    pub(super) fn look_up<'k>(
        data: &'d mut Access<'_>,
        keys: impl Iterator<Item = &'k [u8]> + Clone,
    ) -> Result<Self, WrongType> {
        for key in keys.clone() {
            data.read::<Set>(key)?;
        }
        let data = &*data;
        Ok(Sets(keys.map(|key| data.peek_as(key)).collect::<Result<_, _>>()?))
    }

    /// The result as a set of its own.
    pub(super) fn to_set(&self, operation: Operation, limits: &SetLimits) -> Set {
        let mut result = Set::new();
        self.visit(operation, limits, |member| {
            result.insert_member(member, limits);
            true
        });
        result
    }

    /// Shows each member of the result once, until `visit` answers false.
    fn visit(&self, operation: Operation, limits: &SetLimits, visit: impl FnMut(Member<'_>) -> bool) {
        match operation {
            Operation::Intersection => self.visit_intersection(visit),
            Operation::Union => self.visit_union(limits, visit),
            Operation::Difference => self.visit_difference(visit),
        }
    }

    /// The smallest set leads, the others are asked in order of size: the likeliest to lack a member first.
    fn visit_intersection(&self, mut visit: impl FnMut(Member<'_>) -> bool) {
        let Some(mut sets) = self.0.iter().copied().collect::<Option<Vec<&Set>>>() else {
            return;
        };
        sets.sort_by_key(|set| set.len());
        let Some((smallest, others)) = sets.split_first() else {
            return;
        };
        for member in smallest.iter() {
            let everywhere = others
                .iter()
                .all(|set| std::ptr::eq(*set, *smallest) || set.contains_member(member));
            if everywhere && !visit(member) {
                return;
            }
        }
    }

    fn visit_union(&self, limits: &SetLimits, mut visit: impl FnMut(Member<'_>) -> bool) {
        let present: Vec<&Set> = self.0.iter().flatten().copied().collect();
        if let [only] = present[..] {
            only.iter().all(visit);
            return;
        }
        let mut seen = Set::new();
        for member in present.into_iter().flatten() {
            if seen.insert_member(member, limits) && !visit(member) {
                return;
            }
        }
    }

    /// The largest of the sets to subtract is asked first, as it has a member most likely.
    fn visit_difference(&self, visit: impl FnMut(Member<'_>) -> bool) {
        let Some((Some(first), others)) = self.0.split_first() else {
            return;
        };
        let mut others: Vec<&Set> = others.iter().flatten().copied().collect();
        if others.iter().any(|set| std::ptr::eq(*set, *first)) {
            return;
        }
        others.sort_by_key(|set| std::cmp::Reverse(set.len()));
        let members = first.iter();
        members
            .filter(|member| !others.iter().any(|set| set.contains_member(*member)))
            .all(visit);
    }
}

fn answer(context: &mut Context<'_, '_>, operation: Operation) -> CommandResult {
    let limits = limits::set(context.settings);
    let sets = Sets::look_up(context.data, context.args.iter_from(1))?;
    let reply = &mut *context.reply;
    let header = reply.deferred();
    let (mut count, mut digits) = (0, NumberBuffer::new());
    sets.visit(operation, &limits, |member| {
        reply.bulk(member.as_bytes(&mut digits));
        count += 1;
        true
    });
    reply.finish_set(header, count);
    Ok(())
}

fn sintercard(context: &mut Context<'_, '_>) -> CommandResult {
    let words = context.args;
    let count = parse_i64(words.at(1))
        .and_then(|count| usize::try_from(count).ok())
        .filter(|count| *count > 0)
        .ok_or(ErrorReply::fixed("ERR numkeys should be greater than 0"))?;
    if count > words.len() - 2 {
        return Err(ErrorReply::fixed(
            "ERR Number of keys can't be greater than number of args",
        ));
    }
    let limit = limit(Cursor::new(words, 2 + count))?;
    let limits = limits::set(context.settings);
    let sets = Sets::look_up(context.data, words.iter_from(2).take(count))?;
    let mut counted = 0;
    sets.visit(Operation::Intersection, &limits, |_| {
        counted += 1;
        counted != limit
    });
    context.reply.count(counted);
    Ok(())
}

/// LIMIT; 0 counts everything.
fn limit(mut cursor: Cursor<'_>) -> Result<usize, ErrorReply> {
    let mut limit = 0;
    while cursor.remaining() > 0 {
        if !cursor.take_with("limit", 1) {
            return Err(error::SYNTAX);
        }
        limit = parse_i64(cursor.word()?)
            .and_then(|limit| usize::try_from(limit).ok())
            .ok_or(ErrorReply::fixed("ERR LIMIT can't be negative"))?;
    }
    Ok(limit)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Runner;
    use flashdb_base::prng::Prng;
    use flashdb_resp::Protocol;
    use std::collections::BTreeSet;

    #[test]
    fn operations() {
        let mut run = Runner::default();
        run.run("SADD a 1 2 3 x");
        run.run("SADD b 2 3 4");
        assert_eq!(run.run("SINTER a b"), "*2 $1 2 $1 3");
        assert_eq!(run.run("SINTER a nokey"), "*0");
        assert_eq!(run.run("SUNION b nokey"), "*3 $1 2 $1 3 $1 4");
        assert_eq!(run.run("SUNION a b"), "*5 $1 1 $1 2 $1 3 $1 x $1 4");
        assert_eq!(run.run("SDIFF a b"), "*2 $1 1 $1 x");
        assert_eq!(run.run("SDIFF a a"), "*0");
        assert_eq!(run.run("SDIFF nokey a"), "*0");
        run.protocol = Protocol::Resp3;
        assert_eq!(run.run("SDIFF b a"), "~1 $1 4");
        run.run("HSET h a 1");
        for line in [
            "SINTER nokey h",
            "SUNION a h",
            "SDIFF nokey h",
            "SINTERCARD 2 nokey h",
        ] {
            assert!(run.run(line).starts_with("-WRONGTYPE"), "{line}");
        }
    }

    #[test]
    fn sintercard() {
        let mut run = Runner::default();
        run.run("SADD a 1 2 3 x");
        run.run("SADD b 2 3 4 x");
        assert_eq!(run.run("SINTERCARD 2 a b"), ":3");
        assert_eq!(run.run("SINTERCARD 2 a b LIMIT 2"), ":2");
        assert_eq!(run.run("SINTERCARD 2 a b LIMIT 0"), ":3");
        assert_eq!(run.run("SINTERCARD 1 nokey"), ":0");
        for (line, error) in [
            ("SINTERCARD 0 a", "-ERR numkeys should be greater than 0"),
            ("SINTERCARD x a", "-ERR numkeys should be greater than 0"),
            (
                "SINTERCARD 2 a",
                "-ERR Number of keys can't be greater than number of args",
            ),
            ("SINTERCARD 1 a b", "-ERR syntax error"),
            ("SINTERCARD 1 a LIMIT", "-ERR syntax error"),
            ("SINTERCARD 1 a LIMIT -1", "-ERR LIMIT can't be negative"),
            ("SINTERCARD 1 a LIMIT x", "-ERR LIMIT can't be negative"),
        ] {
            assert_eq!(run.run(line), error, "{line}");
        }
    }

    type Model = BTreeSet<Vec<u8>>;

    #[test]
    fn operations_agree_with_ordered_sets() {
        let mut prng = Prng::from_seed(7);
        let limits = SetLimits::default();
        for round in 0..200 {
            let models: Vec<Model> = (0..1 + prng.below(4))
                .map(|_| {
                    let text = prng.below(2) == 0;
                    let members = 0..prng.below(if round % 10 == 0 { 400 } else { 20 });
                    let mut member = |_| match text && prng.below(2) == 0 {
                        true => format!("m{}", prng.below(300)).into_bytes(),
                        false => prng.below(300).to_string().into_bytes(),
                    };
                    members.map(&mut member).collect()
                })
                .collect();
            let sets: Vec<Set> = models
                .iter()
                .map(|model| Set::from_members(model.iter().map(Vec::as_slice), &limits))
                .collect();
            let sets = Sets(sets.iter().map(Some).collect());
            let fold = |op: fn(&Model, &Model) -> Model| {
                let others = models[1..].iter();
                others.fold(models[0].clone(), |sum, other| op(&sum, other))
            };
            for (operation, expected) in [
                (Operation::Intersection, fold(|a, b| a & b)),
                (Operation::Union, fold(|a, b| a | b)),
                (Operation::Difference, fold(|a, b| a - b)),
            ] {
                let result = sets.to_set(operation, &limits);
                result.validate();
                let result: BTreeSet<_> = result.iter().map(|member| member.to_vec()).collect();
                assert_eq!(result, expected, "round {round}");
            }
        }
    }
}
