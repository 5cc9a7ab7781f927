//! Who may write to a session.

use super::*;

fn fenced(fence: u128, texts: &[&str]) -> Commit {
    Commit { fence: Some(Fence::certain(fence)), ..entries(texts) }
}

// Fails when a writer whose claim is over, or that never had one, can write any part of a step; when a claim that is over
// ends the next one; or a claim does not show what was written before it.
pub(super) async fn takes_writes_of_the_last_claim_only(subject: &Subject) {
    let (store, id) = (&subject.store, fresh(subject).await);
    store.enqueue(&id, item("x", u64::MAX)).await.unwrap();
    let row = store.claim(&id, None, Fence::certain(1)).await.unwrap();
    assert_eq!(row.hold, Some(Hold { owner: store.node().clone(), fence: Fence::certain(1) }));
    assert_eq!(store.session(&id).await.unwrap().unwrap(), row);
    assert_eq!(store.commit(&id, 1, fenced(1, &["one"])).await.unwrap().head, 1);
    // The same process claims anew, an actor of it having failed.
    let row = store.claim(&id, None, Fence::certain(2)).await.unwrap();
    assert_eq!((row.head, row.fence()), (1, Some(Fence::certain(2))));
    store.release(&id, Fence::certain(1)).await.unwrap();
    for stale in [Some(1), Some(3), None] {
        let fence = stale.map(Fence::certain);
        let late = Commit { fence, state: Some("late".into()), running: Some(true), ..delivery("late", &["x"]) };
        // Nor does another epoch or head make any difference.
        for (epoch, after) in [(1, Some(1)), (1, None), (7, None), (1, Some(9))] {
            let refused = store.commit(&id, epoch, Commit { after, ..late.clone() }).await;
            assert!(matches!(refused, Err(StoreError::Lost(lost)) if lost == id), "{fence:?}");
        }
        let leap = Leap { fence, ..Leap::beyond(1, 9) };
        assert!(matches!(store.advance_epoch(&id, 1, leap).await, Err(StoreError::Lost(_))));
    }
    assert_eq!(store.session(&id).await.unwrap().unwrap(), row);
    assert!(!unfinished(&**store).await.contains(&id));
    assert_eq!(waiting(subject, &id).await, ["x"]);
    assert_eq!(store.commit(&id, 1, fenced(2, &["two"])).await.unwrap().head, 2);
    // What is released is nobody's, least of all its last owner's.
    store.release(&id, Fence::certain(2)).await.unwrap();
    assert_eq!(store.session(&id).await.unwrap().unwrap().hold, None);
    assert!(matches!(store.commit(&id, 1, fenced(2, &["late"])).await, Err(StoreError::Lost(_))));
    assert_eq!(store.commit(&id, 1, entries(&["three"])).await.unwrap().head, 3);
}

// Fails when an epoch begins for a writer that does not know what was written, or it is refused to one that does.
pub(super) async fn begins_epochs_for_an_owner_that_knows_the_head(subject: &Subject) {
    let (store, id) = (&subject.store, fresh(subject).await);
    store.claim(&id, None, Fence::certain(1)).await.unwrap();
    store.commit(&id, 1, fenced(1, &["a"])).await.unwrap();
    let leap = |after| Leap { fence: Some(Fence::certain(1)), after: Some(after), ..Leap::beyond(1, 9) };
    let refused = store.advance_epoch(&id, 1, leap(0)).await;
    assert!(matches!(refused, Err(StoreError::Moved { expected: 0, actual: 1, .. })), "{refused:?}");
    assert_eq!(store.session(&id).await.unwrap().unwrap().epoch, 1);
    assert_eq!(store.advance_epoch(&id, 1, leap(1)).await.unwrap(), 2);
    assert_eq!(store.commit(&id, 2, fenced(1, &["b"])).await.unwrap().first, 9);
}

// Fails when two processes own a session at once, one takes it from another than it means, or a post needs to own it.
pub(super) async fn gives_a_session_to_one_of_two(subject: &Subject) {
    let Some(other) = &subject.other else { return };
    let (store, id) = (&subject.store, fresh(subject).await);
    store.claim(&id, None, Fence::certain(1)).await.unwrap();
    store.commit(&id, 1, Commit { running: Some(true), ..fenced(1, &["a"]) }).await.unwrap();
    let third = Node::nameless().unwrap();
    for from in [None, Some(&third), Some(other.node())] {
        let refused = other.claim(&id, from, Fence::certain(2)).await;
        assert!(matches!(refused, Err(StoreError::Owned { owner, .. }) if owner == *store.node()));
    }
    let interrupted = Interrupted { id: id.clone(), owner: Some(store.node().clone()) };
    assert!(other.interrupted().await.unwrap().contains(&interrupted));
    assert_eq!(other.enqueue(&id, item("x", u64::MAX)).await.unwrap(), Enqueued::Fresh);
    assert_eq!(store.commit(&id, 1, fenced(1, &["b"])).await.unwrap().head, 2);
    // Two that mean to take it from the same owner: one does.
    let row = other.claim(&id, Some(store.node()), Fence::certain(3)).await.unwrap();
    assert_eq!((row.head, row.running, row.fence()), (2, true, Some(Fence::certain(3))));
    assert!(matches!(store.claim(&id, Some(&third), Fence::certain(4)).await, Err(StoreError::Owned { .. })));
    assert!(matches!(store.commit(&id, 1, fenced(1, &["late"])).await, Err(StoreError::Lost(_))));
    assert_eq!(other.commit(&id, 1, fenced(3, &["c"])).await.unwrap().head, 3);
    other.release(&id, Fence::certain(3)).await.unwrap();
    assert_eq!(store.claim(&id, Some(&third), Fence::certain(5)).await.unwrap().head, 3);
    assert_eq!(waiting(subject, &id).await, ["x"]);
}

// Fails when a writer that lost its session can still write any part of a commit.
pub(super) async fn fences_a_writer_of_an_old_epoch(subject: &Subject) {
    let id = fresh(subject).await;
    assert_eq!(subject.store.advance_epoch(&id, 1, Leap::beyond(1, 1)).await.unwrap(), 2);
    let stale = Commit { state: Some(Bytes::from_static(b"stale")), running: Some(true), ..entries(&["stale"]) };
    let refused = subject.store.commit(&id, 1, stale).await;
    assert!(matches!(refused, Err(StoreError::Fenced { expected: 1, actual: 2, .. })));
    assert!(matches!(subject.store.advance_epoch(&id, 1, Leap::beyond(1, 9)).await, Err(StoreError::Fenced { .. })));
    let row = subject.store.session(&id).await.unwrap().unwrap();
    assert_eq!((row.epoch, row.head, row.running, row.state.len()), (2, 0, false, 0));
    assert_eq!(subject.store.commit(&id, 2, entries(&["new"])).await.unwrap().head, 1);
}

// Fails when a writer that missed somebody's step, its own given up one for example, can write any part of another.
pub(super) async fn appends_only_behind_the_head_that_is_named(subject: &Subject) {
    let id = fresh(subject).await;
    let behind = |after: Seq, texts: &[&str]| Commit { after: Some(after), ..entries(texts) };
    assert_eq!(subject.store.commit(&id, 1, behind(0, &["a", "b"])).await.unwrap().head, 2);
    subject.store.enqueue(&id, item("x", u64::MAX)).await.unwrap();
    for after in [0, 1, 3, u64::MAX] {
        let late = Commit { state: Some("late".into()), running: Some(true), ..delivery("late", &["x"]) };
        let refused = subject.store.commit(&id, 1, Commit { after: Some(after), ..late }).await;
        assert!(matches!(refused, Err(StoreError::Moved { expected, actual: 2, .. }) if expected == after));
    }
    let row = subject.store.session(&id).await.unwrap().unwrap();
    assert_eq!((row.head, row.state.len(), row.running), (2, 0, false));
    assert!(!unfinished(&*subject.store).await.contains(&id));
    assert_eq!(waiting(subject, &id).await, ["x"]);
    assert_eq!(subject.store.commit(&id, 1, behind(2, &["c"])).await.unwrap(), Committed { first: 3, head: 3 });
    // The fence comes first: whoever is fenced need not read again.
    assert!(matches!(subject.store.commit(&id, 9, behind(0, &["d"])).await, Err(StoreError::Fenced { .. })));
}
