//! The name of a copy, by which it is told from its original.
//!
//! A copy begins at an earlier moment, behind which the original may have gone on: its clients have then seen sequence ids
//! that the copy would give to other messages. So a copy has a name, drawn when it is made. Each session notes the name
//! under which it was written; one that was written under another, or none, begins an epoch behind a gap before it goes
//! on ([`Lineage`]). A store that is no copy has no name.
//!
//! The name is in a file of its own, whose content may be any word that was never there before. So whoever copies a store
//! by other means can name the copy by hand. Rejected: in the marker, which says the format and nothing else.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

use super::cannot_use;
use crate::ids::random_digits;
use crate::store::{Lineage, StoreError};

const FILE: &str = "copy";
const BEGUN: &str = "copy.new";
/// Most characters of a name: every session of the copy notes it.
const MOST: usize = 64;

/// Gives the store in a directory a new name, durably and whole or not at all.
///
/// # Errors
/// [`StoreError::Directory`] when it cannot be written.
pub(super) fn name(directory: &Path) -> Result<(), StoreError> {
    let named = random_digits().map_err(|error| io::Error::other(error.to_string())).and_then(|name| {
        let begun = directory.join(BEGUN);
        let mut file = File::create(&begun)?;
        file.write_all(format!("{name}\n").as_bytes())?;
        file.sync_all()?;
        fs::rename(&begun, directory.join(FILE))?;
        File::open(directory)?.sync_all()
    });
    named.map_err(|error| cannot_use(directory, format!("cannot be written ({error}); make room or name another disk")))
}

/// Where what the store in a directory holds comes from.
///
/// # Errors
/// [`StoreError::Directory`] when its name cannot be read, or there is none in the file.
pub(super) fn lineage(directory: &Path) -> Result<Lineage, StoreError> {
    let bytes = match fs::read(directory.join(FILE)) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Lineage::default()),
        Err(error) => {
            return Err(cannot_use(
                directory,
                format!("has a file `{FILE}` that cannot be read ({error}); check its permissions"),
            ));
        }
    };
    // Damage makes another name of it, under which everything is doubted once more.
    let name: String = String::from_utf8_lossy(&bytes).trim().chars().take(MOST).collect();
    if name.is_empty() {
        let detail = format!("has an empty file `{FILE}`; write a word into it that was never there before");
        return Err(cannot_use(directory, detail));
    }
    Ok(Lineage::of_copy(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    // Fails when two copies have one name, a name does not outlive its process, or a lost one makes an original of a copy.
    #[test]
    fn each_copy_has_a_name_of_its_own() {
        let home = tempfile::tempdir().unwrap();
        assert_eq!(lineage(home.path()).unwrap(), Lineage::default());
        name(home.path()).unwrap();
        let first = lineage(home.path()).unwrap();
        assert!(first.is_copy && !first.id.is_empty() && first == lineage(home.path()).unwrap());
        name(home.path()).unwrap();
        assert_ne!(lineage(home.path()).unwrap(), first);
        fs::write(home.path().join(FILE), "by hand\n").unwrap();
        assert_eq!(lineage(home.path()).unwrap().id, "by hand");
        fs::write(home.path().join(FILE), "\n").unwrap();
        assert!(lineage(home.path()).unwrap_err().to_string().contains("write a word"));
    }
}
