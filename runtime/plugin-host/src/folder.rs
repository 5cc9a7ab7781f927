//! The plugin folder, looked at again and again: what is new, changed or gone since the last look.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime};

use crate::config::{MAX_FILES, MAX_PLUGINS};
use crate::grants::{self, Grant, Grants};
use crate::host::StartError;
use crate::load::{self, Intake, Loader};
use crate::plugin::{Plugin, Set};
use crate::{GrantsError, Isolation, Lock, Manifest, Refusal, clock};

/// A file that changed so short a time before it was read may have changed again within one step of
/// the file system's clock: it is read once more.
const RACY: Duration = Duration::from_secs(2);

/// How often the grants are read until they stay the same, and how long between.
const TRIES: usize = 10;
const BETWEEN: Duration = Duration::from_millis(50);

/// What is known of the folder's files.
pub(crate) struct Folder {
    dir: PathBuf,
    /// Whether the folder's lock counts, and what it pinned at the last look.
    locked: bool,
    lock: Option<Lock>,
    /// What was granted at the last look.
    grants: Option<Grants>,
    /// Why they could not be read, as it was told last.
    mistake: Option<GrantsError>,
    files: BTreeMap<PathBuf, File>,
    /// Why a file could not be tried, as it was told last.
    told: BTreeMap<PathBuf, String>,
    /// Whether the folder was there.
    seen: bool,
    /// Files beyond those that are looked into.
    ignored: usize,
}

/// A file as it was read.
struct File {
    /// `None` while it is to be read again however it looks from outside.
    stamp: Option<Stamp>,
    content: Content,
}

/// What changes with a file's content. The time of the last change of its facts cannot be set back
/// as that of its content can.
#[derive(PartialEq, Eq)]
struct Stamp {
    inode: u64,
    len: u64,
    changed: (i64, i64),
}

#[derive(PartialEq, Eq)]
enum Content {
    Bytes(blake3::Hash),
    Unreadable(String),
}

/// What a look at the folder found.
#[derive(Debug, Default)]
pub struct Look {
    /// New or changed, and fit to be taken into force, by name.
    pub staged: Vec<Staged>,
    /// New or changed, and refused: file and reason. What is in force of the name is not touched.
    pub refused: Vec<(PathBuf, Refusal)>,
    /// Plugins whose file is gone.
    pub gone: Vec<String>,
    /// Plugins in force that need what is no longer granted to them.
    pub withdrawn: Vec<String>,
    /// Files that are not looked into because there are too many.
    pub ignored: usize,
}

impl Look {
    /// Whether nothing has changed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.staged.is_empty() && self.refused.is_empty() && self.gone.is_empty() && self.withdrawn.is_empty()
    }
}

/// A plugin that is loaded and not yet in force.
#[derive(Clone)]
pub struct Staged {
    pub(crate) plugin: Arc<Plugin>,
    /// Whether it was compiled now, not taken from the cache.
    pub(crate) compiled: bool,
}

impl Staged {
    /// Its manifest.
    #[must_use]
    pub fn manifest(&self) -> &Arc<Manifest> {
        &self.plugin.manifest
    }
}

impl std::fmt::Debug for Staged {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Staged").field(&self.plugin.manifest.name).finish()
    }
}

impl Folder {
    pub(crate) fn new(dir: PathBuf, locked: bool) -> Self {
        Self {
            dir,
            locked,
            lock: None,
            grants: None,
            mistake: None,
            files: BTreeMap::new(),
            told: BTreeMap::new(),
            seen: false,
            ignored: 0,
        }
    }

    /// Whether it pins its plugins.
    pub(crate) fn is_pinned(&self) -> bool {
        self.lock.is_some()
    }

    /// Looks once, and loads what is not as it was. Runs guests.
    pub(crate) fn look(&mut self, loader: &Loader, in_force: &Set) -> Result<Look, StartError> {
        let listed = self.list()?;
        self.read_lock()?;
        self.read_grants(&listed, in_force)?;
        let mut look = Look { gone: self.forget(&listed), withdrawn: self.withdrawn(in_force), ..Look::default() };
        // What was read before comes first: files that pour into the folder push nothing out.
        let (known, new): (Vec<_>, Vec<_>) = listed.into_iter().partition(|path| self.files.contains_key(path));
        look.ignored = (known.len() + new.len()).saturating_sub(MAX_FILES);
        if look.ignored > 0 && look.ignored != self.ignored {
            let (dir, ignored) = (self.dir.display(), look.ignored);
            tracing::warn!(%dir, ignored, looked_into = MAX_FILES, "too many files in the plugin folder");
        }
        self.ignored = look.ignored;
        let stays = |name: &&String| !look.gone.contains(name) && !look.withdrawn.contains(name);
        let mut names: BTreeSet<String> = in_force.keys().filter(stays).cloned().collect();
        for path in known.into_iter().chain(new).take(MAX_FILES) {
            self.visit(&path, loader, in_force, &mut names, &mut look);
        }
        look.staged.sort_by(|a, b| a.plugin.name.cmp(&b.plugin.name));
        look.refused.sort_by(|a, b| a.0.cmp(&b.0));
        Ok(look)
    }

    /// The `*.wasm` of the folder. It need not be there; but one that was there and is not is a mishap, such
    /// as another being put in its place, and takes no plugin away.
    fn list(&mut self) -> Result<BTreeSet<PathBuf>, StartError> {
        let dir = self.dir.display();
        let unreadable = |error| StartError(format!("the plugin folder {dir} cannot be read: {error}"));
        let entries = match fs::read_dir(&self.dir) {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound && !self.seen => return Ok(BTreeSet::new()),
            Err(error) => return Err(unreadable(error)),
        };
        let mut files = BTreeSet::new();
        for entry in entries {
            let path = entry.map_err(unreadable)?.path();
            if path.extension().is_some_and(|extension| extension == "wasm") {
                files.insert(path);
            }
        }
        self.seen = true;
        Ok(files)
    }

    /// Reads the lock. Another lock may let in what was refused, so all files are read again.
    fn read_lock(&mut self) -> Result<(), StartError> {
        if !self.locked {
            return Ok(());
        }
        let lock = Lock::read(&self.dir).map_err(|error| StartError(error.to_string()))?;
        if lock != self.lock {
            self.lock = lock;
            self.read_again(|_| true);
        }
        Ok(())
    }

    /// Reads the grants: the files whose plugins are granted something else are read again, and what is in
    /// force knows at once whether its instances may wait. Grants that cannot be read leave the last ones as they
    /// are, once there are some; and a folder that is locked grants no more than it did at the start.
    fn read_grants(&mut self, listed: &BTreeSet<PathBuf>, in_force: &Set) -> Result<(), StartError> {
        let mut read = Grants::read(&self.dir);
        if read.as_ref().ok() != self.grants.as_ref() && self.grants.is_some() {
            read = settled(read, || Grants::read(&self.dir));
        }
        let before = self.grants.clone().unwrap_or_default();
        let grants = match (read, &self.grants) {
            (Ok(grants), Some(before)) if self.locked => grants.within(before),
            (Ok(grants), _) => grants,
            (Err(error), None) => return Err(StartError(error.to_string())),
            (Err(error), Some(_)) => {
                if self.mistake.as_ref() != Some(&error) {
                    tracing::warn!(%error, "the grants cannot be read; those of before stay");
                    self.mistake = Some(error);
                }
                return Ok(());
            }
        };
        self.mistake = None;
        let changed = grants.changed(&before);
        self.read_again(|name| changed.contains(name));
        let names: Vec<&str> = listed.iter().filter_map(|path| load::stem(path).ok()).collect();
        for name in changed.iter().filter(|name| grants.names(name) && !names.contains(&name.as_str())) {
            let near = grants::nearest(name, &names);
            let meant = near.map_or_else(String::new, |near| format!("; did you mean {near}?"));
            tracing::warn!("grants.toml names {name}, and there is no {name}.wasm in the folder{meant}");
        }
        for (name, plugin) in in_force {
            let may = grants.of(name).isolation == Isolation::Session;
            if plugin.may_wait.swap(may, Ordering::AcqRel) != may && plugin.manifest.isolation == Isolation::Session {
                let now = if may { "its instances may live as long as a session" } else { "each call has an instance" };
                tracing::info!(plugin = name, "{now}");
            }
        }
        self.grants = Some(grants);
        Ok(())
    }

    /// Forgets how the files of these names were.
    fn read_again(&mut self, which: impl Fn(&str) -> bool) {
        for (path, file) in &mut self.files {
            if load::stem(path).is_ok_and(&which) {
                *file = File { stamp: None, content: Content::Unreadable(String::new()) };
            }
        }
    }

    /// What is granted to a plugin.
    fn grant(&self, name: &str) -> Grant {
        self.grants.as_ref().map(|grants| grants.of(name)).unwrap_or_default()
    }

    /// Plugins in force that need what is no longer granted to them.
    fn withdrawn(&self, in_force: &Set) -> Vec<String> {
        let lacks = |name: &str, plugin: &Plugin| !self.grant(name).missing(&plugin.manifest.capabilities).is_empty();
        in_force.iter().filter(|(name, plugin)| lacks(name, plugin)).map(|(name, _)| name.clone()).collect()
    }

    /// Forgets files that are gone: the names of their plugins.
    fn forget(&mut self, listed: &BTreeSet<PathBuf>) -> Vec<String> {
        let gone: Vec<PathBuf> = self.files.keys().filter(|path| !listed.contains(*path)).cloned().collect();
        for path in &gone {
            self.files.remove(path);
            self.told.remove(path);
        }
        gone.iter().filter_map(|path| load::stem(path).ok().map(ToOwned::to_owned)).collect()
    }

    fn visit(&mut self, path: &Path, loader: &Loader, in_force: &Set, names: &mut BTreeSet<String>, look: &mut Look) {
        let stamp = Stamp::of(path);
        let before = self.files.get(path);
        if stamp.is_some() && before.is_some_and(|file| file.stamp == stamp) {
            return;
        }
        let racy = stamp.as_ref().is_none_or(Stamp::is_racy);
        let read = load::read(path);
        let content = match &read {
            Ok(bytes) => Content::Bytes(blake3::hash(bytes)),
            Err(why) => Content::Unreadable(why.clone()),
        };
        let same = before.is_some_and(|file| file.content == content);
        let keeps = read.is_ok() && !racy;
        self.files.insert(path.to_owned(), File { stamp: stamp.filter(|_| keeps), content });
        if same {
            return;
        }
        // A file that brings the loader down is refused, and takes no other with it.
        let staging = || self.stage(path, &read?, loader, in_force, names);
        let staged = catch_unwind(AssertUnwindSafe(staging));
        match staged.unwrap_or_else(|_| Err("it could not be loaded: the host panicked".into())) {
            Ok(staged) => {
                names.insert(staged.plugin.manifest.name.clone());
                self.told.remove(path);
                look.staged.push(staged);
            }
            Err(Refusal::Passing(why)) => {
                let file = File { stamp: None, content: Content::Unreadable(why.clone()) };
                self.files.insert(path.to_owned(), file);
                if self.told.insert(path.to_owned(), why.clone()).as_ref() != Some(&why) {
                    look.refused.push((path.to_owned(), Refusal::Passing(why)));
                }
            }
            Err(reason) => {
                self.told.remove(path);
                look.refused.push((path.to_owned(), reason));
            }
        }
    }

    fn stage(
        &self,
        path: &Path,
        bytes: &[u8],
        loader: &Loader,
        in_force: &Set,
        names: &BTreeSet<String>,
    ) -> Result<Staged, Refusal> {
        let name = load::stem(path)?;
        if names.len() >= MAX_PLUGINS && !names.contains(name) {
            return Err(Refusal::Passing(format!("{MAX_PLUGINS} plugins are loaded already; remove some")));
        }
        if let Some(lock) = &self.lock {
            lock.knows(name, bytes)?;
        }
        let intake = Intake { grant: self.grant(name), older: in_force.get(name).map(AsRef::as_ref) };
        let (plugin, compiled) = loader.load(path, bytes, &intake)?;
        if let Some(lock) = &self.lock {
            lock.admit(&plugin.manifest, bytes)?;
        }
        Ok(Staged { plugin: Arc::new(plugin), compiled })
    }
}

/// Reads a file that people and programs write while it is read: until it is the same twice in a row, which
/// half of a file is not for long.
fn settled<T: PartialEq>(mut before: T, read: impl Fn() -> T) -> T {
    for _ in 0..TRIES {
        std::thread::sleep(BETWEEN);
        let again = read();
        if again == before {
            break;
        }
        before = again;
    }
    before
}

impl Stamp {
    /// Of the file that a link points to; `None` when it cannot be seen.
    fn of(path: &Path) -> Option<Self> {
        let facts = fs::metadata(path).ok()?;
        Some(Self { inode: facts.ino(), len: facts.len(), changed: (facts.ctime(), facts.ctime_nsec()) })
    }

    fn is_racy(&self) -> bool {
        let changed = u64::try_from(self.changed.0).unwrap_or_default();
        let changed = SystemTime::UNIX_EPOCH + Duration::from_secs(changed);
        // Ahead of our clock: the file system has another one.
        clock::system().duration_since(changed).map_or(true, |age| age < RACY)
    }
}
