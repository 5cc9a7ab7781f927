//! The data directory: ours or empty, writable, and in use by one process.
//!
//! ```text
//! <data>/rolecall-store   marker: what this directory is, and its format
//! <data>/rolecall-jobs    the database has a part for jobs, which directories of the first releases lack
//! <data>/lock             held while a process uses the directory
//! <data>/control          socket of that process, for `rolecall store`
//! <data>/db/              the database
//! <data>/copy             only in a copy: its name, see [`copies`](super::copies)
//! <data>/sealed           only in a backup that no server has taken into use, see [`seal`](super::seal)
//! <data>/stopped          only while nobody has it that stopped in order, see [`stopped`](super::stopped)
//! ```

use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::journal;
use super::tables::Tables;
use crate::store::StoreError;

/// Parts of the database that every release had, beside the one that lists them.
const FIRST: usize = 4;
/// Says that the database has a part for jobs.
const JOBS: &str = "rolecall-jobs";
const MARKER: &str = "rolecall-store";
const MARKER_BEGUN: &str = "lock.new";
const LOCK: &str = "lock";
const DATABASE: &str = "db";
/// A database that is being made. It becomes the store's when it is whole, so a kill leaves none in part.
const BEGUN: &str = "db.new";
/// The marker's text. The number is raised by a release whose records an earlier one cannot read: that one must not
/// work on a part of the store.
const FORMAT: &str = "rolecall store, format 3\n";
/// Markers of earlier releases whose stores this one reads. A server that takes one into use marks it anew.
const EARLIER: [&str; 1] = ["rolecall store, format 2\n"];

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
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                make(path)
                    .map_err(|error| refuse(format!("cannot be made ({error}); make it, or name another one")))?;
            }
            Err(error) => return Err(refuse(format!("cannot be read ({error}); check its permissions"))),
        }
        let lock = lock(path)?.ok_or_else(|| {
            refuse("is in use by another process; stop that one, or give this one a directory of its own".to_owned())
        })?;
        let directory = Self { path: path.to_owned(), _lock: lock };
        let is_earlier = path.join(MARKER).exists() && check_marker(path)?;
        if !path.join(MARKER).exists() {
            directory.create_database()?;
        }
        directory.check_database()?;
        if is_earlier {
            tracing::info!(path = %path.display(), "the store is marked as one of this release; earlier ones refuse it from now on");
            write_marker(path).map_err(|error| {
                refuse(format!("cannot be written ({error}); give the server's user write permission"))
            })?;
        }
        Ok(directory)
    }

    /// Makes the database, then marks the directory, then puts the database in its place.
    fn create_database(&self) -> Result<(), StoreError> {
        let begun = self.path.join(BEGUN);
        let unwritable = |error: &dyn std::fmt::Display| StoreError::Directory {
            path: self.path.display().to_string(),
            detail: format!("cannot be written ({error}); give the server's user write permission and room"),
        };
        match fs::remove_dir_all(&begun) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(unwritable(&error)),
            _ => {}
        }
        drop(Tables::create(&begun).map_err(|error| unwritable(&error))?);
        write_marker(&self.path).map_err(|error| unwritable(&error))
    }

    /// Sees to it that the database of a marked directory is whole. What is missing in one would be made anew, and empty.
    fn check_database(&self) -> Result<(), StoreError> {
        let (database, begun) = (self.database(), self.path.join(BEGUN));
        if begun.exists() && !database.exists() {
            let placed = fs::rename(&begun, &database).and_then(|()| File::open(&self.path)?.sync_all());
            placed.map_err(|error| StoreError::Directory {
                path: self.path.display().to_string(),
                detail: format!("cannot be written ({error}); give the server's user write permission"),
            })?;
        }
        let parts = ["version".to_owned()].into_iter().chain((0..=FIRST).map(|n| format!("keyspaces/{n}/current")));
        let missing = parts.map(|part| database.join(part)).find(|part| !part.is_file());
        match missing.or_else(|| self.missing_jobs()).or_else(|| journal::missing(&database)) {
            None => Ok(()),
            Some(missing) => Err(StoreError::corrupt(
                format!("the store in {}", self.path.display()),
                format!("{} is missing", missing.display()),
            )),
        }
    }

    /// The jobs' part of the database, if it was there and is not any more. A start that ended while it made that part may have
    /// used up a number.
    fn missing_jobs(&self) -> Option<PathBuf> {
        let parts = self.database().join("keyspaces");
        let is_later = |name: &str| name.parse::<usize>().is_ok_and(|number| number > FIRST);
        let found =
            fs::read_dir(&parts).into_iter().flatten().flatten().any(|entry| {
                entry.file_name().to_str().is_some_and(is_later) && entry.path().join("current").is_file()
            });
        let was_there = self.path.join(JOBS).exists();
        (was_there && !found).then(|| parts.join(format!("{}/current", FIRST.saturating_add(1))))
    }

    /// Notes that the database has a part for jobs, which directories of the first releases lack: from here on it is
    /// damage when that is missing.
    pub(super) fn has_jobs(&self) -> Result<(), StoreError> {
        let mark = self.path.join(JOBS);
        if mark.exists() {
            return Ok(());
        }
        let marked =
            File::create(&mark).and_then(|file| file.sync_all()).and_then(|()| File::open(&self.path)?.sync_all());
        marked.map_err(|error| StoreError::Directory {
            path: self.path.display().to_string(),
            detail: format!("cannot be written ({error}); give the server's user write permission and room"),
        })
    }

    /// Takes a directory that is a store already, and makes nothing. `None` while another process has it.
    pub(super) fn existing(path: &Path) -> Result<Option<Self>, StoreError> {
        let refuse = |detail: String| StoreError::Directory { path: path.display().to_string(), detail };
        match fs::metadata(path.join(MARKER)) {
            Ok(_) => {}
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                return Err(refuse("holds no rolecall store; name the data directory of a server".to_owned()));
            }
            Err(error) => return Err(refuse(format!("cannot be read ({error}); check its permissions"))),
        }
        let Some(lock) = lock(path)? else { return Ok(None) };
        check_marker(path)?;
        let directory = Self { path: path.to_owned(), _lock: lock };
        directory.check_database()?;
        Ok(Some(directory))
    }

    /// Takes a directory that was just made and is no store before [`finish`](Self::finish).
    pub(super) fn begin(path: &Path) -> Result<Self, StoreError> {
        let lock = lock(path)?.ok_or_else(|| StoreError::Directory {
            path: path.display().to_string(),
            detail: "was taken by another process meanwhile; name another one".to_owned(),
        })?;
        Ok(Self { path: path.to_owned(), _lock: lock })
    }

    /// Marks the directory as a store.
    pub(super) fn finish(self) -> Result<(), StoreError> {
        write_marker(&self.path).map_err(|error| StoreError::Directory {
            path: self.path.display().to_string(),
            detail: format!("cannot be written ({error}); make room or name another disk"),
        })
    }

    /// The directory.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Where the database is.
    pub(super) fn database(&self) -> PathBuf {
        self.path.join(DATABASE)
    }
}

/// Makes a directory that only the server's user reads: conversations are in it.
fn make(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

/// Locks a directory for this process; `None` while another one has it.
fn lock(path: &Path) -> Result<Option<File>, StoreError> {
    let refuse = |detail: String| StoreError::Directory { path: path.display().to_string(), detail };
    let lock = File::options().create(true).truncate(false).write(true).open(path.join(LOCK));
    let lock =
        lock.map_err(|error| refuse(format!("cannot be written ({error}); give the server's user write permission")))?;
    match lock.try_lock() {
        Ok(()) => Ok(Some(lock)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(refuse(format!("cannot be locked ({error}); use a local file system"))),
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
        // These are what a first start leaves that ended before the marker was written.
        if name != LOCK && name != MARKER_BEGUN && name != BEGUN {
            let name = name.to_string_lossy();
            return Err(refuse(format!("holds other files (`{name}`) and no rolecall store; name an empty directory")));
        }
    }
    Ok(())
}

/// Reads the marker. Says whether it is one of an earlier release.
fn check_marker(path: &Path) -> Result<bool, StoreError> {
    let refuse = |detail: String| StoreError::Directory { path: path.display().to_string(), detail };
    match fs::read_to_string(path.join(MARKER)) {
        Ok(text) if text == FORMAT => Ok(false),
        Ok(text) if EARLIER.contains(&text.as_str()) => Ok(true),
        Ok(text) => {
            let found = text.lines().next().unwrap_or_default();
            Err(refuse(format!(
                "is marked `{found}`, this release reads `{}`; use the matching release",
                FORMAT.trim()
            )))
        }
        Err(error) => Err(refuse(format!("has a marker that cannot be read ({error}); check its permissions"))),
    }
}

/// Writes the marker so that a crash leaves either none or a whole one.
fn write_marker(path: &Path) -> io::Result<()> {
    let fresh = path.join(MARKER_BEGUN);
    let mut file = File::create(&fresh)?;
    file.write_all(FORMAT.as_bytes())?;
    file.sync_all()?;
    fs::rename(&fresh, path.join(MARKER))?;
    File::open(path)?.sync_all()
}
