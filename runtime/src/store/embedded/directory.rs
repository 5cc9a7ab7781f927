//! The data directory: ours or empty, writable, and in use by one process.
//!
//! ```text
//! <data>/rolecall-store   marker: what this directory is, and its format
//! <data>/lock             held while a process uses the directory
//! <data>/db/              the database
//! ```

use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::store::StoreError;

const MARKER: &str = "rolecall-store";
const LOCK: &str = "lock";
const DATABASE: &str = "db";
/// The marker's text. The number is raised by a release that cannot read what was written before.
const FORMAT: &str = "rolecall store, format 2\n";

/// A directory that this process holds. Dropping it lets go.
#[derive(Debug)]
pub(super) struct DataDirectory {
    path: PathBuf,
    _lock: File,
}

impl DataDirectory {
    /// Takes a directory into use, making it when it is missing.
    pub(super) fn acquire(path: &Path) -> Result<Self, StoreError> {
        let refuse = |detail: String| StoreError::Directory { path: path.display().to_string(), detail };
        match fs::metadata(path) {
            Ok(found) if !found.is_dir() => {
                return Err(refuse("is a file; name a directory, or one that does not exist yet".to_owned()));
            }
            Ok(_) => refuse_strangers(path)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => fs::create_dir_all(path)
                .map_err(|error| refuse(format!("cannot be made ({error}); make it, or name another one")))?,
            Err(error) => return Err(refuse(format!("cannot be read ({error}); check its permissions"))),
        }
        let unwritable =
            |error: io::Error| refuse(format!("cannot be written ({error}); give the server's user write permission"));
        let lock =
            File::options().create(true).truncate(false).write(true).open(path.join(LOCK)).map_err(unwritable)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let detail = "is in use by another process; stop that one, or give this one a directory of its own";
                return Err(refuse(detail.to_owned()));
            }
            Err(TryLockError::Error(error)) => {
                return Err(refuse(format!("cannot be locked ({error}); use a local file system")));
            }
        }
        check_marker(path)?;
        Ok(Self { path: path.to_owned(), _lock: lock })
    }

    /// Where the database is.
    pub(super) fn database(&self) -> PathBuf {
        self.path.join(DATABASE)
    }
}

/// Refuses a directory with somebody else's files in it, before anything is written there.
fn refuse_strangers(path: &Path) -> Result<(), StoreError> {
    let refuse = |detail: String| StoreError::Directory { path: path.display().to_string(), detail };
    if path.join(MARKER).exists() {
        return Ok(());
    }
    let entries =
        fs::read_dir(path).map_err(|error| refuse(format!("cannot be read ({error}); check its permissions")))?;
    for entry in entries {
        let name = entry.map_err(|error| refuse(format!("cannot be read ({error}); check the disk")))?.file_name();
        // The lock alone is what a first start leaves that ended before the marker was written.
        if name != LOCK {
            let name = name.to_string_lossy();
            return Err(refuse(format!("holds other files (`{name}`) and no rolecall store; name an empty directory")));
        }
    }
    Ok(())
}

/// Reads the marker, or writes it into a directory that is new. Only the holder of the lock does.
fn check_marker(path: &Path) -> Result<(), StoreError> {
    let refuse = |detail: String| StoreError::Directory { path: path.display().to_string(), detail };
    match fs::read_to_string(path.join(MARKER)) {
        Ok(text) if text == FORMAT => Ok(()),
        Ok(text) => {
            let found = text.lines().next().unwrap_or_default();
            Err(refuse(format!(
                "is marked `{found}`, this release reads `{}`; use the matching release",
                FORMAT.trim()
            )))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => write_marker(path)
            .map_err(|error| refuse(format!("cannot be written ({error}); give the server's user write permission"))),
        Err(error) => Err(refuse(format!("has a marker that cannot be read ({error}); check its permissions"))),
    }
}

/// Writes the marker so that a crash leaves either none or a whole one.
fn write_marker(path: &Path) -> io::Result<()> {
    let fresh = path.join(LOCK).with_extension("new");
    let mut file = File::create(&fresh)?;
    file.write_all(FORMAT.as_bytes())?;
    file.sync_all()?;
    fs::rename(&fresh, path.join(MARKER))?;
    File::open(path)?.sync_all()
}
