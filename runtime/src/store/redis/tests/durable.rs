//! What is acknowledged when, and that it stays.

use std::collections::BTreeMap;

use super::faults::{recovers, until};
use super::server::PATIENCE;
use super::*;

/// A session as its only writer knows it.
pub(super) struct Writer {
    pub(super) id: SessionId,
    acknowledged: BTreeMap<Seq, String>,
    written: usize,
}

impl Writer {
    pub(super) fn of(id: SessionId) -> Self {
        Self { id, acknowledged: BTreeMap::new(), written: 0 }
    }

    /// How many steps were acknowledged.
    pub(super) fn acknowledged(&self) -> usize {
        self.acknowledged.len()
    }

    /// Compares what was acknowledged with what is there.
    pub(super) async fn agrees(&self, store: &RedisStore) {
        let row = self.read(store).await;
        self.compare(store, &row).await;
    }

    /// Writes, fault after fault, until the round is over.
    pub(super) async fn work_on(&mut self, store: &RedisStore, over: &AtomicBool) {
        while !over.load(Ordering::SeqCst) {
            self.work(store, over).await;
        }
    }

    /// Writes until the round is over; there must be no fault.
    pub(super) async fn work_without_fault(&mut self, store: &RedisStore, over: &AtomicBool) {
        self.work(store, over).await;
        assert!(over.load(Ordering::SeqCst), "a write of {} failed", self.id);
    }

    /// Writes until the store fails or the round is over. Reads first what became of the last write, as the successor of
    /// a session's actor does.
    async fn work(&mut self, store: &RedisStore, over: &AtomicBool) {
        let mut row = self.read(store).await;
        self.compare(store, &row).await;
        while !over.load(Ordering::SeqCst) {
            self.written += 1;
            let text = format!("{} {}", self.id, self.written);
            let commit = Commit { after: Some(row.head), state: Some(text.clone().into()), ..entries(&[&text]) };
            match store.commit(&self.id, row.epoch, commit).await {
                Ok(committed) => {
                    assert_eq!(committed.first, row.head + 1, "somebody else wrote");
                    row.head = committed.head;
                    assert_eq!(self.acknowledged.insert(committed.head, text), None, "an id was given twice");
                }
                Err(StoreError::Redis(_)) => return,
                Err(other) => panic!("{other}"),
            }
        }
    }

    async fn read(&self, store: &RedisStore) -> SessionRow {
        for _ in 0..600 {
            match store.session(&self.id).await {
                Ok(row) => return row.unwrap(),
                Err(_) => tokio::time::sleep(PATIENCE / 600).await,
            }
        }
        panic!("{} cannot be read", self.id);
    }

    async fn compare(&self, store: &RedisStore, row: &SessionRow) {
        let log = store.read(&self.id, 0, usize::MAX).await.unwrap();
        let log: BTreeMap<Seq, String> =
            log.into_iter().map(|entry| (entry.seq, String::from_utf8(entry.bytes.to_vec()).unwrap())).collect();
        assert_eq!(log.last_key_value().map_or(0, |(seq, _)| *seq), row.head);
        for (seq, text) in self.acknowledged.iter().filter(|(seq, _)| **seq > row.floor) {
            assert_eq!(log.get(seq), Some(text), "what was acknowledged is lost or another");
        }
        assert_eq!(log.values().collect::<std::collections::BTreeSet<_>>().len(), log.len(), "a write was made twice");
    }
}

// Fails when a server that is killed loses what was acknowledged, an id is given twice, or a write without an answer is
// made twice.
#[tokio::test(flavor = "multi_thread")]
async fn a_killed_server_loses_nothing_that_was_acknowledged() {
    let mut server = Server::start().await;
    let store = RedisStore::open(settings(&server, Durability::AOF)).await.unwrap();
    let mut writers = Vec::new();
    for _ in 0..16 {
        let new = new_session();
        store.create(new.clone()).await.unwrap();
        writers.push(Writer::of(new.id));
    }
    for round in 0..6u64 {
        let over = AtomicBool::new(false);
        let work = future::join_all(writers.iter_mut().map(|writer| writer.work(&store, &over)));
        let accident = async {
            tokio::time::sleep(Duration::from_millis(100 + 37 * round)).await;
            server.kill();
            server.restart().await;
            over.store(true, Ordering::SeqCst);
        };
        future::join(work, accident).await;
    }
    for writer in &writers {
        writer.agrees(&store).await;
        assert!(writer.acknowledged.len() > 6, "nothing was written: {}", writer.acknowledged.len());
    }
}

// Fails when a server that took over counts as the one before, although it may lack what that one acknowledged, or one that
// was started anew and has everything does not.
#[tokio::test]
async fn a_server_that_takes_over_is_told_apart() {
    let mut server = Server::start().await;
    let store = RedisStore::open(settings(&server, Durability::AOF)).await.unwrap();
    let id = new_session().id;
    let first = store.lineage(&id).unwrap().id;
    assert!(!first.is_empty() && !store.lineage(&id).unwrap().doubts(&first));
    server.kill();
    server.restart().await;
    until(&store, "gone", |health| health.is_err() || store.lineage(&id).is_ok_and(|now| now.id != first)).await;
    recovers(&store).await;
    let second = store.lineage(&id).unwrap();
    assert!(second.id != first && !second.doubts(&first), "{second:?}");

    let replica = replica_of(&server).await;
    let there = RedisStore::open(settings(&replica, Durability::MEMORY)).await;
    assert!(matches!(fault(there), RedisFault::ReadOnly { .. }));
    replica.ask::<()>(&["REPLICAOF", "NO", "ONE"]).await;
    for level in [Durability::AOF, Durability::MEMORY] {
        replica.ask::<()>(&["CONFIG", "SET", "appendfsync", "always"]).await;
        replica.ask::<()>(&["CONFIG", "SET", "appendonly", "yes"]).await;
        let heir = RedisStore::open(settings(&replica, level)).await.unwrap();
        assert!(heir.lineage(&id).unwrap().doubts(&second.id), "{level}");
    }
}

// Fails when a level is taken for reached at a server that cannot reach it, or the error does not say what mends it.
#[tokio::test]
async fn a_level_that_cannot_be_reached_stops_the_start() {
    let volatile = Server::with(&[]).await;
    let aof = settings(&volatile, Durability::AOF);
    assert!(fault(RedisStore::open(aof).await).to_string().contains("`appendonly yes`"));
    let replicas = settings(&volatile, Durability { aof: false, replicas: 1 });
    assert!(fault(RedisStore::open(replicas).await).to_string().contains("0 replicas"));
    RedisStore::open(settings(&volatile, Durability::MEMORY)).await.unwrap();
    volatile.ask::<()>(&["CONFIG", "SET", "maxmemory", "100mb", "maxmemory-policy", "allkeys-lru"]).await;
    let evicting = settings(&volatile, Durability::MEMORY);
    assert!(fault(RedisStore::open(evicting).await).to_string().contains("`maxmemory-policy noeviction`"));
}

// Fails when a server that is set to write less often, later, or to throw keys away goes on as before: what it
// acknowledges is in danger then.
#[tokio::test]
async fn a_server_that_keeps_less_is_not_written_to() {
    let server = Server::with(&["--appendonly", "yes", "--appendfsync", "always", "--maxmemory", "1gb"]).await;
    let store = RedisStore::open(settings(&server, Durability::AOF)).await.unwrap();
    for (name, worse, right) in [
        ("appendfsync", "everysec", "always"),
        ("no-appendfsync-on-rewrite", "yes", "no"),
        ("maxmemory-policy", "allkeys-lru", "noeviction"),
    ] {
        server.ask::<()>(&["CONFIG", "SET", name, worse]).await;
        let mut looks = 0;
        while !store.healthy().is_err_and(|error| error.to_string().contains(&format!("{name} {right}"))) {
            tokio::time::sleep(PATIENCE / 1_200).await;
            looks += 1;
            assert!(looks < 1_200, "nobody looked at {name}: {:?}", store.healthy());
        }
        assert!(store.create(new_session()).await.is_err());
        server.ask::<()>(&["CONFIG", "SET", name, right]).await;
        while store.healthy().is_err() {
            tokio::time::sleep(PATIENCE / 1_200).await;
        }
        store.create(new_session()).await.unwrap();
    }
}

// Fails when a server counts as durable that has been told to keep a file and has none yet: killed, it forgets everything.
#[tokio::test]
async fn a_first_file_is_waited_for() {
    let mut server = Server::with(&["--appendfsync", "always", "--rdb-key-save-delay", "20000"]).await;
    let mut fill = redis::pipe();
    for n in 0..60 {
        fill.cmd("SET").arg(format!("filler {n}")).arg(n).ignore();
    }
    fill.query_async::<()>(&mut server.connection().await).await.unwrap();
    server.ask::<()>(&["CONFIG", "SET", "appendonly", "yes"]).await;
    let store = RedisStore::open(settings(&server, Durability::AOF)).await.unwrap();
    let new = new_session();
    store.create(new.clone()).await.unwrap();
    server.kill();
    server.set("--appendonly", "yes");
    server.restart().await;
    while store.healthy().is_err() {
        tokio::time::sleep(PATIENCE / 600).await;
    }
    assert!(store.session(&new.id).await.unwrap().is_some(), "what was acknowledged is lost");
}

// Fails when something is vouched for that a write left which was given up while it was read.
#[tokio::test]
async fn a_write_that_is_given_up_during_a_read_stays_in_doubt() {
    let server = Server::with(&["--repl-diskless-sync-delay", "0"]).await;
    let replica = replica_of(&server).await;
    let spot = spot::Spot::new(Keys::new("test:", Node::begin("a").unwrap()), None);
    let settler = settling::Settler::new(server.connection().await, spot, durability::Wait::Replicas(1));
    settler.vouch(settler.doubts()).await.unwrap();
    replica.freeze(true);
    let write = settler.begin();
    let doubts = settler.doubts();
    drop(write);
    assert!(settler.vouch(doubts).await.is_err());
    replica.freeze(false);
    settler.vouch(doubts).await.unwrap();
}

async fn replica_of(server: &Server) -> Server {
    let replica = Server::with(&["--replicaof", "127.0.0.1", &server.port.to_string()]).await;
    server.ask::<()>(&["CONFIG", "SET", "repl-diskless-sync-delay", "0"]).await;
    for _ in 0..1_200 {
        let info: String = server.ask(&["INFO", "replication"]).await;
        if info.contains("state=online") {
            return replica;
        }
        tokio::time::sleep(PATIENCE / 1_200).await;
    }
    panic!("the replica does not come online");
}

// Fails when a write counts that no replica has, when what is read before it has arrived is vouched for, or when every
// write waits for itself.
#[tokio::test]
async fn writes_wait_for_replicas_together() {
    let server = Server::with(&["--repl-diskless-sync-delay", "0"]).await;
    let replica = replica_of(&server).await;
    let level = Durability { aof: false, replicas: 1 };
    let store = RedisStore::open(settings(&server, level)).await.unwrap();
    let sessions: Vec<_> = (0..64).map(|_| new_session()).collect();
    for outcome in future::join_all(sessions.iter().map(|new| store.create(new.clone()))).await {
        outcome.unwrap();
    }
    let waits: String = server.ask(&["INFO", "commandstats"]).await;
    let calls = waits.split("cmdstat_wait:calls=").nth(1).and_then(|rest| rest.split(',').next()?.parse::<u32>().ok());
    assert!(calls.is_some_and(|calls| calls < 32), "{calls:?} waits for 64 writes");

    replica.freeze(true);
    let [first, ..] = sessions.as_slice() else { panic!("no session") };
    let refused = fault(store.commit(&first.id, 1, entries(&["lonely"])).await);
    assert!(matches!(refused, RedisFault::NotDurable { .. }) && refused.to_string().contains("0 of 1"), "{refused}");
    assert!(matches!(store.healthy(), Err(StoreError::Redis(RedisFault::NotDurable { .. }))));
    assert!(matches!(fault(store.session(&first.id).await), RedisFault::NotDurable { .. }));
    assert!(matches!(fault(store.read(&first.id, 0, 9).await), RedisFault::NotDurable { .. }));
    replica.freeze(false);
    while store.healthy().is_err() {
        tokio::time::sleep(PATIENCE / 600).await;
    }
    let row = store.session(&first.id).await.unwrap().unwrap();
    assert_eq!(row.head, 1);
    let commit = Commit { after: Some(1), ..entries(&["together"]) };
    assert_eq!(store.commit(&first.id, 1, commit).await.unwrap().head, 2);
}
