//! Two processes on one store. Time is paused.

use rolecall_wire::close;

use super::*;
use crate::store::neighbours::Neighbours;
use crate::store::{Leap, Node};

const PIECES: &[&str] = &["One. ", "Two. ", "Three. ", "Four."];

/// Processes on one store. They take part as soon as a test lets them begin.
async fn several<const COUNT: usize>() -> ([House; COUNT], Neighbours) {
    let (first, neighbours) = (MemoryStore::new(), Neighbours::new());
    let houses = std::array::from_fn(|_| House::on(Arc::new(first.beside(&neighbours)), PIECES, ROLE, true));
    for house in &houses {
        house.sessions.0.join().await.unwrap();
    }
    (houses, neighbours)
}

/// Two of them.
pub(super) async fn two() -> (House, House, Neighbours) {
    let ([one, other], neighbours) = several().await;
    (one, other, neighbours)
}

pub(super) fn numbered(instance: u64, attempt: u32, last_seq: Seq) -> Hello {
    Hello { instance, attempt, ..hello(last_seq, 0) }
}

impl House {
    pub(super) async fn come(&self, id: &SessionId, hello: Hello) -> Client {
        Client::new(self.sessions.attach(id, &hello, 0).await.unwrap())
    }

    pub(super) async fn owner(&self, id: &SessionId) -> Option<Node> {
        self.store.session(id).await.unwrap().unwrap().hold.map(|hold| hold.owner)
    }

    async fn finished(&self, id: &SessionId) -> Vec<Message> {
        let ends = |log: &[Message]| log.iter().any(|message| matches!(message.body, Body::Reply { .. }));
        loop {
            let log = self.log(id).await;
            if ends(&log) {
                return log;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
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

// Fails when a client that moves between processes in the middle of a reply loses or repeats a piece, hears two ends, or
// leaves the old process with the session; or when its old connection is told that another device came.
#[tokio::test(start_paused = true)]
async fn a_client_moves_in_the_middle_of_a_reply() {
    let (one, other, _) = two().await;
    one.sessions.begin().await.unwrap();
    other.sessions.begin().await.unwrap();
    let id = one.session().await;
    let mut before = one.come(&id, numbered(7, 1, 0)).await;
    before.send(1, "a", "Question?").await;
    one.permits.add_permits(2);
    let mut heard = vec![before.next().await, before.next().await];
    let mut after = other.come(&id, numbered(7, 2, heard.last().unwrap().seq)).await;
    assert_eq!(closed(&mut before).await, close::HANDOVER);
    assert_eq!(other.owner(&id).await.as_ref(), Some(other.store.node()));
    one.permits.add_permits(9);
    other.permits.add_permits(9);
    heard.extend(after.until_reply().await);
    check_dense(&heard);
    assert_eq!(check_turn(&heard, 1).trim_end(), PIECES.concat());
    tokio::time::sleep(A_WHILE).await;
    assert_eq!(heard, other.log(&id).await);
    assert_eq!(one.sessions.0.places.lock().len(), 0);
    // And back, from a session that sleeps.
    let mut again = one.come(&id, numbered(7, 3, heard.len() as Seq)).await;
    assert_eq!(closed(&mut after).await, close::HANDOVER);
    again.send(2, "b", "And now?").await;
    check_turn(&again.until_reply().await, 2);
    drop((before, after));
    one.end().await;
    other.end().await;
    assert_eq!(one.owner(&id).await, None, "who goes down gives its sessions back");
}

// Fails when a process that hands its sessions over keeps one whose client has gone: the process to which the client comes
// would have to ask for it, and wait.
#[tokio::test(start_paused = true)]
async fn a_process_that_leaves_holds_no_session_without_a_client() {
    let (one, other, _) = two().await;
    one.sessions.begin().await.unwrap();
    other.sessions.begin().await.unwrap();
    let (id, away) = (one.session().await, one.session().await);
    drop(one.come(&away, numbered(8, 1, 0)).await);
    let mut client = one.come(&id, numbered(7, 1, 0)).await;
    assert_eq!(one.owner(&away).await.as_ref(), Some(one.store.node()), "it may come back yet");
    let leaves = one.sessions.hand_over(Duration::from_secs(600));
    let goes = async {
        let Control::Frame(frame) = client.control().await else { panic!("closed before its time") };
        assert!(matches!(*frame, ServerFrame::Goaway { .. }), "{frame:?}");
        assert_eq!(one.owner(&id).await.as_ref(), Some(one.store.node()), "it is served until it goes");
        drop(client);
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!((one.owner(&id).await, one.owner(&away).await), (None, None));
    };
    tokio::join!(leaves, goes);
}

// Fails when another device that takes over at another process does not end the first one for good, as it does within one.
#[tokio::test(start_paused = true)]
async fn another_device_replaces_over_processes() {
    let (one, other, _) = two().await;
    one.sessions.begin().await.unwrap();
    let id = one.session().await;
    for asleep in [false, true] {
        let mut first = one.come(&id, numbered(7, 1, 0)).await;
        if asleep {
            tokio::time::sleep(A_WHILE).await;
            assert!(!one.sessions.0.is_awake(&id));
        }
        let second = other.come(&id, numbered(8, 1, 0)).await;
        assert_eq!(closed(&mut first).await, close::REPLACED);
        drop((first, second));
        tokio::time::sleep(A_WHILE * 5).await;
        assert_eq!(other.owner(&id).await, None, "who leaves memory gives its session back");
    }
    one.end().await;
    other.end().await;
}

// Fails when an owner that does not let go keeps its session for ever, writes to it afterwards, or does not tell its client.
#[tokio::test(start_paused = true)]
async fn an_owner_that_does_not_hear_loses_its_session() {
    let (one, other, _) = two().await;
    let id = one.session().await;
    let mut before = one.come(&id, numbered(7, 1, 0)).await;
    before.send(1, "a", "Question?").await;
    one.permits.add_permits(1);
    let mut heard = vec![before.next().await, before.next().await];
    // It is alive as far as anybody knows, and does not listen.
    let mut after = other.come(&id, numbered(7, 2, 2)).await;
    other.permits.add_permits(9);
    one.permits.add_permits(9);
    heard.extend(after.until_reply().await);
    assert_eq!(closed(&mut before).await, close::HANDOVER);
    check_dense(&heard);
    assert_eq!(check_turn(&heard, 1).trim_end(), PIECES.concat());
    assert_eq!(heard, other.log(&id).await, "nothing follows the end");
    drop((before, after));
    one.end().await;
    other.end().await;
}

// Fails when a reply stays unfinished because its process died and its client never comes back, two survivors make it twice,
// or a process that was only slow goes on with it.
#[tokio::test(start_paused = true)]
async fn survivors_finish_what_the_dead_left() {
    let ([one, other, third], neighbours) = several().await;
    let id = one.session().await;
    let mut client = one.come(&id, numbered(7, 1, 0)).await;
    client.send(1, "a", "Question?").await;
    one.permits.add_permits(1);
    client.next().await;
    for survivor in [&other, &third] {
        survivor.permits.add_permits(9);
        survivor.sessions.begin().await.unwrap();
    }
    tokio::time::sleep(A_WHILE).await;
    assert_eq!(other.owner(&id).await.as_ref(), Some(one.store.node()), "the living are left alone");
    neighbours.lapse(one.store.node());
    let log = other.finished(&id).await;
    check_dense(&log);
    assert_eq!(check_turn(&log, 1).trim_end(), PIECES.concat());
    // The dead come back: whatever they still say, nobody hears.
    one.permits.add_permits(9);
    assert_eq!(closed(&mut client).await, close::HANDOVER);
    assert_eq!(other.log(&id).await, log);
    drop(client);
    for house in [one, other, third] {
        house.end().await;
    }
}

// Fails when a message that is posted to another process waits until the client of the session does something.
#[tokio::test(start_paused = true)]
async fn a_post_reaches_the_owner() {
    let (one, other, _) = two().await;
    one.sessions.begin().await.unwrap();
    let id = one.session().await;
    let mut client = one.come(&id, numbered(7, 1, 0)).await;
    for (n, biz_id) in (1..).zip(["a", "b"]) {
        let message = message(biz_id);
        assert_eq!(other.sessions.post(&id, message.clone()).await.unwrap(), Posted::Queued);
        let said = client.next().await;
        assert!(matches!(&said.body, Body::Delivery { parts, .. } if parts == &[biz_id]), "{said:?}");
        assert_eq!(other.sessions.post(&id, message).await.unwrap(), Posted::Delivered(n));
        tokio::time::sleep(A_WHILE).await;
        assert!(!one.sessions.0.is_awake(&id));
    }
    drop(client);
    one.end().await;
    other.end().await;
}

// Fails when a process whose lease lapsed does not look what became of its sessions: clients of those that are another's
// would wait for ever, and messages whose doorbell was lost, too.
#[tokio::test(start_paused = true)]
async fn a_process_that_comes_back_looks_at_its_sessions() {
    let (one, other, neighbours) = two().await;
    let (lost, kept) = (one.session().await, one.session().await);
    let mut of_lost = one.come(&lost, numbered(7, 1, 0)).await;
    let mut of_kept = one.come(&kept, numbered(8, 1, 0)).await;
    tokio::time::sleep(A_WHILE).await;
    assert!(!one.sessions.0.is_awake(&lost) && !one.sessions.0.is_awake(&kept));
    neighbours.lapse(one.store.node());
    let elsewhere = other.come(&lost, numbered(7, 2, 0)).await;
    other.store.enqueue(&kept, crate::offline::encode(&message("b"), u64::MAX)).await.unwrap();
    // What it does when it finds its lease gone.
    one.sessions.0.take_part();
    assert_eq!(closed(&mut of_lost).await, close::HANDOVER);
    assert!(matches!(of_kept.next().await.body, Body::Delivery { .. }));
    assert!(one.store.nodes().unwrap().lives(one.store.node()).await.unwrap());
    drop((of_lost, of_kept, elsewhere));
    one.end().await;
    other.end().await;
}

// Fails when a reply whose actor ended with an error of the store waits for its client, though the process and the store are
// well again.
#[tokio::test(start_paused = true)]
async fn a_reply_goes_on_when_the_store_is_well_again() {
    let (one, other, _) = two().await;
    one.sessions.begin().await.unwrap();
    let id = one.session().await;
    let mut client = one.come(&id, numbered(7, 1, 0)).await;
    client.send(1, "a", "Question?").await;
    one.permits.add_permits(1);
    client.next().await;
    // A step that the actor does not know of, as one whose answer was lost.
    let fence = one.store.session(&id).await.unwrap().unwrap().fence();
    one.store.advance_epoch(&id, 1, Leap { fence, ..Leap::beyond(1, 1) }).await.unwrap();
    one.permits.add_permits(9);
    assert_eq!(closed(&mut client).await, close::TRY_LATER);
    drop(client);
    let log = one.finished(&id).await;
    check_dense(&log);
    assert_eq!(check_turn(&log, 1).trim_end(), PIECES.concat());
    one.end().await;
    other.end().await;
}

// Fails when a reply is not stopped from another process, or from one where nobody is; when its owner died; when it ends twice or
// takes the session elsewhere; or when a turn that waits, is over or never was is taken for another.
#[tokio::test(start_paused = true)]
async fn a_reply_is_stopped_from_anywhere() {
    use crate::session::Cancelled::{Ended, Idle};
    let (one, other, neighbours) = two().await;
    one.sessions.begin().await.unwrap();
    other.sessions.begin().await.unwrap();
    let id = one.session().await;
    assert_eq!(other.sessions.cancel(&id, None).await.unwrap(), Idle);
    let mut client = one.come(&id, numbered(7, 1, 0)).await;
    for (turn, house) in [(1, &other), (2, &one)] {
        client.send(turn, &format!("m{turn}"), "Question?").await;
        one.permits.add_permits(2);
        let heard = vec![client.next().await, client.next().await];
        assert_eq!(house.sessions.cancel(&id, None).await.unwrap(), Ended(turn));
        let said = [heard, client.until_reply().await].concat();
        let Some(Message { body: Body::Reply { outcome, .. }, .. }) = said.last() else { panic!("{said:?}") };
        assert_eq!(*outcome, rolecall_wire::frame::Outcome::Cancelled);
        assert_eq!(other.sessions.cancel(&id, Some(turn)).await.unwrap(), Ended(turn), "again");
        assert_eq!(one.owner(&id).await.as_ref(), Some(one.store.node()));
    }
    // One that waits behind another ends without having begun.
    client.send(3, "m3", "And?").await;
    client.send(4, "m4", "And then?").await;
    one.permits.add_permits(1);
    client.next().await;
    while matches!(other.sessions.cancel(&id, Some(4)).await, Err(SessionError::NoTurn { .. })) {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(other.sessions.cancel(&id, Some(4)).await.unwrap(), Ended(4));
    for turn in [0, 5] {
        assert_eq!(other.sessions.cancel(&id, Some(turn)).await.unwrap_err().code(), "turn_not_found");
    }
    let nobody = SessionId::random().unwrap();
    assert_eq!(other.sessions.cancel(&nobody, None).await.unwrap_err().code(), "session_not_found");
    // Its owner is taken for dead: whoever is asked ends it.
    neighbours.lapse(one.store.node());
    assert_eq!(other.sessions.cancel(&id, Some(3)).await.unwrap(), Ended(3));
    let ends: Vec<u64> =
        other.log(&id).await.iter().filter(|it| matches!(it.body, Body::Reply { .. })).map(|it| it.turn).collect();
    assert_eq!(ends, [1, 2, 4, 3]);
    drop(client);
    one.end().await;
    other.end().await;
}

// Fails when a reply is taken from an owner that lives, to stop it, because the store was away from everybody and the owner has
// not renewed its lease yet: its client would have to move.
#[tokio::test(start_paused = true)]
async fn a_stop_takes_no_session_from_the_living() {
    let (one, other, neighbours) = two().await;
    other.sessions.begin().await.unwrap();
    let id = one.session().await;
    let mut client = one.come(&id, numbered(7, 1, 0)).await;
    client.send(1, "a", "Question?").await;
    one.permits.add_permits(1);
    client.next().await;
    for house in [&one, &other] {
        neighbours.lapse(house.store.node());
    }
    let nodes = other.store.nodes().unwrap();
    while !nodes.lives(other.store.node()).await.unwrap() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let comes_back = async {
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        one.sessions.begin().await.unwrap();
    };
    let (cancelled, ()) = tokio::join!(other.sessions.cancel(&id, None), comes_back);
    assert_eq!(cancelled.unwrap(), Cancelled::Ended(1));
    assert_eq!(one.owner(&id).await.as_ref(), Some(one.store.node()));
    let said = client.until_reply().await;
    let Some(Message { body: Body::Reply { outcome, .. }, .. }) = said.last() else { panic!("{said:?}") };
    assert_eq!(*outcome, rolecall_wire::frame::Outcome::Cancelled);
    drop(client);
    one.end().await;
    other.end().await;
}
