//! The manifest of a multi-part append-only file: which files there are and in what order they are read.
//!
//! A line is pairs of a key and a value; `file`, `seq` and `type` must be there, keys of later versions mean nothing here.
//! A name with odd characters is in quotes, as in redis.conf. Lines that begin with `#` are comments.

use std::fs::File;
use std::io::Read;
use std::path::{Component, Path, PathBuf};

use flashdb_base::number;
use flashdb_base::split_args::split_args;

use super::{AofError, AofFault};

/// No manifest is longer: it has a line of at most 1,024 bytes for each of a few files.
const MANIFEST_BYTES_MAX: u64 = 16 * 1024 * 1024;
const LINE_BYTES_MAX: usize = 1024;

/// What a file of the manifest is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AofFileKind {
    /// The data at some time.
    Base,
    /// Commands since then.
    Increment,
    /// Neither any more; the server had no time to delete it.
    History,
}

/// A file of the manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AofFile {
    /// Its name within the manifest's folder.
    pub name: PathBuf,
    /// Its number among those of its kind.
    pub sequence: u64,
    /// What it is for.
    pub kind: AofFileKind,
}

/// A manifest. Of base files there is at most one; increments ascend.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AofManifest {
    /// All files, in the order of the manifest.
    pub files: Vec<AofFile>,
}

impl AofManifest {
    /// Reads a manifest file.
    pub fn load(path: &Path) -> Result<Self, AofError> {
        let fail = |offset, fault| AofError {
            path: path.to_path_buf(),
            offset,
            fault,
        };
        let mut bytes = Vec::new();
        File::open(path)
            .and_then(|file| file.take(MANIFEST_BYTES_MAX + 1).read_to_end(&mut bytes))
            .map_err(|error| fail(0, AofFault::Io(error)))?;
        if bytes.len() as u64 > MANIFEST_BYTES_MAX {
            return Err(fail(
                MANIFEST_BYTES_MAX,
                AofFault::Format("the manifest is too long"),
            ));
        }
        Self::parse(&bytes).map_err(|(offset, what)| fail(offset, AofFault::Format(what)))
    }

    /// Reads a manifest. An error has the place of its line.
    pub fn parse(bytes: &[u8]) -> Result<Self, (u64, &'static str)> {
        let mut manifest = Self::default();
        let mut offset = 0;
        if bytes.is_empty() {
            return Err((0, "the manifest is empty"));
        }
        for line in bytes.split_inclusive(|&byte| byte == b'\n') {
            manifest.add_line(line).map_err(|what| (offset, what))?;
            offset += line.len() as u64;
        }
        Ok(manifest)
    }

    /// The files that are read: the base, then the increments.
    pub fn live_files(&self) -> impl Iterator<Item = &AofFile> {
        let of = |kind| self.files.iter().filter(move |file| file.kind == kind);
        of(AofFileKind::Base).chain(of(AofFileKind::Increment))
    }

    fn add_line(&mut self, line: &[u8]) -> Result<(), &'static str> {
        if line.starts_with(b"#") {
            return Ok(());
        }
        // A last line without an end may be half of one.
        let line = line
            .strip_suffix(b"\n")
            .ok_or("a line of the manifest does not end")?;
        if line.len() > LINE_BYTES_MAX {
            return Err("a line of the manifest is too long");
        }
        let file = parse_line(line)?;
        let before = self.files.iter().rev().find(|before| before.kind == file.kind);
        match (file.kind, before) {
            (AofFileKind::Base, Some(_)) => return Err("the manifest has two base files"),
            (AofFileKind::Increment, Some(before)) if before.sequence >= file.sequence => {
                return Err("the sequence numbers of the manifest do not ascend");
            }
            _ => self.files.push(file),
        }
        Ok(())
    }
}

fn parse_line(line: &[u8]) -> Result<AofFile, &'static str> {
    const BAD: &str = "a line of the manifest is not \"file NAME seq NUMBER type b, i or h\"";
    let words = split_args(line).map_err(|_| BAD)?;
    let (pairs, rest) = words.as_chunks::<2>();
    if !rest.is_empty() {
        return Err(BAD);
    }
    let (mut name, mut sequence, mut kind) = (None, None, None);
    for [key, value] in pairs {
        match key.to_ascii_lowercase().as_slice() {
            b"file" => name = Some(file_name(value)?),
            b"seq" => sequence = number::parse_i64(value).and_then(|number| u64::try_from(number).ok()),
            b"type" => {
                kind = match value.first() {
                    Some(b'b') => Some(AofFileKind::Base),
                    Some(b'i') => Some(AofFileKind::Increment),
                    Some(b'h') => Some(AofFileKind::History),
                    _ => return Err("the manifest has a file of an unknown type"),
                };
            }
            _ => {}
        }
    }
    Ok(AofFile {
        name: name.ok_or(BAD)?,
        sequence: sequence.filter(|&number| number > 0).ok_or(BAD)?,
        kind: kind.ok_or(BAD)?,
    })
}

/// A plain name: a manifest must not lead out of its folder.
fn file_name(bytes: &[u8]) -> Result<PathBuf, &'static str> {
    const BAD: &str = "the manifest has a path where a file's name belongs";
    let name = PathBuf::from(os_name(bytes).ok_or(BAD)?);
    let mut components = name.components();
    match (components.next(), components.next()) {
        (Some(Component::Normal(only)), None) if only == name.as_os_str() => Ok(name),
        _ => Err(BAD),
    }
}

#[cfg(unix)]
fn os_name(bytes: &[u8]) -> Option<std::ffi::OsString> {
    use std::os::unix::ffi::OsStringExt;
    Some(std::ffi::OsString::from_vec(bytes.to_vec()))
}

#[cfg(not(unix))]
fn os_name(bytes: &[u8]) -> Option<std::ffi::OsString> {
    std::str::from_utf8(bytes).ok().map(Into::into)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_in_their_order() {
        let text = b"# a comment\n\
            file appendonly.aof.2.base.rdb seq 2 type b\r\n\
            file appendonly.aof.1.incr.aof seq 1 type h\n\
            file \"with blank.3.incr.aof\" seq 3 type i startoffset 5\n\
            type i seq 4 FILE a.aof\n";
        let manifest = AofManifest::parse(text).unwrap();
        let live: Vec<_> = manifest
            .live_files()
            .map(|file| (file.name.to_str().unwrap(), file.sequence))
            .collect();
        assert_eq!(
            live,
            [
                ("appendonly.aof.2.base.rdb", 2),
                ("with blank.3.incr.aof", 3),
                ("a.aof", 4)
            ]
        );
        assert_eq!(manifest.files.len(), 4);
        assert_eq!(manifest.files[1].kind, AofFileKind::History);
    }

    #[test]
    fn refuses_what_redis_refuses() {
        for (line, offset) in [
            ("", 0),
            ("\n", 0),
            ("file a seq 1 type i", 0),
            ("file a seq 1\n", 0),
            ("file a seq 0 type i\n", 0),
            ("file a seq x type i\n", 0),
            ("file a seq 1 type z\n", 0),
            ("file a seq 1 type i more\n", 0),
            ("file ../a seq 1 type i\n", 0),
            ("file a/b seq 1 type i\n", 0),
            ("file . seq 1 type i\n", 0),
            ("file \"\" seq 1 type i\n", 0),
            ("file \"a seq 1 type i\n", 0),
            ("file a seq 2 type i\nfile b seq 2 type i\n", 20),
            ("file a seq 1 type b\nfile b seq 2 type b\n", 20),
        ] {
            assert_eq!(
                AofManifest::parse(line.as_bytes()).unwrap_err().0,
                offset,
                "{line:?}"
            );
        }
        let long = format!("file {} seq 1 type i\n", "x".repeat(1024));
        assert!(AofManifest::parse(long.as_bytes()).is_err());
    }
}
