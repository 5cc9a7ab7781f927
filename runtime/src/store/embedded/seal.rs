//! What a backup says of itself: how many records are in it.
//!
//! The database takes a journal that lost its end for one whose last write was cut off, and forgets that write without a
//! word. In a store that a server writes it is that: nobody was told of it. A backup was whole when it was made, and all of a
//! small one is in one write. So a backup is sealed with its count of records, until a server takes it into use.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

use super::cannot_use;
use super::source::pieces_of;
use super::tables::Tables;
use crate::store::StoreError;

const FILE: &str = "sealed";

/// Seals a store with so many records.
///
/// # Errors
/// [`StoreError::Directory`] when it cannot be written.
pub(super) fn put(directory: &Path, records: u64) -> Result<(), StoreError> {
    let sealed = File::create(directory.join(FILE)).and_then(|mut file| {
        file.write_all(format!("records {records}\n").as_bytes())?;
        file.sync_all()
    });
    sealed
        .map_err(|error| cannot_use(directory, format!("cannot be written ({error}); make room or name another disk")))
}

/// Whether a store is a backup that no server has taken into use.
pub(super) fn is_there(directory: &Path) -> bool {
    directory.join(FILE).exists()
}

/// What is wrong with a store in which so many records were found; `None` for one without a seal.
///
/// # Errors
/// [`StoreError::Directory`] when the seal cannot be read.
pub(super) fn broken(directory: &Path, found: u64) -> Result<Option<String>, StoreError> {
    let Some(text) = read(directory)? else { return Ok(None) };
    let whole = || "copy the backup anew, or use another one".to_owned();
    let records = text.trim().strip_prefix("records ").and_then(|records| records.parse::<u64>().ok());
    Ok(match records {
        Some(records) if records == found => None,
        Some(records) => {
            Some(format!("the backup had {records} records and has {found}: a file of it was cut; {}", whole()))
        }
        None => Some(format!("its file `{FILE}` cannot be read; {}", whole())),
    })
}

/// Refuses to drop anything of a backup: nothing in it is a write that was cut off when a machine failed.
///
/// # Errors
/// [`StoreError::Directory`] for a backup that no server has taken into use.
pub(super) fn refuse(directory: &Path) -> Result<(), StoreError> {
    match read(directory)? {
        None => Ok(()),
        Some(_) => Err(cannot_use(
            directory,
            "is a backup that no server has written to: what cannot be read in it was whole once; copy it anew, or use another one"
                .to_owned(),
        )),
    }
}

/// Takes a store into use: a backup is counted first, once, and is none from then on.
///
/// # Errors
/// [`StoreError::Corrupt`] when something is missing in it; [`StoreError::Directory`] when it cannot be read or written.
pub(super) fn open(directory: &Path, tables: &Arc<Tables>) -> Result<(), StoreError> {
    if read(directory)?.is_none() {
        return Ok(());
    }
    let mut found: u64 = 0;
    pieces_of(tables, &mut |_| {
        found = found.saturating_add(1);
        Ok(())
    })?;
    if let Some(detail) = broken(directory, found)? {
        return Err(StoreError::corrupt(format!("the store in {}", directory.display()), detail));
    }
    tracing::info!(path = %directory.display(), records = found, "this is a backup, and whole; each session begins an epoch before it goes on");
    // On the disk before anything is added: a seal that came back after a failure of the machine would hold that against it.
    let removed = fs::remove_file(directory.join(FILE)).and_then(|()| File::open(directory)?.sync_all());
    removed.map_err(|error| {
        cannot_use(directory, format!("cannot be written ({error}); give the server's user write permission"))
    })
}

fn read(directory: &Path) -> Result<Option<String>, StoreError> {
    match fs::read(directory.join(FILE)) {
        Ok(bytes) => Ok(Some(String::from_utf8_lossy(&bytes).into_owned())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(cannot_use(
            directory,
            format!("has a file `{FILE}` that cannot be read ({error}); check its permissions"),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::super::*;
    use super::*;
    use crate::store::conformance::{entries, new_session};
    use crate::store::{StoreSource, backup, check, repair};

    fn damages(store: &Path) -> Vec<String> {
        let mut damages = Vec::new();
        let source = StoreSource::open(store).unwrap();
        check(source, &mut |_| Ok(()), &mut |damage| damages.push(damage.to_owned())).unwrap();
        damages
    }

    // Fails when a backup that lost its end is taken for a store with nothing in it, by a check or by a start; or when a
    // whole one is refused, or what a server has written to one since is held against its count.
    #[tokio::test]
    async fn a_backup_that_was_cut_is_told() {
        let home = tempfile::tempdir().unwrap();
        let (path, copied, cut) = (home.path().join("store"), home.path().join("backup"), home.path().join("cut"));
        let store = EmbeddedStore::open(&path).unwrap();
        let new = new_session();
        store.create(new.clone()).await.unwrap();
        store.commit(&new.id, 1, entries(&["one", "two"])).await.unwrap();
        store.close().await;
        for to in [&copied, &cut] {
            backup(StoreSource::open(&path).unwrap(), to).unwrap();
        }
        assert!(damages(&copied).is_empty());
        let journal = cut.join("db/0.jnl");
        let bytes = fs::read(&journal).unwrap();
        let written = bytes.iter().rposition(|byte| *byte != 0).unwrap();
        fs::write(&journal, &bytes[..written]).unwrap();
        let told = damages(&cut);
        assert!(told.len() == 1 && told[0].contains("records and has"), "{told:?}");
        let refused = EmbeddedStore::open(&cut).unwrap_err();
        assert!(
            matches!(&refused, StoreError::Corrupt { detail, .. } if detail.contains("copy the backup anew")),
            "{refused}"
        );
        let broken = bytes.iter().rposition(|byte| *byte != 0).unwrap() - 40;
        let flipped = bytes.iter().enumerate().map(|(at, byte)| if at == broken { byte ^ 1 } else { *byte });
        fs::write(&journal, flipped.collect::<Vec<u8>>()).unwrap();
        assert!(repair(&cut).unwrap_err().to_string().contains("copy it anew"), "all of it would be dropped");
        let store = EmbeddedStore::open(&copied).unwrap();
        store.create(new_session()).await.unwrap();
        store.close().await;
        assert!(damages(&copied).is_empty() && !copied.join(FILE).exists());
        assert_eq!(EmbeddedStore::open(&copied).unwrap().session(&new.id).await.unwrap().unwrap().head, 2);
    }

    // Fails when conversations can be read by others where somebody else made the directory around them.
    #[cfg(unix)]
    #[test]
    fn a_store_is_its_users_alone() {
        use std::os::unix::fs::PermissionsExt;

        let home = tempfile::tempdir().unwrap();
        fs::set_permissions(home.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let path = home.path().join("store");
        drop(EmbeddedStore::open(&path).unwrap());
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o077, 0);
    }
}
