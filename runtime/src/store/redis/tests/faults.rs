//! Servers that fail, and what is said about it. Each fault must pass by itself once its cause is gone.

use super::server::PATIENCE;
use super::wire::Wire;
use super::*;
use crate::store::conformance::item;

/// Waits until something about the health of a store is so.
pub(super) async fn until(store: &RedisStore, what: &str, is: impl Fn(&Result<(), StoreError>) -> bool) {
    for _ in 0..1_200 {
        if is(&store.healthy()) {
            return;
        }
        tokio::time::sleep(PATIENCE / 1_200).await;
    }
    panic!("never {what}: {:?}", store.healthy());
}

pub(super) async fn recovers(store: &RedisStore) {
    until(store, "healthy again", Result::is_ok).await;
}

async fn ready(server: &Server) -> (RedisStore, SessionId) {
    let store = RedisStore::open(settings(server, Durability::AOF)).await.unwrap();
    let new = new_session();
    store.create(new.clone()).await.unwrap();
    store.commit(&new.id, 1, entries(&["kept"])).await.unwrap();
    store.healthy().unwrap();
    (store, new.id)
}

pub(super) async fn goes_on(store: &RedisStore, id: &SessionId) {
    let row = store.session(id).await.unwrap().unwrap();
    let commit = Commit { after: Some(row.head), ..entries(&["on"]) };
    assert_eq!(store.commit(id, row.epoch, commit).await.unwrap().head, row.head + 1);
    store.healthy().unwrap();
}

// Fails when a server that is not there is anything but an error that names it, or is not found when it comes.
#[tokio::test]
async fn a_server_that_is_gone_is_found_again() {
    let nobody = settings_at(&format!("redis://127.0.0.1:{}", server::free_port()), Durability::AOF);
    let refused = fault(RedisStore::open(nobody).await);
    assert!(
        matches!(refused, RedisFault::Unreachable { .. }) && refused.to_string().contains("redis-url"),
        "{refused}"
    );

    let mut server = Server::start().await;
    let (store, id) = ready(&server).await;
    server.kill();
    until(&store, "unreachable", |health| matches!(health, Err(StoreError::Redis(RedisFault::Unreachable { .. }))))
        .await;
    assert!(matches!(fault(store.session(&id).await), RedisFault::Unreachable { .. }));
    // Nothing was sent, so nothing is in doubt.
    assert!(matches!(fault(store.commit(&id, 1, entries(&["x"])).await), RedisFault::Unreachable { .. }));
    server.restart().await;
    recovers(&store).await;
    goes_on(&store, &id).await;
    assert_eq!(store.read(&id, 0, 9).await.unwrap().len(), 2);
}

// Fails when a write without an answer counts as refused or done, or happens behind the read that looked what became of
// it; when a server that hangs counts as healthy.
#[tokio::test]
async fn a_frozen_server_leaves_nothing_undecided() {
    let server = Server::start().await;
    let store = RedisStore::open(settings(&server, Durability::AOF)).await.unwrap();
    let sessions: Vec<_> = (0..20).map(|_| new_session()).collect();
    for new in &sessions {
        store.create(new.clone()).await.unwrap();
    }
    // The server knows the script from here on.
    store.commit(&sessions[0].id, 1, Commit::default()).await.unwrap();
    server.freeze(true);
    let writes = sessions.iter().map(|new| {
        let commit = Commit { after: Some(0), state: Some("late".into()), ..entries(&["late"]) };
        store.commit(&new.id, 1, commit)
    });
    for outcome in future::join_all(writes).await {
        assert!(matches!(fault(outcome), RedisFault::Undecided { .. } | RedisFault::Unreachable { .. }));
    }
    until(&store, "unreachable", Result::is_err).await;
    server.freeze(false);
    recovers(&store).await;
    let mut heads = Vec::new();
    for new in &sessions {
        heads.push(store.session(&new.id).await.unwrap().unwrap().head);
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    for (new, head) in sessions.iter().zip(heads) {
        let row = store.session(&new.id).await.unwrap().unwrap();
        assert_eq!((row.head, row.state.is_empty()), (head, head == 0), "a write came behind the read");
        goes_on(&store, &new.id).await;
    }
}

// Fails when a write that was given up on the way is done behind the read that looked what became of it: the reader would
// write over it, or say again what it said.
#[tokio::test]
async fn a_write_that_got_stuck_never_comes_behind_a_read() {
    let server = Server::start().await;
    let wire = Wire::to(server.port).await;
    let through = settings_at(&format!("redis://127.0.0.1:{}", wire.port), Durability::AOF);
    let store = RedisStore::open(through).await.unwrap();
    let new = new_session();
    store.create(new.clone()).await.unwrap();
    // The server knows the script from here on.
    store.commit(&new.id, 1, entries(&["first"])).await.unwrap();
    wire.hold();
    let late = Commit { state: Some("late".into()), ..entries(&["late"]) };
    assert!(matches!(fault(store.commit(&new.id, 1, late).await), RedisFault::Undecided { .. }));
    was_never_written(&store, &new.id, &wire).await;
}

/// A step behind the first of a session, with a new state, is held back on a wire: what is read once there is a connection
/// again says that it was not made, and stays so when it comes.
pub(super) async fn was_never_written(store: &RedisStore, id: &SessionId, wire: &Wire) {
    recovers(store).await;
    let row = store.session(id).await.unwrap().unwrap();
    assert_eq!((row.head, row.state.len()), (1, 0));
    wire.let_go();
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(store.session(id).await.unwrap().unwrap(), row);
    goes_on(store, id).await;
}

// Fails when a wrong password is told as something else, or told itself.
#[tokio::test]
async fn a_wrong_password_is_named_and_not_shown() {
    let flags = ["--appendonly", "yes", "--appendfsync", "always", "--requirepass", "open-sesame"];
    let server = Server::with(&flags).await;
    let with = |user: &str| settings_at(&format!("redis://{user}@127.0.0.1:{}", server.port), Durability::AOF);
    for wrong in [":hunter2", "anna:hunter2"] {
        let refused = fault(RedisStore::open(with(wrong)).await);
        assert!(matches!(refused, RedisFault::Denied { .. }), "{refused:?}");
        assert!(!format!("{refused} {refused:?}").contains("hunter2"), "{refused}");
        assert!(refused.to_string().contains("redis-url"), "{refused}");
    }
    let none = settings(&server, Durability::AOF);
    assert!(matches!(fault(RedisStore::open(none).await), RedisFault::Denied { .. }));

    let settings = with(":open-sesame");
    assert!(!format!("{settings:?}").contains("sesame"));
    let store = RedisStore::open(settings).await.unwrap();
    assert!(!format!("{store:?}").contains("sesame"));
    let new = new_session();
    store.create(new.clone()).await.unwrap();
    // The password is changed while connections are open, and back.
    let mut admin = redis::Client::open(format!("redis://:open-sesame@127.0.0.1:{}", server.port))
        .unwrap()
        .get_multiplexed_async_connection()
        .await
        .unwrap();
    let mut tell = async |words: &[&str]| {
        let mut command = redis::cmd(words[0]);
        for word in words.iter().skip(1) {
            command.arg(*word);
        }
        command.query_async::<Value>(&mut admin).await.unwrap();
    };
    tell(&["CONFIG", "SET", "requirepass", "another"]).await;
    tell(&["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]).await;
    until(&store, "denied", |health| matches!(health, Err(StoreError::Redis(RedisFault::Denied { .. })))).await;
    tell(&["CONFIG", "SET", "requirepass", "open-sesame"]).await;
    recovers(&store).await;
    goes_on(&store, &new.id).await;
}

// Fails when a server without memory takes a part of a step, is told as something else, or stays unhealthy.
#[tokio::test]
async fn a_full_server_takes_nothing_partly() {
    let server = Server::start().await;
    let (store, id) = ready(&server).await;
    store.enqueue(&id, item("a", u64::MAX)).await.unwrap();
    let before = format!("{:?}", store.session(&id).await.unwrap());
    server.ask::<()>(&["CONFIG", "SET", "maxmemory", "1"]).await;
    let delivered = vec![Delivered { biz_id: "a".to_owned(), entry: 0 }];
    let commit = Commit { state: Some("new".into()), delivered, ..entries(&["x"]) };
    let refused = fault(store.commit(&id, 1, commit).await);
    assert!(matches!(refused, RedisFault::Full { .. }) && refused.to_string().contains("maxmemory"), "{refused}");
    assert!(matches!(fault(store.enqueue(&id, item("b", 1)).await), RedisFault::Full { .. }));
    assert!(matches!(fault(store.create(new_session()).await), RedisFault::Full { .. }));
    assert!(matches!(store.healthy(), Err(StoreError::Redis(RedisFault::Full { .. }))));
    assert_eq!(format!("{:?}", store.session(&id).await.unwrap()), before);
    assert_eq!(store.inbox(&id, 0, 9).await.unwrap(), [item("a", u64::MAX)]);
    server.ask::<()>(&["CONFIG", "SET", "maxmemory", "0"]).await;
    recovers(&store).await;
    goes_on(&store, &id).await;
}

// Fails when a replica is taken for a server, or one that becomes a replica is written to in vain for ever.
#[tokio::test]
async fn a_replica_takes_no_writes() {
    let (server, primary) = (Server::start().await, Server::start().await);
    let (store, id) = ready(&server).await;
    let port = primary.port.to_string();
    server.ask::<()>(&["REPLICAOF", "127.0.0.1", &port]).await;
    let refused = fault(store.commit(&id, 1, entries(&["x"])).await);
    assert!(matches!(refused, RedisFault::ReadOnly { .. }) && refused.to_string().contains("primary"), "{refused}");
    until(&store, "read-only", |health| matches!(health, Err(StoreError::Redis(RedisFault::ReadOnly { .. })))).await;
    assert!(matches!(
        fault(RedisStore::open(settings(&server, Durability::MEMORY)).await),
        RedisFault::ReadOnly { .. } | RedisFault::Loading { .. }
    ));
    server.ask::<()>(&["REPLICAOF", "NO", "ONE"]).await;
    recovers(&store).await;
    let new = new_session();
    store.create(new.clone()).await.unwrap();
    goes_on(&store, &new.id).await;
}

// Fails when a server that reads its files counts as healthy, broken or empty, or a start does not wait for it.
#[tokio::test]
async fn a_server_that_loads_its_data_is_waited_for() {
    let slow = ["--key-load-delay", "200", "--loading-process-events-interval-bytes", "1024"];
    let flags = [&["--appendonly", "yes", "--appendfsync", "always"], slow.as_slice()].concat();
    let mut server = Server::with(&flags).await;
    let (store, id) = ready(&server).await;
    for _ in 0..2 {
        let many = vec![bytes::Bytes::from_static(b"more"); 10_000];
        store.commit(&id, 1, Commit { entries: many, ..Commit::default() }).await.unwrap();
    }
    server.kill();
    server.begin();
    until(&store, "loading", |health| matches!(health, Err(StoreError::Redis(RedisFault::Loading { .. })))).await;
    let other = RedisSettings { prefix: "other:".to_owned(), ..settings(&server, Durability::AOF) };
    let other = RedisStore::open(other).await.unwrap();
    other.healthy().unwrap();
    recovers(&store).await;
    assert_eq!(store.session(&id).await.unwrap().unwrap().head, 20_001);
    goes_on(&store, &id).await;
}

// Fails when a user without rights is told as a lost connection, or what he may do does not work.
#[tokio::test]
async fn a_user_without_rights_is_told_so() {
    let server = Server::start().await;
    let user = ["ACL", "SETUSER", "anna", "on", ">hunter2", "~*", "+@all"];
    server.ask::<()>(&[&user[..], &["-evalsha"]].concat()).await;
    let url = format!("redis://anna:hunter2@127.0.0.1:{}", server.port);
    let store = RedisStore::open(settings_at(&url, Durability::AOF)).await.unwrap();
    let refused = fault(store.create(new_session()).await);
    assert!(matches!(refused, RedisFault::Forbidden { .. }) && refused.to_string().contains("ACL"), "{refused}");
    assert_eq!(store.session(&new_session().id).await.unwrap(), None);
    server.ask::<()>(&[&user[..], &["-client|kill"]].concat()).await;
    store.create(new_session()).await.unwrap();
    RedisStore::open(settings_at(&url, Durability::AOF)).await.unwrap().create(new_session()).await.unwrap();
}

// Fails when a user is let in under whom a script would be refused in its middle, behind its first writes, or who could not
// hear what other processes tell this one.
#[tokio::test]
async fn a_user_who_cannot_finish_a_script_is_not_let_in() {
    let server = Server::start().await;
    let url = format!("redis://anna:hunter2@127.0.0.1:{}", server.port);
    for (rights, named) in [(["~*", "-xtrim"], "XTRIM"), (["~*", "-lpop"], "LPOP"), (["~other:*", "+@all"], "HSET")] {
        let user = ["ACL", "SETUSER", "anna", "reset", "on", ">hunter2", "+@all"];
        server.ask::<()>(&[&user[..], &rights].concat()).await;
        let refused = fault(RedisStore::open(settings_at(&url, Durability::AOF)).await);
        assert!(matches!(refused, RedisFault::Forbidden { .. }), "{refused:?}");
        assert!(refused.to_string().contains(named) && refused.to_string().contains("test:*"), "{refused}");
    }
}

// Fails when a server that wants more replicas before it takes writes is told as having lost one, or writes are not tried
// again when they have come.
#[tokio::test]
async fn a_server_that_misses_its_replicas_says_so() {
    let server = Server::start().await;
    let (store, id) = ready(&server).await;
    server.ask::<()>(&["CONFIG", "SET", "min-replicas-to-write", "1"]).await;
    let refused = fault(store.commit(&id, 1, entries(&["x"])).await);
    assert!(matches!(refused, RedisFault::Unsuitable { .. }), "{refused:?}");
    assert!(refused.to_string().contains("`min-replicas-to-write`"), "{refused}");
    store.healthy().unwrap_err();
    server.ask::<()>(&["CONFIG", "SET", "min-replicas-to-write", "0"]).await;
    recovers(&store).await;
    goes_on(&store, &id).await;
    assert_eq!(store.read(&id, 0, 9).await.unwrap().len(), 2);
}
