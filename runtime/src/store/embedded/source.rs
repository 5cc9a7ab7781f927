//! The store of a data directory as commands read it: opened, or asked of the server that has it.

use std::path::{Path, PathBuf};

use super::directory::DataDirectory;
use super::journal::{self, Broken};
use super::scratch::Scratch;
use super::tables::Tables;
use super::walk::{Piece, contained, walk};
use super::{Shared, cannot_use, open_database, open_tables};
use crate::store::StoreError;

/// Where the records come from.
pub struct StoreSource {
    kind: Kind,
    directory: PathBuf,
}

enum Kind {
    /// Nobody has the directory: it is this process's until the source is dropped.
    Opened(Opened),
    /// The same; its last step cannot be read, and what is before it is read in a copy.
    Torn(Box<Torn>),
    /// A server has it.
    #[cfg(unix)]
    Asked(std::os::unix::net::UnixStream),
}

/// A store that is stopped in order again, however the look at it ends.
struct Opened(Option<Box<Shared>>);

impl Drop for Opened {
    fn drop(&mut self) {
        if let Some(shared) = self.0.take() {
            shared.stop();
        }
    }
}

struct Torn {
    damage: String,
    shared: Shared,
    /// Dropped behind what is open in it.
    _scratch: Scratch,
}

impl StoreSource {
    /// Opens the store of a directory, or connects to the server that has it. Opening finishes what a killed server left
    /// unfinished, as the server's next start would; nothing is made where no store is. Of a store whose last step cannot
    /// be read, everything before that is there, and nothing is changed: only [`repair`](super::repair()) drops it.
    ///
    /// # Errors
    /// [`StoreError::Directory`] when there is no such directory, no store in it, or another process that does not
    /// answer has it; [`StoreError::Corrupt`] when it cannot be opened for damage.
    pub fn open(store: &Path) -> Result<Self, StoreError> {
        match DataDirectory::existing(store)? {
            Some(directory) => {
                if let Some(broken) = journal::broken(&directory.database())?.filter(|broken| broken.is_last) {
                    return Self::before(store, directory, &broken);
                }
                let tables = std::sync::Arc::new(open_tables(store, &directory)?);
                let opened = Kind::Opened(Opened(Some(Box::new(Shared { tables, directory }))));
                Ok(Self { kind: opened, directory: store.to_owned() })
            }
            None => Self::ask(store),
        }
    }

    fn before(store: &Path, directory: DataDirectory, broken: &Broken) -> Result<Self, StoreError> {
        let scratch = Scratch::up_to(store, &directory.database(), broken)?;
        let tables = std::sync::Arc::new(open_database(store, &scratch.database())?);
        let (damage, shared) = (broken.told().to_string(), Shared { tables, directory });
        let torn = Kind::Torn(Box::new(Torn { damage, shared, _scratch: scratch }));
        Ok(Self { kind: torn, directory: store.to_owned() })
    }

    #[cfg(unix)]
    fn ask(store: &Path) -> Result<Self, StoreError> {
        let stream = super::control::ask(store).map_err(|error| {
            cannot_use(
                store,
                format!("is in use by another process, which cannot be asked for its records ({error}); stop it, or run this as its user"),
            )
        })?;
        Ok(Self { kind: Kind::Asked(stream), directory: store.to_owned() })
    }

    #[cfg(not(unix))]
    fn ask(store: &Path) -> Result<Self, StoreError> {
        Err(cannot_use(store, "is in use by another process; stop it first".to_owned()))
    }

    /// The store's directory.
    pub(super) fn directory(&self) -> &Path {
        &self.directory
    }

    /// Whether a running server answers.
    #[must_use]
    pub fn is_live(&self) -> bool {
        !matches!(self.kind, Kind::Opened(_) | Kind::Torn(_))
    }

    /// Hands over every record as of one moment, and every place that cannot be read.
    pub(super) fn pieces(self, sink: &mut dyn FnMut(Piece<'_>) -> Result<(), StoreError>) -> Result<(), StoreError> {
        match self.kind {
            Kind::Opened(opened) => opened.0.as_ref().map_or(Ok(()), |shared| pieces_of(&shared.tables, sink)),
            Kind::Torn(torn) => {
                sink(Piece::Damage(torn.damage.clone()))?;
                pieces_of(&torn.shared.tables, sink)
            }
            #[cfg(unix)]
            Kind::Asked(stream) => super::control::receive(&stream, sink).map_err(|error| StoreError::Directory {
                path: self.directory.display().to_string(),
                detail: format!("the server that has it broke off ({error}); see its log, and repeat the command"),
            })?,
        }
    }
}

/// Hands over every record of open tables.
pub(super) fn pieces_of(
    tables: &std::sync::Arc<Tables>,
    sink: &mut dyn FnMut(Piece<'_>) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let view = contained(|| Ok(tables.view()))?;
    walk(&view, sink)
}

impl std::fmt::Debug for StoreSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StoreSource").field("live", &self.is_live()).finish_non_exhaustive()
    }
}
