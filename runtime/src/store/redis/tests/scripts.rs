//! What the scripts do on a server, and refuse.

use super::*;
use crate::store::conformance::item;

async fn store() -> (Server, RedisStore, SessionId) {
    let server = Server::start().await;
    let store = RedisStore::open(settings(&server, Durability::AOF)).await.unwrap();
    let new = new_session();
    store.create(new.clone()).await.unwrap();
    (server, store, new.id)
}

/// A commit that touches every key of a session.
fn everything() -> Commit {
    let delivered = vec![Delivered { biz_id: "a".to_owned(), entry: 0 }];
    Commit { state: Some("new".into()), running: Some(true), delivered, ..entries(&["x"]) }
}

async fn seen(store: &RedisStore, id: &SessionId) -> String {
    let row = store.session(id).await.unwrap();
    format!("{row:?} {:?}", store.read(id, 0, 99).await.unwrap())
}

// Fails when ids are added up in doubles, or a carry between the two halves of an id is lost.
#[tokio::test]
async fn sequence_ids_have_64_bits() {
    let (_server, store, id) = store().await;
    let mut epoch = 1;
    for start in [9_999_999_998, 19_999_999_999, (1 << 53) - 1, 9_999_999_999_999_999, u64::MAX - 4] {
        epoch = store.advance_epoch(&id, epoch, Leap::beyond(epoch, start)).await.unwrap();
        let committed = store.commit(&id, epoch, entries(&["a", "b", "c"])).await.unwrap();
        assert_eq!(committed, Committed { first: start, head: start + 2 });
        let seqs: Vec<Seq> = store.read(&id, start, 9).await.unwrap().iter().map(|entry| entry.seq).collect();
        assert_eq!(seqs, [start, start + 1, start + 2]);
    }
    assert!(matches!(store.commit(&id, epoch, entries(&["1", "2", "3"])).await, Err(StoreError::Exhausted(_))));
    assert_eq!(store.commit(&id, epoch, entries(&["1", "2"])).await.unwrap().head, u64::MAX);
}

// Fails when a server that forgot the scripts is of no use any more.
#[tokio::test]
async fn a_server_that_forgot_the_scripts_gets_them_again() {
    let (server, store, id) = store().await;
    for n in 1..=3 {
        server.ask::<()>(&["SCRIPT", "FLUSH"]).await;
        let writes = (0..4).map(|m| store.enqueue(&id, item(&format!("{n} {m}"), u64::MAX)));
        for outcome in future::join_all(writes).await {
            assert_eq!(outcome.unwrap(), Enqueued::Fresh);
        }
        assert_eq!(store.commit(&id, 1, entries(&["x"])).await.unwrap().head, n);
    }
}

// Fails when a server that takes no writes does not say what became of a message, or the script that looks may write.
#[tokio::test]
async fn a_full_server_still_tells_what_became_of_a_message() {
    let (server, store, id) = store().await;
    store.enqueue(&id, item("a", u64::MAX)).await.unwrap();
    server.ask::<()>(&["CONFIG", "SET", "maxmemory", "1"]).await;
    assert!(store.enqueue(&id, item("b", u64::MAX)).await.is_err());
    assert_eq!(store.receipt(&id, "a").await.unwrap().1, Receipt::Waiting);
}

// Fails when a script meets a value that is not ours behind its first write, overwrites it, or does not name its key.
#[tokio::test]
async fn keys_of_others_are_left_alone() {
    let (server, store, id) = store().await;
    store.enqueue(&id, item("a", u64::MAX)).await.unwrap();
    let before = seen(&store, &id).await;
    let keys = &store.keys;
    let session = [keys.log(&id), keys.inbox(&id), keys.waits(&id), keys.due(&id), keys.done(&id), keys.aged(&id)];
    for key in session {
        let had: i64 = server.ask(&["EXISTS", &key]).await;
        if had == 1 {
            server.ask::<()>(&["RENAME", &key, "kept"]).await;
        }
        server.ask::<()>(&["SET", &key, "theirs"]).await;
        let refused = fault(store.commit(&id, 1, everything()).await);
        assert!(matches!(&refused, RedisFault::Foreign { key: named, .. } if *named == key), "{refused:?}");
        assert!(refused.to_string().contains("redis-prefix"), "{refused}");
        assert_eq!(server.ask::<String>(&["GET", &key]).await, "theirs");
        server.ask::<i64>(&["DEL", &key]).await;
        if had == 1 {
            server.ask::<()>(&["RENAME", "kept", &key]).await;
        }
        assert_eq!(seen(&store, &id).await, before, "{key}");
    }
    store.healthy().unwrap();
    assert_eq!(store.commit(&id, 1, everything()).await.unwrap().head, 1);

    // So is a session's state, be it a hash or not, and the list of unfinished replies.
    let other = new_session();
    server.ask::<()>(&["SET", &keys.state(&other.id), "theirs"]).await;
    assert!(matches!(fault(store.create(other.clone()).await), RedisFault::Foreign { .. }));
    assert!(matches!(fault(store.session(&other.id).await), RedisFault::Foreign { .. }));
    server.ask::<i64>(&["DEL", &keys.state(&other.id)]).await;
    server.ask::<i64>(&["HSET", &keys.state(&other.id), "their", "field"]).await;
    assert!(matches!(fault(store.create(other.clone()).await), RedisFault::Foreign { .. }));
    server.ask::<i64>(&["DEL", &keys.running_of(&id)]).await;
    server.ask::<()>(&["SET", &keys.running_of(&id), "theirs"]).await;
    assert!(matches!(fault(store.commit(&id, 1, everything()).await), RedisFault::Foreign { .. }));
}

// Fails when a step without deliveries, which does not ask for the type of every key, takes one that is not ours for none,
// writes before it has seen it, or does not name it.
#[tokio::test]
async fn a_plain_step_leaves_keys_of_others_alone() {
    let (server, store, id) = store().await;
    let before = seen(&store, &id).await;
    let plain = || Commit { state: Some("new".into()), running: Some(true), ..entries(&["x"]) };
    for key in [store.keys.log(&id), store.keys.due(&id), store.keys.running_of(&id)] {
        server.ask::<()>(&["SET", &key, "theirs"]).await;
        let refused = fault(store.commit(&id, 1, plain()).await);
        assert!(matches!(&refused, RedisFault::Foreign { key: named, .. } if *named == key), "{refused:?}");
        assert_eq!(server.ask::<String>(&["GET", &key]).await, "theirs");
        server.ask::<i64>(&["DEL", &key]).await;
        assert_eq!(seen(&store, &id).await, before, "{key}");
    }
    // One whose time is over makes the step look at where items wait.
    store.enqueue(&id, item("late", 1)).await.unwrap();
    for key in [store.keys.inbox(&id), store.keys.waits(&id)] {
        server.ask::<()>(&["RENAME", &key, "kept"]).await;
        server.ask::<()>(&["SET", &key, "theirs"]).await;
        let refused = fault(store.commit(&id, 1, plain()).await);
        assert!(matches!(&refused, RedisFault::Foreign { key: named, .. } if *named == key), "{refused:?}");
        server.ask::<()>(&["RENAME", "kept", &key]).await;
        assert_eq!(seen(&store, &id).await, before, "{key}");
    }
    assert_eq!(store.commit(&id, 1, plain()).await.unwrap().head, 1);
    assert_eq!(store.take_expired(), 1);
    server.ask::<()>(&["SET", &store.keys.state(&id), "theirs"]).await;
    let refused = fault(store.commit(&id, 1, plain()).await);
    assert!(matches!(&refused, RedisFault::Foreign { key, .. } if *key == store.keys.state(&id)), "{refused:?}");
}

// Fails when a step on one server needs a second one to list what it leaves unfinished, or to strike off what it ends; or
// strikes off what was listed since.
#[tokio::test]
async fn one_step_lists_and_strikes_off() {
    let (server, store, id) = store().await;
    let key = store.keys.running_of(&id);
    let running = |running| Commit { running: Some(running), ..entries(&["x"]) };
    let calls = async || {
        let stats: String = server.ask(&["INFO", "commandstats"]).await;
        let count = |name: &str| {
            let line = stats.lines().find_map(|line| line.strip_prefix(&format!("cmdstat_{name}:calls=")));
            line.and_then(|line| line.split(',').next()?.parse::<u64>().ok()).unwrap_or(0)
        };
        count("evalsha") + count("eval")
    };
    store.commit(&id, 1, running(true)).await.unwrap();
    let before = calls().await;
    store.commit(&id, 1, running(true)).await.unwrap();
    let listed: String = server.ask(&["HGET", &key, id.as_str()]).await;
    assert_eq!(server.ask::<String>(&["HGET", &store.keys.state(&id), "running"]).await, listed);
    store.commit(&id, 1, running(false)).await.unwrap();
    assert_eq!(calls().await - before, 2);
    assert_eq!(server.ask::<i64>(&["EXISTS", &key]).await, 0);
    store.commit(&id, 1, running(true)).await.unwrap();
    server.ask::<i64>(&["HSET", &key, id.as_str(), "another"]).await;
    store.commit(&id, 1, running(false)).await.unwrap();
    assert_eq!(server.ask::<String>(&["HGET", &key, id.as_str()]).await, "another");
    assert!(!store.session(&id).await.unwrap().unwrap().running);
}

// Fails when an entry that is there already is written over, or the step is made without it.
#[tokio::test]
async fn an_id_is_never_given_twice() {
    let (server, store, id) = store().await;
    store.commit(&id, 1, entries(&["1"])).await.unwrap();
    server.ask::<String>(&["XADD", &store.keys.log(&id), "2-0", "e", "of somebody else"]).await;
    assert!(matches!(fault(store.commit(&id, 1, everything()).await), RedisFault::Refused { .. }));
    let row = store.session(&id).await.unwrap().unwrap();
    assert_eq!((row.head, row.running, row.state.len()), (1, false, 0));
    assert_eq!(store.read(&id, 0, 9).await.unwrap().len(), 1);
}

// Fails when delivered ids pile up, the wrong ones go, or what is empty or forgotten stays in memory.
#[tokio::test]
async fn what_is_remembered_is_bounded() {
    let (server, store, id) = store().await;
    let deliver = |from: usize, to: usize| {
        let delivered = (from..to).map(|n| Delivered { biz_id: format!("m{n}"), entry: 0 }).collect();
        store.commit(&id, 1, Commit { delivered, ..entries(&["x"]) })
    };
    deliver(0, 1).await.unwrap();
    tokio::time::sleep(Duration::from_millis(5)).await;
    deliver(1, DONE_LIMIT).await.unwrap();
    assert_eq!(store.enqueue(&id, item("m0", u64::MAX)).await.unwrap(), Enqueued::Delivered(1));
    tokio::time::sleep(Duration::from_millis(5)).await;
    deliver(DONE_LIMIT, DONE_LIMIT + 1).await.unwrap();
    assert_eq!(store.enqueue(&id, item("m0", u64::MAX)).await.unwrap(), Enqueued::Fresh);
    assert_eq!(store.enqueue(&id, item("m1", u64::MAX)).await.unwrap(), Enqueued::Delivered(2));
    let (done, aged) = (store.keys.done(&id), store.keys.aged(&id));
    assert_eq!(server.ask::<usize>(&["HLEN", &done]).await, DONE_LIMIT);
    assert_eq!(server.ask::<usize>(&["ZCARD", &aged]).await, DONE_LIMIT);
    for key in [done, aged] {
        assert!(server.ask::<i64>(&["PTTL", &key]).await > i64::try_from(DONE_KEPT_MS).unwrap());
    }
    deliver(0, 1).await.unwrap();
    let keys = [store.keys.inbox(&id), store.keys.waits(&id), store.keys.due(&id)];
    for key in keys {
        assert_eq!(server.ask::<i64>(&["EXISTS", &key]).await, 0, "{key}");
    }
}

// Fails when a script runs a command, or one on a key is sent by itself, of which nobody has looked whether the user may
// run it: it would be refused when it is needed, and not at the start.
#[test]
fn every_command_of_the_scripts_is_looked_at() {
    let scripts = [
        include_str!("../scripts/common.lua"),
        include_str!("../scripts/inbox.lua"),
        include_str!("../scripts/create.lua"),
        include_str!("../scripts/commit.lua"),
        include_str!("../scripts/enqueue.lua"),
        include_str!("../scripts/receipt.lua"),
        include_str!("../scripts/advance.lua"),
        include_str!("../scripts/settled.lua"),
        include_str!("../scripts/claim.lua"),
        include_str!("../scripts/release.lua"),
        include_str!("../scripts/touch.lua"),
        include_str!("../scripts/renew.lua"),
        include_str!("../scripts/ring.lua"),
        include_str!("../scripts/jobs/common.lua"),
        include_str!("../scripts/jobs/add.lua"),
        include_str!("../scripts/jobs/take.lua"),
        include_str!("../scripts/jobs/look.lua"),
        include_str!("../scripts/jobs/renew.lua"),
        include_str!("../scripts/jobs/settle.lua"),
        include_str!("../scripts/jobs/cancel.lua"),
        include_str!("../scripts/jobs/retry.lua"),
    ];
    let rights = include_str!("../scripts/rights.lua");
    let mut commands = std::collections::BTreeSet::new();
    for call in scripts.iter().flat_map(|script| script.split("call('").skip(1)) {
        commands.extend(call.split('\'').next());
    }
    assert!(commands.len() > 15, "{commands:?}");
    let sent = [
        include_str!("../answer.rs"),
        include_str!("../mod.rs"),
        include_str!("../nodes.rs"),
        include_str!("../reads.rs"),
        include_str!("../running.rs"),
        include_str!("../listed.rs"),
        include_str!("../jobs.rs"),
    ];
    let before = commands.len();
    for call in sent.iter().flat_map(|source| source.split("redis::cmd(\"").skip(1)) {
        commands.extend(call.split('"').next());
    }
    assert!(commands.len() > before, "{commands:?}");
    for command in commands {
        assert!(rights.contains(&format!("{{'{command}'")), "rights.lua does not ask for {command}");
    }
}

// Fails when the list of unfinished replies keeps what is over, or gives up what began meanwhile.
#[tokio::test]
async fn what_is_left_on_the_list_goes_when_it_is_old() {
    let server = Server::start().await;
    let clock = Arc::new(AtomicU64::new(START_MS));
    let store = open(&server, &clock).await;
    let new = new_session();
    store.create(new.clone()).await.unwrap();
    let (id, key) = (new.id.clone(), store.keys.running_of(&new.id));
    // As a crash behind the listing leaves it in a cluster.
    let mark = store.list(&id, None).await.unwrap();
    server.ask::<i64>(&["HSET", &key, id.as_str(), &mark]).await;
    assert_eq!(conformance::unfinished(&*store).await, []);
    assert_eq!(server.ask::<String>(&["HGET", &key, id.as_str()]).await, mark, "it may be about to be marked");
    clock.fetch_add(11 * 60 * 1_000, Ordering::SeqCst);
    assert_eq!(conformance::unfinished(&*store).await, []);
    assert_eq!(server.ask::<i64>(&["HLEN", &key]).await, 0);
    // A strike that comes late takes nothing that was listed since.
    store.commit(&id, 1, Commit { running: Some(true), ..Commit::default() }).await.unwrap();
    running::strike(&store.servers, &store.keys, &id, &mark).await.unwrap();
    assert_eq!(conformance::unfinished(&*store).await, std::slice::from_ref(&id));
    server.ask::<i64>(&["HSET", &key, "nobody", "1-x"]).await;
    assert_eq!(conformance::unfinished(&*store).await, std::slice::from_ref(&id), "the others are found all the same");
    store.commit(&id, 1, Commit { running: Some(false), ..Commit::default() }).await.unwrap();
    // What is done behind an answer is done before the store is closed.
    store.close().await;
    assert_eq!(server.ask::<Vec<String>>(&["HKEYS", &key]).await, ["nobody"]);
}
