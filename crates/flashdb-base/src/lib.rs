//! The project's small "std": pure functions and types without I/O, which every other crate may use.

pub mod notify_flags;
pub mod split_args;
pub mod version;

pub use notify_flags::NotifyFlags;
