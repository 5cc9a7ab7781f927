//! The store on a real cluster.

use super::durable::Writer;
use super::faults::{goes_on, recovers, until, was_never_written};
use super::lifetimes::passing;
use super::members::Nodes;
use super::server::free_port;
use super::wire::Wire;
use super::*;
use crate::store::Ring;
use crate::store::conformance::item;
use crate::store::redis::scripts::COMMIT;
use crate::store::redis::slots::slot;

// Fails when a step of a session needs keys of two nodes, or a key is looked for at the wrong one.
#[tokio::test]
async fn conforms_on_three_nodes() {
    let nodes = Nodes::start().await;
    let clock = Arc::new(AtomicU64::new(START_MS));
    let open = async || -> Arc<RedisStore> {
        let (clock, lifetime) = (StoreClock::Manual(clock.clone()), Lifetime::of(conformance::lifetimes::LIFETIME));
        let settings = RedisSettings { lifetime, ..nodes.settings(Durability::AOF) };
        Arc::new(RedisStore::open_with_clock(settings, clock).await.unwrap())
    };
    let other: Arc<dyn Store> = open().await;
    let passing = Some(passing(&nodes.servers));
    let subject = Subject { store: open().await, clock: clock.clone(), other: Some(other), passing };
    conformance::all(&subject).await;
    crate::store::jobs::all(&subject).await;
    // What was checked has ended, mostly.
    for _ in 0..100 {
        subject.store.create(new_session()).await.unwrap();
    }
    conformance::closed(&subject).await;
    // Each node has its part.
    for server in &nodes.servers {
        let keys: Vec<String> = server.ask(&["KEYS", "*"]).await;
        assert!(keys.len() > 3 && keys.iter().all(|key| key.starts_with("test:{")), "{keys:?}");
    }
}

// Fails when the store on a cluster differs from the model in any answer or visible effect, restarts included.
#[test]
fn agrees_with_the_model_on_three_nodes() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let nodes = runtime.block_on(Nodes::start());
    let case = AtomicU64::new(0);
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig::with_cases(24));
    let outcome = runner.run(&prop::collection::vec(step(), 1..40), |steps| {
        // A prefix of its own: what other histories left is not its.
        let prefix = format!("case{}:", case.fetch_add(1, Ordering::Relaxed));
        let open = async |clock| {
            let settings = RedisSettings { prefix: prefix.clone(), ..nodes.settings(Durability::AOF) };
            Arc::new(RedisStore::open_with_clock(settings, StoreClock::Manual(clock)).await.unwrap())
        };
        runtime.block_on(agree(true, Lifetime::FOREVER, open, steps));
        Ok(())
    });
    outcome.unwrap();
}

// Fails when a slot is computed otherwise than the servers do, when a script's keys are in two slots, or when a cluster
// would take it if they were: then the tests beside this one would not notice.
#[tokio::test]
async fn a_script_never_touches_two_slots() {
    let nodes = Nodes::start().await;
    let store = nodes.open(Durability::AOF).await;
    for key in ["a", "", "{", "}{x}", "{}", "{}a", "a{b}c}", "订单", "rolecall:{running:7}"] {
        assert_eq!(nodes.servers[0].ask::<u16>(&["CLUSTER", "KEYSLOT", key]).await, slot(key), "{key}");
    }
    for _ in 0..50 {
        let (id, other) = (new_session().id, new_session().id);
        let delivered = vec![Delivered { biz_id: "a".to_owned(), entry: 0 }];
        let everything = Commit { state: Some("s".into()), delivered, ..entries(&["x"]) };
        let calls = [
            store.commit_call(&id, 1, everything, "mark"),
            store.enqueue_call(&id, item("a", 1)),
            store.create_call(NewSession { id: id.clone(), ..new_session() }).unwrap(),
            store.touch_call(&id),
            store.receipt_call(&id, "a"),
            store.advance_call(&id, 1, &Leap::beyond(1, 7)),
            store.claim_call(&id, None, Fence::certain(1)),
            store.release_call(&id, Fence::certain(1)),
            store.renewal(1, false),
            store.ring_call(store.node(), &Ring::Taken(id.clone())),
            running::struck_off(&store.keys, &id, "mark"),
        ];
        for call in calls {
            assert!(!call.keys().is_empty());
            let slots: std::collections::BTreeSet<u16> = call.keys().iter().map(|key| slot(key)).collect();
            assert_eq!(slots.len(), 1, "{:?}", call.keys());
        }
        if slot(id.as_str()) == slot(other.as_str()) {
            continue;
        }
        let torn = Call::of(&COMMIT, [store.keys.state(&id), store.keys.log(&other)]);
        let refused = torn.run_anywhere(&store.servers).await.unwrap_err().to_string();
        assert!(refused.to_lowercase().contains("slot"), "{refused}");
    }
}

// Fails when a script may write a key that it does not name: then the tests on a cluster would not notice one that does.
#[tokio::test]
async fn a_script_touches_only_keys_that_it_names() {
    let nodes = Nodes::start().await;
    let keys = Keys::new("test:", Node::begin("a").unwrap());
    let (mine, other) = (keys.state(&nodes.session_on(0).id), keys.state(&nodes.session_on(1).id));
    let script = format!("#!lua\nreturn redis.call('SET', '{other}', 1)");
    let mut connection = nodes.servers[0].connection().await;
    let torn = redis::cmd("EVAL").arg(script).arg(1).arg(mine).query_async::<Value>(&mut connection).await;
    assert!(torn.unwrap_err().to_string().contains("non local key"));
}

// Fails when a primary that is lost takes acknowledged steps with it although a replica had them, when an id is given
// twice, or a write without an answer is made twice; when nobody finds the replica that took over.
#[tokio::test(flavor = "multi_thread")]
async fn a_replica_takes_over_in_the_middle_of_writes() {
    let mut nodes = Nodes::with(3, 2, &[]).await;
    let store = nodes.open(Durability { aof: false, replicas: 1 }).await;
    let mut writers = Vec::new();
    for n in 0..12 {
        let new = nodes.session_on(n % 3);
        store.create(new.clone()).await.unwrap();
        writers.push(Writer::of(new.id));
    }
    for dies in [0, 1] {
        let over = AtomicBool::new(false);
        let before: Vec<usize> = writers.iter().map(Writer::acknowledged).collect();
        let work = future::join_all(writers.iter_mut().map(|writer| writer.work_on(&store, &over)));
        let accident = async {
            tokio::time::sleep(Duration::from_millis(300)).await;
            nodes.servers[dies].kill();
            let heir = async |replica: usize| {
                nodes.until(replica, &["INFO", "replication"], |info| info.contains("role:master")).await;
                replica
            };
            let (one, other) = (Box::pin(heir(dies + 3)), Box::pin(heir(dies + 6)));
            let heir = future::select(one, other).await.factor_first().0;
            // The other one follows it before anything is acknowledged again.
            nodes.until(heir, &["INFO", "replication"], |info| info.contains("state=online")).await;
            tokio::time::sleep(Duration::from_secs(2)).await;
            over.store(true, Ordering::SeqCst);
        };
        future::join(work, accident).await;
        for (writer, before) in writers.iter().zip(before) {
            assert!(writer.acknowledged() > before + 20, "{} written in all", writer.acknowledged() - before);
        }
        recovers(&store).await;
    }
    for writer in &writers {
        writer.agrees(&store).await;
    }
}

// Fails when a session whose slot is moved is lost, written twice, read with a hole, or refused for longer than it takes;
// when the store goes to the old node for ever.
#[tokio::test(flavor = "multi_thread")]
async fn slots_are_moved_in_the_middle_of_writes() {
    let nodes = Nodes::start().await;
    let store = nodes.open(Durability::AOF).await;
    let mut writers = Vec::new();
    for _ in 0..4 {
        let new = nodes.session_on(0);
        store.create(new.clone()).await.unwrap();
        store.commit(&new.id, 1, entries(&["first"])).await.unwrap();
        writers.push(Writer::of(new.id));
    }
    let ids: Vec<SessionId> = writers.iter().map(|writer| writer.id.clone()).collect();
    let over = AtomicBool::new(false);
    let work = future::join_all(writers.iter_mut().map(|writer| writer.work_without_fault(&store, &over)));
    let moves = async {
        for (from, to) in [(0, 1), (1, 2), (2, 0)] {
            for id in &ids {
                let slot = slot(id.as_str());
                nodes.begin_to_move(slot, from, to).await;
                // The state is there already, the log is not yet.
                nodes.move_key(&store.keys.state(id), from, to).await;
                tokio::time::sleep(Duration::from_millis(30)).await;
                let (row, log) = (store.session(id).await.unwrap().unwrap(), store.read(id, 1, 99_999).await.unwrap());
                assert!(log.len() as u64 >= row.head && log.iter().zip(1..).all(|(entry, seq)| entry.seq == seq));
                nodes.finish_to_move(slot, from, to).await;
            }
        }
        over.store(true, Ordering::SeqCst);
    };
    future::join(work, moves).await;
    for writer in &writers {
        assert!(writer.acknowledged() > 50, "{} written", writer.acknowledged());
        writer.agrees(&store).await;
    }
    store.healthy().unwrap();
}

// Fails when what is moved for longer than a call waits counts as undecided, or as something else than it is.
#[tokio::test]
async fn a_move_that_does_not_end_is_told() {
    let nodes = Nodes::start().await;
    let store = nodes.open(Durability::AOF).await;
    let new = nodes.session_on(0);
    let slot = slot(new.id.as_str());
    store.create(new.clone()).await.unwrap();
    store.commit(&new.id, 1, entries(&["first"])).await.unwrap();
    nodes.begin_to_move(slot, 0, 2).await;
    nodes.move_key(&store.keys.state(&new.id), 0, 2).await;
    let refused = fault(store.commit(&new.id, 1, entries(&["second"])).await);
    assert!(matches!(refused, RedisFault::Moving { .. }) && refused.to_string().contains("reshard"), "{refused}");
    assert_eq!(store.session(&new.id).await.unwrap().unwrap().head, 1);
    nodes.finish_to_move(slot, 0, 2).await;
    goes_on(&store, &new.id).await;
}

// Fails when nodes that send a command to each other keep it for ever, or nobody says what is wrong with them.
#[tokio::test]
async fn nodes_that_do_not_agree_are_told() {
    let nodes = Nodes::start().await;
    let store = nodes.open(Durability::AOF).await;
    let new = nodes.session_on(0);
    let slot = slot(new.id.as_str());
    nodes.tell(0, slot, 1).await;
    let refused = fault(store.create(new.clone()).await);
    assert!(matches!(refused, RedisFault::Astray { .. }), "{refused:?}");
    assert!(refused.to_string().contains("--cluster fix"), "{refused}");
    nodes.tell(0, slot, 0).await;
    store.create(new.clone()).await.unwrap();
    goes_on(&store, &new.id).await;
}

// Fails when slots that no node serves go unnoticed, are told as something else, or are not found when they have one again.
#[tokio::test]
async fn slots_without_a_node_are_told() {
    let nodes = Nodes::start().await;
    let store = nodes.open(Durability::AOF).await;
    let new = nodes.session_on(1);
    store.create(new.clone()).await.unwrap();
    let down =
        |health: &Result<(), StoreError>| matches!(health, Err(StoreError::Redis(RedisFault::ClusterDown { .. })));
    for server in &nodes.servers {
        server.ask::<()>(&["CLUSTER", "DELSLOTS", "5"]).await;
    }
    let refused = fault(store.commit(&new.id, 1, entries(&["x"])).await);
    assert!(matches!(refused, RedisFault::ClusterDown { .. }) && refused.to_string().contains("--cluster check"));
    until(&store, "down", down).await;
    nodes.servers[0].ask::<()>(&["CLUSTER", "ADDSLOTS", "5"]).await;
    recovers(&store).await;
    goes_on(&store, &new.id).await;
}

// Fails when a write that was given up on its way to a node is done behind the read that looked what became of it; when a
// node that hangs holds up the sessions of the others.
#[tokio::test]
async fn a_write_that_got_stuck_at_a_node_never_comes_behind_a_read() {
    let port = free_port();
    let wire = Wire::to(port).await;
    let flags = ["--appendonly", "yes", "--appendfsync", "always"];
    let nodes = Nodes::behind(3, 0, &flags, Some((port, wire.port))).await;
    let store = nodes.open(Durability::AOF).await;
    let (new, other) = (nodes.session_on(0), nodes.session_on(2));
    for new in [&new, &other] {
        store.create(new.clone()).await.unwrap();
        // The nodes know the script from here on.
        store.commit(&new.id, 1, entries(&["first"])).await.unwrap();
    }
    wire.hold();
    let late = Commit { state: Some("late".into()), ..entries(&["late"]) };
    let (late, beside) = future::join(store.commit(&new.id, 1, late), async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        store.commit(&other.id, 1, entries(&["beside"])).await
    })
    .await;
    assert_eq!(beside.unwrap().head, 2);
    assert!(matches!(fault(late), RedisFault::Undecided { .. }));
    was_never_written(&store, &new.id, &wire).await;
}

// Fails when a session that may have an unfinished reply is not listed durably before it is marked, or not found on
// whatever node it is.
#[tokio::test]
async fn unfinished_replies_are_found_on_all_nodes() {
    let nodes = Nodes::start().await;
    let store = nodes.open(Durability::AOF).await;
    let mut begun = Vec::new();
    for n in 0..9 {
        let new = nodes.session_on(n % 3);
        store.create(new.clone()).await.unwrap();
        store.commit(&new.id, 1, Commit { running: Some(true), ..Commit::default() }).await.unwrap();
        begun.push(new.id);
    }
    begun.sort();
    assert_eq!(conformance::unfinished(&store).await, begun);
    for id in &begun {
        store.commit(id, 1, Commit { running: Some(false), ..Commit::default() }).await.unwrap();
    }
    assert_eq!(conformance::unfinished(&store).await, []);
}

// Fails when what is no cluster is taken for one, or settings that a cluster does not have are passed over.
#[tokio::test]
async fn an_address_must_fit_what_is_there() {
    let (alone, other) = (Server::start().await, Server::start().await);
    let two = format!("redis://127.0.0.1:{},127.0.0.1:{}", alone.port, other.port);
    let refused = fault(RedisStore::open(settings_at(&two, Durability::AOF)).await);
    assert!(refused.to_string().contains("no nodes of a cluster"), "{refused}");
    let nodes = Nodes::start().await;
    let numbered = format!("{}/3", nodes.servers[0].url());
    let refused = fault(RedisStore::open(settings_at(&numbered, Durability::AOF)).await);
    assert!(refused.to_string().contains("no database but 0"), "{refused}");
    // One that is gone does not matter, as long as one is there.
    let some = format!("redis://127.0.0.1:{},127.0.0.1:{}", free_port(), nodes.servers[1].port);
    let store = RedisStore::open(settings_at(&some, Durability::AOF)).await.unwrap();
    store.create(new_session()).await.unwrap();
}
