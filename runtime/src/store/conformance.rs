//! What [`Store`] promises, as one suite that every backend runs.

mod claims;
pub(super) mod lifetimes;
mod memory;
mod receipts;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;

use super::*;

/// A store under test, with the clock it reads.
pub(super) struct Subject {
    pub(super) store: Arc<dyn Store>,
    pub(super) clock: Arc<AtomicU64>,
    /// The same sessions as another process has them; `None` for a store that one has to itself.
    pub(super) other: Option<Arc<dyn Store>>,
    /// Lets so many ms pass for a server that counts them itself.
    pub(super) passing: Option<Passing>,
}

/// See [`Subject::passing`].
pub(super) type Passing = Box<dyn Fn(u64) -> BoxFuture<'static, ()> + Send + Sync>;

impl Subject {
    /// Lets time pass.
    pub(super) async fn pass(&self, ms: u64) {
        self.clock.fetch_add(ms, Ordering::SeqCst);
        if let Some(passing) = &self.passing {
            passing(ms).await;
        }
    }
}

/// When the clock of a [`Subject`] starts.
pub(super) const START_MS: u64 = 1_700_000_000_000;

/// Runs every check.
pub(super) async fn all(subject: &Subject) {
    creates_once(subject).await;
    appends_in_order_without_gaps(subject).await;
    claims::appends_only_behind_the_head_that_is_named(subject).await;
    reads_a_page_from_anywhere(subject).await;
    commits_state_and_running_mark_with_the_entries(subject).await;
    claims::takes_writes_of_the_last_claim_only(subject).await;
    claims::begins_epochs_for_an_owner_that_knows_the_head(subject).await;
    claims::gives_a_session_to_one_of_two(subject).await;
    claims::fences_a_writer_of_an_old_epoch(subject).await;
    never_reuses_a_sequence_id_after_a_lost_tail(subject).await;
    begins_an_epoch_behind_every_known_one(subject).await;
    drops_the_oldest_entries_beyond_the_limit(subject).await;
    counts_entries_not_numbers(subject).await;
    delivers_each_id_once(subject).await;
    lets_items_expire(subject).await;
    counts_what_expires_once(subject).await;
    forgets_deliveries_after_a_day(subject).await;
    remembers_an_id_delivered_twice_at_once(subject).await;
    bounds_the_inbox(subject).await;
    receipts::tells_what_became_of_a_message(subject).await;
    receipts::tells_it_with_the_session(subject).await;
    knows_no_session_that_was_not_created(subject).await;
    serves_sessions_at_the_same_time(subject).await;
    lifetimes::ends_what_nobody_uses(subject).await;
    lifetimes::keeps_unfinished_replies(subject).await;
    lifetimes::keeps_what_is_claimed(subject).await;
}

/// Refusals after `close`; run last.
pub(super) async fn closed(subject: &Subject) {
    let id = fresh(subject).await;
    subject.store.healthy().unwrap();
    subject.store.close().await;
    subject.store.close().await;
    assert!(matches!(subject.store.healthy(), Err(StoreError::Closed)));
    assert!(matches!(subject.store.session(&id).await, Err(StoreError::Closed)));
    assert!(matches!(subject.store.commit(&id, 1, entries(&["x"])).await, Err(StoreError::Closed)));
}

pub(super) fn new_session() -> NewSession {
    NewSession {
        id: SessionId::random().unwrap(),
        role: "学者".to_owned(),
        user: "u1".to_owned(),
        created_ms: START_MS,
    }
}

pub(super) fn entries(texts: &[&str]) -> Commit {
    Commit { entries: texts.iter().map(|text| Bytes::from(text.as_bytes().to_vec())).collect(), ..Commit::default() }
}

pub(super) fn item(biz_id: &str, expires_ms: u64) -> InboxItem {
    InboxItem { biz_id: biz_id.to_owned(), bytes: Bytes::from(format!("message {biz_id}")), expires_ms }
}

fn delivery(text: &str, ids: &[&str]) -> Commit {
    let delivered = ids.iter().map(|id| Delivered { biz_id: (*id).to_owned(), entry: 0 }).collect();
    Commit { delivered, ..entries(&[text]) }
}

/// The sessions with an unfinished reply.
pub(super) async fn unfinished(store: &dyn Store) -> Vec<SessionId> {
    store.interrupted().await.unwrap().into_iter().map(|interrupted| interrupted.id).collect()
}

async fn fresh(subject: &Subject) -> SessionId {
    let new = new_session();
    subject.store.create(new.clone()).await.unwrap();
    new.id
}

async fn log(subject: &Subject, id: &SessionId) -> Vec<(Seq, String)> {
    let entries = subject.store.read(id, 0, usize::MAX).await.unwrap();
    entries.into_iter().map(|entry| (entry.seq, String::from_utf8(entry.bytes.to_vec()).unwrap())).collect()
}

async fn waiting(subject: &Subject, id: &SessionId) -> Vec<String> {
    let now_ms = subject.clock.load(Ordering::SeqCst);
    let items = subject.store.inbox(id, now_ms, usize::MAX).await.unwrap();
    items.into_iter().map(|item| item.biz_id).collect()
}

// Fails when a second create overwrites a session.
async fn creates_once(subject: &Subject) {
    let new = new_session();
    subject.store.create(new.clone()).await.unwrap();
    subject.store.commit(&new.id, 1, entries(&["kept"])).await.unwrap();
    assert!(matches!(subject.store.create(new.clone()).await, Err(StoreError::Exists(id)) if id == new.id));
    let row = subject.store.session(&new.id).await.unwrap().unwrap();
    assert_eq!((row.created, row.epoch, row.head, row.floor), (new, 1, 1, 0));
    assert!(row.state.is_empty() && !row.running);
}

// Fails when entries get wrong numbers, or an empty commit moves the head.
async fn appends_in_order_without_gaps(subject: &Subject) {
    let id = fresh(subject).await;
    assert_eq!(subject.store.commit(&id, 1, entries(&["a", "b"])).await.unwrap(), Committed { first: 1, head: 2 });
    assert_eq!(subject.store.commit(&id, 1, Commit::default()).await.unwrap(), Committed { first: 3, head: 2 });
    assert_eq!(subject.store.commit(&id, 1, entries(&["c"])).await.unwrap(), Committed { first: 3, head: 3 });
    let expected: Vec<_> =
        [(1, "a"), (2, "b"), (3, "c")].into_iter().map(|(seq, text)| (seq, text.to_owned())).collect();
    assert_eq!(log(subject, &id).await, expected);
}

// Fails when a page starts or ends one off, or leaks into another session.
async fn reads_a_page_from_anywhere(subject: &Subject) {
    let (id, other) = (fresh(subject).await, fresh(subject).await);
    subject.store.commit(&id, 1, entries(&["1", "2", "3", "4", "5"])).await.unwrap();
    subject.store.commit(&other, 1, entries(&["x"])).await.unwrap();
    for (from, limit, expected) in [
        (0, 2, vec![1, 2]),
        (3, 9, vec![3, 4, 5]),
        (5, 1, vec![5]),
        (6, 9, vec![]),
        (1, 0, vec![]),
        (u64::MAX, 9, vec![]),
    ] {
        let page = subject.store.read(&id, from, limit).await.unwrap();
        assert_eq!(page.iter().map(|entry| entry.seq).collect::<Vec<_>>(), expected, "from {from} limit {limit}");
    }
}

// Fails when the state is lost, kept too long, or the mark of an unfinished reply is not listed.
async fn commits_state_and_running_mark_with_the_entries(subject: &Subject) {
    let id = fresh(subject).await;
    let begun = Commit { state: Some(Bytes::from_static(b"one")), running: Some(true), ..entries(&["user"]) };
    subject.store.commit(&id, 1, begun).await.unwrap();
    subject.store.commit(&id, 1, entries(&["delta"])).await.unwrap();
    let row = subject.store.session(&id).await.unwrap().unwrap();
    assert_eq!((row.state.as_ref(), row.running, row.head), (b"one".as_slice(), true, 2));
    assert!(unfinished(&*subject.store).await.contains(&id));
    let ended = Commit { state: Some(Bytes::from_static(b"two")), running: Some(false), ..Commit::default() };
    subject.store.commit(&id, 1, ended).await.unwrap();
    let row = subject.store.session(&id).await.unwrap().unwrap();
    assert_eq!((row.state.as_ref(), row.running, row.head), (b"two".as_slice(), false, 2));
    assert!(!unfinished(&*subject.store).await.contains(&id));
}

// Fails when a new epoch counts on from the head instead of from where the client is.
async fn never_reuses_a_sequence_id_after_a_lost_tail(subject: &Subject) {
    let id = fresh(subject).await;
    subject.store.commit(&id, 1, entries(&["1", "2"])).await.unwrap();
    assert_eq!(subject.store.advance_epoch(&id, 1, Leap::beyond(1, 10)).await.unwrap(), 2);
    assert_eq!(subject.store.commit(&id, 2, entries(&["10"])).await.unwrap(), Committed { first: 10, head: 10 });
    assert_eq!(subject.store.read(&id, 3, 9).await.unwrap()[0].seq, 10);
    // A client that is behind must not push the sequence back.
    assert_eq!(subject.store.advance_epoch(&id, 2, Leap::beyond(2, 4)).await.unwrap(), 3);
    assert_eq!(subject.store.commit(&id, 3, entries(&["11"])).await.unwrap().first, 11);
    assert_eq!(subject.store.advance_epoch(&id, 3, Leap::beyond(3, u64::MAX)).await.unwrap(), 4);
    assert_eq!(subject.store.commit(&id, 4, entries(&["last"])).await.unwrap().head, u64::MAX);
    assert!(matches!(subject.store.commit(&id, 4, entries(&["none left"])).await, Err(StoreError::Exhausted(_))));
}

// Fails when a new epoch is one that a client has seen, takes several steps, or goes back to an old one at the end.
async fn begins_an_epoch_behind_every_known_one(subject: &Subject) {
    let id = fresh(subject).await;
    assert_eq!(subject.store.advance_epoch(&id, 1, Leap::beyond(40, 1)).await.unwrap(), 41);
    assert_eq!(subject.store.advance_epoch(&id, 41, Leap::beyond(7, 1)).await.unwrap(), 42);
    assert!(matches!(subject.store.commit(&id, 41, entries(&["stale"])).await, Err(StoreError::Fenced { .. })));
    assert_eq!(subject.store.session(&id).await.unwrap().unwrap().epoch, 42);
    assert!(matches!(
        subject.store.advance_epoch(&id, 42, Leap::beyond(Epoch::MAX, 1)).await,
        Err(StoreError::Exhausted(_))
    ));
    assert_eq!(subject.store.commit(&id, 42, entries(&["on"])).await.unwrap().head, 1);
}

// Fails when the log grows without bound, or the floor does not say what is gone.
async fn drops_the_oldest_entries_beyond_the_limit(subject: &Subject) {
    let id = fresh(subject).await;
    let page = vec![Bytes::from_static(b"entry"); 4_000];
    for _ in 0..3 {
        subject.store.commit(&id, 1, Commit { entries: page.clone(), ..Commit::default() }).await.unwrap();
    }
    let row = subject.store.session(&id).await.unwrap().unwrap();
    assert_eq!((row.head, row.floor), (12_000, 12_000 - LOG_LIMIT));
    assert_eq!(subject.store.read(&id, 1, 1).await.unwrap()[0].seq, row.floor + 1);
    let huge = vec![Bytes::from_static(b"entry"); 10_500];
    subject.store.commit(&id, 1, Commit { entries: huge, ..Commit::default() }).await.unwrap();
    let kept = subject.store.read(&id, 0, usize::MAX).await.unwrap();
    assert_eq!((kept.len() as u64, kept[0].seq), (LOG_LIMIT, 22_500 - LOG_LIMIT + 1));
}

// Fails when a jump of the head drops entries although few are kept, or the hole it leaves lets the log grow.
async fn counts_entries_not_numbers(subject: &Subject) {
    let id = fresh(subject).await;
    subject.store.commit(&id, 1, entries(&["1", "2", "3"])).await.unwrap();
    subject.store.advance_epoch(&id, 1, Leap::beyond(1, 900_001)).await.unwrap();
    subject.store.commit(&id, 2, entries(&["a", "b"])).await.unwrap();
    let row = subject.store.session(&id).await.unwrap().unwrap();
    assert_eq!((row.head, row.floor), (900_002, 0));
    let kept: Vec<Seq> = log(subject, &id).await.into_iter().map(|(seq, _)| seq).collect();
    assert_eq!(kept, [1, 2, 3, 900_001, 900_002]);
    // One entry more than the limit, and the first one goes; then everything before the hole.
    let filling = vec![Bytes::from_static(b"entry"); 9_996];
    subject.store.commit(&id, 2, Commit { entries: filling, ..Commit::default() }).await.unwrap();
    assert_eq!(subject.store.session(&id).await.unwrap().unwrap().floor, 1);
    subject.store.commit(&id, 2, entries(&["x", "y", "z"])).await.unwrap();
    let row = subject.store.session(&id).await.unwrap().unwrap();
    assert_eq!((row.head, row.floor), (910_001, 900_001));
    let kept = subject.store.read(&id, 0, usize::MAX).await.unwrap();
    assert_eq!((kept.len() as u64, kept[0].seq), (LOG_LIMIT, 900_002));
}

// Fails when an id is delivered twice, or its delivery is reported at the wrong place.
async fn delivers_each_id_once(subject: &Subject) {
    let id = fresh(subject).await;
    let later = START_MS * 2;
    for biz_id in ["a", "b", "订单-3"] {
        assert_eq!(subject.store.enqueue(&id, item(biz_id, later)).await.unwrap(), Enqueued::Fresh);
    }
    assert_eq!(subject.store.enqueue(&id, item("a", later)).await.unwrap(), Enqueued::Waiting);
    assert_eq!(waiting(subject, &id).await, ["a", "b", "订单-3"]);
    let two = vec![Delivered { biz_id: "a".into(), entry: 0 }, Delivered { biz_id: "订单-3".into(), entry: 1 }];
    subject.store.commit(&id, 1, Commit { delivered: two, ..entries(&["A", "C"]) }).await.unwrap();
    assert_eq!(waiting(subject, &id).await, ["b"]);
    assert_eq!(subject.store.enqueue(&id, item("a", later)).await.unwrap(), Enqueued::Delivered(1));
    assert_eq!(subject.store.enqueue(&id, item("订单-3", later)).await.unwrap(), Enqueued::Delivered(2));
    assert_eq!(subject.store.inbox(&id, START_MS, 0).await.unwrap(), []);
    assert_eq!(waiting(subject, &id).await, ["b"]);
}

// Fails when expired messages are shown, or block their id or a place for ever.
async fn lets_items_expire(subject: &Subject) {
    let id = fresh(subject).await;
    let now = subject.clock.load(Ordering::SeqCst);
    subject.store.enqueue(&id, item("short", now + 10)).await.unwrap();
    subject.store.enqueue(&id, item("long", now + 1_000)).await.unwrap();
    subject.clock.store(now + 10, Ordering::SeqCst);
    assert_eq!(waiting(subject, &id).await, ["long"]);
    assert_eq!(subject.store.enqueue(&id, item("short", now + 1_000)).await.unwrap(), Enqueued::Fresh);
    assert_eq!(waiting(subject, &id).await, ["long", "short"]);
}

// Fails when expired messages are dropped uncounted, counted twice, or stay until the inbox is full.
async fn counts_what_expires_once(subject: &Subject) {
    let (id, other) = (fresh(subject).await, fresh(subject).await);
    let now = subject.clock.load(Ordering::SeqCst);
    subject.store.take_expired();
    for (biz_id, keeps_ms) in [("first", 30), ("second", 10), ("kept", 1_000), ("third", 20), ("said", 20)] {
        subject.store.enqueue(&id, item(biz_id, now + keeps_ms)).await.unwrap();
    }
    subject.store.enqueue(&other, item("second", now + 10)).await.unwrap();
    subject.clock.store(now + 9, Ordering::SeqCst);
    subject.store.commit(&id, 1, entries(&["x"])).await.unwrap();
    assert_eq!(subject.store.take_expired(), 0);
    // A commit drops them, except what it delivers.
    subject.clock.store(now + 20, Ordering::SeqCst);
    subject.store.commit(&id, 1, delivery("SAID", &["said"])).await.unwrap();
    assert_eq!(subject.store.take_expired(), 2);
    assert_eq!(subject.store.take_expired(), 0);
    let everything = subject.store.inbox(&id, 0, usize::MAX).await.unwrap();
    assert_eq!(everything.iter().map(|item| item.biz_id.as_str()).collect::<Vec<_>>(), ["first", "kept"]);
    assert_eq!(subject.store.enqueue(&id, item("said", now + 99)).await.unwrap(), Enqueued::Delivered(2));
    // So does a post, of the same id too and whatever its answer.
    subject.clock.store(now + 30, Ordering::SeqCst);
    assert_eq!(subject.store.enqueue(&id, item("kept", now + 99)).await.unwrap(), Enqueued::Waiting);
    assert_eq!(subject.store.take_expired(), 1);
    assert_eq!(subject.store.enqueue(&other, item("second", now + 99)).await.unwrap(), Enqueued::Fresh);
    assert_eq!(subject.store.take_expired(), 1);
    assert_eq!(subject.store.inbox(&other, 0, usize::MAX).await.unwrap(), [item("second", now + 99)]);
    assert_eq!(subject.store.enqueue(&id, item("first", now + 99)).await.unwrap(), Enqueued::Fresh);
    assert_eq!(waiting(subject, &id).await, ["kept", "first"]);
}

// Fails when a delivered id is forgotten within a day, or never.
async fn forgets_deliveries_after_a_day(subject: &Subject) {
    let id = fresh(subject).await;
    let now = subject.clock.load(Ordering::SeqCst);
    let never = u64::MAX;
    subject.store.enqueue(&id, item("x", never)).await.unwrap();
    subject.store.commit(&id, 1, delivery("X", &["x"])).await.unwrap();
    subject.clock.store(now + DONE_KEPT_MS, Ordering::SeqCst);
    assert_eq!(subject.store.enqueue(&id, item("x", never)).await.unwrap(), Enqueued::Delivered(1));
    subject.clock.store(now + DONE_KEPT_MS + 1, Ordering::SeqCst);
    assert_eq!(subject.store.enqueue(&id, item("x", never)).await.unwrap(), Enqueued::Fresh);
    // The old delivery's cleaning up must not take the new item's mark with it.
    subject.store.enqueue(&id, item("y", never)).await.unwrap();
    subject.store.commit(&id, 1, delivery("Y", &["y"])).await.unwrap();
    assert_eq!(subject.store.enqueue(&id, item("x", never)).await.unwrap(), Enqueued::Waiting);
    subject.store.commit(&id, 1, delivery("X again", &["x"])).await.unwrap();
    assert_eq!(subject.store.enqueue(&id, item("x", never)).await.unwrap(), Enqueued::Delivered(3));
}

// Fails when delivering an id again in the same millisecond forgets it.
async fn remembers_an_id_delivered_twice_at_once(subject: &Subject) {
    let id = fresh(subject).await;
    subject.store.enqueue(&id, item("x", u64::MAX)).await.unwrap();
    subject.store.commit(&id, 1, delivery("X", &["x"])).await.unwrap();
    subject.store.commit(&id, 1, delivery("X", &["x"])).await.unwrap();
    assert_eq!(subject.store.enqueue(&id, item("x", u64::MAX)).await.unwrap(), Enqueued::Delivered(2));
    // The id is still among those that are forgotten by their age.
    subject.clock.fetch_add(DONE_KEPT_MS + 1, Ordering::SeqCst);
    subject.store.commit(&id, 1, delivery("Y", &["y"])).await.unwrap();
    assert_eq!(subject.store.enqueue(&id, item("x", u64::MAX)).await.unwrap(), Enqueued::Fresh);
}

// Fails when an inbox grows without bound, or expired items count.
async fn bounds_the_inbox(subject: &Subject) {
    let id = fresh(subject).await;
    let now = subject.clock.load(Ordering::SeqCst);
    let enqueues = (0..INBOX_LIMIT).map(|n| {
        let expires_ms = if n == 7 { now + 5 } else { u64::MAX };
        let (store, id) = (subject.store.clone(), id.clone());
        async move { store.enqueue(&id, item(&format!("m{n}"), expires_ms)).await }
    });
    for outcome in futures_util::future::join_all(enqueues).await {
        assert_eq!(outcome.unwrap(), Enqueued::Fresh);
    }
    let refused = subject.store.enqueue(&id, item("more", u64::MAX)).await;
    assert!(matches!(refused, Err(StoreError::InboxFull(full)) if full == id));
    subject.clock.store(now + 5, Ordering::SeqCst);
    assert_eq!(subject.store.enqueue(&id, item("more", u64::MAX)).await.unwrap(), Enqueued::Fresh);
    assert!(matches!(subject.store.enqueue(&id, item("even more", u64::MAX)).await, Err(StoreError::InboxFull(_))));
    assert_eq!(subject.store.inbox(&id, now + 5, usize::MAX).await.unwrap().len(), INBOX_LIMIT);
}

// Fails when a missing session reads as an empty one.
async fn knows_no_session_that_was_not_created(subject: &Subject) {
    let id = SessionId::random().unwrap();
    let store = &subject.store;
    assert_eq!(store.session(&id).await.unwrap(), None);
    assert!(matches!(store.commit(&id, 1, entries(&["x"])).await, Err(StoreError::NoSession(_))));
    assert!(matches!(store.read(&id, 1, 1).await, Err(StoreError::NoSession(_))));
    assert!(matches!(store.enqueue(&id, item("x", 1)).await, Err(StoreError::NoSession(_))));
    assert!(matches!(store.inbox(&id, 1, 1).await, Err(StoreError::NoSession(_))));
    assert!(matches!(store.receipt(&id, "x").await, Err(StoreError::NoSession(_))));
    assert!(matches!(store.advance_epoch(&id, 1, Leap::beyond(1, 1)).await, Err(StoreError::NoSession(_))));
}

// Fails when commits that are written together mix sessions up or lose one.
async fn serves_sessions_at_the_same_time(subject: &Subject) {
    let mut ids = Vec::new();
    for _ in 0..20 {
        ids.push(fresh(subject).await);
    }
    let writers = ids.iter().map(|id| async move {
        for n in 1..=20u64 {
            let committed = subject.store.commit(id, 1, entries(&[id.as_str()])).await.unwrap();
            assert_eq!(committed, Committed { first: n, head: n });
        }
    });
    futures_util::future::join_all(writers).await;
    for id in &ids {
        let log = log(subject, id).await;
        assert_eq!(log.len(), 20);
        assert!(log.iter().all(|(_, text)| text == id.as_str()));
    }
}
