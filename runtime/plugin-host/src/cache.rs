//! Compiled components on disk, so that a start takes milliseconds.
//!
//! An entry is named by the content of the component and by everything of the engine that the code
//! depends on, and begins with our own digest: wasmtime takes a flipped byte for good code. Whatever
//! is wrong with an entry, it is a miss.

use std::fs;
use std::hash::{BuildHasher, Hash, Hasher, RandomState};
use std::io::{Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use wasmtime::Engine;
use wasmtime::component::Component;

use crate::{clock, compile};

/// Bytes of all entries that are kept; those that were not used for longest go.
const MAX_BYTES: u64 = 1 << 30;
/// A temporary file of this age was left by a process that is gone.
const STALE: Duration = Duration::from_secs(3_600);
const DIGEST: usize = blake3::OUT_LEN;

/// A folder of compiled components for one engine.
pub(crate) struct Cache {
    dir: PathBuf,
    engine: Engine,
    compatibility: String,
    /// Who this process is, and when the folder was opened, by the folder's own clock.
    owner: u32,
    opened: SystemTime,
}

impl Cache {
    /// Opens the folder; `None`, and a line in the log, when it cannot be used. Compiled code is
    /// trusted as much as our own, so a folder that somebody else owns or may write to is refused.
    pub(crate) fn open(dir: &Path, engine: &Engine) -> Option<Self> {
        match claim(dir) {
            Ok((owner, opened)) => {
                let mut hasher = Blake3(blake3::Hasher::new());
                engine.precompile_compatibility_hash().hash(&mut hasher);
                let compatibility = hasher.0.finalize().to_hex().chars().take(16).collect();
                Some(Self { dir: dir.to_owned(), engine: engine.clone(), compatibility, owner, opened })
            }
            Err(why) => {
                tracing::warn!(dir = %dir.display(), why, "the plugin cache is not used");
                None
            }
        }
    }

    /// A compiled component, if its entry is there and whole.
    pub(crate) fn get(&self, digest: &blake3::Hash) -> Option<Component> {
        let path = self.path(digest);
        let bytes = self.read(&path)?;
        let (stored, code) = bytes.split_at_checked(DIGEST)?;
        if blake3::hash(code).as_bytes().as_slice() != stored {
            tracing::warn!(entry = %path.display(), "damaged plugin cache entry; compiling again");
            return None;
        }
        // What is used is not old: it is the last to go.
        let _touched = fs::File::open(&path).and_then(|file| file.set_modified(clock::system()));
        compile::load(&self.engine, code)
            .inspect_err(|error| tracing::warn!(%error, "unusable plugin cache entry; compiling again"))
            .ok()
    }

    /// Keeps a compiled component. Failing to is only slower.
    pub(crate) fn put(&self, digest: &blake3::Hash, code: &[u8]) {
        let path = self.path(digest);
        if let Err(error) = write_by_rename(&path, &[blake3::hash(code).as_bytes(), code]) {
            tracing::warn!(entry = %path.display(), %error, "plugin cache entry not written");
        }
    }

    /// Removes the oldest entries beyond the bound, and temporary files that nobody writes any more.
    pub(crate) fn trim(&self) {
        self.trim_to(MAX_BYTES);
    }

    fn trim_to(&self, limit: u64) {
        let Ok(entries) = fs::read_dir(&self.dir) else { return };
        let mut files: Vec<(SystemTime, u64, PathBuf)> = entries
            .filter_map(|entry| {
                let entry = entry.ok()?;
                let facts = entry.metadata().ok()?;
                Some((facts.modified().ok()?, facts.len(), entry.path()))
            })
            .collect();
        files.sort_by(|a, b| b.cmp(a));
        let is = |path: &Path, what: &str| path.extension().is_some_and(|extension| extension == what);
        let stale = |modified: &SystemTime| self.opened.duration_since(*modified).is_ok_and(|age| age > STALE);
        let left = files.iter().filter(|(modified, _, path)| is(path, "tmp") && stale(modified));
        let mut kept = 0;
        let surplus = files.iter().filter(|(_, len, path)| {
            kept += if is(path, "cwasm") { *len } else { 0 };
            is(path, "cwasm") && kept > limit
        });
        for (_, _, path) in surplus.chain(left) {
            if let Err(error) = fs::remove_file(path) {
                tracing::warn!(entry = %path.display(), %error, "old plugin cache entry not removed");
            }
        }
    }

    /// An entry's bytes, if it is a file of our own that nobody else may write to.
    fn read(&self, path: &Path) -> Option<Vec<u8>> {
        if fs::symlink_metadata(path).ok()?.is_symlink() {
            tracing::warn!(entry = %path.display(), "a plugin cache entry is a link; compiling again");
            return None;
        }
        let mut file = fs::File::open(path).ok()?;
        let facts = file.metadata().ok()?;
        if let Some(why) = distrust(&facts, self.owner) {
            tracing::warn!(entry = %path.display(), why, "plugin cache entry not trusted; compiling again");
            return None;
        }
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).ok()?;
        Some(bytes)
    }

    fn path(&self, digest: &blake3::Hash) -> PathBuf {
        self.dir.join(format!("{}-{}.cwasm", digest.to_hex(), self.compatibility))
    }
}

/// Makes sure that the folder is there and ours alone, and says who we are and what time it is there.
/// Both are read from a file made for that: it belongs to whoever this process acts as.
fn claim(dir: &Path) -> Result<(u32, SystemTime), String> {
    let unusable = |error: std::io::Error| error.to_string();
    fs::DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(unusable)?;
    // The folder itself, not what a link in its place points to.
    let facts = fs::symlink_metadata(dir).map_err(unusable)?;
    if !facts.is_dir() {
        return Err("it is a link or no folder; name the folder itself".into());
    }
    let (path, file) = temporary(&dir.join("owner")).map_err(unusable)?;
    let probe = file.metadata();
    fs::remove_file(&path).map_err(unusable)?;
    let probe = probe.map_err(unusable)?;
    match distrust(&facts, probe.uid()) {
        Some(why) => Err(format!("{why}; make it your own, with mode 700")),
        None => Ok((probe.uid(), probe.modified().map_err(unusable)?)),
    }
}

/// Why somebody other than the user, or root, may have written this.
fn distrust(facts: &fs::Metadata, user: u32) -> Option<&'static str> {
    if facts.uid() != user && facts.uid() != 0 {
        Some("it belongs to somebody else")
    } else if facts.mode() & 0o022 != 0 {
        Some("others may write to it")
    } else {
        None
    }
}

/// Readers see the old file or the whole new one.
pub(crate) fn write_by_rename(path: &Path, parts: &[&[u8]]) -> std::io::Result<()> {
    let (temporary, mut file) = temporary(path)?;
    let mut write = || {
        for part in parts {
            file.write_all(part)?;
        }
        file.sync_all()?;
        fs::rename(&temporary, path)
    };
    write().inspect_err(|_| drop(fs::remove_file(&temporary)))
}

/// A new file beside this one, under a name that nobody can foresee. Nothing that is there already,
/// link or file, is opened.
fn temporary(path: &Path) -> std::io::Result<(PathBuf, fs::File)> {
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    let number = COUNTER.fetch_add(1, Ordering::Relaxed);
    // A hasher's keys are random in each process.
    let random = RandomState::new().hash_one(number);
    let path = path.with_extension(format!("{random:016x}-{number}.tmp"));
    let file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
    Ok((path, file))
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Fails when what is used goes, or when the bound is in entries and not in bytes.
    #[test]
    fn what_was_not_used_for_longest_goes_first() {
        let dir = tempfile::TempDir::new().unwrap();
        let engine = crate::engine::for_inspection(crate::Metering::Time).unwrap();
        let cache = Cache::open(dir.path(), &engine).unwrap();
        let digests: Vec<_> = (0..3).map(|number| blake3::hash(&[number])).collect();
        for (number, digest) in (0_u64..).zip(&digests) {
            cache.put(digest, &[0; 1_000]);
            let file = fs::File::open(cache.path(digest)).unwrap();
            file.set_modified(cache.opened - Duration::from_secs(100 - number)).unwrap();
        }
        assert!(cache.get(&digests[0]).is_none(), "this is no code, but it was asked for");
        cache.trim_to(2_500);
        let there: Vec<bool> = digests.iter().map(|digest| cache.path(digest).exists()).collect();
        assert_eq!(there, [true, false, true]);
    }

    /// Fails when only the mode counts: then whoever made the folder first decides what runs.
    #[test]
    fn only_the_user_and_root_are_trusted() {
        let dir = tempfile::TempDir::new().unwrap();
        let (owner, _) = claim(dir.path()).unwrap();
        let facts = fs::symlink_metadata(dir.path()).unwrap();
        assert_eq!((facts.uid(), distrust(&facts, owner)), (owner, None));
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0, "the probe is gone");
        if owner == 0 {
            assert_eq!(distrust(&facts, 1), None, "root is trusted");
            std::os::unix::fs::chown(dir.path(), Some(1), None).unwrap();
            assert!(claim(dir.path()).unwrap_err().contains("somebody else"));
        } else {
            assert_eq!(distrust(&facts, owner + 1), Some("it belongs to somebody else"));
        }
    }
}
