//! What is told of a message after it was enqueued.

use super::*;

async fn told(subject: &Subject, id: &SessionId, biz_id: &str) -> Receipt {
    subject.store.receipt(id, biz_id).await.unwrap().1
}

fn delivered(seq: Seq, entry: Option<&str>) -> Receipt {
    Receipt::Delivered { seq, entry: entry.map(|text| Bytes::from(text.to_owned())) }
}

// Fails when a message is told to wait that has expired, or to be unknown before; when another entry is told than the one
// that delivered it, or one that the log has no more; when a look drops, counts or forgets something.
pub(super) async fn tells_what_became_of_a_message(subject: &Subject) {
    let (id, other) = (fresh(subject).await, fresh(subject).await);
    let now = subject.clock.load(Ordering::SeqCst);
    subject.store.take_expired();
    for (biz_id, expires_ms) in [("订单 1", u64::MAX), ("b", u64::MAX), ("soon", now + 5)] {
        assert_eq!(told(subject, &id, biz_id).await, Receipt::Unknown);
        subject.store.enqueue(&id, item(biz_id, expires_ms)).await.unwrap();
        assert_eq!(told(subject, &id, biz_id).await, Receipt::Waiting);
    }
    assert_eq!(told(subject, &other, "b").await, Receipt::Unknown, "another session's");
    subject.clock.store(now + 5, Ordering::SeqCst);
    assert_eq!(told(subject, &id, "soon").await, Receipt::Unknown);
    assert_eq!(subject.store.take_expired(), 0, "a look counts nothing");
    let second = Delivered { biz_id: "b".to_owned(), entry: 1 };
    let commit = Commit { delivered: vec![second], ..entries(&["first", "says b"]) };
    subject.store.commit(&id, 1, commit).await.unwrap();
    assert_eq!(subject.store.take_expired(), 1);
    assert_eq!(told(subject, &id, "b").await, delivered(2, Some("says b")));
    assert_eq!(told(subject, &id, "订单 1").await, Receipt::Waiting);
    // The log drops the entry; the id is remembered.
    let texts = vec!["x"; usize::try_from(LOG_LIMIT).unwrap()];
    subject.store.commit(&id, 1, entries(&texts)).await.unwrap();
    assert_eq!(told(subject, &id, "b").await, delivered(2, None));
    subject.clock.store(now + 5 + DONE_KEPT_MS, Ordering::SeqCst);
    assert_eq!(told(subject, &id, "b").await, delivered(2, None));
    subject.clock.store(now + 6 + DONE_KEPT_MS, Ordering::SeqCst);
    assert_eq!(told(subject, &id, "b").await, Receipt::Unknown, "forgotten after a day");
    subject.store.enqueue(&id, item("b", u64::MAX)).await.unwrap();
    assert_eq!(told(subject, &id, "b").await, Receipt::Waiting, "posted anew");
    // Given up without a word, in a session that has said nothing.
    subject.store.enqueue(&other, item("c", u64::MAX)).await.unwrap();
    let silent = Commit { delivered: vec![Delivered { biz_id: "c".to_owned(), entry: 0 }], ..Commit::default() };
    subject.store.commit(&other, 1, silent).await.unwrap();
    assert_eq!(told(subject, &other, "c").await, delivered(0, None));
}

// Fails when the session is told of another moment than the message, or without its owner's fence.
pub(super) async fn tells_it_with_the_session(subject: &Subject) {
    let id = fresh(subject).await;
    let fence = Fence::certain(7);
    subject.store.claim(&id, None, fence).await.unwrap();
    subject.store.enqueue(&id, item("a", u64::MAX)).await.unwrap();
    let commit = Commit { fence: Some(fence), state: Some("state".into()), ..delivery("A", &["a"]) };
    subject.store.commit(&id, 1, commit).await.unwrap();
    let (row, receipt) = subject.store.receipt(&id, "a").await.unwrap();
    assert_eq!(receipt, delivered(1, Some("A")));
    assert_eq!((row.fence(), row.head, &row.state[..]), (Some(fence), 1, &b"state"[..]));
    assert_eq!(subject.store.session(&id).await.unwrap(), Some(row));
    subject.store.release(&id, fence).await.unwrap();
}
