//! COMMAND GETKEYS and GETKEYSANDFLAGS: the keys of a request that is not run.

use super::{client, table};
use flashdb_command::error::ErrorReply;
use flashdb_command::key_spec::KeyFlags;
use flashdb_command::{CommandResult, Context, Flags};

pub(super) fn get_keys(context: &mut Context<'_, '_>, with_flags: bool) -> CommandResult {
    let request = context.args.tail(2);
    let server = client(context).server.clone();
    let command = server
        .registry
        .resolve(&request)
        .map_err(|_| ErrorReply::fixed("ERR Invalid command specified"))?;
    let spec = command.spec;
    let has_keys = spec.keys_of.is_some() || spec.keys.iter().any(|keys| !keys.flags.has(KeyFlags::NOT_KEY));
    if !has_keys {
        return Err(ErrorReply::fixed("ERR The command has no key arguments"));
    }
    if !spec.accepts(request.len()) {
        return Err(ErrorReply::fixed(
            "ERR Invalid number of arguments specified for command",
        ));
    }
    let keys = spec.keys_with_flags(&request).unwrap_or_default();
    if keys.is_empty() && !spec.flags.has(Flags::NO_MANDATORY_KEYS) {
        return Err(ErrorReply::fixed("ERR Invalid arguments specified for command"));
    }
    context.reply.array(keys.len());
    for (position, flags) in keys {
        if with_flags {
            context.reply.array(2);
        }
        context.reply.bulk(request.at(position as usize));
        if with_flags {
            table::write_key_flags(context.reply, flags);
        }
    }
    Ok(())
}
