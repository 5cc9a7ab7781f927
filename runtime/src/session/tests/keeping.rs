//! Which sessions end while a process serves them. Time is paused.

use rolecall_wire::close;

use super::*;
use crate::store::Lifetime;

const LIFETIME: Duration = Duration::from_secs(3_600);

async fn house(lifetime: Duration) -> House {
    let store = MemoryStore::new().with_lifetime(Lifetime::of(lifetime));
    let house = House::on(Arc::new(store), &["Yes."], ROLE, true);
    house.sessions.begin().await.unwrap();
    house
}

async fn exists(house: &House, id: &SessionId) -> bool {
    house.store.session(id).await.unwrap().is_some()
}

// Fails when a session ends whose client is there, however long it says nothing; when one lives on that nobody uses, or is
// made anew in silence for who comes back to it.
#[tokio::test(start_paused = true)]
async fn a_session_ends_when_its_client_has_been_away_for_long() {
    let house = house(LIFETIME).await;
    let (used, unused) = (house.session().await, house.session().await);
    let client = house.attach(&used, 0).await;
    tokio::time::sleep(LIFETIME * 3).await;
    assert!(exists(&house, &used).await && !exists(&house, &unused).await);
    drop(client);
    tokio::time::sleep(LIFETIME / 2).await;
    assert!(exists(&house, &used).await, "it counts from when the client left");
    let client = house.attach(&used, 0).await;
    drop(client);
    tokio::time::sleep(LIFETIME * 3 / 4).await;
    assert!(exists(&house, &used).await, "a visit is a use");
    house.sessions.post(&used, message("b")).await.unwrap();
    tokio::time::sleep(LIFETIME * 3 / 4).await;
    assert!(exists(&house, &used).await, "a post is a use");
    tokio::time::sleep(LIFETIME).await;
    for id in [&used, &unused] {
        let refused = house.sessions.attach(id, &hello(0, 0), 0).await.unwrap_err();
        assert_eq!((refused.code(), refused.status()), ("session_not_found", 404));
        assert_eq!(house.sessions.post(id, message("c")).await.unwrap_err().code(), "session_not_found");
        assert_eq!(house.sessions.position(id).await.unwrap_err().code(), "session_not_found");
        assert!(!exists(&house, id).await);
    }
    house.end().await;
}

// Fails when a reply that takes its time ends with its session.
#[tokio::test(start_paused = true)]
async fn an_unfinished_reply_keeps_its_session() {
    let house = house(Duration::from_secs(5)).await;
    let id = house.session().await;
    let client = house.attach(&id, 0).await;
    client.send(1, "a", "Question?").await;
    drop(client);
    tokio::time::sleep(Duration::from_secs(20)).await;
    assert!(exists(&house, &id).await);
    house.permits.add_permits(9);
    tokio::time::sleep(Duration::from_secs(1)).await;
    check_turn(&house.log(&id).await, 1);
    // It stays in memory for a while, then nobody uses it.
    tokio::time::sleep(Duration::from_secs(120)).await;
    assert!(!exists(&house, &id).await);
    house.end().await;
}

// Fails when a client whose session somebody deleted waits for ever, or is told to come back to it.
#[tokio::test(start_paused = true)]
async fn who_has_a_session_that_is_gone_is_told() {
    for naps in [false, true] {
        let store = Arc::new(MemoryStore::new().with_lifetime(Lifetime::of(LIFETIME)));
        let house = House::on(store.clone(), &["Yes."], ROLE, true);
        let id = house.session().await;
        let mut client = house.attach(&id, 0).await;
        tokio::time::sleep(if naps { A_WHILE } else { Duration::from_secs(1) }).await;
        store.forget(&id);
        house.sessions.0.keep_once().await.unwrap();
        match client.control().await {
            Control::Close { code, .. } => assert_eq!(code, close::SESSION_GONE, "naps {naps}"),
            other => panic!("{other:?}"),
        }
        drop(client);
        house.end().await;
    }
}
