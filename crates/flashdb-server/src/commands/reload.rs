//! DEBUG RELOAD: takes all data through the RDB format and back, to test that nothing is lost or
//! changed on that way. Everything is read back before anything is replaced, so an error costs no
//! data. File and values are held in memory, so the data set is bounded as for SYNC. Nothing is
//! published or logged, since the data stays what it was.

use super::replication;
use flashdb_command::error::ErrorReply;
use flashdb_command::{CommandResult, Context, rdb_convert};
use flashdb_rdb::{FileItem, FileReader};
use flashdb_store::{Expiry, Value};

/// A key that was read back.
struct Reloaded {
    db: u16,
    key: Vec<u8>,
    value: Value,
    expire_at_ms: Option<i64>,
}

/// Reloads all databases. The gate is closed.
pub(super) fn reload(context: &mut Context<'_, '_>) -> CommandResult {
    let file = replication::snapshot_bounded(context)?;
    let keys = read(&file, context).map_err(|error| {
        tracing::error!(%error, "DEBUG RELOAD cannot read the data back");
        ErrorReply::fixed("ERR Error trying to load the RDB dump, check server logs.")
    })?;
    let data = &mut *context.data;
    let (selected, touched) = (data.db, data.effects.touched.len());
    for db in 0..data.space().databases_count() as u16 {
        data.flush_database(db, true);
    }
    for Reloaded {
        db,
        key,
        value,
        expire_at_ms,
    } in keys
    {
        data.db = db;
        data.set_value(&key, value, expire_at_ms.map_or(Expiry::Clear, Expiry::At));
        data.unchanged();
    }
    data.db = selected;
    data.effects.touched.truncate(touched);
    context.reply.ok();
    Ok(())
}

/// The keys in the file whose time has not come.
fn read(file: &[u8], context: &Context<'_, '_>) -> Result<Vec<Reloaded>, Box<dyn std::error::Error>> {
    let now_ms = context.now_ms();
    let (mut db, mut keys) = (0, Vec::new());
    for item in FileReader::new(file)? {
        match item? {
            FileItem::SelectDb(index) => db = u16::try_from(index)?,
            FileItem::Entry(entry) => {
                let expire_at_ms = entry.expire_at_ms.map(i64::try_from).transpose()?;
                let due = expire_at_ms.is_some_and(|at_ms| at_ms <= now_ms);
                let value = rdb_convert::to_value(entry.value, context.settings, now_ms)?;
                if let Some(value) = value.filter(|_| !due) {
                    keys.push(Reloaded {
                        db,
                        key: entry.key,
                        value,
                        expire_at_ms,
                    });
                }
            }
            FileItem::Aux { .. }
            | FileItem::ResizeDb { .. }
            | FileItem::Function(_)
            | FileItem::Skipped { .. }
            | FileItem::End { .. } => {}
        }
    }
    Ok(keys)
}
