//! A reader of a format as an iterator: the formats say what comes next, and that nothing follows an end or a fault is said here,
//! once for all of them.

use crate::item::{Fault, Item};

/// Reads a file forward.
pub(crate) trait Step {
    /// What comes next; at the end of the file [`Item::End`]. Not asked again after that, or after a fault.
    ///
    /// # Errors
    /// When the file cannot be read on.
    fn step(&mut self) -> Result<Item, Fault>;
}

/// The items of a file, up to its end or a fault; then the reader is let go.
pub(crate) struct Steps<S>(Option<S>);

impl<S: Step> Steps<S> {
    pub fn of(reader: S) -> Self {
        Steps(Some(reader))
    }
}

impl<S: Step> Iterator for Steps<S> {
    type Item = Result<Item, Fault>;

    fn next(&mut self) -> Option<Self::Item> {
        let item = self.0.as_mut()?.step();
        if matches!(item, Ok(Item::End(_)) | Err(_)) {
            self.0 = None;
        }
        Some(item)
    }
}
