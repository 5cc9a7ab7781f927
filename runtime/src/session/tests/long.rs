//! Replies of more pieces than the log keeps. Time is paused.

use rolecall_wire::frame::Outcome;

use super::*;
use crate::store::{Commit, LOG_LIMIT};

/// Goes out piece by piece.
const STREAMED: &str = "role clerk { version 1.0.0 language en persona \"p\" \
                        constraints { secrets: forbidden_terms \"password\" { on_violation reject } } }";
/// Pieces that nobody has said when the process is killed.
const REST: usize = 20;

/// A process that was killed in a reply whose beginning the log has no more.
struct Killed {
    house: House,
    pieces: Vec<String>,
    id: SessionId,
    head: Seq,
}

impl Killed {
    async fn in_a_long_reply() -> Self {
        let count = usize::try_from(LOG_LIMIT).unwrap() + 200;
        let pieces: Vec<String> = (0..count).map(|n| format!("{n} ")).collect();
        let house = House::on(Arc::new(MemoryStore::new()), &texts(&pieces), STREAMED, true);
        let id = house.session().await;
        let client = house.attach(&id, 0).await;
        client.send(1, "a", "Can you count?").await;
        house.permits.add_permits(count - REST);
        let row = timeout(PATIENCE, async {
            loop {
                tokio::time::sleep(Duration::from_millis(10)).await;
                let row = house.store.session(&id).await.unwrap().unwrap();
                if row.head > LOG_LIMIT {
                    break row;
                }
            }
        });
        let row = row.await.expect("each piece is an entry");
        assert!(row.floor > 2 && row.running, "{row:?}");
        Self { house, pieces, id, head: row.head }
    }

    /// The next process, and what it says behind what was said.
    async fn goes_on(&self) -> (House, Vec<Message>) {
        let next = House::on(self.house.store.clone(), &texts(&self.pieces), STREAMED, true);
        next.permits.add_permits(2 * REST);
        let mut client = next.attach(&self.id, self.head).await;
        let heard = client.until_reply().await;
        (next, heard)
    }
}

fn texts(pieces: &[String]) -> Vec<&str> {
    pieces.iter().map(String::as_str).collect()
}

fn end(heard: &[Message]) -> (&str, Outcome) {
    match &heard.last().unwrap().body {
        Body::Reply { text, outcome, .. } => (text, *outcome),
        other => panic!("{other:?} at the end"),
    }
}

// Fails when a reply of more pieces than the log keeps is put together from what the log still has when its process is killed:
// its end would repeat it without its beginning, as if it were complete.
#[tokio::test(start_paused = true)]
async fn a_long_reply_that_was_interrupted_is_whole() {
    let killed = Killed::in_a_long_reply().await;
    let (next, heard) = killed.goes_on().await;
    let (text, outcome) = end(&heard);
    assert!(text.trim_end() == killed.pieces.concat().trim_end(), "it begins {:?}", text.get(..20));
    assert_eq!(outcome, Outcome::Complete);
    let row = next.store.session(&killed.id).await.unwrap().unwrap();
    assert!(!row.running && row.state.len() < 64 * 1_024, "nothing of it stays in the state: {}", row.state.len());
    next.end().await;
    killed.house.end().await;
}

// Fails when a reply whose beginning nobody has any more, as an earlier release may have left it, ends as if it were complete.
#[tokio::test(start_paused = true)]
async fn a_reply_without_its_beginning_fails() {
    let killed = Killed::in_a_long_reply().await;
    let store = &killed.house.store;
    let row = store.session(&killed.id).await.unwrap().unwrap();
    let mut saved = Saved::decode_stored(&row.state, &killed.id).unwrap();
    assert!(saved.spoken.take().is_some());
    let state = Some(saved.encode_stored().into());
    let commit = Commit { fence: row.fence(), after: Some(row.head), state, ..Commit::default() };
    store.commit(&killed.id, row.epoch, commit).await.unwrap();
    let (next, heard) = killed.goes_on().await;
    assert_eq!(end(&heard), ("", Outcome::Failed));
    assert!(!next.store.session(&killed.id).await.unwrap().unwrap().running);
    next.end().await;
    killed.house.end().await;
}
