//! Drops the last step of a store that cannot be read, when somebody says so.
//!
//! When the machine fails within a write, its pages reach the disk in any order: the end of a step may be there and an
//! earlier page not. That step was never acknowledged. But so looks one that was, and was damaged since; which it is only
//! the operator can know, so nothing here happens by itself. In case it was acknowledged, the store is a copy of an earlier
//! moment from then on ([`copies`]): no sequence id that the step may have shown is given again.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::directory::DataDirectory;
use super::{cannot_use, copies, journal, open_tables, scratch, seal, stopped};
use crate::store::StoreError;

/// What was dropped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dropped {
    /// Of which journal.
    pub journal: PathBuf,
    /// From which byte on.
    pub at: usize,
    /// How many bytes.
    pub bytes: usize,
    /// Where they are kept.
    pub kept: PathBuf,
    /// What else is known to be missing, as the server that was stopped had noted it.
    pub missing: Option<String>,
}

/// What was done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Repaired {
    /// The last step could not be read, and was dropped.
    Dropped(Dropped),
    /// The journals have lost their end since the server was stopped, as this says; the store goes on with what is left.
    Shortened(String),
}

/// Drops the last step of a store if it cannot be read, or takes a store for whole whose journals have lost their end; `None`
/// when nothing is wrong with it. The store must be in use by nobody. What is
/// dropped is kept in a file beside it, and the store opens. Killed in the middle, it can be repeated.
///
/// # Errors
/// [`StoreError::Directory`] when there is no store, a process has it, it is a backup, or it cannot be written; [`StoreError::Corrupt`] when
/// steps behind the damage can be read, which would be lost with it: nothing is changed then.
pub fn repair(store: &Path) -> Result<Option<Repaired>, StoreError> {
    let in_use = || cannot_use(store, "is in use by another process; stop the server first".to_owned());
    let directory = DataDirectory::existing(store)?.ok_or_else(in_use)?;
    scratch::remove(store)?;
    let (ends, broken) = journal::read(&directory.database())?;
    let missing = stopped::missing(store, &ends)?;
    let Some(broken) = broken else {
        let Some(missing) = missing else { return Ok(None) };
        copies::name(store)?;
        reopen(store, &directory)?;
        return Ok(Some(Repaired::Shortened(missing)));
    };
    if !broken.is_last {
        return Err(broken.told());
    }
    seal::refuse(store)?;
    let unwritable = |error: io::Error| cannot_use(store, format!("cannot be written ({error}); nothing was dropped"));
    let name = broken.journal.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let kept = store.join(format!("dropped-{name}-{}", broken.at));
    let keep = |bytes: &[u8]| {
        let mut file = File::create(&kept)?;
        file.write_all(bytes)?;
        file.sync_all()
    };
    keep(&broken.bytes).map_err(unwritable)?;
    copies::name(store)?;
    scratch::cut(&broken.journal, broken.at).map_err(unwritable)?;
    reopen(store, &directory)?;
    Ok(Some(Repaired::Dropped(Dropped {
        journal: broken.journal,
        at: broken.at,
        bytes: broken.bytes.len(),
        kept,
        missing,
    })))
}

/// Opens a store that is less than it was, as the next start does.
fn reopen(store: &Path, directory: &DataDirectory) -> Result<(), StoreError> {
    stopped::remove(store)?;
    open_tables(store, directory).map(drop)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::super::{Checked, EmbeddedStore, StoreSource, backup, check};
    use super::*;
    use crate::store::conformance::{entries, new_session};
    use crate::store::{Commit, NewSession, Store};

    const PAGE: usize = 4_096;

    /// A store, where its last step begins and ends, and its journal.
    struct Torn {
        home: tempfile::TempDir,
        new: NewSession,
        from: usize,
        to: usize,
        journal: Vec<u8>,
    }

    impl Torn {
        fn store(&self) -> PathBuf {
            self.home.path().join("store")
        }

        fn journal(&self) -> PathBuf {
            self.store().join("db/0.jnl")
        }

        /// Bytes up to the last one that is not zero.
        fn written(journal: &[u8]) -> usize {
            journal.iter().rposition(|byte| *byte != 0).unwrap() + 1
        }

        /// Three small steps and a last one of several pages.
        async fn prepared() -> Self {
            let home = tempfile::tempdir().unwrap();
            let (path, new) = (home.path().join("store"), new_session());
            let store = EmbeddedStore::open(&path).unwrap();
            store.create(new.clone()).await.unwrap();
            for text in ["one", "two"] {
                store.commit(&new.id, 1, entries(&[text])).await.unwrap();
            }
            let from = Self::written(&fs::read(path.join("db/0.jnl")).unwrap());
            let mut noise = vec![0; 5 * PAGE];
            blake3::Hasher::new().finalize_xof().fill(&mut noise);
            let commit = Commit { entries: vec![noise.into()], ..Commit::default() };
            store.commit(&new.id, 1, commit).await.unwrap();
            // As the machine's end finds it: a store that is closed writes a last step, and that it was closed.
            let mut journal = fs::read(path.join("db/0.jnl")).unwrap();
            store.close().await;
            stopped::remove(&path).unwrap();
            let to = Self::written(&journal);
            // Of the room that is set aside behind it.
            journal.truncate(to + 3 * PAGE);
            assert!(to > from + 5 * PAGE, "{from} to {to}");
            Self { home, new, from, to, journal }
        }

        /// Zeros what of the last step is in these of its pages.
        fn tear(&self, pages: &[usize]) -> Vec<u8> {
            let mut journal = self.journal.clone();
            for page in pages {
                let begin = (self.from / PAGE + page) * PAGE;
                journal[begin.max(self.from)..(begin + PAGE).min(self.to)].fill(0);
            }
            fs::write(self.journal(), &journal).unwrap();
            journal
        }

        fn checked(&self) -> (Checked, Vec<String>) {
            let mut damages = Vec::new();
            let source = StoreSource::open(&self.store()).unwrap();
            let checked = check(source, &mut |_| Ok(()), &mut |damage| damages.push(damage.to_owned()));
            (checked.unwrap(), damages)
        }
    }

    // Fails when a write that the machine's end left with a hole makes a store that nobody can read or start on, is dropped
    // without being asked for, or takes more with it than itself.
    #[tokio::test]
    async fn a_write_with_a_hole_is_dropped_when_asked_for() {
        for pages in [&[0][..], &[1], &[2, 3], &[0, 1, 2, 3, 4], &[0, 2, 5]] {
            let torn = Torn::prepared().await;
            let journal = torn.tear(pages);
            let told = EmbeddedStore::open(&torn.store()).unwrap_err();
            assert!(matches!(told, StoreError::Corrupt { .. }), "{pages:?}: {told}");
            assert!(told.to_string().contains("rolecall store repair"), "{pages:?}: {told}");
            // It is read up to there, and stays as it is.
            let (checked, damages) = torn.checked();
            assert_eq!((checked.sessions, checked.entries, damages.len()), (1, 2, 1), "{pages:?}: {damages:?}");
            assert!(damages[0].contains("last step"), "{damages:?}");
            assert!(backup(StoreSource::open(&torn.store()).unwrap(), &torn.home.path().join("backup")).is_err());
            assert!(fs::read(torn.journal()).unwrap() == journal && !torn.store().join("reading").exists());
            assert!(EmbeddedStore::open(&torn.store()).is_err(), "{pages:?}: dropped by a look");

            let Some(Repaired::Dropped(dropped)) = repair(&torn.store()).unwrap() else { panic!("{pages:?}") };
            assert_eq!((dropped.at, &dropped.journal), (torn.from, &torn.journal()), "{pages:?}");
            let kept = fs::read(&dropped.kept).unwrap();
            assert!(kept.len() == dropped.bytes && journal[torn.from..].starts_with(&kept), "{pages:?}");
            assert_eq!(repair(&torn.store()).unwrap(), None);
            let (checked, damages) = torn.checked();
            assert_eq!((checked.entries, damages), (2, Vec::new()));
            let store = EmbeddedStore::open(&torn.store()).unwrap();
            assert!(store.lineage(&torn.new.id).unwrap().doubts(""), "ids of the dropped step would be given again");
            assert_eq!(store.commit(&torn.new.id, 1, entries(&["on"])).await.unwrap().head, 3);
            store.close().await;
        }
    }

    // Fails when damage before a step that can be read is taken for the last one, and that step dropped with it.
    #[tokio::test]
    async fn damage_before_other_steps_is_not_dropped() {
        let torn = Torn::prepared().await;
        let mut journal = torn.journal.clone();
        let text = journal.windows(3).position(|bytes| bytes == b"two").unwrap();
        journal[text] ^= 1;
        fs::write(torn.journal(), &journal).unwrap();
        let told = repair(&torn.store()).unwrap_err();
        assert!(matches!(told, StoreError::Corrupt { .. }) && !told.to_string().contains("repair"), "{told}");
        assert!(StoreSource::open(&torn.store()).is_err());
        assert!(fs::read(torn.journal()).unwrap() == journal && !torn.store().join("copy").exists());
    }

    // Fails when a store is repaired under a server that writes to it.
    #[tokio::test]
    async fn a_store_in_use_is_not_repaired() {
        let home = tempfile::tempdir().unwrap();
        let store = EmbeddedStore::open(home.path()).unwrap();
        let told = repair(home.path()).unwrap_err();
        assert!(told.to_string().contains("stop the server"), "{told}");
        store.close().await;
        assert_eq!(repair(home.path()).unwrap(), None);
    }
}
