//! What a process does about things that it was told and did not hear. Time is paused.

use super::*;
use crate::ids::SessionId;
use crate::store::neighbours::Neighbours;
use crate::store::{Commit, HEARD_AT_ONCE, Leap, Node, Ring};

/// Two processes on one store, the first of which may lose it.
struct Two {
    one: House,
    other: House,
    /// The first one's.
    store: Arc<MemoryStore>,
    neighbours: Neighbours,
}

impl Two {
    async fn begin() -> Self {
        let (first, neighbours) = (MemoryStore::new(), Neighbours::new());
        let store = Arc::new(first.beside(&neighbours));
        let one = House::on(store.clone(), &["Yes."], ROLE, true);
        let other = House::on(Arc::new(first.beside(&neighbours)), &["Yes."], ROLE, true);
        for house in [&one, &other] {
            house.permits.add_permits(9);
            house.sessions.begin().await.unwrap();
        }
        Self { one, other, store, neighbours }
    }

    async fn ring(&self, ring: Ring) {
        let nodes = self.other.store.nodes().unwrap();
        assert!(nodes.ring(self.one.store.node(), &ring).await.unwrap());
    }

    async fn owner(&self, id: &SessionId) -> Option<Node> {
        self.store.session(id).await.unwrap().unwrap().hold.map(|hold| hold.owner)
    }

    async fn end(self) {
        self.one.end().await;
        self.other.end().await;
    }
}

async fn is_delivered(client: &mut Client, biz_id: &str) {
    let said = client.next().await;
    assert!(matches!(&said.body, Body::Delivery { parts, .. } if parts == &[biz_id]), "{said:?}");
}

// Fails when a post that another process acknowledged waits for ever because the answer that told of it was lost: nobody says
// it again.
#[tokio::test(start_paused = true)]
async fn what_was_lost_on_its_way_is_looked_for() {
    let two = Two::begin().await;
    let id = two.one.session().await;
    let mut client = two.one.attach(&id, 0).await;
    for (biz_id, awake) in [("a", true), ("b", false)] {
        if !awake {
            tokio::time::sleep(A_WHILE).await;
        }
        assert_eq!(two.one.sessions.0.is_awake(&id), awake);
        two.neighbours.lose_next(two.one.store.node());
        assert_eq!(two.other.sessions.post(&id, message(biz_id)).await.unwrap(), Posted::Queued);
        is_delivered(&mut client, biz_id).await;
    }
    drop(client);
    two.end().await;
}

// Fails when a session that could not be looked at, because the store was away just then, is not looked at again: its client
// would not hear that it is another's, or that a message waits.
#[tokio::test(start_paused = true)]
async fn what_could_not_be_looked_at_is_looked_at_again() {
    let two = Two::begin().await;
    let (id, lost) = (two.one.session().await, two.one.session().await);
    let mut client = two.one.attach(&id, 0).await;
    let mut of_lost = two.one.attach(&lost, 0).await;
    for (biz_id, awake) in [("a", true), ("b", false)] {
        if !awake {
            tokio::time::sleep(A_WHILE).await;
        }
        assert_eq!(two.one.sessions.0.is_awake(&id), awake);
        two.store.set_away(true);
        if awake {
            assert_eq!(two.other.sessions.post(&id, message(biz_id)).await.unwrap(), Posted::Queued);
        } else {
            let message = crate::offline::encode(&message(biz_id), u64::MAX);
            two.other.store.enqueue(&id, message).await.unwrap();
            two.other.store.claim(&lost, Some(two.one.store.node()), crate::store::Fence::certain(7)).await.unwrap();
            two.ring(Ring::Taken(id.clone())).await;
            two.ring(Ring::Taken(lost.clone())).await;
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
        two.store.set_away(false);
        is_delivered(&mut client, biz_id).await;
    }
    assert!(matches!(of_lost.control().await, Control::Close { code: rolecall_wire::close::HANDOVER, .. }));
    drop((client, of_lost));
    two.end().await;
}

// Fails when a process that was told more than it hears at once pauses before it hears the rest: how many sessions may move
// in a second would follow from how long it sleeps.
#[tokio::test(start_paused = true)]
async fn what_waits_is_heard_without_a_pause() {
    let two = Two::begin().await;
    for _ in 0..=3 * HEARD_AT_ONCE {
        two.ring(Ring::Taken(SessionId::random().unwrap())).await;
    }
    while two.neighbours.waiting(two.one.store.node()) > 3 * HEARD_AT_ONCE {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    // Time passes only when nobody has anything to do.
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert_eq!(two.neighbours.waiting(two.one.store.node()), 0);
    two.end().await;
}

// Fails when a client that comes while the actor of its session does not know yet that the store went on or back is turned
// away with words for operators, instead of being let in by the next actor.
#[tokio::test(start_paused = true)]
async fn a_client_is_let_in_past_an_actor_that_is_behind() {
    let two = Two::begin().await;
    let id = two.one.session().await;
    let fence = async || two.store.session(&id).await.unwrap().unwrap().fence();
    let first = two.one.attach(&id, 0).await;
    let leap = Leap { fence: fence().await, ..Leap::beyond(1, 1) };
    let epoch = two.store.advance_epoch(&id, 1, leap).await.unwrap();
    let second = two.one.sessions.attach(&id, &hello(0, 0), 0).await.unwrap();
    let commit =
        Commit { fence: fence().await, entries: vec![b"nobody reads it".to_vec().into()], ..Commit::default() };
    two.store.commit(&id, epoch, commit).await.unwrap();
    let third = two.one.sessions.attach(&id, &hello(0, 0), 0).await.unwrap();
    assert_eq!((second.epoch, third.epoch, third.head), (epoch, epoch, 1));
    drop((first, second, third));
    two.end().await;
}
// Fails when a session that was claimed for a client who went before its actor began is not given back when it is asked for:
// each of its moves would have to be made by force.
#[tokio::test(start_paused = true)]
async fn a_claim_without_an_actor_is_given_back() {
    let two = Two::begin().await;
    let (id, theirs) = (two.one.session().await, two.one.session().await);
    two.one.sessions.0.claim(&id, None).await.unwrap();
    two.other.sessions.0.claim(&theirs, None).await.unwrap();
    assert_eq!(two.owner(&id).await.as_ref(), Some(two.one.store.node()));
    two.ring(Ring::Release(id.clone(), 7, 1)).await;
    two.ring(Ring::Release(theirs.clone(), 7, 1)).await;
    tokio::time::sleep(A_WHILE).await;
    assert_eq!(two.owner(&id).await, None);
    assert_eq!(two.owner(&theirs).await.as_ref(), Some(two.other.store.node()), "what is another's stays so");
    two.end().await;
}

// Fails when a network that fails, and ends all connections at once, makes a task or a call of the store of each session that
// slept under one of them; or when one of them stays claimed.
#[tokio::test(start_paused = true)]
async fn many_that_sleep_are_given_back_by_one_task() {
    const MANY: usize = 300;
    let house = House::new(&[]);
    let (mut ids, mut clients) = (Vec::new(), Vec::new());
    for _ in 0..MANY {
        let id = house.session().await;
        clients.push(house.attach(&id, 0).await);
        ids.push(id);
    }
    tokio::time::sleep(A_WHILE).await;
    assert!(ids.iter().all(|id| !house.sessions.0.is_awake(id)));
    let tasks = |text: &str| text.lines().find_map(|line| line.strip_prefix("tasks_live ")?.parse::<usize>().ok());
    let before = tasks(&house.metrics.render().unwrap()).unwrap();
    drop(clients);
    assert_eq!(tasks(&house.metrics.render().unwrap()), Some(before + 1));
    tokio::time::sleep(A_WHILE).await;
    for id in &ids {
        assert_eq!(house.store.session(id).await.unwrap().unwrap().hold, None);
    }
    house.end().await;
}
