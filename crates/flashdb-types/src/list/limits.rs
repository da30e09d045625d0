//! How large a node of a list may grow. The setting `list-max-listpack-size` names either a size class
//! (negative) or a number of elements (positive); both become one pair of bounds here, so that the list
//! itself never looks at the setting. A change of the setting affects only nodes filled later.

/// Bounds of one node of a large list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    node_bytes: u32,
    node_elements: u32,
}

/// Bytes that a node may hold when only its number of elements is configured.
const NODE_BYTES_BY_COUNT: u32 = 8 * 1024;
/// The largest size class of the setting, `-5`.
pub(super) const NODE_BYTES_MAX: u32 = 64 * 1024;
/// The largest number of elements that the setting can ask for.
const NODE_ELEMENTS_MAX: i64 = (1 << 15) - 1;

impl Limits {
    /// The bounds that a value of `list-max-listpack-size` means: `-1` to `-5` are 4, 8, 16, 32 and 64 KiB
    /// (anything lower counts as `-5`), a positive number is a number of elements, and 0 means one element.
    pub const fn from_setting(setting: i64) -> Limits {
        if setting < 0 {
            let class = if setting < -5 { 5 } else { -setting };
            Limits {
                node_bytes: 2048 << class,
                node_elements: u32::MAX,
            }
        } else {
            let elements = if setting == 0 {
                1
            } else if setting > NODE_ELEMENTS_MAX {
                NODE_ELEMENTS_MAX
            } else {
                setting
            };
            Limits {
                node_bytes: NODE_BYTES_BY_COUNT,
                node_elements: elements as u32,
            }
        }
    }

    /// Encoded bytes a node may hold, lengths included.
    pub const fn node_bytes(&self) -> usize {
        self.node_bytes as usize
    }

    /// Elements a node may hold.
    pub const fn node_elements(&self) -> usize {
        self.node_elements as usize
    }

    /// Whether an element of this encoded size gets a node of its own. Half a node is the bound: two such
    /// elements could not share one anyway, and an exact allocation wastes nothing.
    pub(super) const fn stands_alone(&self, encoded_bytes: usize) -> bool {
        encoded_bytes > self.node_bytes as usize / 2
    }
}

impl Default for Limits {
    /// The default of the setting, `-2`: 8 KiB.
    fn default() -> Limits {
        Limits::from_setting(-2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_become_bounds() {
        let bytes = |setting| Limits::from_setting(setting).node_bytes();
        assert_eq!([-1, -2, -3, -4, -5].map(bytes), [4096, 8192, 16384, 32768, 65536]);
        assert_eq!(bytes(i64::MIN), 65536);
        let elements = |setting| Limits::from_setting(setting).node_elements();
        assert_eq!(
            [0, 1, 128, 32767, i64::MAX].map(elements),
            [1, 1, 128, 32767, 32767]
        );
        assert_eq!(bytes(128), 8192);
        assert_eq!(elements(-1), u32::MAX as usize);
    }
}
