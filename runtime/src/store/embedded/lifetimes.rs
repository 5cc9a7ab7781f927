//! Which sessions end, over restarts and releases, and that the disk gets their room back.

use std::sync::atomic::{AtomicU64, Ordering};

use super::formats::{ROOM, blocks, noise};
use super::tests::mortal;
use super::*;
use crate::store::Delivered;
use crate::store::conformance::lifetimes::{self, LIFETIME};
use crate::store::conformance::{START_MS, entries, item, new_session};

const LIFETIME_MS: u64 = 5 * 86_400_000;

fn clock() -> Arc<AtomicU64> {
    Arc::new(AtomicU64::new(START_MS))
}

/// A session that nobody has in memory.
async fn session(store: &EmbeddedStore) -> SessionId {
    let new = new_session();
    store.create(new.clone()).await.unwrap();
    store.commit(&new.id, 1, entries(&["x"])).await.unwrap();
    new.id
}

async fn exists(store: &EmbeddedStore, id: &SessionId) -> bool {
    store.session(id).await.unwrap().is_some()
}

/// Every key in the database.
fn keys(directory: &Path) -> Vec<Vec<u8>> {
    let tables = Arc::new(Tables::open(&directory.join("db")).unwrap());
    let mut found = Vec::new();
    source::pieces_of(&tables, &mut |piece| {
        if let walk::Piece::Record { key, .. } = piece {
            found.push(key.to_vec());
        }
        Ok(())
    })
    .unwrap();
    found
}

#[tokio::test]
async fn no_clock_that_is_set_ends_sessions() {
    let directory = tempfile::tempdir().unwrap();
    let (wall, steady) = (clock(), clock());
    let apart = StoreClock::Apart(wall.clone(), steady.clone());
    let store = EmbeddedStore::open_with(directory.path(), apart, Lifetime::of(LIFETIME)).unwrap();
    lifetimes::goes_by_no_wall_clock(&store, &wall, &steady).await;
}

// Fails when a restart makes sessions younger, so that none ever ends; or the time for which nobody could use them counts.
#[tokio::test]
async fn time_counts_while_the_store_is_open() {
    let (directory, clock) = (tempfile::tempdir().unwrap(), clock());
    let store = mortal(directory.path(), &clock);
    let id = session(&store).await;
    store.close().await;
    for part in 1..=5 {
        clock.fetch_add(LIFETIME_MS * 9, Ordering::SeqCst);
        let store = mortal(directory.path(), &clock);
        assert_eq!(store.expire().await.unwrap(), 0);
        assert!(exists(&store, &id).await, "part {part}");
        clock.fetch_add(LIFETIME_MS / 5, Ordering::SeqCst);
        store.close().await;
    }
    let store = mortal(directory.path(), &clock);
    assert_eq!(store.expire().await.unwrap(), 1);
    assert!(!exists(&store, &id).await);
    store.close().await;
}

// Fails when a session's end deletes its jobs from the disk, where a restart misses them, or a check calls a healthy store
// damaged for a job without a session.
#[tokio::test]
async fn jobs_outlive_their_session() {
    use crate::store::jobs::{JobLimits, JobState, NewJob, Priority, Settlement};
    let (directory, clock) = (tempfile::tempdir().unwrap(), clock());
    let store = mortal(directory.path(), &clock);
    let session = session(&store).await;
    for name in ["a", "b"] {
        let (session, id, text) = (session.clone(), name.to_owned(), "x".to_owned());
        let new = NewJob { session, id, text, priority: Priority::High, expires_in: None, max_attempts: 2 };
        store.jobs().add(new, JobLimits { all: 9, session: 9 }).await.unwrap();
    }
    clock.fetch_add(LIFETIME_MS, Ordering::SeqCst);
    assert_eq!(store.expire().await.unwrap(), 1);
    store.close().await;
    drop(store);
    let store = mortal(directory.path(), &clock);
    assert!(!exists(&store, &session).await);
    for (name, settlement, state) in
        [("a", Settlement::Done(Some(7)), JobState::Done), ("b", Settlement::Cancelled, JobState::Cancelled)]
    {
        let job = store.jobs().take("t", LIFETIME).await.unwrap().expect(name);
        store.jobs().settle(&job.claim("t"), settlement).await.unwrap();
        assert_eq!(store.jobs().job(&session, name).await.unwrap().unwrap().state, state);
    }
    store.close().await;
    drop(store);
    let (mut told, source) = (Vec::new(), StoreSource::open(directory.path()).unwrap());
    let checked = check(source, &mut |_| Ok(()), &mut |damage| told.push(damage.to_owned())).unwrap();
    assert_eq!((checked.jobs, checked.sessions, told), (2, 0, Vec::new()));
}

// Fails when a process that is killed takes the store's age along: what it noted of sessions would lie in the future.
#[tokio::test]
async fn the_age_is_kept_with_what_is_written() {
    let (directory, clock) = (tempfile::tempdir().unwrap(), clock());
    let store = mortal(directory.path(), &clock);
    let id = session(&store).await;
    clock.fetch_add(LIFETIME_MS / 2, Ordering::SeqCst);
    let used = session(&store).await;
    let noted = store.open.lock().as_ref().map(|open| open.shared.tables.view().age().unwrap());
    assert_eq!(noted, Some(LIFETIME_MS / 2));
    // As at the next look, of a server to which nobody writes.
    clock.fetch_add(LIFETIME_MS / 4, Ordering::SeqCst);
    store.expire().await.unwrap();
    let noted = store.open.lock().as_ref().map(|open| open.shared.tables.view().age().unwrap());
    assert_eq!(noted, Some(LIFETIME_MS / 4 * 3));
    clock.fetch_add(LIFETIME_MS / 4, Ordering::SeqCst);
    assert_eq!(store.expire().await.unwrap(), 1);
    assert!(!exists(&store, &id).await && exists(&store, &used).await);
    store.close().await;
}

// Fails when a session that an earlier release wrote ends at the first look, or never.
#[tokio::test]
async fn what_an_earlier_release_wrote_counts_from_now() {
    let (directory, clock) = (tempfile::tempdir().unwrap(), clock());
    let store = mortal(directory.path(), &clock);
    let id = session(&store).await;
    store.close().await;
    drop(store);
    let tables = Tables::open(&directory.path().join("db")).unwrap();
    let sessions = tables.table(tables::Table::Sessions);
    let (key, mut position) =
        (tables::position_key(&id), sessions.get(tables::position_key(&id)).unwrap().unwrap().to_vec());
    position.truncate(position.len() - 8);
    *position.first_mut().unwrap() = 2;
    sessions.insert(key, position).unwrap();
    sessions.remove(tables::AGE_KEY).unwrap();
    tables.database.persist(fjall::PersistMode::SyncAll).unwrap();
    drop(tables);
    let store = mortal(directory.path(), &clock);
    clock.fetch_add(LIFETIME_MS * 3, Ordering::SeqCst);
    assert_eq!(store.expire().await.unwrap(), 0);
    clock.fetch_add(LIFETIME_MS - 1_000, Ordering::SeqCst);
    assert_eq!(store.expire().await.unwrap(), 0);
    clock.fetch_add(1_000, Ordering::SeqCst);
    assert_eq!(store.expire().await.unwrap(), 1);
    assert!(!exists(&store, &id).await);
    store.close().await;
}

// Fails when a session's end leaves a record of it, or takes one of another's.
#[tokio::test]
async fn nothing_is_left_of_a_session() {
    let (directory, clock) = (tempfile::tempdir().unwrap(), clock());
    let store = mortal(directory.path(), &clock);
    let kept = session(&store).await;
    let mut gone = Vec::new();
    for _ in 0..3 {
        let id = session(&store).await;
        for n in 0..20 {
            store.enqueue(&id, item(&format!("m{n}"), u64::MAX)).await.unwrap();
        }
        let delivered = (0..10).map(|n| Delivered { biz_id: format!("m{n}"), entry: 0 }).collect();
        let commit = Commit { delivered, state: Some("state".into()), ..entries(&["y"]) };
        store.commit(&id, 1, commit).await.unwrap();
        gone.push(id);
    }
    clock.fetch_add(LIFETIME_MS - 1_000, Ordering::SeqCst);
    store.touch(&kept).await.unwrap();
    clock.fetch_add(1_000, Ordering::SeqCst);
    assert_eq!(store.expire().await.unwrap(), 3);
    store.close().await;
    drop(store);
    let keys = keys(directory.path());
    let of = |id: &SessionId| keys.iter().filter(|key| key.starts_with(id.as_str().as_bytes())).count();
    assert_eq!(gone.iter().map(of).sum::<usize>(), 0);
    assert_eq!((of(&kept), keys.len()), (3, 4), "{keys:?}");
}

// Fails when what a page of the look ends with is passed over, or seen twice.
#[tokio::test]
async fn a_look_takes_in_every_session() {
    let (directory, clock) = (tempfile::tempdir().unwrap(), clock());
    let store = mortal(directory.path(), &clock);
    let creates = (0..SWEPT_AT_ONCE + 300).map(|_| store.create(new_session()));
    for outcome in join_all(creates).await {
        outcome.unwrap();
    }
    clock.fetch_add(LIFETIME_MS, Ordering::SeqCst);
    assert_eq!(store.expire().await.unwrap(), SWEPT_AT_ONCE as u64 + 300);
    assert_eq!(store.expire().await.unwrap(), 0);
    store.close().await;
}

// Fails when the disk keeps what was of sessions that ended: a server whose users come and go would fill it.
#[tokio::test]
async fn sessions_that_come_and_go_take_bounded_room() {
    const ROUNDS: usize = 100;
    const SESSIONS: usize = 20;
    const ENTRIES: usize = 250;
    const ENTRY: usize = 2_048;
    let (home, clock) = (tempfile::tempdir().unwrap(), clock());
    let directory = home.path().join("store");
    let store = mortal(&directory, &clock);
    let mut most = 0;
    for round in 0..ROUNDS {
        for session in 0..SESSIONS {
            let new = new_session();
            store.create(new.clone()).await.unwrap();
            let page = round * SESSIONS + session;
            let entries = (0..ENTRIES).map(|n| noise(page, n, ENTRY)).collect();
            store.commit(&new.id, 1, Commit { entries, ..Commit::default() }).await.unwrap();
        }
        // Those of two rounds are there at once.
        clock.fetch_add(LIFETIME_MS / 2, Ordering::SeqCst);
        store.expire().await.unwrap();
        most = most.max(blocks(&directory));
    }
    store.close().await;
    let live = (2 * SESSIONS * ENTRIES * ENTRY) as u64;
    let bound = 4 * live + ROOM;
    println!("{most} bytes at most for {live} that are kept, of {} written", ROUNDS as u64 * live / 2);
    assert!(most <= bound, "{most} bytes for {live} that are kept, more than {bound}");
    assert!(ROUNDS as u64 * live / 2 > 2 * bound, "nothing was measured");
}
