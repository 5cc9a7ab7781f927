//! Compiled components on disk, so that a start takes milliseconds.
//!
//! An entry is named by the content of the component and by everything of the engine that the code
//! depends on, and begins with our own digest: wasmtime takes a flipped byte for good code. Whatever
//! is wrong with an entry, it is a miss.

use std::fs;
use std::hash::{Hash, Hasher};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use wasmtime::Engine;
use wasmtime::component::Component;

/// Entries that are kept; the oldest go.
const MAX_ENTRIES: usize = 128;
const DIGEST: usize = blake3::OUT_LEN;

/// A folder of compiled components for one engine.
pub(crate) struct Cache {
    dir: PathBuf,
    engine: Engine,
    compatibility: String,
}

impl Cache {
    /// Opens the folder; `None`, and a line in the log, when it cannot be used. Compiled code is
    /// trusted as much as our own, so a folder that others may write to is refused.
    pub(crate) fn open(dir: &Path, engine: &Engine) -> Option<Self> {
        let opened = fs::DirBuilder::new().recursive(true).mode(0o700).create(dir).and_then(|()| fs::metadata(dir));
        match opened {
            Ok(facts) if facts.mode() & 0o022 != 0 => {
                tracing::warn!(dir = %dir.display(), "others may write to the plugin cache; it is not used (chmod 700)");
                None
            }
            Ok(_) => {
                let mut hasher = Blake3(blake3::Hasher::new());
                engine.precompile_compatibility_hash().hash(&mut hasher);
                let compatibility = hasher.0.finalize().to_hex().chars().take(16).collect();
                Some(Self { dir: dir.to_owned(), engine: engine.clone(), compatibility })
            }
            Err(error) => {
                tracing::warn!(dir = %dir.display(), %error, "the plugin cache cannot be used");
                None
            }
        }
    }

    /// A compiled component, if its entry is there and whole.
    pub(crate) fn get(&self, digest: &blake3::Hash) -> Option<Component> {
        let path = self.path(digest);
        let bytes = fs::read(&path).ok()?;
        let (stored, code) = bytes.split_at_checked(DIGEST)?;
        if blake3::hash(code).as_bytes().as_slice() != stored {
            tracing::warn!(entry = %path.display(), "damaged plugin cache entry; compiling again");
            return None;
        }
        // SAFETY: the bytes are what `put` wrote after `Component::serialize`, for this content and
        // this engine's compatibility hash: the digest covers them, and nobody else may write to
        // the folder.
        #[allow(unsafe_code, reason = "deserialising compiled code is unsafe by nature; see SAFETY")]
        let component = unsafe { Component::deserialize(&self.engine, code) };
        component.inspect_err(|error| tracing::warn!(%error, "unusable plugin cache entry; compiling again")).ok()
    }

    /// Keeps a compiled component. Failing to is only slower.
    pub(crate) fn put(&self, digest: &blake3::Hash, component: &Component) {
        let path = self.path(digest);
        let written = component.serialize().map_err(|error| error.to_string()).and_then(|code| {
            let digest = blake3::hash(&code);
            write_by_rename(&path, &[digest.as_bytes(), &code]).map_err(|error| error.to_string())
        });
        if let Err(error) = written {
            tracing::warn!(entry = %path.display(), error, "plugin cache entry not written");
        }
    }

    /// Removes the oldest entries beyond the bound.
    pub(crate) fn trim(&self) {
        let Ok(entries) = fs::read_dir(&self.dir) else { return };
        let mut entries: Vec<(SystemTime, PathBuf)> = entries
            .filter_map(|entry| {
                let entry = entry.ok()?;
                let modified = entry.metadata().ok()?.modified().ok()?;
                Some((modified, entry.path()))
            })
            .filter(|(_, path)| path.extension().is_some_and(|extension| extension == "cwasm"))
            .collect();
        entries.sort();
        let surplus = entries.len().saturating_sub(MAX_ENTRIES);
        for (_, path) in entries.into_iter().take(surplus) {
            if let Err(error) = fs::remove_file(&path) {
                tracing::warn!(entry = %path.display(), %error, "old plugin cache entry not removed");
            }
        }
    }

    fn path(&self, digest: &blake3::Hash) -> PathBuf {
        self.dir.join(format!("{}-{}.cwasm", digest.to_hex(), self.compatibility))
    }
}

/// Readers see the old file or the whole new one.
fn write_by_rename(path: &Path, parts: &[&[u8]]) -> std::io::Result<()> {
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    let number = COUNTER.fetch_add(1, Ordering::Relaxed);
    let temporary = path.with_extension(format!("{}-{number}.tmp", std::process::id()));
    let written =
        fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary).and_then(|mut file| {
            for part in parts {
                file.write_all(part)?;
            }
            file.sync_all()?;
            fs::rename(&temporary, path)
        });
    written.inspect_err(|_| drop(fs::remove_file(&temporary)))
}

/// A hasher whose result does not change with the compiler.
struct Blake3(blake3::Hasher);

impl Hasher for Blake3 {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn finish(&self) -> u64 {
        let mut first = [0; 8];
        self.0.finalize_xof().fill(&mut first);
        u64::from_le_bytes(first)
    }
}
