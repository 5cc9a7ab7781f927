//! When to look at the contract folder again.
//!
//! The system tells of changes where it can. It forgets to when a folder is replaced as a whole, or
//! lies on another machine; so the folder is looked at from time to time as well, which costs reading
//! its files and nothing else as long as they are the same.

use std::path::Path;
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
}

impl Watch {
    /// Watches a folder, or a file within its folder. With `poll` the system is not asked.
    #[must_use]
    pub fn new(path: &Path, poll: bool) -> Self {
        // One place is enough: a second change before the first is looked at is seen with it.
        let (sender, events) = mpsc::channel(1);
        let watcher = (!poll).then(|| start(path, sender)).and_then(|started| match started {
            Ok(watcher) => Some(watcher),
            Err(error) => {
                tracing::warn!(%error, every = ?OFTEN, "the system does not tell of changed contracts; the folder is looked at instead");
                None
            }
        });
        Self { events, watcher }
    }

    /// Waits until it is time to look. Cancel-safe.
    pub async fn changed(&mut self) {
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

fn start(path: &Path, sender: mpsc::Sender<()>) -> notify::Result<RecommendedWatcher> {
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        // Reading a file is no change of it; an error may be a change that was missed.
        if event.map_or(true, |event| !event.kind.is_access()) {
            // Full: somebody will look anyway.
            let _told = sender.try_send(());
        }
    })?;
    if path.is_dir() {
        watcher.watch(path, RecursiveMode::Recursive)?;
    } else {
        // Editors replace files, and a watch on a file ends with it.
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        watcher.watch(folder.unwrap_or_else(|| Path::new(".")), RecursiveMode::NonRecursive)?;
    }
    Ok(watcher)
}
