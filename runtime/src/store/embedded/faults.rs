//! What a disk that fails does to a store; Linux lets a test have one.

#![cfg(target_os = "linux")]

use std::fs::{self, File};
use std::os::fd::AsRawFd;
use std::path::Path;
use std::sync::Arc;

use super::*;
use crate::store::conformance::{entries, item, new_session};

/// Makes every further write of the database in a directory fail for want of space, as a full disk
/// does: its journal's descriptor is turned to a device that takes nothing.
pub(crate) fn fill_disk(directory: &Path) {
    let full = File::options().write(true).open("/dev/full").unwrap();
    let directory = directory.canonicalize().unwrap();
    let mut turned = 0;
    for entry in fs::read_dir("/proc/self/fd").unwrap() {
        let entry = entry.unwrap();
        let Ok(target) = fs::read_link(entry.path()) else { continue };
        if target.starts_with(&directory) && target.extension().is_some_and(|extension| extension == "jnl") {
            let journal: i32 = entry.file_name().to_str().unwrap().parse().unwrap();
            #[allow(unsafe_code, reason = "sound for two open descriptors; the journal's owner sees failing writes")]
            let outcome = unsafe { libc::dup2(full.as_raw_fd(), journal) };
            assert_eq!(outcome, journal);
            turned += 1;
        }
    }
    assert!(turned > 0, "no journal is open in {}", directory.display());
}

fn poisoned<T: fmt::Debug>(outcome: &Result<T, StoreError>) {
    assert!(matches!(outcome, Err(StoreError::Poisoned(_))), "{outcome:?}");
}

// Fails when a store writes on after a write failed, acknowledges a write that failed, shows one, stops
// reading, calls itself healthy, or loses what it acknowledged before.
#[tokio::test]
async fn a_failed_write_stops_all_writing_and_loses_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let store = Arc::new(EmbeddedStore::open(directory.path()).unwrap());
    let sessions = [new_session(), new_session(), new_session()];
    for new in &sessions {
        store.create(new.clone()).await.unwrap();
        store.enqueue(&new.id, item("waits", u64::MAX)).await.unwrap();
        let begun = Commit { state: Some("state".into()), running: Some(true), ..entries(&["a", "b"]) };
        store.commit(&new.id, 1, begun).await.unwrap();
    }
    store.healthy().unwrap();
    let before = seen(&store, &sessions).await;

    fill_disk(directory.path());
    // Writes that meet in one batch fail together.
    let writes = sessions.iter().map(|new| store.commit(&new.id, 1, entries(&["lost"])));
    join_all(writes).await.into_iter().for_each(|outcome| poisoned(&outcome));
    poisoned(&store.healthy());
    let [first, ..] = &sessions;
    poisoned(&store.create(new_session()).await);
    poisoned(&store.commit(&first.id, 1, entries(&["more"])).await);
    poisoned(&store.enqueue(&first.id, item("new", u64::MAX)).await);
    // Answers that would write nothing are refused too: they would vouch for what is in doubt.
    poisoned(&store.enqueue(&first.id, item("waits", u64::MAX)).await);
    poisoned(&store.advance_epoch(&first.id, 1, Leap::beyond(1, 9)).await);
    assert_eq!(seen(&store, &sessions).await, before, "reads show what is durable, and nothing else");
    store.close().await;

    let store = Arc::new(EmbeddedStore::open(directory.path()).unwrap());
    store.healthy().unwrap();
    assert_eq!(seen(&store, &sessions).await, before, "everything acknowledged is there");
    assert_eq!(store.commit(&first.id, 1, entries(&["c"])).await.unwrap().head, 3);
}

// Fails when messages that a failed write would have dropped are counted as expired.
#[tokio::test]
async fn a_failed_write_expires_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let store = EmbeddedStore::open(directory.path()).unwrap();
    let new = new_session();
    store.create(new.clone()).await.unwrap();
    store.enqueue(&new.id, item("late", 1)).await.unwrap();
    fill_disk(directory.path());
    poisoned(&store.commit(&new.id, 1, entries(&["lost"])).await);
    assert_eq!(store.take_expired(), 0);
    assert_eq!(store.inbox(&new.id, 0, 9).await.unwrap(), [item("late", 1)]);
}

async fn seen(store: &EmbeddedStore, sessions: &[NewSession]) -> String {
    let mut seen = format!("{:?}", store.interrupted().await.unwrap());
    for new in sessions {
        let row = store.session(&new.id).await.unwrap().unwrap();
        let log = store.read(&new.id, 0, usize::MAX).await.unwrap();
        let inbox = store.inbox(&new.id, 0, usize::MAX).await.unwrap();
        seen.push_str(&format!("\n{row:?} {log:?} {inbox:?}"));
    }
    seen
}
