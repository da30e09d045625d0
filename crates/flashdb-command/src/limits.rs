//! The bounds that value types are given, from the settings: up to where they stay packed.

use flashdb_config::Settings;
use flashdb_types::{hash, list, set, stream, zset};

/// Bounds of lists.
pub fn list(settings: &Settings) -> list::Limits {
    list::Limits::from_setting(i64::from(settings.list_max_listpack_size))
}

/// Bounds of sets.
pub fn set(settings: &Settings) -> set::SetLimits {
    set::SetLimits {
        intset_entries_max: settings.set_max_intset_entries,
        packed_entries_max: settings.set_max_listpack_entries,
        packed_value_bytes_max: settings.set_max_listpack_value,
    }
}

/// Bounds of sorted sets.
pub fn zset(settings: &Settings) -> zset::Limits {
    zset::Limits {
        max_listpack_entries: settings.zset_max_listpack_entries,
        max_listpack_value: settings.zset_max_listpack_value,
    }
}

/// Bounds of hashes.
pub fn hash(settings: &Settings) -> hash::HashLimits {
    hash::HashLimits {
        packed_entries_max: settings.hash_max_listpack_entries,
        packed_value_bytes_max: settings.hash_max_listpack_value,
    }
}

/// Bounds of the blocks of streams.
pub fn stream(settings: &Settings) -> stream::StreamLimits {
    stream::StreamLimits {
        node_bytes_max: settings.stream_node_max_bytes,
        node_entries_max: settings.stream_node_max_entries,
    }
}
