use std::fs;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use proptest::prelude::*;

use super::*;
use crate::store::conformance::lifetimes::LIFETIME;
use crate::store::conformance::{self, START_MS, Subject, entries, item, new_session};
use crate::store::histories::{agree, step};
use crate::store::{Delivered, INBOX_LIMIT};

fn open(path: &Path, clock: &Arc<AtomicU64>) -> Arc<EmbeddedStore> {
    Arc::new(EmbeddedStore::open_with_clock(path, StoreClock::Manual(clock.clone())).unwrap())
}

/// A store whose sessions end.
pub(super) fn mortal(path: &Path, clock: &Arc<AtomicU64>) -> Arc<EmbeddedStore> {
    let (clock, lifetime) = (StoreClock::Manual(clock.clone()), Lifetime::of(LIFETIME));
    Arc::new(EmbeddedStore::open_with(path, clock, lifetime).unwrap())
}

fn refusal(path: &Path) -> String {
    let error = EmbeddedStore::open(path).unwrap_err();
    assert!(matches!(error, StoreError::Directory { .. }), "{error}");
    let text = error.to_string();
    assert!(text.contains(&*path.display().to_string()), "names the directory: {text}");
    text
}

#[tokio::test]
async fn conforms() {
    let directory = tempfile::tempdir().unwrap();
    let clock = Arc::new(AtomicU64::new(START_MS));
    let subject = Subject { store: mortal(directory.path(), &clock), clock, other: None, passing: None };
    conformance::all(&subject).await;
    crate::store::jobs::all(&subject).await;
    conformance::closed(&subject).await;
    crate::store::jobs::closed(&subject).await;
}

// Fails when a job that was acknowledged is only in memory, one that ran is not free at once, or a damaged one keeps the
// others from being answered.
#[tokio::test]
async fn keeps_jobs_over_a_restart() {
    use crate::store::jobs::{JobLimits, JobState, NewJob, Priority};
    let directory = tempfile::tempdir().unwrap();
    let clock = Arc::new(AtomicU64::new(START_MS));
    let limits = JobLimits { all: 9, session: 9 };
    let sessions: Vec<SessionId> = (0..3).map(|_| SessionId::random().unwrap()).collect();
    let store = open(directory.path(), &clock);
    for (session, priority) in sessions.iter().zip(Priority::ALL) {
        let (id, text) = ("a".to_owned(), "十万火急".to_owned());
        let new = NewJob { session: session.clone(), id, text, priority, expires_in: None, max_attempts: 2 };
        store.jobs().add(new, limits).await.unwrap();
    }
    let lease = std::time::Duration::from_secs(3_600);
    let taken = store.jobs().take("before", lease).await.unwrap().unwrap();
    store.close().await;
    drop(store);
    let tables = Tables::open(&directory.path().join("db")).unwrap();
    tables.table(tables::Table::Jobs).insert(tables::job_key(&sessions[1], "a"), b"\x01{").unwrap();
    tables.database.persist(fjall::PersistMode::SyncAll).unwrap();
    drop(tables);
    let store = open(directory.path(), &clock);
    assert!(matches!(store.jobs().job(&sessions[1], "a").await, Err(StoreError::Corrupt { .. })));
    let again = store.jobs().take("behind", lease).await.unwrap().unwrap();
    assert_eq!((&again.session, &again.text, again.state), (&taken.session, &taken.text, JobState::Running));
    assert_eq!(store.jobs().take("more", lease).await.unwrap().unwrap().session, sessions[2]);
    assert_eq!(store.jobs().take("more", lease).await.unwrap(), None);
}

// Fails when anything acknowledged is only in memory, or the directory is not let go by `close`.
#[tokio::test]
async fn keeps_everything_over_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let clock = Arc::new(AtomicU64::new(START_MS));
    let new = new_session();
    let store = open(directory.path(), &clock);
    store.create(new.clone()).await.unwrap();
    store.enqueue(&new.id, item("waits", u64::MAX)).await.unwrap();
    store.enqueue(&new.id, item("done", u64::MAX)).await.unwrap();
    let delivered = vec![Delivered { biz_id: "done".to_owned(), entry: 1 }];
    let commit =
        Commit { state: Some(Bytes::from_static(b"state")), running: Some(true), delivered, ..entries(&["a", "b"]) };
    store.commit(&new.id, 1, commit).await.unwrap();
    store.advance_epoch(&new.id, 1, Leap::beyond(1, 7)).await.unwrap();
    let row = store.session(&new.id).await.unwrap().unwrap();
    store.close().await;

    let store = open(directory.path(), &clock);
    assert_eq!(store.session(&new.id).await.unwrap().unwrap(), row);
    assert_eq!((row.epoch, row.head, row.state.as_ref(), row.running), (2, 6, b"state".as_slice(), true));
    assert_eq!(store.read(&new.id, 1, 9).await.unwrap().len(), 2);
    assert_eq!(conformance::unfinished(&*store).await, std::slice::from_ref(&new.id));
    assert_eq!(store.enqueue(&new.id, item("done", 1)).await.unwrap(), Enqueued::Delivered(2));
    assert_eq!(store.inbox(&new.id, START_MS, 9).await.unwrap(), [item("waits", u64::MAX)]);
}

// Fails when two processes could write to one directory.
#[tokio::test]
async fn a_directory_has_one_user() {
    let directory = tempfile::tempdir().unwrap();
    let store = EmbeddedStore::open(directory.path()).unwrap();
    assert!(refusal(directory.path()).contains("in use by another process"));
    store.close().await;
    EmbeddedStore::open(directory.path()).unwrap();
}

// Fails when somebody's files are taken for a store, or the error names no remedy.
#[test]
fn refuses_directories_that_are_not_stores() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("file");
    fs::write(&file, "x").unwrap();
    assert!(refusal(&file).contains("is a file; name a directory"));
    assert!(refusal(directory.path()).contains("other files (`file`)"));
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1, "nothing was written there");
    assert!(refusal(&file.join("below")).contains("check its permissions"));

    let other = tempfile::tempdir().unwrap();
    fs::write(other.path().join("rolecall-store"), "rolecall store, format 9\n").unwrap();
    assert!(refusal(other.path()).contains("format 9"));
}

// Fails when an operation that is larger than all room for waiting ones is never let in, or room is not given back.
#[tokio::test]
async fn room_for_waiting_writes_is_given_back() {
    let directory = tempfile::tempdir().unwrap();
    let store = EmbeddedStore::open(directory.path()).unwrap();
    let new = new_session();
    store.create(new.clone()).await.unwrap();
    let page = Bytes::from(vec![7; 1 << 20]);
    let writes =
        (0..6).map(|_| store.commit(&new.id, 1, Commit { entries: vec![page.clone(); 20], ..Commit::default() }));
    for outcome in join_all(writes).await {
        outcome.unwrap();
    }
    let huge = Commit { entries: vec![page; 65], ..Commit::default() };
    assert_eq!(store.commit(&new.id, 1, huge).await.unwrap().head, 185);
    assert_eq!(store.room.available_permits(), QUEUE_KIB as usize);
}

// Fails when counting, expiring or passing over messages reads them: the only writer would stall all sessions.
#[tokio::test]
async fn a_full_inbox_is_kept_without_reading_messages() {
    let directory = tempfile::tempdir().unwrap();
    let clock = Arc::new(AtomicU64::new(START_MS));
    let new = new_session();
    let store = open(directory.path(), &clock);
    store.create(new.clone()).await.unwrap();
    let ids: Vec<String> = (0..INBOX_LIMIT).map(|n| format!("m{n}")).collect();
    let posts = ids.iter().map(|biz_id| store.enqueue(&new.id, item(biz_id, START_MS + 10)));
    for outcome in join_all(posts).await {
        assert_eq!(outcome.unwrap(), Enqueued::Fresh);
    }
    store.close().await;
    drop(store);
    // Only the version and the expiry are left of each; whoever reads on fails.
    let tables = Tables::open(&directory.path().join("db")).unwrap();
    let inbox = tables.table(tables::Table::Inbox);
    for arrival in 0..INBOX_LIMIT as u64 {
        let key = tables::waiting_key(&new.id, arrival);
        let value = inbox.get(&key).unwrap().unwrap();
        inbox.insert(key, &value[..9]).unwrap();
    }
    tables.database.persist(fjall::PersistMode::SyncAll).unwrap();
    drop(tables);
    let store = open(directory.path(), &clock);
    assert!(matches!(store.inbox(&new.id, START_MS, 1).await, Err(StoreError::Corrupt { .. })));
    assert!(matches!(store.enqueue(&new.id, item("more", u64::MAX)).await, Err(StoreError::InboxFull(_))));
    assert_eq!(store.inbox(&new.id, START_MS + 10, 9).await.unwrap(), []);
    clock.store(START_MS + 10, Ordering::SeqCst);
    assert_eq!(store.enqueue(&new.id, item("more", u64::MAX)).await.unwrap(), Enqueued::Fresh);
    assert_eq!(store.take_expired(), INBOX_LIMIT as u64);
    assert_eq!(store.inbox(&new.id, 0, 9).await.unwrap(), [item("more", u64::MAX)]);
}

// Fails when one damaged key keeps every session from starting, or hides the others.
#[tokio::test]
async fn skips_a_malformed_key_of_the_unfinished_replies() {
    let directory = tempfile::tempdir().unwrap();
    let new = new_session();
    let store = EmbeddedStore::open(directory.path()).unwrap();
    store.create(new.clone()).await.unwrap();
    store.commit(&new.id, 1, Commit { running: Some(true), ..Commit::default() }).await.unwrap();
    store.close().await;
    let tables = Tables::open(&directory.path().join("db")).unwrap();
    for key in [b"\xff\xfe".as_slice(), b"zzz not an id"] {
        tables.table(tables::Table::Running).insert(key, b"").unwrap();
    }
    tables.database.persist(fjall::PersistMode::SyncAll).unwrap();
    drop(tables);
    let store = EmbeddedStore::open(directory.path()).unwrap();
    assert_eq!(conformance::unfinished(&store).await, [new.id]);
}

// Fails when damage takes the process down instead of being reported.
#[tokio::test]
async fn reports_a_damaged_database() {
    let directory = tempfile::tempdir().unwrap();
    let store = EmbeddedStore::open(directory.path()).unwrap();
    store.create(new_session()).await.unwrap();
    store.close().await;
    let mut damaged = 0;
    for entry in fs::read_dir(directory.path().join("db")).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() && path.file_name().unwrap() != "lock" {
            fs::write(&path, [0xff; 64]).unwrap();
            damaged += 1;
        }
    }
    assert!(damaged > 0);
    let error = EmbeddedStore::open(directory.path()).unwrap_err();
    assert!(matches!(error, StoreError::Corrupt { .. }), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    // Fails when the embedded store differs from the model in any answer or visible effect, restarts included.
    #[test]
    fn agrees_with_the_model(steps in prop::collection::vec(step(), 1..40)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let directory = tempfile::tempdir().unwrap();
        let lifetime = Lifetime::of(LIFETIME);
        runtime.block_on(agree(false, lifetime, async |clock| mortal(directory.path(), &clock), steps));
    }

    // The same of the inference queue.
    #[test]
    fn the_queue_agrees_with_the_model(steps in prop::collection::vec(crate::store::jobs::tests::step(), 1..60)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let directory = tempfile::tempdir().unwrap();
        let open = async |clock: &Arc<AtomicU64>| open(directory.path(), clock);
        runtime.block_on(crate::store::jobs::tests::agree(false, open, steps));
    }
}
