//! From frames to records: a group's effects are executed once its last frame is there, and not at all if the log ends before.

use super::error::Reason;
use flashdb_log::record::CONTINUES;
use flashdb_log::{Frame, FrameError, Kind, Record};

/// Frames of a group that goes on. The frames stay mapped, so that nothing is copied.
#[derive(Default)]
pub(super) struct Groups<'log> {
    parts: Vec<&'log [u8]>,
}

impl<'log> Groups<'log> {
    /// Takes one frame, and calls `visit` for every record that counts now.
    #[inline]
    pub(super) fn take<E>(
        &mut self,
        frame: &Frame<'log>,
        broken: impl Fn(Reason) -> E,
        mut visit: impl FnMut(Record<'log>) -> Result<(), E>,
    ) -> Result<(), E> {
        let record = &frame.record;
        if record.kind == Kind::Group {
            return self.take_part(record, broken, visit);
        }
        if !self.parts.is_empty() && record.kind.name().is_none() && record.kind != Kind::Command {
            // The head of a segment between two frames of a group.
            return Ok(());
        }
        if !self.parts.is_empty() {
            return Err(broken(Reason::BrokenGroup));
        }
        visit(*record)
    }

    fn take_part<E>(
        &mut self,
        record: &Record<'log>,
        broken: impl Fn(Reason) -> E,
        mut visit: impl FnMut(Record<'log>) -> Result<(), E>,
    ) -> Result<(), E> {
        self.parts.push(record.value);
        if record.flags & CONTINUES != 0 {
            return Ok(());
        }
        for mut rest in std::mem::take(&mut self.parts) {
            while !rest.is_empty() {
                let (inner, behind) = Record::take(rest).map_err(|error| broken(error.into()))?;
                if inner.kind == Kind::Group {
                    let nested = FrameError::Malformed("a group within a group");
                    return Err(broken(nested.into()));
                }
                visit(inner)?;
                rest = behind;
            }
        }
        Ok(())
    }

    /// Whether the log has ended within a group, none of which counts then.
    pub(super) fn is_within(&self) -> bool {
        !self.parts.is_empty()
    }
}
