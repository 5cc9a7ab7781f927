//! When the keys of sessions end, as the server has it.

use super::*;
use crate::store::conformance::lifetimes::LIFETIME;
use crate::store::conformance::{Passing, item};

/// Moves the end of every key nearer, as time does.
const PASS: &str = "for _, key in ipairs(redis.call('KEYS', 'test:*')) do \
    local left = redis.call('PTTL', key) \
    if left >= 0 and left <= tonumber(ARGV[1]) then redis.call('DEL', key) \
    elseif left >= 0 then redis.call('PEXPIRE', key, left - ARGV[1]) end end";

/// Lets time pass on some servers.
pub(super) fn passing(servers: &[Server]) -> Passing {
    let clients: Vec<redis::Client> = servers.iter().map(|server| redis::Client::open(server.url()).unwrap()).collect();
    Box::new(move |ms| {
        let clients = clients.clone();
        Box::pin(async move {
            for client in clients {
                let mut connection = client.get_multiplexed_async_connection().await.unwrap();
                redis::cmd("EVAL").arg(PASS).arg(0).arg(ms).query_async::<()>(&mut connection).await.unwrap();
            }
        })
    })
}

/// What is left of each key of a session, ms; -1 for ever.
async fn ends(server: &Server, store: &RedisStore, id: &SessionId) -> Vec<(String, i64)> {
    let mut found = Vec::new();
    for key in store.keys.all(id) {
        let left: i64 = server.ask(&["PEXPIRETIME", &key]).await;
        if left != -2 {
            found.push((key.rsplit(':').next().unwrap().to_owned(), left));
        }
    }
    found
}

/// A store that keeps sessions for so long.
async fn keeping(server: &Server, lifetime: Lifetime) -> RedisStore {
    let settings = RedisSettings { lifetime, ..settings(server, Durability::AOF) };
    let clock = StoreClock::Manual(Arc::new(AtomicU64::new(START_MS)));
    RedisStore::open_with_clock(settings, clock).await.unwrap()
}

/// A session with a key of each kind.
async fn full(store: &RedisStore) -> SessionId {
    let new = new_session();
    store.create(new.clone()).await.unwrap();
    for biz_id in ["done", "waits"] {
        store.enqueue(&new.id, item(biz_id, u64::MAX)).await.unwrap();
    }
    let delivered = vec![Delivered { biz_id: "done".to_owned(), entry: 0 }];
    store.commit(&new.id, 1, Commit { delivered, ..entries(&["x"]) }).await.unwrap();
    new.id
}

// Fails when any key of a session has no end, another one than the others, or one that a step did not move with the rest.
#[tokio::test]
async fn every_key_of_a_session_ends() {
    let server = Server::start().await;
    let of = async |lifetime| keeping(&server, lifetime).await;
    let pass = passing(std::slice::from_ref(&server));
    // Longer, and shorter, than what was delivered is remembered.
    for lifetime in [LIFETIME, Duration::from_secs(3_600)] {
        let life_ms = i64::try_from(lifetime.as_millis()).unwrap();
        let store = of(Lifetime::of(lifetime)).await;
        let id = full(&store).await;
        let fence = Fence::certain(1);
        let leap = Leap { fence: Some(fence), ..Leap::beyond(1, 5) };
        let written = Commit { fence: Some(fence), ..entries(&["y"]) };
        for step in 0..7 {
            let before = ends(&server, &store, &id).await;
            let (lasting, passing): (Vec<_>, Vec<_>) =
                before.iter().partition(|(key, _)| key != "done" && key != "aged");
            assert_eq!(lasting.len(), 5, "{before:?}");
            assert!(lasting.iter().all(|(_, end)| *end == lasting[0].1 && *end > 0), "{before:?}");
            assert!(passing.iter().all(|(_, end)| *end > 0), "{before:?}");
            if lifetime < Duration::from_millis(2 * DONE_KEPT_MS) {
                assert!(passing.iter().all(|(_, end)| *end == lasting[0].1), "{before:?}");
            }
            pass(u64::try_from(life_ms / 8).unwrap()).await;
            match step {
                0 => store.touch(&id).await.unwrap(),
                1 => drop(store.claim(&id, None, fence).await.unwrap()),
                2 => drop(store.commit(&id, 1, written.clone()).await.unwrap()),
                // The second time it waits.
                3 | 4 => drop(store.enqueue(&id, item("more", u64::MAX)).await.unwrap()),
                5 => drop(store.advance_epoch(&id, 1, leap.clone()).await.unwrap()),
                _ => store.release(&id, fence).await.unwrap(),
            }
            let left: i64 = server.ask(&["PTTL", &store.keys.state(&id)]).await;
            assert!(left > life_ms - life_ms / 16 && left <= life_ms, "step {step}: {left} of {life_ms}");
        }
        // A reply that is unfinished has no end; when it is over, everything has again.
        store.commit(&id, 2, Commit { running: Some(true), ..entries(&["z"]) }).await.unwrap();
        let running = ends(&server, &store, &id).await;
        assert!(running.iter().all(|(key, end)| *end == -1 || key == "done" || key == "aged"), "{running:?}");
        store.commit(&id, 2, Commit { running: Some(false), ..Commit::default() }).await.unwrap();
        assert!(ends(&server, &store, &id).await.iter().all(|(_, end)| *end > 0));
        // Everything goes together, and nothing is left.
        pass(u64::try_from(life_ms).unwrap() + 2 * DONE_KEPT_MS).await;
        let left: Vec<String> = server.ask(&["KEYS", &format!("*{id}*")]).await;
        assert_eq!(left, Vec::<String>::new());
        assert_eq!(store.session(&id).await.unwrap(), None);
    }
    // What had an end has none where sessions are for ever, from the next use on; and the other way.
    let (mortal, immortal) = (of(Lifetime::of(LIFETIME)).await, of(Lifetime::FOREVER).await);
    let id = full(&mortal).await;
    immortal.touch(&id).await.unwrap();
    let ends_of = async || ends(&server, &mortal, &id).await;
    assert!(ends_of().await.iter().all(|(key, end)| (*end == -1) == (key != "done" && key != "aged")));
    mortal.touch(&id).await.unwrap();
    assert!(ends_of().await.iter().all(|(_, end)| *end > 0));
}

// Fails when what was delivered keeps the near end that its session had under a short lifetime: it would be delivered again
// within the time for which that is promised not to happen. Or when it never ends.
#[tokio::test]
async fn a_longer_lifetime_forgets_no_delivery() {
    let server = Server::start().await;
    let of = async |lifetime| keeping(&server, lifetime).await;
    let pass = passing(std::slice::from_ref(&server));
    let hour_ms = 3_600_000;
    let brief = of(Lifetime::of(Duration::from_millis(hour_ms))).await;
    let running = Commit { running: Some(true), ..Commit::default() };
    for (longer, runs) in [(Lifetime::FOREVER, false), (Lifetime::of(LIFETIME), false), (Lifetime::of(LIFETIME), true)]
    {
        let store = of(longer).await;
        let id = full(&brief).await;
        if runs {
            store.commit(&id, 1, running.clone()).await.unwrap();
        } else {
            store.touch(&id).await.unwrap();
        }
        let kept = ends(&server, &store, &id).await;
        let kept: Vec<_> = kept.iter().filter(|(key, _)| key == "done" || key == "aged").collect();
        assert!(kept.len() == 2 && kept.iter().all(|(_, end)| *end > 0), "{kept:?}");
        pass(2 * hour_ms).await;
        let again = store.enqueue(&id, item("done", u64::MAX)).await.unwrap();
        assert!(matches!(again, Enqueued::Delivered(_)), "{longer:?} {runs}: {again:?}");
    }
}

// Fails when what a server with real time lets go is seen in part, or a use that comes in time does not keep it.
#[tokio::test]
async fn the_server_lets_sessions_go_by_itself() {
    let server = Server::start().await;
    let lifetime = Lifetime::of(Duration::from_millis(300));
    let store = RedisStore::open(RedisSettings { lifetime, ..settings(&server, Durability::AOF) }).await.unwrap();
    let id = full(&store).await;
    let mut looks = 0;
    while store.session(&id).await.unwrap().is_some() {
        tokio::time::sleep(server::PATIENCE / 1_200).await;
        looks += 1;
        assert!(looks < 1_200, "it never ends");
    }
    for key in store.keys.all(&id) {
        assert_eq!(server.ask::<i64>(&["EXISTS", &key]).await, 0, "{key}");
    }
    assert!(matches!(store.enqueue(&id, item("late", u64::MAX)).await, Err(StoreError::NoSession(_))));
}
