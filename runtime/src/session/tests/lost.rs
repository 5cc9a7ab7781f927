//! A store that has gone over to a copy, which may lack what was acknowledged. Time is paused.

use rolecall_wire::close;

use super::super::lost::MAX_LOST;
use super::*;
use crate::store::Leap;

/// A process on a store that another server serves soon.
fn house() -> (House, Arc<MemoryStore>) {
    let store = Arc::new(MemoryStore::new());
    store.fail_over("first");
    (House::on(store.clone(), &["Yes."], ROLE, true), store)
}

/// A session of one turn, its client, and the end of its log.
async fn talked(house: &House) -> (SessionId, Client, Seq) {
    house.permits.add_permits(99);
    let id = house.session().await;
    let mut client = house.attach(&id, 0).await;
    client.send(1, "a", "Question?").await;
    let head = client.until_reply().await.last().unwrap().seq;
    (id, client, head)
}

/// Reads up to the end of a reply, over what is skipped.
async fn numbers(client: &mut Client) -> Vec<Seq> {
    let mut numbers = Vec::new();
    loop {
        match timeout(PATIENCE, client.attachment.reader.next_batch(3)).await.expect("a message comes").unwrap() {
            Batch::Skipped { .. } => {}
            Batch::Messages(messages) => {
                let is_over = messages.iter().any(|message| matches!(message.body, Body::Reply { .. }));
                numbers.extend(messages.iter().map(|message| message.seq));
                if is_over {
                    return numbers;
                }
            }
        }
    }
}

async fn closed(client: &mut Client) -> u16 {
    loop {
        if let Control::Close { code, .. } = client.control().await {
            return code;
        }
    }
}

// Fails when a session that is awake, or sleeps under its connection, goes on in a store that may have lost somebody's claim
// and messages: it would give their numbers again. Or when one that is told so goes on with the same epoch.
#[tokio::test(start_paused = true)]
async fn a_session_in_memory_doubts_another_line_of_copies() {
    for (naps, by_post) in [(false, false), (true, false), (false, true), (true, true)] {
        let (house, store) = house();
        let (id, mut client, head) = talked(&house).await;
        tokio::time::sleep(if naps { A_WHILE } else { Duration::from_secs(1) }).await;
        assert_eq!(house.sessions.0.is_awake(&id), !naps);
        store.fail_over("second");
        if by_post {
            house.sessions.post(&id, message("b")).await.unwrap();
        } else {
            client.send(2, "b", "Still you?").await;
        }
        assert_eq!(closed(&mut client).await, close::TRY_LATER, "naps {naps}, by post {by_post}");
        let row = store.session(&id).await.unwrap().unwrap();
        assert_eq!((row.epoch, row.head), (1, head), "nothing was written");
        // It comes back, knowing what it knew.
        let back = house.sessions.attach(&id, &hello(head, 1), 0).await.unwrap();
        assert!(back.epoch > 1 && back.resume == Resume::Resumed, "{back:?}");
        let mut client = Client::new(back);
        client.send(2, "b", "Still you?").await;
        let given = numbers(&mut client).await;
        assert!(given.iter().all(|seq| *seq > head + MAX_LOST), "{given:?}");
        drop(client);
        house.end().await;
    }
}

// Fails when a session that is awake lets a client in before it has looked where the store is now, or one that comes back
// meets a refusal for it.
#[tokio::test(start_paused = true)]
async fn whoever_comes_is_let_in_behind_the_loss() {
    let (house, store) = house();
    let (id, client, head) = talked(&house).await;
    drop(client);
    store.fail_over("second");
    // It has seen two messages more, which are lost.
    let mut hello = hello(head + 2, 1);
    hello.instance = 7;
    let back = house.sessions.attach(&id, &hello, 1).await.unwrap();
    assert!(back.epoch > 1 && back.resume == Resume::Regressed, "{back:?}");
    drop(back);
    house.end().await;
}

// Fails when a session all of whose messages were lost gives their numbers again, or one that was created behind the loss
// begins with an epoch of its own.
#[tokio::test(start_paused = true)]
async fn a_session_of_which_nothing_is_left_is_doubted() {
    let (house, store) = house();
    house.permits.add_permits(99);
    let before = house.session().await;
    store.fail_over("second");
    let after = house.session().await;
    for (id, is_doubted) in [(before, true), (after, false)] {
        let mut client = house.attach(&id, 0).await;
        assert_eq!(client.attachment.epoch > 1, is_doubted);
        client.send(1, "a", "Question?").await;
        let given = numbers(&mut client).await;
        assert_eq!(given[0], if is_doubted { MAX_LOST + 1 } else { 1 });
        drop(client);
    }
    house.end().await;
}

// Fails when an epoch that a second failover loses is begun again with its number, or a client of it goes on and takes other
// messages for its own: whoever comes first then, and to which process.
#[tokio::test(start_paused = true)]
async fn an_epoch_that_is_lost_is_not_begun_again() {
    for lost_comes_first in [false, true] {
        let (house, store) = house();
        let (id, client, head) = talked(&house).await;
        drop(client);
        // It leaves memory.
        tokio::time::sleep(A_WHILE * 5).await;
        let (copy, first) = (store.copy(), head + MAX_LOST + 1);
        store.fail_over_with("second", &copy);
        let mut client = Client::new(house.sessions.attach(&id, &hello(head, 1), 0).await.unwrap());
        client.send(2, "second", "Which one is this?").await;
        let (epoch, last) = (client.attachment.epoch, *numbers(&mut client).await.last().unwrap());
        assert!(epoch > 1 && last > first, "{epoch} {last}");
        drop(client);
        house.end().await;
        store.fail_over_with("third", &copy);
        let house = House::on(store.clone(), &["Yes."], ROLE, true);
        house.permits.add_permits(99);
        if !lost_comes_first {
            let mut client = Client::new(house.sessions.attach(&id, &hello(head, 1), 0).await.unwrap());
            client.send(2, "third", "And this?").await;
            assert_eq!(*numbers(&mut client).await.last().unwrap(), last, "the same ids, of another epoch");
            assert_ne!(client.attachment.epoch, epoch);
        }
        let refused = house.sessions.attach(&id, &hello(last, epoch), 0).await.unwrap_err();
        assert_eq!((refused.status(), refused.code()), (410, "epoch_forked"), "{lost_comes_first}");
        assert_eq!(house.stand(&id, epoch, last).await, Stand::Forked(first));
        assert_eq!((house.stand(&id, 1, head).await, house.stand(&id, 1, head + 1).await), (Stand::Here, Stand::Lost));
        let current = house.sessions.position(&id).await.unwrap().epoch;
        assert!(refused.to_string().contains(&format!("last_seq={} with epoch={current}", first - 1)), "{refused}");
        let back = house.sessions.attach(&id, &hello(first - 1, current), 0).await.unwrap();
        assert_eq!((back.epoch, back.resume), (current, Resume::Resumed));
        drop(back);
        house.end().await;
    }
}

// Fails when a process that does not know of a failover yet sends a client of a later epoch away for good.
#[tokio::test(start_paused = true)]
async fn who_is_refused_is_refused_by_one_who_knows() {
    let (house, store) = house();
    let id = house.session().await;
    let _awake = house.attach(&id, 0).await;
    assert!(house.sessions.0.is_awake(&id));
    // Elsewhere an epoch began, and a client of it comes here.
    let row = store.session(&id).await.unwrap().unwrap();
    store.fail_over("second");
    let epoch = 77;
    let leap = Leap { fence: row.fence(), ..Leap::beyond(epoch - 1, MAX_LOST + 1) };
    assert_eq!(store.advance_epoch(&id, 1, leap).await.unwrap(), epoch);
    let back = house.sessions.attach(&id, &hello(MAX_LOST, epoch), 0).await.unwrap();
    assert_eq!(back.resume, Resume::Resumed, "{back:?}");
    drop(back);
    house.end().await;
}
