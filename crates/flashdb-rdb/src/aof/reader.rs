//! All append-only files of a server, in order: one file, or those of a manifest.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::vec;

use super::file::AofFileReader;
use super::manifest::AofManifest;
use super::{AofError, AofFault, AofItem};

/// An iterator over the items of one file or of all files of a manifest, each after its [`AofItem::File`]. It ends after an
/// error, and after a torn end, which only the last file may have.
pub struct AofReader {
    paths: vec::IntoIter<PathBuf>,
    current: Option<(PathBuf, AofFileReader<File>)>,
}

impl AofReader {
    /// Reads a single file.
    pub fn of_file(path: &Path) -> Self {
        Self::of_paths(vec![path.to_path_buf()])
    }

    /// Reads the files that a manifest names; they are in its folder.
    ///
    /// # Errors
    /// When the manifest cannot be read or breaks a rule.
    pub fn of_manifest(path: &Path) -> Result<Self, AofError> {
        let manifest = AofManifest::load(path)?;
        let folder = path.parent().unwrap_or(Path::new(""));
        let paths = manifest.live_files().map(|file| folder.join(&file.name));
        Ok(Self::of_paths(paths.collect()))
    }

    fn of_paths(paths: Vec<PathBuf>) -> Self {
        Self {
            paths: paths.into_iter(),
            current: None,
        }
    }

    fn open_next(&mut self) -> Option<Result<AofItem, AofError>> {
        let path = self.paths.next()?;
        let is_last = self.paths.as_slice().is_empty();
        let opened = File::open(&path)
            .and_then(|file| Ok((file.metadata()?.len(), file)))
            .map_err(AofFault::Io)
            .and_then(|(length, file)| Ok((length, AofFileReader::new(file, is_last)?)));
        Some(match opened {
            Ok((length, reader)) => {
                self.current = Some((path.clone(), reader));
                Ok(AofItem::File { path, length })
            }
            Err(fault) => Err(self.fail(path, 0, fault)),
        })
    }

    /// Ends the walk with an error.
    fn fail(&mut self, path: PathBuf, offset: u64, fault: AofFault) -> AofError {
        self.paths = Vec::new().into_iter();
        self.current = None;
        AofError { path, offset, fault }
    }
}

impl Iterator for AofReader {
    type Item = Result<AofItem, AofError>;

    fn next(&mut self) -> Option<Self::Item> {
        let Some((path, reader)) = &mut self.current else {
            return self.open_next();
        };
        match reader.next() {
            Some(Ok(item)) => Some(Ok(item)),
            Some(Err(fault)) => {
                let (path, offset) = (std::mem::take(path), reader.offset());
                Some(Err(self.fail(path, offset, fault)))
            }
            None => {
                self.current = None;
                self.open_next()
            }
        }
    }
}
