//! Settings: what the operator may choose, how it is spelled, where it comes from, and how the
//! running server reads and changes it.
//!
//! Reading order: `settings.rs` (the table: one row a setting), `codec.rs` and `values.rs` (text to
//! typed value and back), `load.rs` and `launch.rs` (files, variables, command line), `store.rs`
//! (CONFIG GET and SET), `rewrite.rs` (CONFIG REWRITE), `logging.rs`.

mod acl_lines;
mod checks;
mod choices;
mod codec;
mod error;
mod launch;
mod load;
pub mod logging;
mod rewrite;
mod row;
mod settings;
mod store;
mod values;
mod webhook;

pub use acl_lines::{AclLine, AclSubject};
pub use choices::{
    AclPubsubDefault, AppendFsync, ClusterEndpointType, Environment, LogFormat, LogLevel, MaxmemoryPolicy,
    OomScoreAdj, PropagationErrorBehavior, ProtectedAction, Recover, ReplDisklessLoad, SanitizeDumpPayload,
    ShutdownOptions, SnapshotCompression, Supervised, SyslogFacility, TlsAuthClients, WalMedium,
};
pub use codec::{Choice, Invalid, MemoryLimit};
pub use error::{LaunchError, Location};
pub use launch::{HELP, Launch, load, load_from};
pub use rewrite::{RewriteError, replace_file};
pub use row::{Flags, Row, find, is_sensitive};
pub use settings::{ROWS, Settings};
pub use store::{Change, ConfigStore, ConfigView, Origin, RenameCommand, SetContext, SetError};
pub use values::{BindAddress, CpuList, OutputBufferLimit, OutputBufferLimits, ReplicaOf, SavePoint};
pub use webhook::{WEBHOOK_BYTES_MAX, WEBHOOKS_MAX, Webhook};
