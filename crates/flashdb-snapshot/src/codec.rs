//! Compression of a block's content, LZ4 or zstd, in *pieces* of at most 4 MiB: each is its stored length (u32) and what the
//! codec made of it; all pieces but the last hold 4 MiB.
//!
//! An ordinary block is one piece. The pieces are there for the block that holds one enormous entry: LZ4 has an upper limit,
//! and memory is then only taken as content really appears, not because a length in the file says so.

use std::fmt;
use std::io;

use lz4_flex::block::{CompressTable, compress_into_with_table, decompress_into, get_maximum_output_size};
use zstd::bulk::{Compressor, Decompressor};

/// Content of a piece before compression; the last one has less.
const PIECE_LEN: usize = 4 << 20;
/// A buffer that had to hold more than this is not kept for the next block.
const KEPT_CAPACITY_MAX: usize = 8 << 20;
/// Compression pays when it saves more than one part in this many.
const SAVING_DIVISOR: usize = 32;

/// How blocks are compressed. A block that would not become smaller is stored as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// Not at all.
    None,
    /// LZ4: fast both ways.
    Lz4,
    /// zstd: smaller, slower.
    Zstd {
        /// From -7 (fast) to 22 (small); 1 to 3 are sensible for snapshots.
        level: i8,
    },
}

/// Codec of one block, as its header stores it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Codec {
    None,
    Lz4,
    Zstd,
}

impl Codec {
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::None => 0,
            Self::Lz4 => 1,
            Self::Zstd => 2,
        }
    }

    pub(crate) fn of_code(code: u8) -> Option<Self> {
        [Self::None, Self::Lz4, Self::Zstd]
            .into_iter()
            .find(|codec| codec.code() == code)
    }
}

impl Compression {
    /// Codec and level as the head stores them.
    pub(crate) fn codes(self) -> (u8, i8) {
        match self {
            Self::None => (Codec::None.code(), 0),
            Self::Lz4 => (Codec::Lz4.code(), 0),
            Self::Zstd { level } => (Codec::Zstd.code(), level),
        }
    }

    pub(crate) fn of_codes(codec: u8, level: i8) -> Option<Self> {
        match (Codec::of_code(codec)?, level) {
            (Codec::None, 0) => Some(Self::None),
            (Codec::Lz4, 0) => Some(Self::Lz4),
            (Codec::Zstd, level) => Some(Self::Zstd { level }),
            _ => None,
        }
    }
}

/// Compresses blocks, one at a time, with tables that are kept from block to block. Each thread has its own.
pub struct Sealer {
    compressor: Inner,
}

enum Inner {
    None,
    Lz4(CompressTable),
    Zstd(Compressor<'static>),
}

impl Sealer {
    /// For this kind of compression.
    pub fn new(compression: Compression) -> io::Result<Self> {
        let compressor = match compression {
            Compression::None => Inner::None,
            Compression::Lz4 => Inner::Lz4(CompressTable::large()),
            Compression::Zstd { level } => Inner::Zstd(Compressor::new(level.into())?),
        };
        Ok(Self { compressor })
    }

    /// Appends `raw`, compressed if that pays, to `out`; says which codec it was.
    pub(crate) fn compress(&mut self, raw: &[u8], out: &mut Vec<u8>) -> io::Result<Codec> {
        let start = out.len();
        let codec = match &mut self.compressor {
            Inner::None => Codec::None,
            Inner::Lz4(table) => {
                pieces(raw, out, get_maximum_output_size, |piece, target| {
                    compress_into_with_table(piece, target, table).map_err(io::Error::other)
                })?;
                Codec::Lz4
            }
            Inner::Zstd(compressor) => {
                pieces(raw, out, zstd::zstd_safe::compress_bound, |piece, target| {
                    compressor.compress_to_buffer(piece, target)
                })?;
                Codec::Zstd
            }
        };
        if codec != Codec::None && out.len() - start < raw.len() - raw.len() / SAVING_DIVISOR {
            return Ok(codec);
        }
        out.truncate(start);
        out.extend_from_slice(raw);
        Ok(Codec::None)
    }
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.compressor {
            Inner::None => "Sealer(none)",
            Inner::Lz4(_) => "Sealer(lz4)",
            Inner::Zstd(_) => "Sealer(zstd)",
        })
    }
}

fn pieces(
    raw: &[u8],
    out: &mut Vec<u8>,
    bound: impl Fn(usize) -> usize,
    mut compress: impl FnMut(&[u8], &mut [u8]) -> io::Result<usize>,
) -> io::Result<()> {
    for piece in raw.chunks(PIECE_LEN) {
        let start = out.len();
        let content = start + 4;
        out.resize(content + bound(piece.len()), 0);
        let len = compress(piece, &mut out[content..])?;
        out.truncate(content + len);
        out[start..content].copy_from_slice(&(len as u32).to_le_bytes());
    }
    Ok(())
}

/// Memory for reading blocks, kept from block to block. Each thread has its own.
#[derive(Default)]
pub struct BlockBuffer {
    raw: Vec<u8>,
    zstd: Option<Decompressor<'static>>,
}

impl fmt::Debug for BlockBuffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BlockBuffer({} bytes)", self.raw.capacity())
    }
}

/// Why content could not be had from a block whose checksum was right.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum DecodeError {
    Malformed,
    OutOfMemory,
}

impl BlockBuffer {
    /// An empty one.
    pub fn new() -> Self {
        Self::default()
    }

    /// The `raw_len` bytes that `stored` was made of. Uncompressed content is not copied.
    pub(crate) fn decode<'a>(
        &'a mut self,
        codec: Codec,
        stored: &'a [u8],
        raw_len: u64,
    ) -> Result<&'a [u8], DecodeError> {
        let raw_len = usize::try_from(raw_len).map_err(|_| DecodeError::OutOfMemory)?;
        if codec == Codec::None {
            return if stored.len() == raw_len {
                Ok(stored)
            } else {
                Err(DecodeError::Malformed)
            };
        }
        if self.raw.len() > KEPT_CAPACITY_MAX && raw_len <= KEPT_CAPACITY_MAX {
            self.raw = Vec::new();
        }
        let mut rest = stored;
        let mut done = 0;
        while done < raw_len {
            let (len, behind) = rest.split_first_chunk::<4>().ok_or(DecodeError::Malformed)?;
            let (piece, behind) = behind
                .split_at_checked(u32::from_le_bytes(*len) as usize)
                .ok_or(DecodeError::Malformed)?;
            rest = behind;
            let end = done + PIECE_LEN.min(raw_len - done);
            self.grow(end)?;
            self.decode_piece(codec, piece, done, end)?;
            done = end;
        }
        if !rest.is_empty() {
            return Err(DecodeError::Malformed);
        }
        Ok(&self.raw[..raw_len])
    }

    fn grow(&mut self, len: usize) -> Result<(), DecodeError> {
        if let Some(more) = len.checked_sub(self.raw.len()) {
            self.raw.try_reserve(more).map_err(|_| DecodeError::OutOfMemory)?;
            self.raw.resize(len, 0);
        }
        Ok(())
    }

    fn decode_piece(
        &mut self,
        codec: Codec,
        piece: &[u8],
        start: usize,
        end: usize,
    ) -> Result<(), DecodeError> {
        let target = &mut self.raw[start..end];
        let len = match codec {
            Codec::Lz4 => decompress_into(piece, target).map_err(|_| DecodeError::Malformed)?,
            Codec::Zstd | Codec::None => {
                let zstd = match &mut self.zstd {
                    Some(zstd) => zstd,
                    none => none.insert(Decompressor::new().map_err(|_| DecodeError::OutOfMemory)?),
                };
                zstd.decompress_to_buffer(piece, target)
                    .map_err(|_| DecodeError::Malformed)?
            }
        };
        if len == end - start {
            Ok(())
        } else {
            Err(DecodeError::Malformed)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flashdb_base::prng::Prng;

    const ALL: [Compression; 4] = [
        Compression::None,
        Compression::Lz4,
        Compression::Zstd { level: 1 },
        Compression::Zstd { level: 3 },
    ];

    fn compressible(prng: &mut Prng, len: usize) -> Vec<u8> {
        (0..len)
            .map(|i| {
                if prng.below(8) == 0 {
                    prng.below(256) as u8
                } else {
                    (i / 50) as u8
                }
            })
            .collect()
    }

    #[test]
    fn content_comes_back() {
        let content = compressible(&mut Prng::from_seed(1), 2 * PIECE_LEN);
        let mut buffer = BlockBuffer::new();
        for compression in ALL {
            let mut sealer = Sealer::new(compression).unwrap();
            for len in [0, 1, 13, 300, 70_000, PIECE_LEN + 1, 2 * PIECE_LEN, 5] {
                let raw = &content[..len];
                let mut stored = b"head".to_vec();
                let codec = sealer.compress(raw, &mut stored).unwrap();
                assert!(stored.len() <= raw.len() + 4);
                if len > 300 {
                    assert_eq!(codec.code(), compression.codes().0);
                }
                assert_eq!(buffer.decode(codec, &stored[4..], len as u64).unwrap(), raw);
                assert!(buffer.raw.capacity() <= 4 * PIECE_LEN);
            }
        }
    }

    #[test]
    fn noise_is_stored_as_it_is() {
        let mut noise = vec![0; 100_000];
        Prng::from_seed(2).fill(&mut noise);
        for compression in ALL {
            let mut stored = Vec::new();
            let codec = Sealer::new(compression)
                .unwrap()
                .compress(&noise, &mut stored)
                .unwrap();
            assert_eq!((codec, stored), (Codec::None, noise.clone()));
        }
    }

    #[test]
    fn damaged_content_is_an_error_or_has_the_length() {
        let mut prng = Prng::from_seed(3);
        let mut buffer = BlockBuffer::new();
        for compression in &ALL[1..] {
            let raw = compressible(&mut prng, 5000);
            let mut stored = Vec::new();
            let codec = Sealer::new(*compression)
                .unwrap()
                .compress(&raw, &mut stored)
                .unwrap();
            for _ in 0..4_000 {
                let mut bad = stored.clone();
                let at = prng.below(bad.len() as u64) as usize;
                bad[at] ^= 1 << prng.below(8);
                bad.truncate(bad.len() - prng.below(3) as usize);
                if let Ok(content) = buffer.decode(codec, &bad, 5000) {
                    assert_eq!(content.len(), 5000);
                }
            }
            for wrong in [0, 4999, 5001, 1 << 40, u64::MAX] {
                assert_eq!(
                    buffer.decode(codec, &stored, wrong),
                    Err(DecodeError::Malformed),
                    "{wrong}"
                );
            }
            assert!(
                buffer.raw.capacity() <= 2 * PIECE_LEN,
                "a length alone takes no memory"
            );
        }
    }
}
