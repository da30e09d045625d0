//! Files in the data folder that the interface has begun and does not finish. They are removed by the server itself: whatever it is at,
//! and whatever has become of the user who sent them.

use super::Engine;

impl Engine {
    /// Removes an upload that nobody goes on with, if it is there. Waits for the disk, and for a part that is being written.
    ///
    /// # Errors
    /// Why it stays until the next start.
    pub fn discard_upload(&self, file: &str) -> Result<(), String> {
        let Some(durability) = self.server.durability.get() else {
            return Ok(());
        };
        let discarded = durability.uploads().discard(file);
        discarded.map_err(|error| error.to_string())
    }
}
