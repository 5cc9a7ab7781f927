use futures_util::FutureExt;
use rolecall_wire::close;

use super::*;
use crate::store::Leap;

// Fails when sequence ids are used twice after a lost tail, or a client is let far ahead.
#[tokio::test]
async fn a_client_that_is_ahead_begins_a_new_epoch() {
    let house = House::new(&["Yes."]);
    house.permits.add_permits(9);
    let id = house.session().await;
    let mut client = house.attach(&id, 0).await;
    client.send(1, "a", "One?").await;
    client.until_reply().await;
    let head = house.sessions.position(&id).await.unwrap().head;
    let ahead = house.sessions.attach(&id, &hello(head + 7, 1), 0).await.unwrap();
    assert!(ahead.epoch > 1, "{ahead:?}");
    assert_eq!((ahead.head, ahead.resume), (head + 7, Resume::Regressed));
    let epoch = ahead.epoch;
    let mut ahead = Client::new(ahead);
    ahead.send(2, "b", "Two?").await;
    assert_eq!(ahead.next().await.seq, head + 8);
    ahead.until_reply().await;
    // Another client of the old epoch, not as far, learns of the hole.
    let mut behind = house.sessions.attach(&id, &hello(head, 1), 0).await.unwrap();
    let skipped = Batch::Skipped { from: head + 1, to: head + 7 };
    assert_eq!(timeout(PATIENCE, behind.reader.next_batch(9)).await.unwrap().unwrap(), skipped);
    // One whose epoch was lost, too, begins none where nothing of it is in dispute, and its place stays its own.
    for (last_seq, resume) in [(head, Resume::Resumed), (head + 7, Resume::Regressed)] {
        let branch = house.sessions.attach(&id, &hello(last_seq, epoch + 7), 0).await.unwrap();
        assert_eq!((branch.epoch, branch.resume), (epoch, resume));
    }
    for impossible in [hello(u64::MAX, 1), hello(0, u32::MAX)] {
        let refused = house.sessions.attach(&id, &impossible, 0).await;
        assert!(matches!(refused, Err(SessionError::Impossible { .. })));
    }
}

// Fails when a client of a lost branch is taken for one that goes on, and gets a hole without a word.
#[tokio::test]
async fn a_client_of_a_lost_branch_is_told() {
    let house = House::new(&["Yes."]);
    house.permits.add_permits(99);
    let id = house.session().await;
    let mut client = house.attach(&id, 0).await;
    client.send(1, "a", "One?").await;
    client.until_reply().await;
    let head = house.sessions.position(&id).await.unwrap().head;
    // Two clients had more than the store kept. One comes back first and begins a new epoch.
    let mut first = Client::new(house.sessions.attach(&id, &hello(head + 2, 1), 0).await.unwrap());
    let epoch = first.attachment.epoch;
    for n in 2..=4 {
        first.send(n, &format!("m{n}"), "Again?").await;
        first.until_reply().await;
    }
    let fork = head + 3;
    assert!(house.sessions.position(&id).await.unwrap().head > head + 5, "the head has passed the other's place");
    let on = async |house: &House| {
        // Also one that is further than the head, which is no new loss.
        for lost in [fork, head + 5, head + 500] {
            let refused = house.sessions.attach(&id, &hello(lost, 1), 0).await.unwrap_err();
            assert_eq!((refused.status(), refused.code()), (410, "epoch_forked"));
            assert!(refused.to_string().contains(&format!("last_seq={} with epoch={epoch}", fork - 1)), "{refused}");
            assert_eq!(house.stand(&id, 1, lost).await, Stand::Forked(fork));
        }
        assert_eq!(house.stand(&id, 1, fork - 1).await, Stand::Lost, "not in the log of the first, either");
        assert_eq!(house.stand(&id, epoch, fork).await, Stand::Here);
        for good in [hello(fork - 1, 1), hello(head, 1), hello(0, 1), hello(fork, epoch), hello(fork, 0)] {
            assert_eq!(house.sessions.attach(&id, &good, 0).await.unwrap().epoch, epoch, "{good:?}");
        }
    };
    on(&house).await;
    house.end().await;
    on(&House::on(house.store.clone(), &["Yes."], ROLE, true)).await;
}

// Fails when an upgrade that was held back on its way takes the connection that its client has opened since, or when
// another run of the client, or one that numbers nothing, is taken for the same.
#[tokio::test]
async fn an_attempt_that_comes_late_takes_nothing() {
    let house = House::new(&["Yes."]);
    let id = house.session().await;
    let numbered = |instance, attempt| Hello { instance, attempt, ..hello(0, 0) };
    let mut second = house.sessions.attach(&id, &numbered(7, 2), 0).await.unwrap();
    let late = house.sessions.attach(&id, &numbered(7, 1), 0).await.unwrap_err();
    assert_eq!((late.code(), late.status()), ("attempt_superseded", 409));
    assert!(second.control.recv().now_or_never().is_none(), "the later one stays");
    for next in [numbered(7, 2), numbered(7, 3), numbered(9, 1), hello(0, 0), numbered(7, 1)] {
        let replacing = house.sessions.attach(&id, &next, 0).await.unwrap();
        let told = second.control.recv().await;
        assert!(matches!(told, Some(Control::Close { code: close::REPLACED, .. })), "{next:?}: {told:?}");
        second = replacing;
    }
}

// Fails when an actor stays in memory for ever, or a session cannot be used after it left.
#[tokio::test(start_paused = true)]
async fn idle_sessions_leave_memory() {
    let house = House::new(&["Yes."]);
    let id = house.session().await;
    let client = house.attach(&id, 0).await;
    drop(client);
    tokio::time::sleep(Duration::from_secs(59)).await;
    assert!(house.sessions.0.is_awake(&id), "a client that comes back soon finds it");
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(house.sessions.0.places.lock().len(), 0);
    house.permits.add_permits(9);
    let mut client = house.attach(&id, 0).await;
    client.send(1, "a", "Still there?").await;
    assert_eq!(client.until_reply().await.len(), 3);
}

// Fails when an actor whose writes are refused goes on, or the session is lost with it.
#[tokio::test]
async fn a_fenced_actor_ends_and_the_next_one_goes_on() {
    let house = House::new(&["Yes."]);
    house.permits.add_permits(9);
    let id = house.session().await;
    let mut client = house.attach(&id, 0).await;
    let fence = house.store.session(&id).await.unwrap().unwrap().fence();
    house.store.advance_epoch(&id, 1, Leap { fence, ..Leap::beyond(1, 1) }).await.unwrap();
    client.send(1, "a", "Question?").await;
    assert!(matches!(client.control().await, Control::Close { code: close::TRY_LATER, .. }));
    assert!(client.attachment.control.recv().await.is_none(), "no answer without a commit");
    let mut client = house.attach(&id, 0).await;
    assert_eq!(client.attachment.epoch, 2);
    client.send(1, "a", "Question?").await;
    check_dense(&client.until_reply().await);
}

// Fails when a missing session, role or place is not told apart.
#[tokio::test]
async fn refusals_are_typed() {
    let house = House::new(&[]);
    let stranger = SessionId::random().unwrap();
    let refused = house.sessions.attach(&stranger, &hello(0, 0), 0).await.unwrap_err();
    assert_eq!((refused.status(), refused.code()), (404, "session_not_found"));
    let refused = house.sessions.create("nobody", "u").await.unwrap_err();
    assert_eq!((refused.status(), refused.code()), (404, "role_not_found"));
    let id = house.session().await;
    house.end().await;
    let refused = house.sessions.attach(&id, &hello(0, 0), 0).await.unwrap_err();
    assert_eq!((refused.status(), refused.code()), (503, "shutting_down"));
}

// Fails when a reply is not remembered for the next turn of a stateful role.
#[tokio::test]
async fn a_stateful_role_remembers_over_restarts() {
    let house = House::new(&["I will."]);
    house.permits.add_permits(9);
    let id = house.session().await;
    let mut client = house.attach(&id, 0).await;
    client.send(1, "a", "Remember me?").await;
    client.until_reply().await;
    house.end().await;
    let row = house.store.session(&id).await.unwrap().unwrap();
    let saved = Saved::decode_stored(&row.state, &id).unwrap();
    let lines: Vec<String> = saved.history().into_iter().map(|line| line.text).collect();
    assert_eq!(lines, ["Remember me?", "I will."]);
}

// Fails when a token opens a session although a newer one has, after a restart as well; when one is refused before the
// newer one was used; or when an attempt that is refused for another reason counts as a use.
#[tokio::test]
async fn a_token_is_good_until_a_newer_one_was_used() {
    let house = House::new(&["ok"]);
    let id = house.session().await;
    let replayed = |outcome: Result<Attachment, SessionError>| match outcome {
        Err(SessionError::Replayed { presented, used }) => (presented, used),
        other => panic!("{other:?}"),
    };
    for generation in [0, 0, 2, 2] {
        house.sessions.attach(&id, &hello(0, 0), generation).await.unwrap();
    }
    assert_eq!(replayed(house.sessions.attach(&id, &hello(0, 0), 1).await), (1, 2));
    let impossible = house.sessions.attach(&id, &hello(99_999_999, 1), 5).await.unwrap_err();
    assert_eq!(impossible.code(), "last_seq_impossible");
    house.sessions.attach(&id, &hello(0, 0), 2).await.unwrap();
    let position = house.sessions.position(&id).await.unwrap();
    assert_eq!(position.token_generation, 2);
    assert!(position.admit(2).is_ok() && position.admit(3).is_ok());
    let refused = position.admit(1).unwrap_err();
    assert_eq!((refused.code(), refused.status()), ("token_replayed", 401));
    house.end().await;
    let next = House::on(house.store.clone(), &["ok"], ROLE, true);
    assert_eq!(replayed(next.sessions.attach(&id, &hello(0, 0), 1).await), (1, 2));
    next.sessions.attach(&id, &hello(0, 0), 2).await.unwrap();
    next.end().await;
}
