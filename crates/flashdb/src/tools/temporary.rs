//! A file that appears under its name only when it is whole and durable. Nobody but its owner may read it.

use super::error::ToolError;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

/// Refuses a target that can only be a folder.
///
/// # Errors
/// When it is one, or ends as the name of one.
pub fn refuse_folder(target: &Path) -> Result<(), ToolError> {
    let (kind, what) = if target.is_dir() {
        (io::ErrorKind::IsADirectory, "it is a folder; name a file")
    } else if target
        .as_os_str()
        .to_string_lossy()
        .ends_with(std::path::is_separator)
    {
        (io::ErrorKind::NotFound, "there is no such folder")
    } else {
        return Ok(());
    };
    Err(ToolError::File(target.to_owned(), io::Error::new(kind, what)))
}

/// A file in the making; dropped unfinished it is removed.
pub struct NewFile {
    target: PathBuf,
    temporary: PathBuf,
    file: Option<BufWriter<File>>,
}

impl NewFile {
    /// Begins the file that is to be `target`. An existing one is replaced at the end.
    ///
    /// # Errors
    /// When no file can be made there.
    pub fn create(target: &Path) -> Result<Self, ToolError> {
        refuse_folder(target)?;
        let mut name = target.file_name().unwrap_or_default().to_owned();
        name.push(format!(".{}.tmp", std::process::id()));
        let temporary = target.with_file_name(name);
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(&temporary).map_err(ToolError::file(&temporary))?;
        Ok(NewFile {
            target: target.to_owned(),
            temporary,
            file: Some(BufWriter::new(file)),
        })
    }

    /// Where it is until it has its name.
    pub fn path(&self) -> &Path {
        &self.temporary
    }

    /// Makes the content durable; it can be read again then.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn sync(&mut self) -> Result<(), ToolError> {
        let synced = match &mut self.file {
            Some(file) => file.flush().and_then(|()| file.get_ref().sync_all()),
            None => Ok(()),
        };
        synced.map_err(ToolError::file(&self.temporary))
    }

    /// Gives the file its name.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn finish(mut self) -> Result<(), ToolError> {
        self.sync()?;
        self.file = None;
        fs::rename(&self.temporary, &self.target).map_err(ToolError::file(&self.target))?;
        let folder = self
            .target
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty());
        let folder = folder.unwrap_or(Path::new("."));
        let synced = File::open(folder).and_then(|folder| folder.sync_all());
        synced.map_err(ToolError::file(folder))
    }
}

impl Write for NewFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.file {
            Some(file) => file.write(bytes),
            None => Err(io::ErrorKind::BrokenPipe.into()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.as_mut().map_or(Ok(()), Write::flush)
    }
}

impl Drop for NewFile {
    fn drop(&mut self) {
        if self.file.is_some() {
            // Left behind it harms nobody.
            let _ = fs::remove_file(&self.temporary);
        }
    }
}

/// A folder for files that are needed for a while, removed with the value.
pub struct OwnFolder(PathBuf);

impl OwnFolder {
    /// Makes one beside `target`, where there is room for what becomes `target`.
    ///
    /// # Errors
    /// When none can be made there.
    pub fn beside(target: &Path) -> Result<Self, ToolError> {
        let mut name = target.file_name().unwrap_or_default().to_owned();
        name.push(format!(".{}.d", std::process::id()));
        let path = target.with_file_name(name);
        let mut builder = fs::DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(&path).map_err(ToolError::file(&path))?;
        Ok(OwnFolder(path))
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for OwnFolder {
    fn drop(&mut self) {
        // Left behind it takes room only.
        let _ = fs::remove_dir_all(&self.0);
    }
}
