//! Several processes on one server: leases, bells, and readers whose owner is one no more.

use super::*;
use crate::store::{Contact, ContactKey, Fence, Lease, Ring, Whereabouts};

fn on(server: &Server, node: &str, lease: Duration) -> RedisSettings {
    RedisSettings { node: Node::begin(node).unwrap(), lease, ..settings(server, Durability::AOF) }
}

// Fails when a process that starts closes the connections of another one, whose node it shares or not.
#[tokio::test]
async fn a_start_leaves_other_processes_alone() {
    let server = Server::start().await;
    let (earlier, id) = ready(&server).await;
    let ids = async || -> Vec<String> {
        let list: String = server.ask(&["CLIENT", "LIST"]).await;
        let ours = list.lines().filter(|line| line.contains(" name=rolecall:test:a/"));
        ours.map(|line| line.split(' ').next().unwrap().to_owned()).collect()
    };
    let before = ids().await;
    assert_eq!(before.len(), 2, "{before:?}");
    let (_same, _) = ready(&server).await;
    let _other = RedisStore::open(on(&server, "b", LEASE)).await.unwrap();
    let now = ids().await;
    assert!(now.len() == 4 && before.iter().all(|id| now.contains(id)), "{before:?} {now:?}");
    goes_on(&earlier, &id).await;
}

async fn ready(server: &Server) -> (RedisStore, SessionId) {
    let store = RedisStore::open(settings(server, Durability::AOF)).await.unwrap();
    let new = new_session();
    store.create(new.clone()).await.unwrap();
    (store, new.id)
}

async fn goes_on(store: &RedisStore, id: &SessionId) {
    assert_eq!(store.commit(id, 1, entries(&["on"])).await.unwrap().head, 1);
}

// Fails when a process counts as living without a lease or as dead with one; when two of one name both hold the lease, or
// the first is not told; or a lease that lapsed is renewed as if it had been held.
#[tokio::test]
async fn one_process_of_a_node_lives() {
    let server = Server::start().await;
    let open = async |node, lease| RedisStore::open(on(&server, node, lease)).await.unwrap();
    let (first, second) = (open("a", LEASE).await, open("a", LEASE).await);
    let other = open("b", LEASE).await;
    assert!(!other.lives(first.node()).await.unwrap());
    assert_eq!(first.renew(true).await.unwrap(), Lease::Lapsed);
    assert_eq!(first.renew(false).await.unwrap(), Lease::Held);
    assert!(other.lives(first.node()).await.unwrap() && !other.lives(second.node()).await.unwrap());
    assert!(!other.lives(other.node()).await.unwrap());
    // A restart takes the lease of the process before at once.
    assert_eq!(second.renew(true).await.unwrap(), Lease::Taken(first.node().incarnation().to_owned()));
    assert!(other.lives(second.node()).await.unwrap() && !other.lives(first.node()).await.unwrap());
    assert_eq!(first.renew(false).await.unwrap(), Lease::Foreign(second.node().incarnation().to_owned()));
    first.leave().await.unwrap();
    assert!(other.lives(second.node()).await.unwrap(), "one process ended the lease of another");
    second.leave().await.unwrap();
    assert!(!other.lives(second.node()).await.unwrap());
    assert_eq!(first.renew(false).await.unwrap(), Lease::Lapsed);
    let brief = open("c", Duration::from_millis(50)).await;
    brief.renew(true).await.unwrap();
    while other.lives(brief.node()).await.unwrap() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(brief.renew(false).await.unwrap(), Lease::Lapsed);
}

// Fails when a process is sought where it never was, where an earlier one of its name was, or where it no longer is.
#[tokio::test]
async fn a_process_is_found_while_it_lives() {
    let server = Server::start().await;
    let open = async |node, lease| RedisStore::open(on(&server, node, lease)).await.unwrap();
    let (first, second, other) = (open("a", LEASE).await, open("a", LEASE).await, open("b", LEASE).await);
    let contact = |url: &str| Contact { url: url.to_owned(), key: ContactKey::random().unwrap() };
    let (at, later) = (contact("http://192.0.2.1:1"), contact("http://192.0.2.2:2"));
    first.announce(&at).await.unwrap();
    assert_eq!(other.whereabouts(first.node()).await.unwrap(), Whereabouts::Gone, "it has no lease");
    first.renew(true).await.unwrap();
    assert_eq!(other.whereabouts(first.node()).await.unwrap(), Whereabouts::At(at));
    second.renew(true).await.unwrap();
    assert_eq!(other.whereabouts(first.node()).await.unwrap(), Whereabouts::Gone);
    assert_eq!(other.whereabouts(second.node()).await.unwrap(), Whereabouts::Untold, "that is where the first was");
    second.announce(&later).await.unwrap();
    assert_eq!(other.whereabouts(second.node()).await.unwrap(), Whereabouts::At(later));
    let ttl: i64 = server.ask(&["PTTL", &second.keys.contact(second.node())]).await;
    assert!((1..=i64::try_from(LEASE.as_millis()).unwrap()).contains(&ttl), "{ttl}");
    // What others wrote there is not read as an address.
    let _: i64 = server.ask(&["DEL", &second.keys.contact(second.node())]).await;
    let _: i64 = server.ask(&["LPUSH", &second.keys.contact(second.node()), "x"]).await;
    assert_eq!(other.whereabouts(second.node()).await.unwrap(), Whereabouts::Untold);
    second.leave().await.unwrap();
    assert_eq!(other.whereabouts(second.node()).await.unwrap(), Whereabouts::Gone);
}

// Fails when something told is lost, doubled, or reaches another process; when it waits for the dead, or without bound.
#[tokio::test]
async fn what_is_told_is_heard_once() {
    let server = Server::start().await;
    let open = async |node| RedisStore::open(on(&server, node, LEASE)).await.unwrap();
    let (one, other) = (open("a").await, open("b").await);
    let id = SessionId::random().unwrap();
    let said = [Ring::Posted(id.clone(), true), Ring::Taken(id.clone()), Ring::Release(id.clone(), 7, 2)];
    assert!(!other.ring(one.node(), &said[0]).await.unwrap(), "nobody lives there");
    one.renew(true).await.unwrap();
    other.renew(true).await.unwrap();
    for ring in &said {
        assert!(other.ring(one.node(), ring).await.unwrap());
    }
    assert_eq!(other.rings().await.unwrap(), []);
    assert!(other.is_unheard(one.node(), &said[1]).await.unwrap());
    assert_eq!(one.rings().await.unwrap(), said);
    assert!(!other.is_unheard(one.node(), &said[1]).await.unwrap());
    assert_eq!(one.rings().await.unwrap(), []);
    let many = (0..10_002).map(|_| other.ring(one.node(), &said[1]));
    assert!(future::join_all(many).await.into_iter().all(|told| told.unwrap()));
    let mut heard = Vec::new();
    loop {
        let rings = one.rings().await.unwrap();
        if rings.is_empty() {
            break;
        }
        heard.extend(rings);
    }
    assert_eq!(heard, [Ring::Everything, said[1].clone(), said[1].clone()]);
    // What was never heard does not stay for ever.
    other.ring(one.node(), &said[0]).await.unwrap();
    let ttl: i64 = server.ask(&["PTTL", &one.keys.bell(one.node())]).await;
    assert!((1..=600_000).contains(&ttl), "{ttl}");
}

// Fails when a reader whose owner is one no more takes entries of a later epoch for its own, or passes over what may still
// come where the store lost it.
#[tokio::test]
async fn a_reader_ends_where_the_log_is_another() {
    let server = Server::start().await;
    let (store, id) = ready(&server).await;
    store.commit(&id, 1, entries(&["1", "2", "3"])).await.unwrap();
    assert_eq!(store.follow(&id, 1, 3, 2, 9).await.unwrap().len(), 2);
    assert_eq!(store.follow(&id, 1, 2, 2, 9).await.unwrap().len(), 1, "its owner has not shown the rest");
    let beyond = store.follow(&id, 1, 4, 2, 9).await;
    assert!(matches!(beyond, Err(StoreError::Moved { expected: 4, actual: 3, .. })), "{beyond:?}");
    store.claim(&id, None, Fence::certain(1)).await.unwrap();
    let leap = Leap { fence: Some(Fence::certain(1)), ..Leap::beyond(1, 9) };
    store.advance_epoch(&id, 1, leap).await.unwrap();
    let later = store.follow(&id, 1, 3, 2, 9).await;
    assert!(matches!(later, Err(StoreError::Fenced { expected: 1, actual: 2, .. })), "{later:?}");
    let nobody = SessionId::random().unwrap();
    assert!(matches!(store.follow(&nobody, 1, 0, 1, 9).await, Err(StoreError::NoSession(_))));
    store.healthy().unwrap();
}

// Fails when a process that listens to another server, or to one that was started anew, does not say that it may have missed
// something: what waited for it there may be lost, and nobody says it again.
#[tokio::test]
async fn what_may_be_lost_where_it_waited_is_looked_for() {
    let mut server = Server::start().await;
    let open = async |node| RedisStore::open(on(&server, node, LEASE)).await.unwrap();
    let (one, other) = (open("a").await, open("b").await);
    one.renew(true).await.unwrap();
    assert_eq!(one.rings().await.unwrap(), []);
    let said = Ring::Taken(SessionId::random().unwrap());
    assert!(other.ring(one.node(), &said).await.unwrap());
    server.kill();
    server.restart().await;
    let heard = loop {
        match one.rings().await {
            Ok(heard) if !heard.is_empty() => break heard,
            _ => tokio::time::sleep(Duration::from_millis(10)).await,
        }
    };
    assert_eq!(heard, [said, Ring::Everything]);
    assert_eq!(one.rings().await.unwrap(), []);
}
