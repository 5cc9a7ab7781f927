//! What goes wrong around an actor.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;

/// Panics, as a bug would.
struct Panicking;

#[async_trait]
impl Merger for Panicking {
    async fn merge(
        &self,
        _: &str,
        _: &Map<String, Value>,
        _: &[OfflineMessage],
    ) -> Result<Vec<MergedGroup>, CallError> {
        panic!("a bug")
    }
}

const MERGING: &str = "role clerk { version 1.0.0 language en persona \"p\" constraints { max_sentences 3 } \
                       delivery { policy \"digest\" } }";

// Fails when an actor that panicked leaves its closed mailbox, so that its session is busy for ever.
#[tokio::test]
async fn a_session_outlives_a_panic_of_its_actor() {
    let house = House::on(Arc::new(MemoryStore::new()), &["Yes."], MERGING, true);
    let metrics = house.metrics.clone();
    let sessions = Sessions::with_merger(
        house.store.clone(),
        house.sessions.0.turns.clone(),
        house.sessions.0.contracts.clone(),
        Arc::new(Panicking),
        metrics.clone(),
        house.shutdown.clone(),
    );
    let id = sessions.create("clerk", "u").await.unwrap().id;
    let message = OfflineMessage {
        biz_id: "b".into(),
        role: "support".into(),
        intent: String::new(),
        priority: 2,
        turn_id: 0,
        text: "Shipped".into(),
        created_at_ms: clock::unix_ms(),
    };
    sessions.post(&id, message).await.unwrap();
    for _ in 0..3 {
        let mut attachment = sessions.attach(&id, &hello(0, 0), 0).await.unwrap();
        assert!(timeout(PATIENCE, attachment.control.recv()).await.unwrap().is_none(), "the actor is gone");
    }
    assert!(!sessions.0.is_awake(&id));
    assert!(!metrics.render().unwrap().contains("-1"), "no gauge counts twice");
    house.end().await;
}

// Fails when a client that sends faster than its answers are read is cut, or gets no last word.
#[tokio::test]
async fn pipelined_sends_are_all_answered() {
    let house = House::new(&["Yes."]);
    let id = house.session().await;
    let mut client = house.attach(&id, 0).await;
    for n in 0..150 {
        client.send(n + 5, "x", "Gap?").await;
    }
    for _ in 0..150 {
        assert_eq!(client.error_code().await, "client_seq_gap");
    }
    // One that reads nothing at all is cut, and told why.
    for n in 0..2_000 {
        client.send(n + 5, "x", "Gap?").await;
    }
    while let Control::Frame(_) = client.control().await {}
    assert!(client.attachment.control.recv().await.is_none());
    house.end().await;
}

/// Counts the calls at once; none ends.
#[derive(Debug, Default)]
struct Counting(Arc<AtomicUsize>);

#[async_trait]
impl Model for Counting {
    fn name(&self) -> &str {
        "counting"
    }

    async fn stream(&self, _: Permitted<Prompt>) -> Result<ModelStream, ModelError> {
        self.0.fetch_add(1, Ordering::SeqCst);
        Ok(stream::pending().boxed())
    }
}

// Fails when every session calls the model at once, or one that waits cannot be cancelled.
#[tokio::test]
async fn replies_made_at_once_are_bounded() {
    let house = House::new(&[]);
    let calls = Arc::new(AtomicUsize::new(0));
    let turns =
        Turns::with_judges(Arc::new(Counting(calls.clone())), Arc::new(Doubles::default()), house.metrics.clone());
    let (contracts, shutdown) = (house.sessions.0.contracts.clone(), house.shutdown.clone());
    let merger = Arc::new(Joining(true));
    let sessions =
        Sessions::with_merger(house.store.clone(), turns, contracts, merger, house.metrics.clone(), shutdown);
    let mut clients = Vec::new();
    for _ in 0..TURNS + 20 {
        let id = sessions.create("clerk", "u").await.unwrap().id;
        let mut client = Client::new(sessions.attach(&id, &hello(0, 0), 0).await.unwrap());
        client.send(1, "a", "Question?").await;
        client.frame().await;
        clients.push(client);
    }
    let last = clients.last_mut().unwrap();
    last.attachment.submit(ClientFrame::Cancel { turn: 1 }).await;
    last.until_reply().await;
    assert_eq!(calls.load(Ordering::SeqCst), TURNS);
    house.end().await;
}
