//! What a store says of itself while nobody has it: up to which step each of its journals goes.
//!
//! The database takes a journal that lost its end for one whose last write was cut off by a kill, and nothing tells the two
//! apart: a killed server leaves no word. One that is stopped in order does, and whoever takes the store into use next
//! compares it, and removes it before anything is written.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

use super::journal::{self, Ends};
use super::{cannot_use, seal};
use crate::store::StoreError;

const FILE: &str = "stopped";
const BEGUN: &str = "stopped.new";

/// Notes how far the journals of a database go that was closed just now. One that cannot be noted is not compared.
pub(super) fn put(directory: &Path, database: &Path) {
    // A backup says of itself what is in it.
    if seal::is_there(directory) {
        return;
    }
    let noted = journal::inspect(database).map_err(|error| error.to_string()).and_then(|ends| {
        // The note must not be on the disk before what it speaks of.
        journal::sync(database).and_then(|()| write(directory, &ends)).map_err(|error| error.to_string())
    });
    if let Err(error) = noted {
        tracing::warn!(path = %directory.display(), %error, "what the store's journals hold was not noted as it stopped");
    }
}

fn write(directory: &Path, ends: &Ends) -> io::Result<()> {
    let begun = directory.join(BEGUN);
    let mut file = File::create(&begun)?;
    // For the server's user, too, where somebody else looked at the store.
    #[cfg(unix)]
    file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644))?;
    for (journal, step) in ends {
        file.write_all(format!("{journal} {step}\n").as_bytes())?;
    }
    file.sync_all()?;
    fs::rename(&begun, directory.join(FILE))?;
    File::open(directory)?.sync_all()
}

/// What is missing in a store whose journals end here; `None` where nothing is, and where it was not stopped in order.
///
/// # Errors
/// [`StoreError::Directory`] when the note cannot be read.
pub(super) fn missing(directory: &Path, ends: &Ends) -> Result<Option<String>, StoreError> {
    let text = match fs::read(directory.join(FILE)) {
        Ok(text) => String::from_utf8_lossy(&text).into_owned(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => {
            return Err(cannot_use(
                directory,
                format!("its file `{FILE}` cannot be read ({error}); check its permissions and the disk"),
            ));
        }
    };
    for line in text.lines() {
        let Some((journal, noted)) =
            line.split_once(' ').and_then(|(name, step)| Some((name, step.parse::<u64>().ok()?)))
        else {
            return Ok(Some(format!("its file `{FILE}` cannot be read, so what its journals lost cannot be told")));
        };
        let found = ends.iter().find(|(name, _)| name == journal).map(|(_, step)| *step);
        if found.is_none_or(|found| found < noted) {
            let found = found.map_or_else(|| "has none".to_owned(), |found| format!("goes to {found}"));
            return Ok(Some(format!(
                "its journal {journal} went to step {noted} when the server was stopped, and {found}: it lost its end"
            )));
        }
    }
    Ok(None)
}

/// Refuses a store in which something is missing, and takes any other into use.
///
/// # Errors
/// [`StoreError::Corrupt`]; [`StoreError::Directory`] when the note cannot be read or removed.
pub(super) fn take(directory: &Path, ends: &Ends) -> Result<(), StoreError> {
    match missing(directory, ends)? {
        Some(detail) => Err(StoreError::corrupt(
            format!("the store in {}", directory.display()),
            format!("{detail}; `rolecall store repair` goes on with what is left"),
        )),
        None => remove(directory),
    }
}

/// Removes the note, before anything is written that it does not know of.
///
/// # Errors
/// [`StoreError::Directory`] when it cannot be removed.
pub(super) fn remove(directory: &Path) -> Result<(), StoreError> {
    let removed = match fs::remove_file(directory.join(FILE)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        other => other.and_then(|()| File::open(directory)?.sync_all()),
    };
    removed.map_err(|error| {
        cannot_use(directory, format!("cannot be written ({error}); give the server's user write permission"))
    })
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::super::{Checked, EmbeddedStore, Repaired, StoreSource, backup, check, repair};
    use super::*;
    use crate::ids::SessionId;
    use crate::store::Store;
    use crate::store::conformance::{entries, new_session};

    /// A store that was stopped in order, and what was written of its journal.
    async fn stopped(home: &Path) -> (PathBuf, SessionId, u64) {
        let (path, new) = (home.join("store"), new_session());
        let store = EmbeddedStore::open(&path).unwrap();
        store.create(new.clone()).await.unwrap();
        for n in 0..20 {
            store.commit(&new.id, 1, entries(&[&format!("entry {n}")])).await.unwrap();
        }
        store.close().await;
        let journal = fs::read(path.join("db/0.jnl")).unwrap();
        let written = journal.iter().rposition(|byte| *byte != 0).unwrap() as u64 + 1;
        (path, new.id, written)
    }

    fn cut(path: &Path, to: u64) {
        File::options().write(true).open(path.join("db/0.jnl")).unwrap().set_len(to).unwrap();
    }

    fn checked(path: &Path) -> Result<Checked, StoreError> {
        check(StoreSource::open(path)?, &mut |_| Ok(()), &mut |damage| panic!("{damage}"))
    }

    // Fails when a journal that lost its end since the server was stopped is read as one whose last writes never were, or what
    // is left cannot be gone on with; when ids are given again then.
    #[tokio::test]
    async fn a_journal_that_lost_its_end_is_told() {
        for part in [0, 1, 10, 50, 90] {
            let home = tempfile::tempdir().unwrap();
            let (path, id, written) = stopped(home.path()).await;
            cut(&path, written * part / 100);
            for _ in 0..2 {
                let told = EmbeddedStore::open(&path).unwrap_err();
                assert!(matches!(told, StoreError::Corrupt { .. }), "{part}: {told}");
                assert!(told.to_string().contains("rolecall store repair"), "{part}: {told}");
                assert!(matches!(checked(&path), Err(StoreError::Corrupt { .. })), "{part}");
            }
            assert!(matches!(repair(&path).unwrap(), Some(Repaired::Shortened(_))), "{part}");
            assert_eq!(repair(&path).unwrap(), None);
            let store = EmbeddedStore::open(&path).unwrap();
            assert!(store.lineage(&id).unwrap().doubts(""), "{part}: ids of what is lost would be given again");
            assert!(store.session(&id).await.unwrap().is_none_or(|row| row.head < 20));
            store.close().await;
        }
    }

    // Fails when of several journals one that is gone, or shorter, is not missed since a later one goes as far as noted; or
    // when a note that somebody else made cannot be read by the server.
    #[test]
    fn each_journal_is_compared() {
        let home = tempfile::tempdir().unwrap();
        let ends = |ends: &[(&str, u64)]| ends.iter().map(|(name, step)| ((*name).to_owned(), *step)).collect::<Ends>();
        let noted = ends(&[("7.jnl", 50), ("8.jnl", 90)]);
        assert_eq!(missing(home.path(), &ends(&[])).unwrap(), None, "nothing is noted");
        write(home.path(), &noted).unwrap();
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(fs::metadata(home.path().join(FILE)).unwrap().permissions().mode() & 0o777, 0o644);
        }
        assert_eq!(missing(home.path(), &noted).unwrap(), None);
        for (found, journal) in [
            (ends(&[("8.jnl", 90)]), "7.jnl"),
            (ends(&[("7.jnl", 49), ("8.jnl", 90)]), "7.jnl"),
            (ends(&[("7.jnl", 50), ("8.jnl", 89)]), "8.jnl"),
            (ends(&[]), "7.jnl"),
        ] {
            let told = missing(home.path(), &found).unwrap().unwrap();
            assert!(told.contains(journal), "{told}");
        }
    }

    // Fails when a store that is whole is refused: stopped, looked at, killed, or killed and cut, which nobody can tell.
    #[tokio::test]
    async fn a_store_that_is_whole_is_taken() {
        let home = tempfile::tempdir().unwrap();
        let (path, id, _) = stopped(home.path()).await;
        for _ in 0..2 {
            assert_eq!(checked(&path).unwrap().entries, 20);
            assert!(path.join(FILE).is_file(), "what was only looked at is stopped still");
        }
        assert!(backup(StoreSource::open(&path).unwrap(), &home.path().join("backup")).is_ok());
        assert_eq!(checked(&home.path().join("backup")).unwrap().entries, 20);
        assert!(!home.path().join("backup").join(FILE).exists(), "a backup has its seal");
        drop(StoreSource::open(&path).unwrap());
        assert!(path.join(FILE).is_file(), "a look that comes to nothing is one");
        assert_eq!(repair(&path).unwrap(), None);
        let store = EmbeddedStore::open(&path).unwrap();
        assert!(!path.join(FILE).exists(), "a killed server leaves no word");
        store.commit(&id, 1, entries(&["one more"])).await.unwrap();
        store.close().await;
        assert!(path.join(FILE).is_file());
        assert_eq!(checked(&path).unwrap().entries, 21);
        let journal = fs::read(path.join("db/0.jnl")).unwrap();
        let written = journal.iter().rposition(|byte| *byte != 0).unwrap() as u64 + 1;
        remove(&path).unwrap();
        cut(&path, written - 1);
        EmbeddedStore::open(&path).unwrap().close().await;
    }
}
