//! The eight bytes that every block of a [`ThinBuffer`](super::ThinBuffer) begins with, and the allocator's size classes.
//!
//! ```text
//!  byte 0                                  1..4      4            5..8
//! ┌──────────────────┬──────┬────────────┬─────────┬────────────┬───────────────────────────────────┐
//! │ holder: 5 bits   │ wide │ form: 2    │ holder's│ prefix len │ class: 5 │ len: 12 │ count: 7 bits│
//! └──────────────────┴──────┴────────────┴─────────┴────────────┴───────────────────────────────────┘
//! ```
//!
//! What is larger than these fields can say is *wide*: its figures follow the prefix, and the last three bytes are zero.

/// Bytes of a [`Head`].
pub(crate) const HEAD_BYTES: usize = 8;
/// Bytes of the figures of a wide block.
pub(crate) const WIDE_BYTES: usize = 12;
/// The most bytes and elements of a block that is not wide.
pub(crate) const SMALL_LEN_MAX: usize = (1 << 12) - 1;
pub(crate) const SMALL_COUNT_MAX: usize = (1 << 7) - 1;
/// The largest block that is not wide.
pub(crate) const SMALL_BLOCK_MAX: usize = class_bytes(CLASSES - 1);

const CLASSES: usize = 32;
const HOLDER: u64 = 0b1_1111;
const WIDE: u64 = 1 << 5;
const FORM_SHIFT: u32 = 6;
const PREFIX_SHIFT: u32 = 32;
const CLASS_SHIFT: u32 = 40;
const LEN_SHIFT: u32 = 45;
const COUNT_SHIFT: u32 = 57;
/// Everything that belongs to the holder.
const HELD: u64 = HOLDER | 0xFFFF_FF00;
/// Everything but the figures and whether they are here.
const LASTING: u64 = !WIDE & ((1 << CLASS_SHIFT) - 1);

/// Rounds an allocation size up to the next size class of the usual allocators: steps of 16 up to 128, then
/// four classes for each doubling. Asking for less would leave the rest unused.
pub(crate) const fn size_class(bytes: usize) -> usize {
    if bytes <= 128 {
        return (bytes + 15) & !15;
    }
    let step = 1usize << (usize::BITS - (bytes - 1).leading_zeros() - 3);
    (bytes + step - 1) & !(step - 1)
}

/// Number of the class that holds `bytes`, from 1: 0 is that of a block that there is not.
const fn class_of(bytes: usize) -> usize {
    if bytes <= 128 {
        return bytes.div_ceil(16);
    }
    let doubling = (usize::BITS - 1 - (bytes - 1).leading_zeros()) as usize;
    let quarter = (bytes - 1 - (1 << doubling)) >> (doubling - 2);
    8 + (doubling - 7) * 4 + quarter + 1
}

/// Bytes of a class.
const fn class_bytes(class: usize) -> usize {
    if class <= 8 {
        return class * 16;
    }
    let (doubling, quarter) = (7 + (class - 9) / 4, (class - 9) % 4 + 1);
    (1 << doubling) + quarter * (1 << (doubling - 2))
}

const CLASS_BYTES: [u16; CLASSES] = {
    let mut table = [0; CLASSES];
    let mut class = 0;
    while class < CLASSES {
        table[class] = class_bytes(class) as u16;
        class += 1;
    }
    table
};

/// The first eight bytes of a block. The number's bytes are little endian in memory, see [`Head::to_bytes`]; only of
/// [`Head::NONE`], which is zero, a `Head` itself is in memory.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(transparent)]
pub(crate) struct Head(u64);

impl Head {
    /// The head of the block that all buffers without memory share.
    pub(crate) const NONE: Head = Head(0);

    #[inline]
    pub(crate) const fn from_bytes(bytes: [u8; HEAD_BYTES]) -> Head {
        Head(u64::from_le_bytes(bytes))
    }

    #[inline]
    pub(crate) const fn to_bytes(self) -> [u8; HEAD_BYTES] {
        self.0.to_le_bytes()
    }

    /// Whether there is a block at all.
    #[inline]
    pub(crate) const fn is_allocated(self) -> bool {
        self.is_wide() || self.class() != 0
    }

    /// Whether somebody holds the buffer, so that head and prefix have to stay even without content.
    #[inline]
    pub(crate) const fn is_held(self) -> bool {
        self.0 & HOLDER != 0
    }

    /// This head with the holder's part and the prefix of another holder, `marks` being bytes 0 to 3.
    pub(crate) const fn held_by(self, marks: [u8; 4], prefix_len: u8) -> Head {
        let marks = u32::from_le_bytes(marks) as u64;
        let prefix = (prefix_len as u64) << PREFIX_SHIFT;
        Head(self.0 & !HELD & !(0xFF << PREFIX_SHIFT) | marks & HELD | prefix)
    }

    #[inline]
    pub(crate) const fn is_wide(self) -> bool {
        self.0 & WIDE != 0
    }

    #[inline]
    pub(crate) const fn form(self) -> u8 {
        (self.0 >> FORM_SHIFT) as u8 & 3
    }

    pub(crate) const fn with_form(self, form: u8) -> Head {
        Head(self.0 & !(3 << FORM_SHIFT) | ((form & 3) as u64) << FORM_SHIFT)
    }

    #[inline]
    pub(crate) const fn prefix_len(self) -> usize {
        (self.0 >> PREFIX_SHIFT) as usize & 0xFF
    }

    #[inline]
    const fn class(self) -> usize {
        (self.0 >> CLASS_SHIFT) as usize & (CLASSES - 1)
    }

    /// Bytes of the block, if it is not wide.
    #[inline]
    pub(crate) fn small_block_bytes(self) -> usize {
        usize::from(CLASS_BYTES[self.class()])
    }

    #[inline]
    pub(crate) const fn small_len(self) -> usize {
        (self.0 >> LEN_SHIFT) as usize & SMALL_LEN_MAX
    }

    #[inline]
    pub(crate) const fn small_count(self) -> usize {
        (self.0 >> COUNT_SHIFT) as usize
    }

    /// This head with the figures of a small block: the class that `block_bytes` need, bytes and elements in use.
    pub(crate) const fn small(self, block_bytes: usize, len: usize, count: usize) -> Head {
        let class = (class_of(block_bytes) as u64) << CLASS_SHIFT;
        Head(self.0 & LASTING | class).with_figures(len, count)
    }

    /// The head of a small block with other bytes and elements in use.
    #[inline]
    pub(crate) const fn with_figures(self, len: usize, count: usize) -> Head {
        let figures = (len as u64) << LEN_SHIFT | (count as u64) << COUNT_SHIFT;
        Head(self.0 & ((1 << LEN_SHIFT) - 1) | figures)
    }

    /// This head, of a wide block.
    pub(crate) const fn wide(self) -> Head {
        Head(self.0 & LASTING | WIDE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn size_classes_are_the_allocators() {
        for (bytes, class) in [
            (1, 16),
            (16, 16),
            (17, 32),
            (128, 128),
            (129, 160),
            (161, 192),
            (256, 256),
            (257, 320),
        ] {
            assert_eq!(size_class(bytes), class, "{bytes}");
        }
        for bytes in 1..=SMALL_BLOCK_MAX {
            assert_eq!(class_bytes(class_of(bytes)), size_class(bytes), "{bytes}");
        }
        assert!(class_of(SMALL_BLOCK_MAX) == CLASSES - 1 && SMALL_BLOCK_MAX > SMALL_LEN_MAX + 300);
    }

    #[test]
    fn fields_do_not_touch_each_other() {
        let marks = [0b1_0101, 0xAB, 0xCD, 0xEF];
        let head = Head::NONE.held_by(marks, 255).with_form(3).small(7000, 4095, 127);
        assert_eq!(
            (head.prefix_len(), head.form(), head.small_block_bytes()),
            (255, 3, 7168)
        );
        assert_eq!((head.small_len(), head.small_count()), (4095, 127));
        assert!(head.is_held() && !head.is_wide() && head.is_allocated());
        let bytes = head.to_bytes();
        assert_eq!((bytes[0] & 0b1_1111, &bytes[1..4]), (marks[0], &marks[1..]));
        let wide = head.wide();
        assert!(wide.is_wide() && wide.is_allocated() && wide.form() == 3 && wide.prefix_len() == 255);
        assert!(wide.small(10, 2, 1) == head.small(10, 2, 1) && Head::from_bytes(bytes) == head);
        let freed = head.held_by([0; 4], 0);
        assert!(!freed.is_held() && freed.form() == 3 && freed.small_len() == 4095);
        assert!(!Head::NONE.is_allocated() && !Head::NONE.with_form(1).is_allocated());
    }
}
