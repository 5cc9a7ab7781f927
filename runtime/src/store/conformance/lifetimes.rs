//! Which sessions end, and when.

use super::*;

/// How long a session of a [`Subject`] is kept: longer than any other check lets pass.
pub(in crate::store) const LIFETIME: Duration = Duration::from_secs(5 * 86_400);
const LIFETIME_MS: u64 = 5 * 86_400_000;

/// A session that has something everywhere.
async fn full(subject: &Subject) -> SessionId {
    let (store, id) = (&subject.store, fresh(subject).await);
    for biz_id in ["done", "waits"] {
        store.enqueue(&id, item(biz_id, u64::MAX)).await.unwrap();
    }
    let begun = Commit { state: Some("state".into()), running: Some(true), ..entries(&["said"]) };
    store.commit(&id, 1, begun).await.unwrap();
    store.commit(&id, 1, Commit { running: Some(false), ..delivery("done", &["done"]) }).await.unwrap();
    id
}

async fn exists(subject: &Subject, id: &SessionId) -> bool {
    subject.store.session(id).await.unwrap().is_some()
}

/// Whether nothing at all is left of a session: also not for one that would have its id.
async fn is_gone(subject: &Subject, id: &SessionId) {
    let store = &subject.store;
    assert!(matches!(store.commit(id, 1, entries(&["late"])).await, Err(StoreError::NoSession(_))));
    assert!(matches!(store.claim(id, None, Fence::certain(9)).await, Err(StoreError::NoSession(_))));
    assert!(matches!(store.enqueue(id, item("late", u64::MAX)).await, Err(StoreError::NoSession(_))));
    assert!(matches!(store.advance_epoch(id, 1, Leap::beyond(1, 9)).await, Err(StoreError::NoSession(_))));
    assert!(matches!(store.read(id, 0, 9).await, Err(StoreError::NoSession(_))));
    assert!(matches!(store.inbox(id, 0, 9).await, Err(StoreError::NoSession(_))));
    assert!(matches!(store.touch(id).await, Err(StoreError::NoSession(_))));
    store.create(NewSession { id: id.clone(), ..new_session() }).await.unwrap();
    assert_eq!((log(subject, id).await, waiting(subject, id).await), (Vec::new(), Vec::new()));
    assert_eq!(store.enqueue(id, item("done", u64::MAX)).await.unwrap(), Enqueued::Fresh);
    assert_eq!(store.commit(id, 1, entries(&["first"])).await.unwrap().head, 1);
}

// Fails when a session that nobody uses stays, leaves anything behind, or one ends that was used by whatever way.
pub(super) async fn ends_what_nobody_uses(subject: &Subject) {
    let store = &subject.store;
    let (unused, never) = (full(subject).await, fresh(subject).await);
    let mut used = Vec::new();
    for _ in 0..6 {
        used.push(full(subject).await);
    }
    subject.pass(LIFETIME_MS / 2).await;
    store.commit(&used[0], 1, entries(&["x"])).await.unwrap();
    store.enqueue(&used[1], item("late", u64::MAX)).await.unwrap();
    store.enqueue(&used[2], item("done", u64::MAX)).await.unwrap();
    store.touch(&used[3]).await.unwrap();
    store.claim(&used[4], None, Fence::certain(1)).await.unwrap();
    store.release(&used[4], Fence::certain(1)).await.unwrap();
    store.advance_epoch(&used[5], 1, Leap::beyond(1, 1)).await.unwrap();
    subject.pass(LIFETIME_MS / 2 - 1_000).await;
    store.expire().await.unwrap();
    assert!(exists(subject, &unused).await && exists(subject, &never).await, "before its time");
    subject.pass(1_000).await;
    store.expire().await.unwrap();
    for id in [&unused, &never] {
        assert!(!exists(subject, id).await);
        is_gone(subject, id).await;
    }
    for (n, id) in used.iter().enumerate() {
        assert!(exists(subject, id).await, "use {n} does not count");
        assert!(waiting(subject, id).await.contains(&"waits".to_owned()));
        assert!(!log(subject, id).await.is_empty());
    }
    subject.pass(LIFETIME_MS).await;
    store.expire().await.unwrap();
    for id in &used {
        is_gone(subject, id).await;
    }
}

// Fails when an unfinished reply ends with its session, or keeps it for ever once it is over.
pub(super) async fn keeps_unfinished_replies(subject: &Subject) {
    let (store, id) = (&subject.store, full(subject).await);
    store.commit(&id, 1, Commit { running: Some(true), ..Commit::default() }).await.unwrap();
    store.enqueue(&id, item("late", u64::MAX)).await.unwrap();
    for _ in 0..2 {
        subject.pass(LIFETIME_MS * 2).await;
        store.expire().await.unwrap();
        assert!(unfinished(&**store).await.contains(&id) && log(subject, &id).await.len() == 2);
    }
    store.commit(&id, 1, Commit { running: Some(false), ..Commit::default() }).await.unwrap();
    subject.pass(LIFETIME_MS - 1_000).await;
    store.expire().await.unwrap();
    assert!(exists(subject, &id).await, "the end of a reply is a use");
    subject.pass(1_000).await;
    store.expire().await.unwrap();
    is_gone(subject, &id).await;
    assert!(!unfinished(&**store).await.contains(&id));
}

// Fails when a session ends that its process has in memory, where only that one can know.
pub(super) async fn keeps_what_is_claimed(subject: &Subject) {
    if subject.passing.is_some() {
        return;
    }
    let (store, id) = (&subject.store, full(subject).await);
    store.claim(&id, None, Fence::certain(1)).await.unwrap();
    subject.pass(LIFETIME_MS * 2).await;
    store.expire().await.unwrap();
    assert!(exists(subject, &id).await);
    store.release(&id, Fence::certain(1)).await.unwrap();
    store.expire().await.unwrap();
    is_gone(subject, &id).await;
}

// Fails when a wall clock that is set forward or back ends a session before its time, or keeps it for ever.
pub(in crate::store) async fn goes_by_no_wall_clock(store: &dyn Store, wall: &AtomicU64, steady: &AtomicU64) {
    const YEAR_MS: u64 = 365 * 86_400_000;
    let new = new_session();
    store.create(new.clone()).await.unwrap();
    let is_there = async || store.session(&new.id).await.unwrap().is_some();
    for wall_ms in [START_MS + YEAR_MS, START_MS - YEAR_MS, 0, START_MS] {
        wall.store(wall_ms, Ordering::SeqCst);
        steady.fetch_add(LIFETIME_MS / 5, Ordering::SeqCst);
        assert_eq!(store.expire().await.unwrap(), 0, "at {wall_ms}");
        assert!(is_there().await);
    }
    // Nor does a steady clock that is not.
    steady.fetch_sub(LIFETIME_MS / 2, Ordering::SeqCst);
    assert_eq!(store.expire().await.unwrap(), 0);
    steady.fetch_add(LIFETIME_MS / 5, Ordering::SeqCst);
    assert_eq!(store.expire().await.unwrap(), 1);
    assert!(!is_there().await);
}
