//! Attempts to connect that come to one process and another, late ones among them. Time is paused.

use super::nodes::{numbered, two};
use super::*;

// Fails when an attempt that its client gave up takes the session from the process that serves a later one, which wrote
// nothing down as it let that in, be it that the session sleeps; or when each such attempt is asked about anew.
#[tokio::test(start_paused = true)]
async fn an_attempt_that_was_given_up_takes_nothing_elsewhere() {
    let (one, other, _) = two().await;
    one.sessions.begin().await.unwrap();
    for asleep in [false, true] {
        let id = one.session().await;
        let mut client = one.come(&id, numbered(7, 5, 0)).await;
        let state = async || one.store.session(&id).await.unwrap().unwrap().state;
        assert!(state().await.is_empty(), "to let in costs no commit");
        if asleep {
            tokio::time::sleep(A_WHILE).await;
        }
        assert_eq!(one.sessions.0.is_awake(&id), !asleep);
        for is_known in [false, true] {
            let began_ms = clock::monotonic_ms();
            let late = other.sessions.attach(&id, &numbered(7, 4, 0), 0).await.unwrap_err();
            assert_eq!((late.code(), late.status()), ("attempt_superseded", 409));
            assert_eq!(clock::monotonic_ms() == began_ms, is_known);
        }
        assert_eq!(one.owner(&id).await.as_ref(), Some(one.store.node()));
        // What is said now is said to it, and the later attempt is known still.
        client.send(1, "a", "Still here?").await;
        one.permits.add_permits(9);
        check_dense(&client.until_reply().await);
        assert_eq!(other.sessions.attach(&id, &numbered(7, 4, 0), 0).await.unwrap_err().status(), 409);
        drop(client);
    }
    one.end().await;
    other.end().await;
}

// Fails when which attempt was let in last is forgotten, or written down as an earlier one, since the session slept.
#[tokio::test(start_paused = true)]
async fn the_last_attempt_is_written_with_what_changes_next() {
    let (one, other, _) = two().await;
    one.sessions.begin().await.unwrap();
    let id = one.session().await;
    drop(one.come(&id, numbered(7, 4, 0)).await);
    let mut client = one.come(&id, numbered(7, 5, 0)).await;
    tokio::time::sleep(A_WHILE).await;
    assert!(!one.sessions.0.is_awake(&id));
    client.send(1, "a", "Still here?").await;
    one.permits.add_permits(9);
    check_dense(&client.until_reply().await);
    let state = one.store.session(&id).await.unwrap().unwrap().state;
    let latest = Saved::decode_stored(&state, &id).unwrap().latest().unwrap();
    assert_eq!((latest.instance, latest.attempt), (7, 5));
    drop(client);
    one.end().await;
    other.end().await;
}

// Fails when a client is let in by an actor that has had nothing to do since the session was taken from it, and stays there
// unheard.
#[tokio::test(start_paused = true)]
async fn an_actor_that_waited_looks_before_it_lets_somebody_in() {
    let (one, other, _) = two().await;
    let id = one.session().await;
    let mailbox = one.sessions.0.actor(&id, None).await.unwrap();
    tokio::time::sleep(Duration::from_secs(2)).await;
    other.sessions.0.claim(&id, Some(one.store.node())).await.unwrap();
    assert!(!mailbox.is_closed(), "it knows nothing of it");
    let client = one.come(&id, numbered(7, 1, 0)).await;
    assert_eq!(one.owner(&id).await.as_ref(), Some(one.store.node()), "it came by a new claim");
    assert!(mailbox.is_closed());
    drop(client);
    one.end().await;
    other.end().await;
}

// Fails when an attempt that its client gave up, a token that was renewed or a place that nobody has takes the session from
// the process that serves its client.
#[tokio::test(start_paused = true)]
async fn what_is_refused_disturbs_nobody() {
    let (one, other, _) = two().await;
    one.sessions.begin().await.unwrap();
    let id = one.session().await;
    let mut client = Client::new(one.sessions.attach(&id, &numbered(7, 5, 0), 3).await.unwrap());
    for (hello, generation, code) in [
        (numbered(7, 4, 0), 3, "attempt_superseded"),
        (numbered(7, 6, 0), 2, "token_replayed"),
        (numbered(7, 6, 90_000_000), 3, "last_seq_impossible"),
    ] {
        assert_eq!(other.sessions.attach(&id, &hello, generation).await.unwrap_err().code(), code);
    }
    assert_eq!(one.owner(&id).await.as_ref(), Some(one.store.node()));
    client.send(1, "a", "Still here?").await;
    one.permits.add_permits(9);
    check_dense(&client.until_reply().await);
    drop(client);
    one.end().await;
    other.end().await;
}
