//! What is told of a posted message after the post.

use super::*;

impl House {
    async fn standing(&self, id: &SessionId, biz_id: &str) -> MessageStanding {
        self.sessions.standing(id, biz_id).await.unwrap()
    }

    /// How many messages were acknowledged, as the metrics have it.
    fn acknowledged(&self) -> usize {
        let rendered = self.metrics.render().unwrap();
        let name = "offline_messages_total{bucket=\"realtime\",outcome=\"acknowledged\"} ";
        rendered.lines().find_map(|line| line.strip_prefix(name)).map_or(0, |count| count.parse().unwrap())
    }
}

// Fails when a message is told to be further than it is, an acknowledgement is not told at once, also where the session
// sleeps, or is counted twice; when to ask wakes a session or keeps it awake; when a client that comes back tells nothing.
#[tokio::test(start_paused = true)]
async fn a_message_is_pending_then_processed_then_acknowledged() {
    let house = House::new(&["Yes."]);
    let id = house.session().await;
    house.sessions.post(&id, message("a")).await.unwrap();
    assert_eq!(house.standing(&id, "a").await, MessageStanding::Pending);
    for unknown in ["b", "", &"x".repeat(200)] {
        let refused = house.sessions.standing(&id, unknown).await.unwrap_err();
        assert_eq!((refused.status(), refused.code()), (404, "message_not_found"));
    }
    let mut client = house.attach(&id, 0).await;
    assert_eq!(client.next().await.seq, 1);
    assert_eq!(house.standing(&id, "a").await, MessageStanding::Processed(Some(1)));
    client.attachment.acknowledge(1);
    client.attachment.acknowledge(1);
    assert_eq!((house.standing(&id, "a").await, house.acknowledged()), (MessageStanding::Acknowledged(1), 1));
    for _ in 0..A_WHILE.as_secs() {
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(house.standing(&id, "a").await, MessageStanding::Acknowledged(1));
    }
    assert!(!house.sessions.0.is_awake(&id), "who asks keeps no session awake");
    assert_eq!(house.standing(&id, "a").await, MessageStanding::Acknowledged(1));
    assert!(!house.sessions.0.is_awake(&id), "nor wakes one");
    drop(client);
    house.end().await;
    // Nothing changed since: the next process does not know before the client says so.
    let next = House::on(house.store.clone(), &["Yes."], ROLE, true);
    assert_eq!(next.standing(&id, "a").await, MessageStanding::Processed(Some(1)));
    let client = next.attach(&id, 1).await;
    assert_eq!(
        next.standing(&id, "a").await,
        MessageStanding::Processed(Some(1)),
        "one that names no epoch tells nothing"
    );
    drop(client);
    let _client = next.sessions.attach(&id, &hello(1, 1), 0).await.unwrap();
    assert_eq!(next.standing(&id, "a").await, MessageStanding::Acknowledged(1));
    next.end().await;
}

// Fails when what was acknowledged costs a commit of its own, or is not saved with the next change.
#[tokio::test(start_paused = true)]
async fn what_was_acknowledged_is_saved_with_the_next_change() {
    let house = House::new(&["Yes."]);
    house.permits.add_permits(9);
    let other = House::on(house.store.clone(), &["Yes."], ROLE, true);
    let id = house.session().await;
    house.sessions.post(&id, message("a")).await.unwrap();
    let mut client = house.attach(&id, 0).await;
    client.next().await;
    let before = house.store.session(&id).await.unwrap().unwrap().state;
    client.attachment.acknowledge(1);
    assert_eq!(house.standing(&id, "a").await, MessageStanding::Acknowledged(1));
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(house.store.session(&id).await.unwrap().unwrap().state, before);
    assert_eq!(other.standing(&id, "a").await, MessageStanding::Processed(Some(1)), "another process");
    client.send(1, "m1", "Are you there?").await;
    client.until_reply().await;
    assert_eq!(other.standing(&id, "a").await, MessageStanding::Acknowledged(1));
    drop(client);
    house.end().await;
    other.end().await;
}

// Fails when a message that the contract withheld without a word is told to be in the log, or to have been acknowledged with
// the one whose place it has.
#[tokio::test]
async fn what_was_withheld_is_nowhere() {
    let role = "role clerk { version 1.0.0 language en persona \"p\" \
        constraints { secrets: forbidden_terms \"password\" { on_violation reject } } delivery { policy \"digest\" } }";
    let house = House::on(Arc::new(MemoryStore::new()), &[], role, true);
    let id = house.session().await;
    let bad = OfflineMessage { text: "Your password is 1234.".into(), ..message("bad") };
    house.sessions.post(&id, bad).await.unwrap();
    house.sessions.post(&id, message("good")).await.unwrap();
    let mut client = house.attach(&id, 0).await;
    let said = client.next().await;
    client.attachment.acknowledge(said.seq);
    assert_eq!(house.standing(&id, "bad").await, MessageStanding::Processed(None));
    assert_eq!(house.standing(&id, "good").await, MessageStanding::Acknowledged(said.seq));
    assert_eq!(house.acknowledged(), 1);
    drop(client);
    house.end().await;
}

// Fails when an owner that lost its session to another, and does not know, tells its own client's acknowledgements of what
// that one says.
#[tokio::test(start_paused = true)]
async fn a_former_owner_tells_nothing_of_its_own() {
    let house = House::new(&["Yes."]);
    let other = House::on(house.store.clone(), &["Yes."], ROLE, true);
    let id = house.session().await;
    let former = house.attach(&id, 0).await;
    let mut client = other.attach(&id, 0).await;
    other.sessions.post(&id, message("a")).await.unwrap();
    assert_eq!(client.next().await.seq, 1);
    former.attachment.acknowledge(1);
    assert!(house.sessions.0.is_awake(&id), "it knows nothing of it yet");
    assert_eq!(house.standing(&id, "a").await, MessageStanding::Processed(Some(1)));
    drop(client);
}
