//! When to look at the folders again.
//!
//! The system tells of changes where it can. It forgets to when a folder is replaced as a whole, or
//! lies on another machine; so the folders are looked at from time to time as well, which costs reading
//! the contracts and the plugins' facts, and nothing else as long as they are the same.

use std::path::{Path, PathBuf};
use std::time::Duration;

use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::mpsc;

/// A change is looked at when nothing more has happened for this long: an editor writes a file in
/// several steps, and a deployment writes several files.
const QUIET: Duration = Duration::from_millis(200);

/// Quiet is waited for at most this many times.
const MAX_WAITS: usize = 10;

/// How often the folder is looked at when the system tells of changes.
const SELDOM: Duration = Duration::from_secs(30);

/// How often it is looked at when it does not.
const OFTEN: Duration = Duration::from_secs(2);

/// Says when something may have changed.
#[derive(Debug)]
pub struct Watch {
    events: mpsc::Receiver<()>,
    /// Tells until it is dropped.
    watcher: Option<RecommendedWatcher>,
    /// Folders that are not there yet.
    missing: Vec<Place>,
}

/// What is watched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// A folder with everything below it, or a file within its folder.
    Tree(PathBuf),
    /// A folder, without its subfolders. It may come into being later.
    Folder(PathBuf),
}

impl Watch {
    /// Watches these places. With `poll` the system is not asked.
    #[must_use]
    pub fn new(places: &[Place], poll: bool) -> Self {
        // One place is enough: a second change before the first is looked at is seen with it.
        let (sender, events) = mpsc::channel(1);
        let started = (!poll).then(|| start(places, sender)).transpose().unwrap_or_else(|error| {
            tracing::warn!(%error, every = ?OFTEN, "the system does not tell of changes; the folders are looked at instead");
            None
        });
        let (watcher, missing) = started.unzip();
        Self { events, watcher, missing: missing.unwrap_or_default() }
    }

    /// Waits until it is time to look. Cancel-safe.
    pub async fn changed(&mut self) {
        if let Some(watcher) = &mut self.watcher {
            self.missing.retain(|place| !appeared(watcher, place));
        }
        let pause = if self.watcher.is_some() { SELDOM } else { OFTEN };
        match tokio::time::timeout(pause, self.events.recv()).await {
            Ok(Some(())) => self.settle().await,
            // The sender has gone with a watcher that never started.
            Ok(None) => tokio::time::sleep(pause).await,
            Err(_elapsed) => {}
        }
    }

    async fn settle(&mut self) {
        for _ in 0..MAX_WAITS {
            if !matches!(tokio::time::timeout(QUIET, self.events.recv()).await, Ok(Some(()))) {
                return;
            }
        }
    }
}

fn start(places: &[Place], sender: mpsc::Sender<()>) -> notify::Result<(RecommendedWatcher, Vec<Place>)> {
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        // Reading a file is no change of it; an error may be a change that was missed.
        if event.map_or(true, |event| !event.kind.is_access()) {
            // Full: somebody will look anyway.
            let _told = sender.try_send(());
        }
    })?;
    let mut missing = Vec::new();
    for place in places {
        match place {
            Place::Tree(path) if path.is_dir() => watcher.watch(path, RecursiveMode::Recursive)?,
            // Editors replace files, and a watch on a file ends with it.
            Place::Tree(path) => watcher.watch(parent(path), RecursiveMode::NonRecursive)?,
            Place::Folder(path) if path.is_dir() => watcher.watch(path, RecursiveMode::NonRecursive)?,
            Place::Folder(path) => {
                // It shows where it comes into being. Where even that is not there, it is looked for seldom.
                if let Err(error) = watcher.watch(parent(path), RecursiveMode::NonRecursive) {
                    tracing::debug!(folder = %path.display(), %error, "the folder is not there");
                }
                missing.push(place.clone());
            }
        }
    }
    Ok((watcher, missing))
}

/// Watches a folder that is there by now.
fn appeared(watcher: &mut RecommendedWatcher, place: &Place) -> bool {
    let (Place::Tree(path) | Place::Folder(path)) = place;
    let appeared = path.is_dir() && watcher.watch(path, RecursiveMode::NonRecursive).is_ok();
    if appeared {
        // What else happens beside it is of no interest any more; it may be watched for another place.
        let _watched = watcher.unwatch(parent(path));
    }
    appeared
}

fn parent(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."))
}
