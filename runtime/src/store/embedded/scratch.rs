//! A copy of a database up to a step that cannot be read, so that opening it changes nothing of the original.
//!
//! Opening a database drops what cannot be read at the end of its journals, and with that what tells damage from its
//! repair. Tables, which are never changed, are the same files under another name; they take no room.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use super::cannot_use;
use super::journal::Broken;
use crate::store::StoreError;

/// The copy's name in the store's directory.
const NAME: &str = "reading";
/// Folders of files that are never changed.
const UNCHANGED: &str = "tables";

/// A copy, which goes when this does.
pub(super) struct Scratch(PathBuf);

impl Scratch {
    /// Makes it, in the directory of a store that the caller holds.
    ///
    /// # Errors
    /// [`StoreError::Directory`] when it cannot be written.
    pub(super) fn up_to(store: &Path, database: &Path, broken: &Broken) -> Result<Self, StoreError> {
        remove(store)?;
        let scratch = Self(store.join(NAME));
        let copied = copy(database, &scratch.database()).and_then(|()| {
            let journal = scratch.database().join(broken.journal.file_name().unwrap_or_default());
            cut(&journal, broken.at)
        });
        let full = |error: io::Error| {
            cannot_use(store, format!("has no room to be read in ({error}); make room, or run this on a copy of it"))
        };
        copied.map_err(full)?;
        Ok(scratch)
    }

    /// Where the copy is.
    pub(super) fn database(&self) -> PathBuf {
        self.0.join("db")
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            tracing::warn!(path = %self.0.display(), %error, "what was read in could not be removed; remove it");
        }
    }
}

/// Removes what a process left that was killed while it read.
///
/// # Errors
/// [`StoreError::Directory`].
pub(super) fn remove(store: &Path) -> Result<(), StoreError> {
    match fs::remove_dir_all(store.join(NAME)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(cannot_use(store, format!("cannot be written ({error}); run this as the server's user")))
        }
        _ => Ok(()),
    }
}

/// Ends a journal before this byte, durably.
pub(super) fn cut(journal: &Path, at: usize) -> io::Result<()> {
    let file = File::options().write(true).open(journal)?;
    file.set_len(at as u64)?;
    file.sync_all()
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    let unchanged = from.file_name().is_some_and(|name| name == UNCHANGED);
    for entry in fs::read_dir(from)? {
        let (entry, target) = entry.map(|entry| (entry.path(), to.join(entry.file_name())))?;
        if entry.is_dir() {
            copy(&entry, &target)?;
        } else if !unchanged || fs::hard_link(&entry, &target).is_err() {
            // Not every file system has two names for a file.
            fs::copy(&entry, &target)?;
        }
    }
    Ok(())
}
