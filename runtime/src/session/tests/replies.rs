use proptest::prelude::*;
use rolecall_wire::close;

use super::*;
use rolecall_wire::frame::Outcome;

const PIECES: &[&str] = &["First. ", "The second one. ", "Third", " goes on. ", "And the ", "last."];

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    // Fails when a client that drops at any point and resumes loses, repeats or reorders a message,
    // or a reply stops while nobody listens.
    #[test]
    fn a_client_may_drop_anywhere(drops in prop::collection::vec((0usize..4, 0usize..3), 0..6)) {
        block_on(async {
            let house = House::new(PIECES);
            let id = house.session().await;
            let mut ledger: Vec<Message> = Vec::new();
            let mut client = house.attach(&id, 0).await;
            client.send(1, "a", "Question?").await;
            ledger.push(client.next().await);
            for (reads, permits) in drops {
                house.permits.add_permits(permits);
                for _ in 0..reads.min(permits.min(1)) {
                    if ledger.last().is_some_and(|last| matches!(last.body, Body::Reply { .. })) { break; }
                    // Pieces may be held back, so that a permit need not make a message.
                    if let Ok(message) = timeout(Duration::from_millis(20), client.next()).await { ledger.push(message); }
                }
                drop(client);
                client = house.attach(&id, ledger.last().unwrap().seq).await;
            }
            house.permits.add_permits(PIECES.len());
            if !matches!(ledger.last().unwrap().body, Body::Reply { .. }) {
                ledger.extend(client.until_reply().await);
            }
            check_dense(&ledger);
            assert_eq!(check_turn(&ledger, 1).trim_end(), PIECES.concat());
            assert_eq!(ledger, house.log(&id).await, "the client has what the store has");
            drop(client);
            house.end().await;
        });
    }

    // Fails when a restart in the middle of a reply loses or repeats a piece, answers twice or not at all.
    #[test]
    fn a_reply_goes_on_after_a_restart(stops in prop::collection::vec(0usize..4, 1..4), attached in any::<bool>()) {
        block_on(async {
            let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
            let mut house = House::on(store.clone(), PIECES, ROLE, true);
            let id = house.session().await;
            let mut client = house.attach(&id, 0).await;
            client.send(1, "a", "Question?").await;
            assert_eq!(client.next().await.seq, 1);
            for permits in stops {
                house.permits.add_permits(permits);
                if permits > 0 {
                    // Lets some of it be said; how much is up to the scheduler.
                    let _ = timeout(Duration::from_millis(20), client.next()).await;
                }
                house.end().await;
                house = House::on(store.clone(), PIECES, ROLE, true);
                let done = house.log(&id).await.iter().any(|message| matches!(message.body, Body::Reply { .. }));
                let recovered = house.sessions.begin().await.unwrap();
                assert_eq!(recovered, usize::from(!done), "an unfinished reply is found, a finished one left");
                let head = house.sessions.position(&id).await.unwrap().head;
                client = house.attach(&id, if attached { head } else { 0 }).await;
            }
            house.permits.add_permits(PIECES.len());
            let mut reader = house.attach(&id, 0).await;
            let ledger = reader.until_reply().await;
            check_dense(&ledger);
            assert_eq!(check_turn(&ledger, 1).trim_end(), PIECES.concat());
            assert_eq!(ledger, house.log(&id).await, "nothing follows the end");
            assert!(!house.store.session(&id).await.unwrap().unwrap().running);
            house.end().await;
        });
    }
}

// Fails when a repeated send has a second effect, or gets another answer than the first time.
#[tokio::test]
async fn a_repeated_send_has_no_second_effect() {
    let house = House::new(&["Yes."]);
    let id = house.session().await;
    house.permits.add_permits(9);
    let mut client = house.attach(&id, 0).await;
    client.send(1, "a", "One?").await;
    client.send(1, "a", "One?").await;
    let first = ServerFrame::Accepted { id: "a".into(), client_seq: 1, seq: 1, duplicate: false };
    assert_eq!(client.frame().await, first);
    let again = ServerFrame::Accepted { id: "a".into(), client_seq: 1, seq: 1, duplicate: true };
    assert_eq!(client.frame().await, again);
    client.until_reply().await;
    // The same on another connection, and after a restart.
    let mut client = house.attach(&id, 0).await;
    assert_eq!(client.attachment.client_seq, 1);
    client.send(1, "a", "One?").await;
    assert_eq!(client.frame().await, again);
    house.end().await;
    let house = House::on(house.store.clone(), &["Yes."], ROLE, true);
    let mut client = house.attach(&id, 0).await;
    client.send(1, "another", "Two?").await;
    assert_eq!(client.frame().await, again, "the number's first owner is named");
    client.send(3, "c", "Three?").await;
    assert_eq!(client.error_code().await, "client_seq_gap");
    client.send(2, "b", " \n").await;
    assert_eq!(client.error_code().await, "message_empty");
    house.permits.add_permits(9);
    client.send(2, "b", "Two?").await;
    assert!(matches!(client.frame().await, ServerFrame::Accepted { seq, duplicate: false, .. } if seq > 1));
    client.until_reply().await;
    client.until_reply().await;
    let users = house.log(&id).await.iter().filter(|message| matches!(message.body, Body::User { .. })).count();
    assert_eq!(users, 2);
}

// Fails when turns overlap or change places, the queue grows without bound, or `busy` uses up a number.
#[tokio::test]
async fn turns_wait_for_each_other() {
    let house = House::new(&["Answer."]);
    let id = house.session().await;
    let mut client = house.attach(&id, 0).await;
    for n in 1..=9 {
        client.send(n, &format!("m{n}"), "Question?").await;
        assert!(matches!(client.frame().await, ServerFrame::Accepted { client_seq, .. } if client_seq == n));
    }
    client.send(10, "m10", "Too much?").await;
    assert_eq!(client.error_code().await, "busy");
    house.permits.add_permits(1);
    let mut ledger = client.until_reply().await;
    client.send(10, "m10", "Now?").await;
    assert!(matches!(client.frame().await, ServerFrame::Accepted { client_seq: 10, .. }));
    house.permits.add_permits(9);
    for _ in 0..9 {
        ledger.extend(client.until_reply().await);
    }
    check_dense(&ledger);
    let ends: Vec<u64> = ledger.iter().filter(|m| matches!(m.body, Body::Reply { .. })).map(|m| m.turn).collect();
    assert_eq!(ends, (1..=10).collect::<Vec<_>>());
    (1..=10).for_each(|turn| assert_eq!(check_turn(&ledger, turn), "Answer."));
}

// Fails when a cancelled turn goes on, is not ended in the log, or takes others with it.
#[tokio::test]
async fn a_turn_can_be_cancelled_running_or_waiting() {
    let house = House::new(&["Said. ", "Not said."]);
    let id = house.session().await;
    let mut client = house.attach(&id, 0).await;
    for n in 1..=3 {
        client.send(n, &format!("m{n}"), "Question?").await;
        client.frame().await;
    }
    house.permits.add_permits(1);
    client.attachment.submit(ClientFrame::Cancel { turn: 2 }).await;
    let ledger = client.until_reply().await;
    let last = ledger.last().unwrap();
    assert!(matches!(&last.body, Body::Reply { outcome: Outcome::Cancelled, text, .. } if text.is_empty()));
    assert_eq!(last.turn, 2);
    client.attachment.submit(ClientFrame::Cancel { turn: 1 }).await;
    let last = client.until_reply().await.pop().unwrap();
    assert!(matches!(&last.body, Body::Reply { outcome: Outcome::Cancelled, .. }));
    assert_eq!(last.turn, 1);
    house.permits.add_permits(9);
    let last = client.until_reply().await.pop().unwrap();
    assert!(matches!(&last.body, Body::Reply { outcome: Outcome::Complete, .. }));
    assert_eq!(last.turn, 3);
    client.attachment.submit(ClientFrame::Cancel { turn: 3 }).await;
    assert_eq!(client.error_code().await, "turn_not_running");
}

// Fails when two connections of one session are live, or the older one is not told why it ends.
#[tokio::test]
async fn a_newer_connection_takes_over() {
    let house = House::new(&["Yes."]);
    let id = house.session().await;
    let mut old = house.attach(&id, 0).await;
    let mut new = house.attach(&id, 0).await;
    assert!(matches!(old.control().await, Control::Close { code: close::REPLACED, .. }));
    assert!(old.attachment.control.recv().await.is_none());
    old.send(1, "a", "From the old one?").await;
    new.send(1, "b", "From the new one?").await;
    assert!(matches!(new.frame().await, ServerFrame::Accepted { id, .. } if id == "b"));
    assert_eq!(house.log(&id).await.len(), 1);
}

// Fails when the end of a reply tells a client the word that its rule forbids, or not the rule.
#[tokio::test]
async fn a_client_learns_the_rule_and_not_what_it_forbids() {
    let house = House::new(&["The pass", "word is 1234."]);
    let id = house.session().await;
    let mut client = house.attach(&id, 0).await;
    house.permits.add_permits(9);
    client.send(1, "a", "Question?").await;
    let read = client.until_reply().await;
    let Body::Reply { outcome, hits, .. } = &read.last().unwrap().body else { panic!("{read:?}") };
    assert_eq!((*outcome, hits.len()), (Outcome::Refused, 1));
    assert_eq!((hits[0].rule.as_str(), hits[0].action.as_str()), ("secrets", "reject"));
    assert!(!format!("{read:?}").contains("password"), "{read:?}");
    drop(client);
    house.end().await;
}

// Fails when a long reply becomes messages that a connection cannot send: the session could not be
// read any more, from there on and for ever.
#[tokio::test]
async fn long_replies_can_be_sent_in_both_encodings() {
    for filler in ["h", "\u{1}", "字"] {
        let piece = filler.repeat(300_000 / filler.len());
        let house = House::new(&[&piece, &piece]);
        house.permits.add_permits(9);
        let id = house.session().await;
        let mut client = house.attach(&id, 0).await;
        client.send(1, "a", "At length?").await;
        let messages = client.until_reply().await;
        assert_eq!(check_turn(&messages, 1), piece.repeat(2));
        for message in messages {
            let frame = ServerFrame::Message(message);
            rolecall_wire::codec::encode_server(&frame).unwrap();
            rolecall_wire::codec::to_json(&frame).unwrap();
        }
        house.end().await;
    }
}
