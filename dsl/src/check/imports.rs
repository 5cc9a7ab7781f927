//! Where imported files come from: this crate reads none.

use crate::source::Source;

/// Reads the files that contracts import.
pub trait Imports {
    /// The file at `path`, which is relative to the file that imports it. Its name must be the same
    /// however it is imported, because files are told apart by it.
    ///
    /// # Errors
    /// When there is no such file, or none that may be read.
    fn load(&self, from: &Source, path: &str) -> Result<Source, ImportError>;
}

/// Why a file cannot be imported.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ImportError {
    /// There is none.
    #[error("there is no such file")]
    NotFound,
    /// It lies outside of the folder of contracts.
    #[error("it lies outside of the folder of contracts")]
    Outside,
    /// It cannot be read, or is no text.
    #[error("{0}")]
    Unreadable(String),
    /// This place has no other files.
    #[error("no other file can be read here")]
    Unavailable,
}

impl ImportError {
    pub(super) fn help(&self) -> &'static str {
        match self {
            Self::NotFound => "the path begins at the folder of this file; check its spelling",
            Self::Outside => "put the file into the folder of contracts, or name a folder that holds both",
            Self::Unreadable(_) => "make it a readable UTF-8 file of at most 1 MiB",
            Self::Unavailable => "compile the file where the files that it imports are",
        }
    }
}

/// No imports: for texts that come without a folder.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoImports;

impl Imports for NoImports {
    fn load(&self, _from: &Source, _path: &str) -> Result<Source, ImportError> {
        Err(ImportError::Unavailable)
    }
}
