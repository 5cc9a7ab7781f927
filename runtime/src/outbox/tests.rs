use proptest::prelude::*;
use rolecall_wire::frame::{Body, Outcome};

use super::*;
use crate::enforce::testing::permitted;
use crate::store::{Leap, MemoryStore, NewSession};

const FENCE: Fence = Fence::certain(1);

async fn outbox() -> (Outbox, Arc<dyn Store>, SessionId) {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let id = SessionId::random().unwrap();
    let new = NewSession { id: id.clone(), role: "r".into(), user: String::new(), created_ms: 1 };
    store.create(new).await.unwrap();
    store.claim(&id, None, FENCE).await.unwrap();
    (Outbox::new(store.clone(), id.clone(), FENCE, "".into(), 0), store, id)
}

/// To the next epoch.
fn leap(resume_at: Seq) -> Leap {
    Leap { fence: Some(FENCE), ..Leap::beyond(1, resume_at) }
}

/// Message `n` belongs to turn `n`; some are longer than others.
fn entry(n: usize) -> Entry {
    let mut said = ReplyText::default();
    let body = Body::Delta { text: "字".repeat(n % 3_000) };
    said.recover(1, &Message { seq: 1, turn: 1, at_ms: 1, body });
    Entry::reply(n as u64, 7, said, Outcome::Complete, Vec::new())
}

fn step(entries: std::ops::Range<usize>) -> Step {
    Step { entries: entries.map(entry).collect(), ..Step::default() }
}

fn messages(batch: Result<Batch, StoreError>) -> Vec<Message> {
    match batch.unwrap() {
        Batch::Messages(messages) => messages,
        Batch::Skipped { from, to } => panic!("skipped {from}..={to}"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    // Fails when the ring or the store path skips, repeats or reorders for any cursor and page size.
    #[test]
    fn a_reader_sees_every_message_once_in_order(sizes in prop::collection::vec(0usize..90, 1..6), from in 1u64..200, limit in 1usize..70) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let (outbox, _store, _) = outbox().await;
            let mut total = 0;
            for size in sizes {
                outbox.commit(1, step(total..total + size)).await.unwrap();
                total += size;
            }
            let mut reader = outbox.reader(1, from);
            let mut expected = from;
            while expected <= outbox.head() {
                let batch = messages(reader.next_batch(limit).await);
                assert!(!batch.is_empty() && batch.len() <= limit);
                for message in batch {
                    assert_eq!(message.seq, expected);
                    assert_eq!(message.turn, expected - 1, "the content belongs to its number");
                    assert!(matches!(message.body, Body::Reply { .. }));
                    expected += 1;
                }
            }
        });
    }
}

// Fails when a waiting reader misses the head's move, or a dropped wait loses messages.
#[tokio::test]
async fn a_reader_waits_and_may_be_cancelled() {
    let (outbox, _store, _) = outbox().await;
    let mut reader = outbox.reader(1, 1);
    let waiting = tokio::time::timeout(std::time::Duration::from_millis(5), reader.next_batch(9)).await;
    assert!(waiting.is_err(), "nothing was said yet");
    let (batch, committed) = tokio::join!(reader.next_batch(9), outbox.commit(1, step(0..2)));
    assert_eq!(committed.unwrap().head, 2);
    assert_eq!(messages(batch).len(), 2);
}

// Fails when a reader that lags behind the trimmed log goes on with a hole that it does not name.
#[tokio::test]
async fn a_lagging_reader_learns_what_it_missed() {
    let (outbox, _store, _) = outbox().await;
    let mut reader = outbox.reader(1, 1);
    for n in 0..11 {
        let entries = (0..1_000).map(|_| entry(n * 3_000)).collect();
        outbox.commit(1, Step { entries, ..Step::default() }).await.unwrap();
    }
    assert_eq!(reader.next_batch(9).await.unwrap(), Batch::Skipped { from: 1, to: 1_000 });
    assert_eq!(messages(reader.next_batch(9).await)[0].seq, 1_001);
}

// Fails when the hole that a lost tail leaves is passed over in silence, at the end or in the middle.
#[tokio::test]
async fn a_reader_names_the_hole_of_a_lost_tail() {
    let (outbox, store, id) = outbox().await;
    outbox.commit(1, step(0..2)).await.unwrap();
    store.advance_epoch(&id, 1, leap(6)).await.unwrap();
    outbox.skip_to(5);
    let mut early = outbox.reader(1, 2);
    assert_eq!(messages(early.next_batch(9).await).len(), 1);
    assert_eq!(early.next_batch(9).await.unwrap(), Batch::Skipped { from: 3, to: 5 });
    let mut late = outbox.reader(1, 1);
    outbox.commit(2, step(5..7)).await.unwrap();
    assert_eq!(messages(late.next_batch(9).await).len(), 2);
    assert_eq!(late.next_batch(9).await.unwrap(), Batch::Skipped { from: 3, to: 5 });
    assert_eq!(messages(late.next_batch(9).await).iter().map(|m| m.seq).collect::<Vec<_>>(), [6, 7]);
    assert_eq!(messages(early.next_batch(1).await)[0].seq, 6);
}

// Fails when a step is written behind one that its writer does not know: readers would be shown others in its place.
#[tokio::test]
async fn a_step_follows_the_head_that_readers_see() {
    let (outbox, store, id) = outbox().await;
    let late = Outbox::new(store.clone(), id.clone(), FENCE, "".into(), outbox.head());
    outbox.commit(1, step(0..2)).await.unwrap();
    let refused = late.commit(1, step(7..8)).await;
    assert!(matches!(refused, Err(StoreError::Moved { expected: 0, actual: 2, .. })), "{refused:?}");
    assert_eq!((late.head(), store.read(&id, 1, 9).await.unwrap().len()), (0, 2));
}

// Fails when a message is visible although its commit failed.
#[tokio::test]
async fn nothing_uncommitted_is_visible() {
    let (outbox, store, id) = outbox().await;
    store.advance_epoch(&id, 1, leap(1)).await.unwrap();
    assert!(matches!(outbox.commit(1, step(0..3)).await, Err(StoreError::Fenced { .. })));
    assert_eq!(outbox.head(), 0);
    assert!(outbox.0.ring.lock().read(1, 9).is_none());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    // Fails when a long piece becomes a message that a frame cannot carry, or loses a character.
    #[test]
    fn long_pieces_become_several_messages(lead in 0usize..4, filler in prop::sample::select(vec!["h", "字", "😀", "\u{1}"]), times in 0usize..40_000) {
        let text = "x".repeat(lead) + &filler.repeat(times);
        let deltas: Vec<Entry> = Entry::deltas(1, 1, &permitted(&text)).collect();
        prop_assert!(deltas.iter().all(|delta| delta.len() <= 32 * 1_024 && !delta.is_empty()));
        let whole: String = deltas.into_iter().map(|delta| match delta.into_message().body {
            Body::Delta { text } => text,
            other => panic!("{other:?}"),
        }).collect();
        prop_assert_eq!(whole, text);
    }
}

// Fails when something is committed that no connection can ever show.
#[tokio::test]
async fn what_no_frame_carries_is_not_committed() {
    let (outbox, store, id) = outbox().await;
    let mut said = ReplyText::default();
    said.recover(1, &Message { seq: 1, turn: 1, at_ms: 1, body: Body::Delta { text: "h".repeat(MAX_MESSAGE) } });
    let entries = vec![entry(1), Entry::reply(1, 1, said, Outcome::Complete, Vec::new())];
    let refused = outbox.commit(1, Step { entries, ..Step::default() }).await;
    assert!(matches!(refused, Err(StoreError::Oversized { .. })), "{refused:?}");
    assert_eq!((outbox.head(), store.read(&id, 1, 9).await.unwrap().len()), (0, 0));
}
