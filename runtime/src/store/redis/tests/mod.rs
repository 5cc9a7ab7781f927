//! The store on real servers, which these tests start: `redis-server` must be installed.

mod cluster;
mod durable;
mod faults;
mod formats;
mod jobs;
mod lifetimes;
mod listed;
mod members;
mod nodes;
mod scripts;
mod sentinel;
mod server;
mod switched;
mod tls;
mod wire;

use std::sync::atomic::{AtomicU64, Ordering};

use futures_util::future;
use proptest::prelude::*;
use redis::Value;

use self::server::Server;
use super::scripts::Call;
use super::*;
use crate::store::Delivered;
use crate::store::conformance::{self, START_MS, Subject, entries, new_session};
use crate::store::histories::{agree, step};
use crate::store::jobs as queue;

/// Longer than any test waits.
const LEASE: Duration = Duration::from_secs(300);

/// The settings for a test's server.
fn settings(server: &Server, durability: Durability) -> RedisSettings {
    settings_at(&server.url(), durability)
}

fn settings_at(url: &str, durability: Durability) -> RedisSettings {
    let (address, prefix) = (RedisAddress::parse(url).unwrap(), "test:".to_owned());
    let (node, lifetime) = (Node::begin("a").unwrap(), Lifetime::FOREVER);
    RedisSettings { address, prefix, durability, node, lease: LEASE, lifetime }
}

async fn open(server: &Server, clock: &Arc<AtomicU64>) -> Arc<RedisStore> {
    let clock = StoreClock::Manual(clock.clone());
    Arc::new(RedisStore::open_with_clock(settings(server, Durability::AOF), clock).await.unwrap())
}

/// A store whose sessions end.
async fn mortal(server: &Server, clock: &Arc<AtomicU64>) -> Arc<RedisStore> {
    let lifetime = Lifetime::of(conformance::lifetimes::LIFETIME);
    let settings = RedisSettings { lifetime, ..settings(server, Durability::AOF) };
    Arc::new(RedisStore::open_with_clock(settings, StoreClock::Manual(clock.clone())).await.unwrap())
}

fn fault<T: fmt::Debug>(outcome: Result<T, StoreError>) -> RedisFault {
    match outcome {
        Err(StoreError::Redis(fault)) => fault,
        other => panic!("no fault of Redis: {other:?}"),
    }
}

#[tokio::test]
async fn conforms() {
    let server = Server::start().await;
    let clock = Arc::new(AtomicU64::new(START_MS));
    let other: Arc<dyn Store> = mortal(&server, &clock).await;
    let passing = Some(lifetimes::passing(std::slice::from_ref(&server)));
    let subject = Subject { store: mortal(&server, &clock).await, clock, other: Some(other), passing };
    conformance::all(&subject).await;
    queue::all(&subject).await;
    conformance::closed(&subject).await;
    queue::closed(&subject).await;
    // Everything is below the prefix: two of them can share a database.
    let keys: Vec<String> = server.ask(&["KEYS", "*"]).await;
    assert!(keys.len() > 10 && keys.iter().all(|key| key.starts_with("test:{")), "{keys:?}");
}

// Fails when anything acknowledged is only in the process, or on the way back from the server is read otherwise.
#[tokio::test]
async fn keeps_everything_over_a_restart_of_the_process() {
    let server = Server::start().await;
    let clock = Arc::new(AtomicU64::new(START_MS));
    let new = new_session();
    let store = open(&server, &clock).await;
    store.create(new.clone()).await.unwrap();
    store.enqueue(&new.id, conformance::item("waits", u64::MAX)).await.unwrap();
    store.enqueue(&new.id, conformance::item("done", u64::MAX)).await.unwrap();
    let delivered = vec![Delivered { biz_id: "done".to_owned(), entry: 1 }];
    let state = bytes::Bytes::from_static(b"\0\xff\r\nstate");
    let commit = Commit { state: Some(state.clone()), running: Some(true), delivered, ..entries(&["a", "b"]) };
    store.commit(&new.id, 1, commit).await.unwrap();
    store.advance_epoch(&new.id, 1, Leap::beyond(1, 7)).await.unwrap();
    let row = store.session(&new.id).await.unwrap().unwrap();
    store.close().await;

    let store = open(&server, &clock).await;
    assert_eq!(store.session(&new.id).await.unwrap().unwrap(), row);
    assert_eq!((row.epoch, row.head, &row.state, row.running), (2, 6, &state, true));
    assert_eq!(store.read(&new.id, 1, 9).await.unwrap().len(), 2);
    assert_eq!(conformance::unfinished(&*store).await, std::slice::from_ref(&new.id));
    assert_eq!(store.enqueue(&new.id, conformance::item("done", 1)).await.unwrap(), Enqueued::Delivered(2));
    assert_eq!(store.inbox(&new.id, START_MS, 9).await.unwrap(), [conformance::item("waits", u64::MAX)]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    // Fails when the store differs from the model in any answer or visible effect, restarts included.
    #[test]
    fn agrees_with_the_model(steps in prop::collection::vec(step(), 1..40)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let server = Server::start().await;
            agree(true, Lifetime::FOREVER, async |clock| open(&server, &clock).await, steps).await;
        });
    }

    // The same of the inference queue.
    #[test]
    fn the_queue_agrees_with_the_model(steps in prop::collection::vec(queue::tests::step(), 1..60)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let server = Server::start().await;
            queue::tests::agree(true, async |clock| open(&server, clock).await, steps).await;
        });
    }
}
