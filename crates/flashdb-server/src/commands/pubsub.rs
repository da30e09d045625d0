//! SUBSCRIBE and its kin, PUBLISH, SPUBLISH, PUBSUB.

use super::{client, downcast};
use crate::client::Client;
use crate::pubsub::Kind;
use flashdb_command::error::ErrorReply;
use flashdb_command::key_spec::{ChannelSpec, KeyFlags, KeySpec};
use flashdb_command::{Arg, CommandResult, CommandSpec, Context, Flags, Group, help};
use flashdb_resp::Reply;

/// The family's rows.
pub static COMMANDS: &[&CommandSpec] = &[
    &PSUBSCRIBE,
    &PUBLISH,
    &PUBSUB,
    &PUNSUBSCRIBE,
    &SPUBLISH,
    &SSUBSCRIBE,
    &SUBSCRIBE,
    &SUNSUBSCRIBE,
    &UNSUBSCRIBE,
];

const ANYWHERE: Flags = Flags::PUBSUB
    .and(Flags::NO_ROLLBACK)
    .and(Flags::NO_SCRIPT)
    .and(Flags::LOADING)
    .and(Flags::STALE)
    .and(Flags::WHILE_SUBSCRIBED);
const PUBLISHING: Flags = Flags::PUBSUB
    .and(Flags::LOADING)
    .and(Flags::STALE)
    .and(Flags::FAST)
    .and(Flags::MAY_REPLICATE);

static SUBSCRIBE: CommandSpec = CommandSpec {
    name: "subscribe",
    summary: "Listens to channels.",
    since: "2.0.0",
    group: Group::PubSub,
    complexity: "O(1) for each channel",
    arity: -2,
    flags: ANYWHERE,
    channels: Some(ChannelSpec::from(1)),
    args: &[Arg::string("channel").multiple()],
    reply: "For each channel a push with its name and the number of subscriptions.",
    handler: |context| subscribe(context, Kind::Channel),
    ..CommandSpec::EMPTY
};

static PSUBSCRIBE: CommandSpec = CommandSpec {
    name: "psubscribe",
    summary: "Listens to the channels that match patterns.",
    since: "2.0.0",
    group: Group::PubSub,
    complexity: "O(1) for each pattern",
    arity: -2,
    flags: ANYWHERE,
    channels: Some(ChannelSpec::patterns_from(1)),
    args: &[Arg::pattern("pattern").multiple()],
    reply: "For each pattern a push with it and the number of subscriptions.",
    handler: |context| subscribe(context, Kind::Pattern),
    ..CommandSpec::EMPTY
};

static SSUBSCRIBE: CommandSpec = CommandSpec {
    name: "ssubscribe",
    summary: "Listens to shard channels.",
    since: "7.0.0",
    group: Group::PubSub,
    complexity: "O(1) for each channel",
    arity: -2,
    flags: ANYWHERE,
    keys: &[KeySpec::range(1, -1, 1, KeyFlags::NOT_KEY)],
    channels: Some(ChannelSpec::from(1)),
    args: &[Arg::string("shardchannel").multiple()],
    reply: "For each channel a push with its name and the number of shard subscriptions.",
    handler: |context| subscribe(context, Kind::Shard),
    ..CommandSpec::EMPTY
};

static UNSUBSCRIBE: CommandSpec = CommandSpec {
    name: "unsubscribe",
    summary: "Stops listening to channels, or to all of them.",
    since: "2.0.0",
    group: Group::PubSub,
    complexity: "O(1) for each channel",
    arity: -1,
    flags: ANYWHERE,
    args: &[Arg::string("channel").optional().multiple()],
    reply: "For each channel a push with its name and the number of subscriptions left.",
    handler: |context| unsubscribe(context, Kind::Channel),
    ..CommandSpec::EMPTY
};

static PUNSUBSCRIBE: CommandSpec = CommandSpec {
    name: "punsubscribe",
    summary: "Stops listening to patterns, or to all of them.",
    since: "2.0.0",
    group: Group::PubSub,
    complexity: "O(1) for each pattern",
    arity: -1,
    flags: ANYWHERE,
    args: &[Arg::pattern("pattern").optional().multiple()],
    reply: "For each pattern a push with it and the number of subscriptions left.",
    handler: |context| unsubscribe(context, Kind::Pattern),
    ..CommandSpec::EMPTY
};

static SUNSUBSCRIBE: CommandSpec = CommandSpec {
    name: "sunsubscribe",
    summary: "Stops listening to shard channels, or to all of them.",
    since: "7.0.0",
    group: Group::PubSub,
    complexity: "O(1) for each channel",
    arity: -1,
    flags: ANYWHERE,
    keys: &[KeySpec::range(1, -1, 1, KeyFlags::NOT_KEY)],
    args: &[Arg::string("shardchannel").optional().multiple()],
    reply: "For each channel a push with its name and the number of shard subscriptions left.",
    handler: |context| unsubscribe(context, Kind::Shard),
    ..CommandSpec::EMPTY
};

static PUBLISH: CommandSpec = CommandSpec {
    name: "publish",
    summary: "Hands a message to all who listen to a channel.",
    since: "2.0.0",
    group: Group::PubSub,
    complexity: "O(N+M) for N subscribers of the channel and M patterns in use",
    arity: 3,
    flags: PUBLISHING,
    channels: Some(ChannelSpec::one(1)),
    args: &[Arg::string("channel"), Arg::string("message")],
    reply: "The number of clients that got it.",
    handler: publish,
    ..CommandSpec::EMPTY
};

static SPUBLISH: CommandSpec = CommandSpec {
    name: "spublish",
    summary: "Hands a message to all who listen to a shard channel.",
    since: "7.0.0",
    group: Group::PubSub,
    complexity: "O(N) for N subscribers of the channel",
    arity: 3,
    flags: PUBLISHING,
    keys: &[KeySpec::one(1, KeyFlags::NOT_KEY)],
    channels: Some(ChannelSpec::one(1)),
    args: &[Arg::string("shardchannel"), Arg::string("message")],
    reply: "The number of clients that got it.",
    handler: spublish,
    ..CommandSpec::EMPTY
};

fn subscribe(context: &mut Context<'_, '_>, kind: Kind) -> CommandResult {
    let may_wait = context.may_block();
    let args = context.args;
    let reply = &mut *context.reply;
    let client: &mut Client = downcast(context.session);
    if !may_wait && !client.is_resp3 && kind != Kind::Shard && context.mode.deny_blocking {
        return Err(ErrorReply::fixed(
            "ERR SUBSCRIBE isn't allowed for a DENY BLOCKING client",
        ));
    }
    for name in args.iter_from(1) {
        if names(client, kind).insert(name.to_vec()) {
            client.server.pubsub.subscribe(kind, name, &client.info);
        }
        confirm(
            client,
            reply,
            kind,
            ["subscribe", "psubscribe", "ssubscribe"],
            Some(name),
        );
    }
    Ok(())
}

fn unsubscribe(context: &mut Context<'_, '_>, kind: Kind) -> CommandResult {
    const WORDS: [&str; 3] = ["unsubscribe", "punsubscribe", "sunsubscribe"];
    let args = context.args;
    let reply = &mut *context.reply;
    let client: &mut Client = downcast(context.session);
    let listed: Vec<Vec<u8>> = if args.len() > 1 {
        args.iter_from(1).map(<[u8]>::to_vec).collect()
    } else {
        names(client, kind).iter().cloned().collect()
    };
    if listed.is_empty() {
        confirm(client, reply, kind, WORDS, None);
    }
    for name in listed {
        if names(client, kind).remove(&name) {
            client.server.pubsub.unsubscribe(kind, &name, &client.info);
        }
        confirm(client, reply, kind, WORDS, Some(&name));
    }
    Ok(())
}

fn names(client: &mut Client, kind: Kind) -> &mut std::collections::HashSet<Vec<u8>> {
    match kind {
        Kind::Channel => &mut client.channels,
        Kind::Pattern => &mut client.patterns,
        Kind::Shard => &mut client.shard_channels,
    }
}

/// The push that confirms a change: word, name, subscriptions now (shard channels counted apart).
fn confirm(client: &Client, reply: &mut Reply, kind: Kind, words: [&str; 3], name: Option<&[u8]>) {
    let (word, count) = match kind {
        Kind::Channel => (words[0], client.channels.len() + client.patterns.len()),
        Kind::Pattern => (words[1], client.channels.len() + client.patterns.len()),
        Kind::Shard => (words[2], client.shard_channels.len()),
    };
    reply.push(3);
    reply.bulk_str(word);
    reply.bulk_or_null(name);
    reply.count(count);
}

fn publish(context: &mut Context<'_, '_>) -> CommandResult {
    let (channel, message) = (context.args.at(1), context.args.at(2));
    let server = client(context).server.clone();
    let receivers = if context.data.is_undoable() {
        context.data.effects.publish_later(false, channel, message);
        server.pubsub.receivers_count(channel)
    } else {
        server.pubsub.publish(&server, channel, message)
    };
    context.data.decided([b"PUBLISH".as_slice(), channel, message]);
    context.reply.count(receivers);
    Ok(())
}

fn spublish(context: &mut Context<'_, '_>) -> CommandResult {
    let (channel, message) = (context.args.at(1), context.args.at(2));
    let server = client(context).server.clone();
    let receivers = if context.data.is_undoable() {
        context.data.effects.publish_later(true, channel, message);
        server.pubsub.shard_receivers_count(channel)
    } else {
        server.pubsub.publish_shard(&server, channel, message)
    };
    context.data.decided([b"SPUBLISH".as_slice(), channel, message]);
    context.reply.count(receivers);
    Ok(())
}

const ASKING: Flags = Flags::PUBSUB.and(Flags::LOADING).and(Flags::STALE);

static PUBSUB: CommandSpec = CommandSpec {
    name: "pubsub",
    summary: "Looks at channels and their subscribers.",
    since: "2.8.0",
    group: Group::PubSub,
    complexity: "depends on the subcommand",
    arity: -2,
    subcommands: &[
        &CommandSpec {
            name: "channels",
            container: "pubsub",
            summary: "Lists the channels with subscribers.",
            since: "2.8.0",
            group: Group::PubSub,
            complexity: "O(N) for N channels",
            arity: -2,
            flags: ASKING,
            args: &[Arg::pattern("pattern").optional()],
            reply: "Names of the channels.",
            handler: |context| list(context, Kind::Channel),
            ..CommandSpec::EMPTY
        },
        &CommandSpec {
            name: "numpat",
            container: "pubsub",
            summary: "Counts the patterns subscribed to.",
            since: "2.8.0",
            group: Group::PubSub,
            arity: 2,
            flags: ASKING,
            reply: "The number of patterns.",
            handler: numpat,
            ..CommandSpec::EMPTY
        },
        &CommandSpec {
            name: "numsub",
            container: "pubsub",
            summary: "Counts the subscribers of channels.",
            since: "2.8.0",
            group: Group::PubSub,
            complexity: "O(N) for N channels asked for",
            arity: -2,
            flags: ASKING,
            args: &[Arg::string("channel").optional().multiple()],
            reply: "Channel and number of subscribers, for each channel.",
            handler: |context| numsub(context, Kind::Channel),
            ..CommandSpec::EMPTY
        },
        &CommandSpec {
            name: "shardchannels",
            container: "pubsub",
            summary: "Lists the shard channels with subscribers.",
            since: "7.0.0",
            group: Group::PubSub,
            complexity: "O(N) for N shard channels",
            arity: -2,
            flags: ASKING,
            args: &[Arg::pattern("pattern").optional()],
            reply: "Names of the shard channels.",
            handler: |context| list(context, Kind::Shard),
            ..CommandSpec::EMPTY
        },
        &CommandSpec {
            name: "shardnumsub",
            container: "pubsub",
            summary: "Tells how many listen to each of the shard channels.",
            since: "7.0.0",
            group: Group::PubSub,
            complexity: "O(N) for N channels asked for",
            arity: -2,
            flags: ASKING,
            args: &[Arg::string("shardchannel").optional().multiple()],
            reply: "Channel and number of subscribers, for each channel.",
            handler: |context| numsub(context, Kind::Shard),
            ..CommandSpec::EMPTY
        },
        &PUBSUB_HELP,
    ],
    ..CommandSpec::EMPTY
};

static PUBSUB_HELP: CommandSpec = help::row("pubsub", "6.2.0", Group::PubSub, |context| {
    help::reply(context, &PUBSUB)
});

fn list(context: &mut Context<'_, '_>, kind: Kind) -> CommandResult {
    if context.args.len() > 3 {
        return Err(ErrorReply::new(format!(
            "ERR wrong number of arguments for '{}' command",
            context.spec.full_name()
        )));
    }
    let pattern = context.args.get(2);
    let names = client(context).server.pubsub.names(kind, pattern);
    context.reply.array(names.len());
    names.iter().for_each(|name| context.reply.bulk(name));
    Ok(())
}

fn numpat(context: &mut Context<'_, '_>) -> CommandResult {
    let count = client(context).server.pubsub.names_count(Kind::Pattern);
    context.reply.count(count);
    Ok(())
}

fn numsub(context: &mut Context<'_, '_>, kind: Kind) -> CommandResult {
    let server = client(context).server.clone();
    context.reply.map(context.args.len() - 2);
    for channel in context.args.iter_from(2) {
        context.reply.bulk(channel);
        context
            .reply
            .count(server.pubsub.subscribers_count(kind, channel));
    }
    Ok(())
}
