//! `plugins.lock`: which files may be plugins, down to the last byte.

use std::fs;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::cache::write_by_rename;
use crate::{Manifest, Refusal};

/// The file's name, in the plugin folder.
const NAME: &str = "plugins.lock";
/// Bytes of such a file.
const MAX_BYTES: u64 = 1 << 20;
/// What it begins with.
const HEAD: &str = "# Made by `rolecall plugin lock`. With --locked, only these files become plugins.\n\n";

/// The plugins that are pinned.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lock {
    /// By name.
    #[serde(rename = "plugin", default)]
    pub plugins: Vec<Pinned>,
}

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pinned {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// SHA-256 of its file, in hex, as `sha256sum` prints it.
    pub sha256: String,
}

/// Why the file cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}: {why}; write it anew: rolecall plugin lock", path.display())]
pub struct LockError {
    /// The file.
    pub path: PathBuf,
    /// What is wrong.
    pub why: String,
}

impl Pinned {
    /// Pins a plugin to its file's bytes.
    #[must_use]
    pub fn of(manifest: &Manifest, bytes: &[u8]) -> Self {
        Self { name: manifest.name.clone(), version: manifest.version.clone(), sha256: sha256(bytes) }
    }
}

impl Lock {
    /// Reads the lock of a folder; `None` when it has none.
    ///
    /// # Errors
    /// The file cannot be read, or is not one.
    pub fn read(dir: &Path) -> Result<Option<Self>, LockError> {
        let path = dir.join(NAME);
        let text = match read_file(&path) {
            Ok(Some(text)) => text,
            Ok(None) => return Ok(None),
            Err(error) => return Err(LockError { path, why: error.to_string() }),
        };
        match toml::from_str(&text) {
            Ok(lock) => Ok(Some(lock)),
            Err(error) => Err(LockError { path, why: error.message().to_owned() }),
        }
    }

    /// Writes it into a folder, in one step.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write(&self, dir: &Path) -> Result<PathBuf, LockError> {
        let path = dir.join(NAME);
        let failed = |why: String| LockError { path: path.clone(), why };
        let text = toml::to_string(self).map_err(|error| failed(error.to_string()))?;
        write_by_rename(&path, &[HEAD.as_bytes(), text.as_bytes()]).map_err(|error| failed(error.to_string()))?;
        Ok(path)
    }

    /// Whether a file of this name may be looked into at all.
    pub(crate) fn knows(&self, name: &str, bytes: &[u8]) -> Result<(), Refusal> {
        let sha256 = sha256(bytes);
        match self.plugins.iter().find(|pinned| pinned.name == name) {
            Some(pinned) if pinned.sha256 == sha256 => Ok(()),
            pinned => {
                let found = Pinned { name: name.to_owned(), version: String::new(), sha256 };
                Err(Refusal::NotPinned { found: Box::new(found), pinned: pinned.cloned().map(Box::new) })
            }
        }
    }

    /// Lets a plugin in that is pinned.
    pub(crate) fn admit(&self, manifest: &Manifest, bytes: &[u8]) -> Result<(), Refusal> {
        let found = Pinned::of(manifest, bytes);
        match self.plugins.iter().find(|pinned| pinned.name == found.name) {
            Some(pinned) if *pinned == found => Ok(()),
            pinned => Err(Refusal::NotPinned { found: Box::new(found), pinned: pinned.cloned().map(Box::new) }),
        }
    }
}

/// The text of a file that people write beside the plugins; `None` when there is no such file.
pub(crate) fn read_file(path: &Path) -> std::io::Result<Option<String>> {
    // Looked at first: to open a pipe waits for whoever writes to it.
    match fs::metadata(path) {
        Ok(facts) if !facts.is_file() => return Err(unfit("it is not a regular file")),
        Ok(facts) if facts.len() > MAX_BYTES => return Err(unfit("it has more than 1 MiB")),
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    }
    let mut text = String::new();
    fs::File::open(path)?.take(MAX_BYTES).read_to_string(&mut text)?;
    Ok(Some(text))
}

fn unfit(why: &str) -> std::io::Error {
    std::io::Error::new(ErrorKind::InvalidInput, why)
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_is_read_as_it_was_written() {
        let dir = tempfile::TempDir::new().unwrap();
        assert_eq!(Lock::read(dir.path()), Ok(None));
        // The digest of "abc", FIPS 180-4.
        let sha256 = sha256(b"abc");
        assert_eq!(sha256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        let lock = Lock { plugins: vec![Pinned { name: "calm".into(), version: "1.0.0".into(), sha256 }] };
        let path = lock.write(dir.path()).unwrap();
        assert_eq!(Lock::read(dir.path()), Ok(Some(lock)));
        fs::write(&path, "[[plugin]]\nname = \"calm\"\n").unwrap();
        let said = Lock::read(dir.path()).unwrap_err().to_string();
        assert!(said.contains("version") && said.contains("rolecall plugin lock"), "{said}");
    }
}
