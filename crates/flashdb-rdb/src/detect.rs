//! Tells what a path is that somebody wants to import: by content, never by name alone, and with an answer in words where it
//! is nothing that can be read.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::file::{FileItem, FileReader, Flavor};

/// First bytes of FlashDB's own files. Written by crates above this one, which check the rest of them.
const SNAPSHOT_MAGIC: &[u8] = b"FLSHSNAP";
const LOG_MAGIC: &[u8] = b"FLWL";
const SNAPSHOT_SUFFIX: &str = ".fsnap";
const LOG_SUFFIX: &str = ".wal";
const MANIFEST_SUFFIX: &str = ".manifest";
/// Enough of a file to tell what it is.
const HEAD_BYTES: u64 = 16;
/// Notes at the start of an RDB file that are looked through for the one that tells an append-only file.
const NOTES_MAX: usize = 64;

/// Something that data can be read from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// The file or folder to read, which may be one inside of what was asked about.
    pub path: PathBuf,
    /// What it is.
    pub kind: SourceKind,
}

/// What a source is, and with what it is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SourceKind {
    /// An RDB file, for [`FileReader`].
    Rdb {
        /// Who wrote it.
        flavor: Flavor,
        /// Its version.
        version: u32,
    },
    /// A single append-only file, for [`AofReader::of_file`](crate::aof::AofReader::of_file).
    Aof {
        /// Whether it begins with an RDB file.
        starts_as_rdb: bool,
    },
    /// The manifest of a multi-part append-only file, for [`AofReader::of_manifest`](crate::aof::AofReader::of_manifest).
    AofManifest,
    /// A data folder of FlashDB.
    FlashDbFolder,
    /// A snapshot of FlashDB.
    FlashDbSnapshot,
}

impl fmt::Display for SourceKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SourceKind::Rdb { flavor, version } => write!(f, "{flavor:?} RDB file of version {version}"),
            SourceKind::Aof { starts_as_rdb: true } => f.write_str("append-only file that starts as RDB"),
            SourceKind::Aof { starts_as_rdb: false } => f.write_str("append-only file"),
            SourceKind::AofManifest => f.write_str("multi-part append-only file"),
            SourceKind::FlashDbFolder => f.write_str("FlashDB data folder"),
            SourceKind::FlashDbSnapshot => f.write_str("FlashDB snapshot"),
        }
    }
}

/// Why a path is not a source.
#[derive(Debug)]
pub struct DetectError {
    /// What was asked about.
    pub path: PathBuf,
    /// Why.
    pub reason: NoSource,
}

/// Why something is not a source.
#[derive(Debug)]
#[non_exhaustive]
pub enum NoSource {
    /// It does not exist or cannot be read.
    Io(io::Error),
    /// A file without content.
    Empty,
    /// An RDB file of a version that is not known, or damaged at its start.
    Rdb(crate::RdbError),
    /// A file in a known form that is not data, or not yet; the text says which and what to do.
    Other(&'static str),
    /// A file of an unknown form.
    UnknownFile,
    /// A folder in which there is nothing known.
    UnknownFolder,
    /// A folder with more than one source.
    Several(Vec<PathBuf>),
}

impl fmt::Display for DetectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.display();
        match &self.reason {
            NoSource::Io(error) => write!(f, "cannot read {path}: {error}"),
            NoSource::Empty => write!(f, "{path} is empty"),
            NoSource::Rdb(error) => write!(f, "{path} begins like an RDB file, but: {error}"),
            NoSource::Other(what) => write!(f, "{path} is {what}"),
            NoSource::UnknownFile => write!(
                f,
                "{path} is neither an RDB file, nor an append-only file or its manifest, nor a FlashDB snapshot"
            ),
            NoSource::UnknownFolder => write!(
                f,
                "{path} holds neither RDB nor append-only files, and is no FlashDB data folder"
            ),
            NoSource::Several(paths) => {
                write!(
                    f,
                    "{path} holds several things that can be read; name one of them:"
                )?;
                paths
                    .iter()
                    .try_for_each(|path| write!(f, "\n  {}", path.display()))?;
                f.write_str("\n(Redis itself loads its append-only files where it has appendonly yes.)")
            }
        }
    }
}

impl std::error::Error for DetectError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.reason {
            NoSource::Io(error) => Some(error),
            NoSource::Rdb(error) => Some(error),
            _ => None,
        }
    }
}

impl From<io::Error> for NoSource {
    fn from(error: io::Error) -> Self {
        NoSource::Io(error)
    }
}

/// Tells what is at a path. Reads the first bytes of files; of a folder the names in it and in its folders.
pub fn detect(path: &Path) -> Result<Source, DetectError> {
    let found = match fs::metadata(path) {
        Ok(metadata) if metadata.is_dir() => detect_folder(path),
        Ok(_) => detect_file(path).map(|kind| Source {
            path: path.to_path_buf(),
            kind,
        }),
        Err(error) => Err(error.into()),
    };
    found.map_err(|reason| DetectError {
        path: path.to_path_buf(),
        reason,
    })
}

fn detect_file(path: &Path) -> Result<SourceKind, NoSource> {
    let mut head = Vec::new();
    File::open(path)?.take(HEAD_BYTES).read_to_end(&mut head)?;
    match head.as_slice() {
        // Redis makes one when append-only files are turned on.
        [] if has_suffix(path, ".aof") => Ok(SourceKind::Aof { starts_as_rdb: false }),
        [] => Err(NoSource::Empty),
        [b'*', b'0'..=b'9', ..] | [b'#', b'T', b'S', b':', ..] => {
            Ok(SourceKind::Aof { starts_as_rdb: false })
        }
        _ if head.starts_with(b"REDIS") || head.starts_with(b"VALKEY") => detect_rdb(path),
        _ if head.starts_with(SNAPSHOT_MAGIC) => Ok(SourceKind::FlashDbSnapshot),
        _ if head.starts_with(LOG_MAGIC) => Err(NoSource::Other(
            "a segment of FlashDB's log; name the data folder that it belongs to",
        )),
        _ if has_suffix(path, MANIFEST_SUFFIX) => Ok(SourceKind::AofManifest),
        [0x1f, 0x8b, ..] => Err(NoSource::Other("compressed by gzip; unpack it first")),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Err(NoSource::Other("compressed by zstd; unpack it first")),
        [b'P', b'K', 3, 4, ..] => Err(NoSource::Other("a zip archive; unpack it first")),
        _ => Err(NoSource::UnknownFile),
    }
}

/// An RDB file, or an append-only file that starts as one: servers note in it which of the two it is.
fn detect_rdb(path: &Path) -> Result<SourceKind, NoSource> {
    let reader = FileReader::new(File::open(path)?).map_err(|error| NoSource::Rdb(error.error))?;
    let (flavor, version) = (reader.flavor(), reader.version());
    for item in reader.take(NOTES_MAX) {
        match item {
            Ok(FileItem::Aux { name, value }) => {
                if (name == b"aof-preamble" || name == b"aof-base") && value == b"1" {
                    return Ok(SourceKind::Aof { starts_as_rdb: true });
                }
            }
            Ok(_) => break,
            Err(error) => return Err(NoSource::Rdb(error.error)),
        }
    }
    Ok(SourceKind::Rdb { flavor, version })
}

fn detect_folder(path: &Path) -> Result<Source, NoSource> {
    let names = names(path)?;
    if is_flashdb_folder(path, &names)? {
        return Ok(Source {
            path: path.to_path_buf(),
            kind: SourceKind::FlashDbFolder,
        });
    }
    // A manifest's folder holds files that mean nothing without it.
    let mut candidates: Vec<PathBuf> = with_suffix(&names, &[MANIFEST_SUFFIX]);
    if candidates.is_empty() {
        candidates = with_suffix(&names, &[".rdb", ".aof"]);
        for folder in names.iter().filter(|name| name.is_dir()) {
            candidates.extend(with_suffix(&self::names(folder)?, &[MANIFEST_SUFFIX]));
        }
    }
    match candidates.as_slice() {
        [] => Err(NoSource::UnknownFolder),
        [only] => Ok(Source {
            path: only.clone(),
            kind: detect_file(only)?,
        }),
        _ => Err(NoSource::Several(candidates)),
    }
}

fn is_flashdb_folder(path: &Path, names: &[PathBuf]) -> io::Result<bool> {
    if !with_suffix(names, &[SNAPSHOT_SUFFIX]).is_empty() {
        return Ok(true);
    }
    for (folder, suffix) in [("wal", LOG_SUFFIX), ("snapshots", SNAPSHOT_SUFFIX)] {
        let folder = path.join(folder);
        if folder.is_dir() && !with_suffix(&self::names(&folder)?, &[suffix]).is_empty() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Paths of what is in a folder, sorted.
fn names(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut names = fs::read_dir(folder)?
        .map(|entry| Ok(entry?.path()))
        .collect::<io::Result<Vec<_>>>()?;
    names.sort();
    Ok(names)
}

fn with_suffix(paths: &[PathBuf], suffixes: &[&str]) -> Vec<PathBuf> {
    let fits = |path: &&PathBuf| suffixes.iter().any(|suffix| has_suffix(path, suffix)) && path.is_file();
    paths.iter().filter(fits).cloned().collect()
}

fn has_suffix(path: &Path, suffix: &str) -> bool {
    path.file_name()
        .is_some_and(|name| name.as_encoded_bytes().ends_with(suffix.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str, files: &[(&str, &[u8])]) -> Self {
            let path = std::env::temp_dir().join(format!("flashdb-detect-{name}-{}", std::process::id()));
            for (name, bytes) in files {
                let file = path.join(name);
                fs::create_dir_all(file.parent().unwrap()).unwrap();
                fs::write(file, bytes).unwrap();
            }
            Self(path)
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    const RDB: &[u8] = b"REDIS0011\xfa\x01x\x01y\xff\0\0\0\0\0\0\0\0";
    const PREAMBLE: &[u8] = b"REDIS0009\xfa\x01x\x01y\xfa\x0caof-preamble\xc0\x01\xff\0\0\0\0\0\0\0\0*1";

    #[test]
    fn files() {
        let redis = SourceKind::Rdb {
            flavor: Flavor::Redis,
            version: 11,
        };
        let valkey = SourceKind::Rdb {
            flavor: Flavor::Valkey,
            version: 80,
        };
        for (name, bytes, kind) in [
            ("a", RDB, redis),
            ("b", b"VALKEY080\xff\0\0\0\0\0\0\0\0", valkey),
            ("c", PREAMBLE, SourceKind::Aof { starts_as_rdb: true }),
            (
                "d",
                b"*1\r\n$4\r\nPING\r\n",
                SourceKind::Aof { starts_as_rdb: false },
            ),
            ("e", b"#TS:17\r\n", SourceKind::Aof { starts_as_rdb: false }),
            ("f.aof", b"", SourceKind::Aof { starts_as_rdb: false }),
            ("g.manifest", b"file a seq 1 type i\n", SourceKind::AofManifest),
            ("h", b"FLSHSNAP....", SourceKind::FlashDbSnapshot),
        ] {
            let folder = Folder::new("file", &[(name, bytes)]);
            let source = detect(&folder.0.join(name)).unwrap();
            assert_eq!((source.path, source.kind), (folder.0.join(name), kind));
        }
    }

    #[test]
    fn what_cannot_be_read() {
        for (bytes, said) in [
            (&b""[..], "is empty"),
            (
                b"REDIS0099",
                "begins like an RDB file, but: unknown RDB version 99",
            ),
            (
                b"REDIS0011",
                "begins like an RDB file, but: the data ends too early",
            ),
            (b"\x1f\x8b\x08", "compressed by gzip"),
            (b"\x28\xb5\x2f\xfd", "compressed by zstd"),
            (b"FLWL", "segment of FlashDB's log"),
            (b"hello", "is neither an RDB file"),
        ] {
            let folder = Folder::new("bad", &[("x", bytes)]);
            let error = detect(&folder.0.join("x")).unwrap_err().to_string();
            assert!(error.contains(said), "{error}");
        }
        let error = detect(Path::new("/nowhere/at all")).unwrap_err();
        assert!(error.to_string().starts_with("cannot read /nowhere/at all: "));
    }

    #[test]
    fn folders() {
        let manifest = &b"file b seq 1 type b\n"[..];
        let redis = SourceKind::Rdb {
            flavor: Flavor::Redis,
            version: 11,
        };
        let aof = SourceKind::AofManifest;
        for (files, found, kind) in [
            (&[("dump.rdb", RDB), ("redis.conf", b"")][..], "dump.rdb", redis),
            (&[("a.manifest", manifest), ("b.rdb", RDB)], "a.manifest", aof),
            (
                &[("dir/a.manifest", manifest), ("dir/b.rdb", RDB)],
                "dir/a.manifest",
                aof,
            ),
            (
                &[("wal/flashdb-00000001.wal", b"FLWL")],
                "",
                SourceKind::FlashDbFolder,
            ),
            (
                &[("snapshots/s.fsnap", b""), ("dump.rdb", RDB)],
                "",
                SourceKind::FlashDbFolder,
            ),
        ] {
            let folder = Folder::new("folder", files);
            let source = detect(&folder.0).unwrap();
            assert_eq!((source.path, source.kind), (folder.0.join(found), kind));
        }
        let folder = Folder::new("both", &[("dump.rdb", RDB), ("dir/a.manifest", manifest)]);
        let error = detect(&folder.0).unwrap_err();
        assert!(matches!(&error.reason, NoSource::Several(paths) if paths.len() == 2));
        assert!(error.to_string().contains("name one of them:\n  "));
        let folder = Folder::new("none", &[("readme", b"x")]);
        assert!(matches!(
            detect(&folder.0).unwrap_err().reason,
            NoSource::UnknownFolder
        ));
    }
}
