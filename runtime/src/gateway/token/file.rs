//! The file that keys are in.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::error::{KeyFault, TokenError};
use super::key::{Algorithm, Key};
use super::keyring::{KeyInfo, Keyring};
use crate::clock;

/// How long a rotated key verifies beyond the lifetime of its last tokens: servers go on signing with it until they have
/// looked at the file again, and their clocks may differ.
const GRACE_SECONDS: u64 = 120;

/// A key file.
#[derive(Debug, Clone)]
pub struct KeyFile {
    path: PathBuf,
}

/// What shows that a file was written or replaced: when, how long it is, and which file it is.
pub(super) type Facts = (SystemTime, u64, u64);

impl KeyFile {
    /// A file that may not be there yet.
    #[must_use]
    pub fn at(path: PathBuf) -> Self {
        Self { path }
    }

    /// Its keys, the one that signs first.
    ///
    /// # Errors
    /// When it cannot be read, or is damaged.
    pub fn keys(&self) -> Result<Vec<KeyInfo>, TokenError> {
        Ok(self.read()?.infos())
    }

    /// Puts a new key first, makes the file if there is none, and says what is in it then. The other keys verify until
    /// the last token that they signed has ended.
    ///
    /// # Errors
    /// When the file cannot be read or replaced.
    pub fn rotate(&self, algorithm: Algorithm, ttl_seconds: u64) -> Result<Vec<KeyInfo>, TokenError> {
        let now = clock::unix().as_secs();
        let until = now.saturating_add(ttl_seconds).saturating_add(GRACE_SECONDS);
        self.change(|keys| {
            let first = Key::generate(algorithm)?;
            match keys {
                Some(keys) => keys.rotated(first, now, until),
                None => Keyring::new(first, Vec::new()),
            }
        })
    }

    /// Takes a key away: its tokens are refused from now on.
    ///
    /// # Errors
    /// When there is no such key, or it is the one that signs.
    pub fn revoke(&self, kid: &str) -> Result<Vec<KeyInfo>, TokenError> {
        self.change(|keys| keys.ok_or(KeyFault::Missing)?.without(kid))
    }

    pub(super) fn read(&self) -> Result<Keyring, TokenError> {
        self.load().map_err(|fault| self.failed(fault))
    }

    /// Reads the file, or makes it with a key of its own. Of processes that start at once, one makes it.
    pub(super) fn read_or_make(&self) -> Result<Keyring, TokenError> {
        match self.load() {
            Err(KeyFault::Missing) => {}
            read => return read.map_err(|fault| self.failed(fault)),
        }
        let made = Key::generate(Algorithm::Hs256).and_then(|key| Keyring::new(key, Vec::new())).and_then(|keys| {
            let draft = beside(&self.path, &format!("{}", std::process::id()));
            write(&draft, &keys.text(), false)?;
            let linked = std::fs::hard_link(&draft, &self.path);
            std::fs::remove_file(&draft).map_err(|error| io_fault(&error))?;
            match linked {
                Ok(()) => {
                    tracing::info!(path = %self.path.display(), "made a key for tokens; any that were given out under an earlier one are refused");
                    Ok(keys)
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => self.load(),
                Err(error) => Err(io_fault(&error)),
            }
        });
        made.map_err(|fault| self.failed(fault))
    }

    /// As it is now; `None` while it is not there.
    pub(super) fn facts(&self) -> Option<Facts> {
        let found = std::fs::metadata(&self.path).ok()?;
        #[cfg(unix)]
        let which = std::os::unix::fs::MetadataExt::ino(&found);
        #[cfg(not(unix))]
        let which = 0;
        Some((found.modified().ok()?, found.len(), which))
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Replaces the whole file at once. Its draft is the lock: two changes at a time would lose one of them.
    fn change(
        &self,
        next: impl FnOnce(Option<Keyring>) -> Result<Keyring, KeyFault>,
    ) -> Result<Vec<KeyInfo>, TokenError> {
        // Where the file is a link, what it leads to is replaced.
        let path = std::fs::canonicalize(&self.path).unwrap_or_else(|_| self.path.clone());
        let draft = beside(&path, "next");
        let changed = lock(&draft).and_then(|()| {
            let keys = match self.load() {
                Ok(keys) => next(Some(keys)),
                Err(KeyFault::Missing) => next(None),
                Err(fault) => Err(fault),
            };
            let replaced = keys.and_then(|keys| {
                write(&draft, &keys.text(), true)?;
                if path.exists() {
                    inherit(&path, &draft).map_err(|error| io_fault(&error))?;
                }
                std::fs::rename(&draft, &path).map_err(|error| io_fault(&error))?;
                Ok(keys.infos())
            });
            if replaced.is_err() {
                // The first fault is what is told.
                let _kept = std::fs::remove_file(&draft);
            }
            replaced
        });
        changed.map_err(|fault| self.failed(fault))
    }

    fn load(&self) -> Result<Keyring, KeyFault> {
        match std::fs::read_to_string(&self.path) {
            Ok(text) => Keyring::parse(&text),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(KeyFault::Missing),
            Err(error) => Err(io_fault(&error)),
        }
    }

    fn failed(&self, fault: KeyFault) -> TokenError {
        TokenError::Keys { path: self.path.display().to_string(), fault }
    }
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut path = path.to_owned().into_os_string();
    path.push(".");
    path.push(suffix);
    path.into()
}

fn lock(draft: &Path) -> Result<(), KeyFault> {
    if let Some(folder) = draft.parent() {
        std::fs::create_dir_all(folder).map_err(|error| io_fault(&error))?;
    }
    match private().create_new(true).open(draft) {
        Ok(_file) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            Err(KeyFault::Busy { draft: draft.display().to_string() })
        }
        Err(error) => Err(io_fault(&error)),
    }
}

/// Writes a draft, which is on the disk when this returns.
fn write(draft: &Path, text: &str, is_locked: bool) -> Result<(), KeyFault> {
    let written = || {
        if let (false, Some(folder)) = (is_locked, draft.parent()) {
            std::fs::create_dir_all(folder)?;
        }
        let mut file = private().create(true).truncate(true).open(draft)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()
    };
    written().map_err(|error| io_fault(&error))
}

/// Gives a draft the owner and the rights of the file that it replaces: who could read the keys still can, the server
/// above all, whoever changes them.
#[cfg(unix)]
fn inherit(from: &Path, draft: &Path) -> io::Result<()> {
    use std::os::unix::fs::{MetadataExt, chown};
    let (old, new) = (std::fs::metadata(from)?, std::fs::metadata(draft)?);
    if (old.uid(), old.gid()) != (new.uid(), new.gid()) {
        chown(draft, Some(old.uid()), Some(old.gid()))?;
    }
    std::fs::set_permissions(draft, old.permissions())
}

#[cfg(not(unix))]
fn inherit(_from: &Path, _draft: &Path) -> io::Result<()> {
    Ok(())
}

/// Readable by its owner only.
fn private() -> std::fs::OpenOptions {
    let mut options = std::fs::OpenOptions::new();
    options.write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

fn io_fault(error: &io::Error) -> KeyFault {
    KeyFault::Io(error.to_string())
}
