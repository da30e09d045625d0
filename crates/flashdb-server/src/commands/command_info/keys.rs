//! COMMAND GETKEYS and GETKEYSANDFLAGS: the keys of a request that is not run.

use super::{client, table};
use flashdb_command::error::ErrorReply;
use flashdb_command::key_spec::{Begin, Find, KeyFlags, KeyPositions, KeySpec};
use flashdb_command::{CommandResult, CommandSpec, Context, Flags};
use flashdb_resp::Args;

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
    let positions = spec.key_positions(&request).unwrap_or_default();
    if positions.is_empty() && !spec.flags.has(Flags::NO_MANDATORY_KEYS) {
        return Err(ErrorReply::fixed("ERR Invalid arguments specified for command"));
    }
    context.reply.array(positions.len());
    for position in positions {
        if with_flags {
            context.reply.array(2);
        }
        context.reply.bulk(request.at(position as usize));
        if with_flags {
            table::write_key_flags(context.reply, flags_of(spec, &request, position));
        }
    }
    Ok(())
}

/// Flags of the key at `position`: those of the specification that finds it, else of the one that
/// stands for keys no specification can find.
fn flags_of(spec: &CommandSpec, request: &Args<'_>, position: u32) -> KeyFlags {
    if let Some(flags_of) = spec.key_flags_of {
        return flags_of(request);
    }
    let finds = |keys: &&KeySpec| {
        let mut found = KeyPositions::new();
        keys.positions(request, &mut found).is_ok() && found.contains(&position)
    };
    let unknown = |keys: &&KeySpec| keys.begin == Begin::Unknown || keys.find == Find::Unknown;
    spec.keys
        .iter()
        .find(finds)
        .or_else(|| spec.keys.iter().rfind(unknown))
        .or(spec.keys.last())
        .map_or(KeyFlags::RO, |keys| keys.flags)
}
