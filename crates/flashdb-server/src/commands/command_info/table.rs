//! The ten elements by which COMMAND describes a command.

use super::categories;
use flashdb_command::key_spec::{Begin, Find, KeyFlags, KeySpec};
use flashdb_command::{CommandSpec, Flags};
use flashdb_resp::Reply;

/// Writes the description of a command and its subcommands.
pub(super) fn write(reply: &mut Reply, spec: &'static CommandSpec) {
    let legacy = LegacyRange::of(spec.keys);
    reply.array(10);
    reply.bulk_str(&spec.full_name());
    reply.integer(spec.arity.into());
    write_flags(reply, spec, &legacy);
    reply.integer(legacy.first);
    reply.integer(legacy.last);
    reply.integer(legacy.step);
    let categories: Vec<&str> = categories(spec).collect();
    reply.set(categories.len());
    for category in categories {
        reply.simple(&format!("@{category}"));
    }
    reply.set(spec.tips.len());
    spec.tips.iter().for_each(|tip| reply.bulk_str(tip));
    reply.set(spec.keys.len());
    spec.keys.iter().for_each(|keys| write_keys(reply, keys));
    if spec.subcommands.is_empty() {
        reply.set(0);
    } else {
        reply.array(spec.subcommands.len());
        spec.subcommands.iter().for_each(|sub| write(reply, sub));
    }
}

fn write_flags(reply: &mut Reply, spec: &CommandSpec, legacy: &LegacyRange) {
    let movable = spec.keys_of.is_some() || !legacy.complete || spec.flags.has(Flags::MOVABLE_KEYS);
    let mut names: Vec<&str> = spec.flags.names().filter(|name| *name != "movablekeys").collect();
    if movable {
        names.push("movablekeys");
    }
    reply.set(names.len());
    names.iter().for_each(|name| reply.simple(name));
}

/// First key, last key and step as COMMAND gave them before key specifications: the range that the
/// plain specifications make up together.
#[derive(Debug, PartialEq, Eq)]
struct LegacyRange {
    first: i64,
    last: i64,
    step: i64,
    /// Whether it covers all keys.
    complete: bool,
}

impl LegacyRange {
    fn of(specs: &[KeySpec]) -> Self {
        let mut range = LegacyRange {
            first: 0,
            last: 0,
            step: 0,
            complete: true,
        };
        for spec in specs {
            let (Begin::Index(begin), Find::Range { last, step, .. }) = (spec.begin, spec.find) else {
                range.complete = false;
                continue;
            };
            let begin = i64::from(begin);
            let last = if last >= 0 {
                begin + i64::from(last)
            } else {
                last.into()
            };
            range.complete &= !spec.flags.has(KeyFlags::INCOMPLETE);
            if range.first == 0 {
                (range.first, range.last, range.step) = (begin, last, step.into());
            } else if range.step == 1 && step == 1 && range.last == begin - 1 {
                range.last = last;
            } else {
                range.complete = false;
            }
        }
        range
    }
}

/// One key specification.
fn write_keys(reply: &mut Reply, keys: &KeySpec) {
    reply.map(3 + usize::from(!keys.notes.is_empty()));
    if !keys.notes.is_empty() {
        reply.bulk_str("notes");
        reply.bulk_str(keys.notes);
    }
    reply.bulk_str("flags");
    write_key_flags(reply, keys.flags);
    reply.bulk_str("begin_search");
    match keys.begin {
        Begin::Index(index) => write_step(reply, "index", &[("index", index.into())]),
        Begin::Keyword(word, from) => {
            reply.map(2);
            reply.bulk_str("type");
            reply.bulk_str("keyword");
            reply.bulk_str("spec");
            reply.map(2);
            reply.bulk_str("keyword");
            reply.bulk_str(word);
            reply.bulk_str("startfrom");
            reply.integer(from.into());
        }
        Begin::Unknown => write_step(reply, "unknown", &[]),
    }
    reply.bulk_str("find_keys");
    match keys.find {
        Find::Range { last, step, limit } => write_step(
            reply,
            "range",
            &[
                ("lastkey", last.into()),
                ("keystep", step.into()),
                ("limit", limit.into()),
            ],
        ),
        Find::Counted {
            number_at,
            first,
            step,
        } => write_step(
            reply,
            "keynum",
            &[
                ("keynumidx", number_at.into()),
                ("firstkey", first.into()),
                ("keystep", step.into()),
            ],
        ),
        Find::Unknown => write_step(reply, "unknown", &[]),
    }
}

fn write_step(reply: &mut Reply, kind: &str, numbers: &[(&str, i64)]) {
    reply.map(2);
    reply.bulk_str("type");
    reply.bulk_str(kind);
    reply.bulk_str("spec");
    reply.map(numbers.len());
    for (name, number) in numbers {
        reply.bulk_str(name);
        reply.integer(*number);
    }
}

/// What is done with a key.
pub(super) fn write_key_flags(reply: &mut Reply, flags: KeyFlags) {
    let names: Vec<&str> = flags.names().collect();
    reply.set(names.len());
    names.iter().for_each(|name| reply.simple(name));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_of_old() {
        let range = |first, last, step, complete| LegacyRange {
            first,
            last,
            step,
            complete,
        };
        assert_eq!(LegacyRange::of(&[]), range(0, 0, 0, true));
        assert_eq!(
            LegacyRange::of(&[KeySpec::one(1, KeyFlags::RO)]),
            range(1, 1, 1, true)
        );
        assert_eq!(
            LegacyRange::of(&[KeySpec::one(1, KeyFlags::RW), KeySpec::one(2, KeyFlags::RW)]),
            range(1, 2, 1, true)
        );
        assert_eq!(
            LegacyRange::of(&[KeySpec::range(1, -1, 2, KeyFlags::OW)]),
            range(1, -1, 2, true)
        );
        assert_eq!(
            LegacyRange::of(&[KeySpec::one(1, KeyFlags::OW), KeySpec::counted(2, KeyFlags::RO)]),
            range(1, 1, 1, false)
        );
    }
}
