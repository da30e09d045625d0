//! Waiting until writes are safe elsewhere: WAIT, WAITAOF. This server has no replicas, so a client
//! that asks for one waits its time and is told that there is none.

use crate::args;
use crate::context::{CommandResult, Context, OnTimeout};
use crate::error::{self, ErrorReply};
use crate::spec::{Arg, CommandSpec, Flags};

pub(super) static WAIT: CommandSpec = CommandSpec {
    name: "wait",
    summary: "Waits until replicas have the client's writes.",
    since: "3.0.0",
    arity: 3,
    flags: Flags::NO_SCRIPT,
    categories: &["connection"],
    args: &[Arg::integer("numreplicas"), Arg::integer("timeout")],
    reply: "The number of replicas that have them.",
    tips: &["request_policy:all_shards", "response_policy:agg_min"],
    handler: wait,
    ..CommandSpec::EMPTY
};

fn wait(context: &mut Context<'_, '_>) -> CommandResult {
    let replicas = args::integer(context.arg(1))?;
    let deadline_ms = args::deadline_of_ms(context.arg(2), context.now_ms())?;
    if replicas <= 0 {
        context.reply.integer(0);
    } else {
        context.block([], deadline_ms, OnTimeout::Integer(0));
    }
    Ok(())
}

pub(super) static WAITAOF: CommandSpec = CommandSpec {
    name: "waitaof",
    summary: "Waits until the client's writes are on this server's disk and on those of replicas.",
    since: "7.2.0",
    arity: 4,
    flags: Flags::NO_SCRIPT,
    categories: &["connection"],
    args: &[
        Arg::integer("numlocal"),
        Arg::integer("numreplicas"),
        Arg::integer("timeout"),
    ],
    reply: "Two numbers: whether they are on this server's disk, and on how many replicas'.",
    tips: &["request_policy:all_shards", "response_policy:agg_min"],
    handler: wait_on_disk,
    ..CommandSpec::EMPTY
};

fn wait_on_disk(context: &mut Context<'_, '_>) -> CommandResult {
    let local = args::integer(context.arg(1))?;
    if !(0..=1).contains(&local) {
        return Err(ErrorReply::fixed(
            "ERR value is out of range, value must between 0 and 1",
        ));
    }
    let replicas = args::integer(context.arg(2))?;
    if replicas < 0 {
        return Err(error::NOT_POSITIVE);
    }
    let deadline_ms = args::deadline_of_ms(context.arg(3), context.now_ms())?;
    if local > 0 && !context.settings.appendonly {
        return Err(ErrorReply::fixed(
            "ERR WAITAOF cannot be used when numlocal is set but appendonly is disabled.",
        ));
    }
    if local == 0 && replicas == 0 {
        context.reply.array(2);
        context.reply.integer(0);
        context.reply.integer(0);
    } else {
        context.block([], deadline_ms, OnTimeout::IntegerPair(0, 0));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::testing::Runner;

    #[test]
    fn without_replicas() {
        let mut run = Runner::default();
        for (line, reply) in [
            ("WAIT 0 0", ":0"),
            ("WAIT 1 100", "+(blocked)"),
            ("WAIT x 0", "-ERR value is not an integer or out of range"),
            ("WAIT 1 -1", "-ERR timeout is negative"),
            ("WAITAOF 0 0 0", "*2 :0 :0"),
            ("WAITAOF 0 1 0", "+(blocked)"),
            ("WAITAOF 0 -1 0", "-ERR value is out of range, must be positive"),
            (
                "WAITAOF 2 0 0",
                "-ERR value is out of range, value must between 0 and 1",
            ),
        ] {
            assert_eq!(run.run(line), reply, "{line}");
        }
        run.settings.appendonly = false;
        assert!(
            run.run("WAITAOF 1 0 0")
                .starts_with("-ERR WAITAOF cannot be used")
        );
    }
}
