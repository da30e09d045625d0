//! Serialized values: DUMP, RESTORE, RESTORE-ASKING.

use crate::args::{self, Cursor};
use crate::context::{CommandResult, Context};
use crate::error::{self, ErrorReply};
use crate::key_spec::{KeyFlags, KeySpec};
use crate::rdb_convert;
use crate::spec::{Arg, CommandSpec, Flags, Group};
use flashdb_base::notify_flags::NotifyFlags;
use flashdb_base::number::NumberBuffer;
use flashdb_rdb::{HashField, RdbValue};
use flashdb_store::{Entry, Expiry, Usage, Value, lfu, lru_seconds};

pub(super) static DUMP: CommandSpec = CommandSpec {
    name: "dump",
    summary: "Returns the value of a key in serialized form.",
    since: "2.6.0",
    complexity: "O(N) for a value of N bytes.",
    arity: 2,
    flags: Flags::READONLY,
    keys: &[KeySpec::one(1, KeyFlags::RO.and(KeyFlags::ACCESS))],
    args: &[Arg::key("key")],
    reply: "The payload, or null if the key does not exist.",
    tips: &["nondeterministic_output"],
    handler: dump,
    ..CommandSpec::EMPTY
};

fn dump(context: &mut Context<'_, '_>) -> CommandResult {
    let now_ms = context.now_ms();
    let limits = rdb_convert::encode_limits(context.settings);
    match context.data.find(context.args.at(1)).map(Entry::value) {
        Some(value) => context.reply.bulk(&rdb_convert::dump(value, &limits, now_ms)),
        None => context.reply.null(),
    }
    Ok(())
}

pub(super) static RESTORE: CommandSpec = CommandSpec {
    name: "restore",
    summary: "Creates a key from a serialized value.",
    since: "2.6.0",
    complexity: "O(N) for a payload of N bytes, O(N log N) for a sorted set.",
    arity: -4,
    flags: Flags::WRITE.and(Flags::DENY_OOM),
    categories: &["keyspace", "dangerous"],
    keys: &[KeySpec::one(1, KeyFlags::OW.and(KeyFlags::UPDATE))],
    args: &[
        Arg::key("key"),
        Arg::integer("ttl"),
        Arg::string("serialized-value"),
        Arg::word("replace", "REPLACE").optional().since("3.0.0"),
        Arg::word("absttl", "ABSTTL").optional().since("5.0.0"),
        Arg::integer("seconds")
            .with_token("IDLETIME")
            .optional()
            .since("5.0.0"),
        Arg::integer("frequency")
            .with_token("FREQ")
            .optional()
            .since("5.0.0"),
    ],
    reply: "OK.",
    history: &[
        ("3.0.0", "Takes the option REPLACE."),
        ("5.0.0", "Takes the option ABSTTL."),
        ("5.0.0", "Takes the options IDLETIME and FREQ."),
    ],
    handler: restore,
    ..CommandSpec::EMPTY
};

pub(super) static RESTORE_ASKING: CommandSpec = CommandSpec {
    name: "restore-asking",
    summary: "Does what RESTORE does for a slot that is being moved here.",
    since: "3.0.0",
    group: Group::Server,
    flags: Flags::WRITE.and(Flags::DENY_OOM).and(Flags::ASKING),
    ..RESTORE_BASE
};

/// What RESTORE-ASKING takes over from RESTORE.
const RESTORE_BASE: CommandSpec = CommandSpec {
    complexity: RESTORE.complexity,
    arity: RESTORE.arity,
    categories: RESTORE.categories,
    keys: RESTORE.keys,
    args: RESTORE.args,
    reply: RESTORE.reply,
    history: RESTORE.history,
    handler: restore,
    ..CommandSpec::EMPTY
};

/// The options of RESTORE.
#[derive(Default)]
struct Options {
    replace: bool,
    absolute: bool,
    idle_seconds: Option<i64>,
    frequency: Option<u8>,
}

impl Options {
    fn parse(context: &Context<'_, '_>) -> Result<Self, ErrorReply> {
        let mut options = Options::default();
        let mut words = Cursor::new(context.args, 4);
        while words.remaining() > 0 {
            if words.take("replace") {
                options.replace = true;
            } else if words.take("absttl") {
                options.absolute = true;
            } else if options.frequency.is_none() && words.take_with("idletime", 1) {
                let seconds = words.integer()?;
                if seconds < 0 {
                    return Err(ErrorReply::fixed("ERR Invalid IDLETIME value, must be >= 0"));
                }
                options.idle_seconds = Some(seconds);
            } else if options.idle_seconds.is_none() && words.take_with("freq", 1) {
                let frequency = u8::try_from(words.integer()?)
                    .map_err(|_| ErrorReply::fixed("ERR Invalid FREQ value, must be >= 0 and <= 255"))?;
                options.frequency = Some(frequency);
            } else {
                return Err(error::SYNTAX);
            }
        }
        Ok(options)
    }

    /// The access bits to give the key, where the options fit how use is recorded.
    fn access(&self, usage: Usage, now_ms: i64) -> Option<u32> {
        const CLOCK_MASK: u32 = (1 << 24) - 1;
        match usage {
            Usage::Lfu { .. } => self.frequency.map(|counter| lfu::pack(now_ms, counter)),
            Usage::Lru => self.idle_seconds.map(|seconds| {
                let seconds = seconds.min(i64::from(CLOCK_MASK)) as u32;
                lru_seconds(now_ms).wrapping_sub(seconds) & CLOCK_MASK
            }),
        }
    }
}

fn restore(context: &mut Context<'_, '_>) -> CommandResult {
    let options = Options::parse(context)?;
    let (key, now_ms, due_ms) = (context.arg(1), context.now_ms(), context.data.due_ms());
    if !options.replace && context.data.find_quietly(key).is_some() {
        return Err(ErrorReply::fixed("BUSYKEY Target key name already exists."));
    }
    let ttl_ms = args::integer(context.arg(2))?;
    if ttl_ms < 0 {
        return Err(ErrorReply::fixed("ERR Invalid TTL value, must be >= 0"));
    }
    let refused = |error: flashdb_rdb::RdbError| ErrorReply::new(format!("ERR {}", error.restore_message()));
    let neutral = flashdb_rdb::decode_dump(context.arg(3)).map_err(refused)?;
    let is_due = |field: &HashField| {
        field
            .expire_at_ms
            .is_some_and(|at_ms| at_ms <= due_ms.max(0) as u64)
    };
    let shrinks = matches!(&neutral, RdbValue::Hash(fields) if fields.iter().any(is_due));
    let value = rdb_convert::to_value(neutral, context.settings, due_ms).map_err(refused)?;
    let at_ms = match ttl_ms {
        0 => None,
        ttl_ms if options.absolute => Some(ttl_ms),
        ttl_ms => Some(now_ms.saturating_add(ttl_ms)),
    };
    match value {
        Some(value) if at_ms.is_none_or(|at_ms| at_ms > due_ms) => {
            // Fields whose time has come are left out, and so they have to be when the log is replayed.
            let limits = rdb_convert::encode_limits(context.settings);
            let rest = shrinks.then(|| rdb_convert::dump(value.as_ref(), &limits, due_ms));
            put(context, key, value, at_ms, &options);
            decide(context, key, at_ms, &options, rest);
        }
        // Its time has come already: only what it was to replace goes.
        _ => {
            if options.replace && context.data.remove(key) {
                context.data.changed(key, NotifyFlags::GENERIC, "del");
                context.data.decided([b"DEL".as_slice(), key]);
            }
        }
    }
    context.reply.ok();
    Ok(())
}

fn put(context: &mut Context<'_, '_>, key: &[u8], value: Value, at_ms: Option<i64>, options: &Options) {
    let expiry = at_ms.map_or(Expiry::Clear, Expiry::At);
    context.data.set_value(key, value, expiry);
    if let Some(access) = options.access(context.data.policy.usage, context.now_ms()) {
        context.data.set_access_bits(key, access);
    }
    context.data.changed(key, NotifyFlags::GENERIC, "restore");
}

/// Records a RESTORE that means the same later: with an absolute expiry, and what was left of the value.
fn decide(
    context: &mut Context<'_, '_>,
    key: &[u8],
    at_ms: Option<i64>,
    options: &Options,
    rest: Option<Vec<u8>>,
) {
    let is_relative = at_ms.is_some() && !options.absolute;
    if !is_relative && rest.is_none() {
        return;
    }
    let mut digits = NumberBuffer::new();
    let args = context.args;
    let payload = rest.as_deref().unwrap_or(args.at(3));
    let at = digits.format_i64(at_ms.unwrap_or(0));
    let words = [b"RESTORE".as_slice(), key, at, payload]
        .into_iter()
        .chain(args.iter_from(4))
        .chain(is_relative.then_some(b"ABSTTL".as_slice()));
    context.data.decided(words);
}

#[cfg(test)]
mod tests {
    use crate::testing::Runner;

    fn payload(run: &mut Runner, key: &str) -> Vec<u8> {
        let reply = run.run_raw([b"DUMP".as_slice(), key.as_bytes()]);
        let start = reply.iter().position(|&b| b == b'\n').expect("a bulk reply") + 1;
        reply[start..reply.len() - 2].to_vec()
    }

    fn restore(run: &mut Runner, key: &str, ttl: &str, payload: &[u8], options: &str) -> String {
        let mut words: Vec<&[u8]> = vec![b"RESTORE", key.as_bytes(), ttl.as_bytes(), payload];
        words.extend(
            options
                .split(' ')
                .filter(|word| !word.is_empty())
                .map(str::as_bytes),
        );
        run.run_words(words)
    }

    #[test]
    fn there_and_back() {
        let mut run = Runner::with_strings("foo");
        run.now_ms = 10_000;
        assert_eq!(run.run("DUMP nokey"), "$-1");
        let dumped = payload(&mut run, "foo");
        assert_eq!(
            restore(&mut run, "foo", "0", &dumped, ""),
            "-BUSYKEY Target key name already exists."
        );
        assert_eq!(restore(&mut run, "bar", "0", &dumped, ""), "+OK");
        assert_eq!(
            (run.events.join(","), run.decided.len()),
            ("new bar,restore bar".into(), 0)
        );
        assert_eq!(
            (run.run("GET bar"), run.run("TTL bar")),
            ("$3 foo".into(), ":-1".into())
        );
        assert_eq!(restore(&mut run, "bar", "500", &dumped, "REPLACE"), "+OK");
        assert!(
            run.decided[0].starts_with("RESTORE bar 10500 ") && run.decided[0].ends_with("REPLACE ABSTTL")
        );
        assert_eq!(run.run("PTTL bar"), ":500");
        assert_eq!(
            restore(&mut run, "bar", "10600", &dumped, "ABSTTL REPLACE"),
            "+OK"
        );
        assert_eq!((run.decided.len(), run.run("PTTL bar")), (0, ":600".into()));
        assert_eq!(restore(&mut run, "bar", "9000", &dumped, "ABSTTL REPLACE"), "+OK");
        assert_eq!(run.decided, ["DEL bar"]);
        assert_eq!(run.run("EXISTS bar"), ":0");
        assert_eq!(restore(&mut run, "bar", "0", &dumped, "IDLETIME 1000"), "+OK");
        assert_eq!(run.run("OBJECT IDLETIME bar"), ":1000");
    }

    /// The log must not bring back fields that had expired, since during its replay nothing does.
    #[test]
    fn only_what_was_left_of_a_hash_is_logged() {
        let mut run = Runner::default();
        run.run("HSET h a 1 b 2");
        run.run("HPEXPIRE h 10 FIELDS 1 a");
        let dumped = payload(&mut run, "h");
        assert_eq!(restore(&mut run, "all", "0", &dumped, ""), "+OK");
        assert!(run.decided.is_empty());
        run.now_ms += 10;
        assert_eq!(restore(&mut run, "rest", "0", &dumped, "IDLETIME 5"), "+OK");
        let logged = run.logged[0].as_args();
        let words: Vec<Vec<u8>> = logged.iter().map(<[u8]>::to_vec).collect();
        assert_eq!(
            (&words[1][..], &words[2][..], words.len()),
            (&b"rest"[..], &b"0"[..], 6)
        );
        assert!(words[3].len() < dumped.len());
        run.now_ms -= 10;
        run.run("DEL rest");
        run.run_words(words.iter().map(Vec::as_slice));
        assert_eq!(run.run("HGETALL rest"), "*2 $1 b $1 2");
    }

    #[test]
    fn errors() {
        let mut run = Runner::with_strings("foo");
        let good = payload(&mut run, "foo");
        let mut bad = good.clone();
        bad[2] ^= 1;
        for (ttl, payload, options, reply) in [
            ("x", &good, "", "-ERR value is not an integer or out of range"),
            ("-1", &good, "", "-ERR Invalid TTL value, must be >= 0"),
            ("0", &bad, "", "-ERR DUMP payload version or checksum are wrong"),
            ("0", &good, "IDLETIME", "-ERR syntax error"),
            (
                "0",
                &good,
                "IDLETIME -1",
                "-ERR Invalid IDLETIME value, must be >= 0",
            ),
            (
                "0",
                &good,
                "FREQ 256",
                "-ERR Invalid FREQ value, must be >= 0 and <= 255",
            ),
            ("0", &good, "FREQ 1 IDLETIME 1", "-ERR syntax error"),
        ] {
            assert_eq!(
                restore(&mut run, "bar", ttl, payload, options),
                reply,
                "{options}"
            );
        }
    }
}
