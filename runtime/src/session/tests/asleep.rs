//! Sessions that fall asleep under an attached connection, and what wakes them. Time is paused.

use rolecall_wire::close;

use super::*;

impl House {
    /// Lets time pass until a session sleeps. Fails when it does not.
    async fn asleep(&self, id: &SessionId) {
        tokio::time::sleep(A_WHILE).await;
        assert!(!self.sessions.0.is_awake(id), "nothing happens, so there is no actor");
        assert_eq!(self.gauges(), (0, 0, 1), "attached, detached, asleep");
    }

    /// How many sessions are attached, detached and asleep.
    fn gauges(&self) -> (i64, i64, i64) {
        let rendered = self.metrics.render().unwrap();
        let gauge = |state: &str| {
            let name = format!("sessions{{state=\"{state}\"}} ");
            let line = rendered.lines().find_map(|line| line.strip_prefix(&name));
            line.map_or(0, |value| value.parse().unwrap())
        };
        (gauge("attached"), gauge("detached"), gauge("asleep"))
    }
}

// Fails when an idle session with a client keeps its actor, a frame does not wake it, or what it knew is lost: its
// numbers, its answers, or whom it talks to.
#[tokio::test(start_paused = true)]
async fn a_frame_wakes_a_session_that_sleeps() {
    let house = House::new(&["Yes."]);
    house.permits.add_permits(9);
    let id = house.session().await;
    let mut client = house.attach(&id, 0).await;
    house.asleep(&id).await;
    let mut heard = Vec::new();
    for n in 1..=3 {
        client.send(n, &format!("m{n}"), "Are you there?").await;
        assert!(
            matches!(client.frame().await, ServerFrame::Accepted { client_seq, duplicate: false, .. } if client_seq == n)
        );
        heard.extend(client.until_reply().await);
        house.asleep(&id).await;
    }
    check_dense(&heard);
    client.send(2, "m2", "Are you there?").await;
    assert!(matches!(client.frame().await, ServerFrame::Accepted { client_seq: 2, duplicate: true, .. }));
    assert_eq!(house.gauges(), (1, 0, 0));
    house.end().await;
    assert_eq!(house.gauges(), (0, 0, 0));
}

// Fails when what a connection learned of its link while its session slept, of its own death above all, is lost to the
// next connection.
#[tokio::test(start_paused = true)]
async fn what_is_learned_in_sleep_is_kept() {
    let house = House::new(&["Yes."]);
    let id = house.session().await;
    let learned = serde_json::from_str(r#"{"3g": {"interval_ms": 9000, "proven_ms": 9000}}"#).unwrap();
    let client = house.attach(&id, 0).await;
    house.asleep(&id).await;
    client.attachment.lessons.set(learned);
    drop(client);
    let next = house.attach(&id, 0).await;
    assert_eq!(next.attachment.lessons.get(), learned);
    // One that learned nothing more is gone with its connection.
    house.asleep(&id).await;
    next.attachment.lessons.set(learned);
    drop(next);
    house.end().await;
    assert_eq!(house.gauges(), (0, 0, 0));
}

// Fails when what a connection learned of its link is forgotten since nothing else happened in its session, or to leave memory
// costs a write where nothing was learned.
#[tokio::test(start_paused = true)]
async fn what_is_learned_is_saved_when_the_session_leaves() {
    let house = House::new(&["Yes."]);
    let id = house.session().await;
    let learned = serde_json::from_str(r#"{"3g": {"interval_ms": 9000, "proven_ms": 9000}}"#).unwrap();
    let state = async || house.store.session(&id).await.unwrap().unwrap().state;
    for (teaches, saved) in [(None, None), (Some(learned), Some(learned)), (None, Some(learned))] {
        let before = state().await;
        let client = house.attach(&id, 0).await;
        if let Some(learned) = teaches {
            client.attachment.lessons.set(learned);
        }
        drop(client);
        tokio::time::sleep(A_WHILE * 5).await;
        assert_eq!(house.gauges(), (0, 0, 0));
        let after = state().await;
        assert_eq!(after != before, teaches.is_some());
        assert_eq!(Saved::decode_stored(&after, &id).unwrap().learned(), saved.unwrap_or_default());
    }
    house.end().await;
}

// Fails when a session falls asleep while a reply is made, or while its client talks.
#[tokio::test(start_paused = true)]
async fn a_session_at_work_stays_awake() {
    let house = House::new(&["One. ", "Two."]);
    let id = house.session().await;
    let mut client = house.attach(&id, 0).await;
    client.send(1, "a", "Slowly?").await;
    tokio::time::sleep(A_WHILE).await;
    assert!(house.sessions.0.is_awake(&id), "the reply is not finished");
    house.permits.add_permits(9);
    client.until_reply().await;
    for _ in 0..9 {
        tokio::time::sleep(A_WHILE / 3).await;
        assert!(house.sessions.0.is_awake(&id), "its client talks");
        client.attachment.submit(ClientFrame::Cancel { turn: 9 }).await;
    }
    house.end().await;
}

// Fails when a message that is posted for a client who is there waits until the client says something.
#[tokio::test(start_paused = true)]
async fn a_post_wakes_a_session_that_sleeps() {
    let house = House::new(&[]);
    let id = house.session().await;
    let mut client = house.attach(&id, 0).await;
    for (n, biz_id) in (1..).zip(["a", "b"]) {
        house.asleep(&id).await;
        assert_eq!(house.sessions.post(&id, message(biz_id)).await.unwrap(), Posted::Queued);
        let said = client.next().await;
        assert!(
            matches!((said.seq, &said.body), (seq, Body::Delivery { parts, .. }) if seq == n && parts == &[biz_id])
        );
    }
    house.end().await;
}

// Fails when a connection that is replaced while its session sleeps is not told, what it says still counts, or a late
// attempt of the client that sleeps takes over.
#[tokio::test(start_paused = true)]
async fn a_connection_is_replaced_while_its_session_sleeps() {
    let house = House::new(&["Yes."]);
    house.permits.add_permits(9);
    let id = house.session().await;
    let numbered = |attempt| Hello { instance: 7, attempt, ..hello(0, 0) };
    let mut old = Client::new(house.sessions.attach(&id, &numbered(2), 0).await.unwrap());
    house.asleep(&id).await;
    let late = house.sessions.attach(&id, &numbered(1), 0).await.unwrap_err();
    assert_eq!(late.code(), "attempt_superseded");
    house.asleep(&id).await;
    let mut new = Client::new(house.sessions.attach(&id, &numbered(3), 0).await.unwrap());
    assert!(matches!(old.control().await, Control::Close { code: close::REPLACED, .. }));
    assert!(old.attachment.control.recv().await.is_none());
    house.asleep(&id).await;
    old.send(1, "old", "And me?").await;
    new.send(1, "new", "Mine?").await;
    check_dense(&new.until_reply().await);
    assert!(matches!(&house.log(&id).await[0].body, Body::User { id, .. } if id == "new"));
    drop(old);
    assert_eq!(house.gauges(), (1, 0, 0), "who was replaced takes nothing along");
    house.end().await;
}

// Fails when a session stays in memory for a connection that is gone.
#[tokio::test(start_paused = true)]
async fn a_connection_that_goes_takes_its_session_along() {
    let house = House::new(&[]);
    let id = house.session().await;
    let client = house.attach(&id, 0).await;
    house.asleep(&id).await;
    drop(client);
    assert_eq!((house.sessions.0.places.lock().len(), house.gauges()), (0, (0, 0, 0)));
    house.end().await;
}

// Fails when a process that dies while a session sleeps takes something along that was said.
#[tokio::test(start_paused = true)]
async fn a_crash_during_sleep_loses_nothing() {
    let house = House::new(&["Yes."]);
    house.permits.add_permits(9);
    let id = house.session().await;
    let mut client = house.attach(&id, 0).await;
    client.send(1, "a", "Remember?").await;
    let heard = client.until_reply().await;
    assert!(matches!(client.frame().await, ServerFrame::Accepted { .. }));
    house.asleep(&id).await;
    // The other process shares nothing with the first but the store.
    let other = House::on(house.store.clone(), &["Yes."], ROLE, true);
    other.permits.add_permits(9);
    let mut again = other.attach(&id, 0).await;
    assert_eq!(again.until_reply().await, heard);
    again.send(1, "a", "Remember?").await;
    assert!(matches!(again.frame().await, ServerFrame::Accepted { client_seq: 1, duplicate: true, .. }));
    again.send(2, "b", "And now?").await;
    again.until_reply().await;
    // Should the first come back, it does not go on with what it had.
    client.send(2, "c", "Still me?").await;
    assert!(matches!(client.control().await, Control::Close { code: close::HANDOVER, .. }));
    check_dense(&house.log(&id).await);
    other.end().await;
    house.end().await;
}

// Fails when a client whose session cannot be woken waits for ever, or its session is lost with it.
#[tokio::test(start_paused = true)]
async fn a_session_that_cannot_be_woken_lets_its_client_go() {
    let house = House::new(&["Yes."]);
    let id = house.session().await;
    let mut client = house.attach(&id, 0).await;
    house.asleep(&id).await;
    house.store.close().await;
    client.send(1, "a", "Anybody?").await;
    assert!(matches!(client.control().await, Control::Close { code: close::TRY_LATER, .. }));
    assert!(client.attachment.control.recv().await.is_none());
    assert_eq!(house.gauges(), (0, 0, 0));
    house.end().await;
}

// Fails when a frame that is handed over at the very moment in which a session falls asleep is lost.
#[tokio::test(start_paused = true)]
async fn what_is_handed_over_at_the_last_moment_is_not_lost() {
    let house = House::new(&["Yes."]);
    house.permits.add_permits(9);
    let id = house.session().await;
    let mut client = house.attach(&id, 0).await;
    let mailbox = house.sessions.0.actor(&id, None).await.unwrap();
    // Between its place in the mailbox and the mailbox, the mailbox is empty.
    let place = mailbox.reserve().await.unwrap();
    tokio::time::sleep(A_WHILE).await;
    assert!(!house.sessions.0.is_awake(&id));
    let frame = ClientFrame::Send { id: "a".into(), client_seq: 1, text: "In time?".into() };
    place.send(Command::Frame(client.attachment.id, Box::new(frame)));
    check_dense(&client.until_reply().await);
    house.end().await;
}

/// Runs something to its end, for as long as others run too. `None` when it goes round and round.
async fn ends<T>(what: impl Future<Output = T>) -> Option<T> {
    tokio::select! {
        outcome = what => Some(outcome),
        () = async { for _ in 0..10_000 { tokio::task::yield_now().await } } => None,
    }
}

// Fails when a session that sleeps, and whose claim the store has no more, is tried to be woken for ever: by a frame, a posted
// message or a client that comes, each of which would get no answer.
#[tokio::test(start_paused = true)]
async fn a_session_whose_claim_is_gone_lets_its_client_go() {
    let house = House::new(&["Yes."]);
    house.permits.add_permits(9);
    let id = house.session().await;
    for round in 0..3 {
        let mut client = house.attach(&id, 0).await;
        house.asleep(&id).await;
        // As a store that went back to before the claim, or another process that had the session meanwhile.
        let fence = house.store.session(&id).await.unwrap().unwrap().fence().unwrap();
        house.store.release(&id, fence).await.unwrap();
        let next = match round {
            0 => ends(client.send(1, "a", "Anybody?")).await.map(|()| None),
            1 => ends(house.sessions.post(&id, message("b"))).await.map(|posted| {
                assert_eq!(posted.unwrap(), Posted::Queued);
                None
            }),
            _ => ends(house.attach(&id, 0)).await.map(Some),
        };
        let next = next.expect("it comes to an end");
        assert!(matches!(client.control().await, Control::Close { code: close::HANDOVER, .. }), "round {round}");
        drop((client, next));
        tokio::time::sleep(A_WHILE * 5).await;
    }
    // What was posted is delivered, and what was said in vain is said again.
    let mut client = house.attach(&id, 0).await;
    client.send(1, "a", "Anybody?").await;
    let heard = client.until_reply().await;
    check_dense(&heard);
    assert!(heard.iter().any(|message| matches!(message.body, Body::Delivery { .. })));
    house.end().await;
}
