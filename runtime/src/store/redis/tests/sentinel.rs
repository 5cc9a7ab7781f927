//! The store on a primary that sentinels look after.

use super::durable::Writer;
use super::faults::{goes_on, recovers};
use super::server::free_port;
use super::*;

/// A primary, its replicas and three sentinels.
struct House {
    servers: Vec<Server>,
    sentinels: Vec<Server>,
}

impl House {
    async fn start(replicas: usize) -> Self {
        let flags = ["--repl-diskless-sync-delay", "0"];
        let mut servers = vec![Server::with(&flags).await];
        let port = servers[0].port.to_string();
        for _ in 0..replicas {
            servers.push(Server::with(&[&flags[..], &["--replicaof", "127.0.0.1", &port]].concat()).await);
        }
        servers[0].until(&["INFO", "replication"], |info| info.matches("state=online").count() == replicas).await;
        let mut sentinels = Vec::new();
        for _ in 0..3 {
            let text = format!(
                "sentinel monitor main 127.0.0.1 {port} 2\nsentinel down-after-milliseconds main 800\n\
                 sentinel failover-timeout main 4000\nsentinel parallel-syncs main 2\n"
            );
            sentinels.push(Server::sentinel(free_port(), &text).await);
        }
        for sentinel in &sentinels {
            let fits = |told: &str| told.contains("sentinels=3") && told.contains(&format!("slaves={replicas}"));
            sentinel.until(&["INFO", "sentinel"], fits).await;
        }
        Self { servers, sentinels }
    }

    fn url(&self) -> String {
        let hosts: Vec<String> = self.sentinels.iter().map(|server| format!("127.0.0.1:{}", server.port)).collect();
        format!("redis+sentinel://{}/main", hosts.join(","))
    }

    /// Waits until another server than this one is the primary.
    async fn heir(&self, of: usize) -> usize {
        let heirs = self.servers.iter().enumerate().filter(|(n, _)| *n != of).map(|(n, server)| {
            Box::pin(async move {
                server.until(&["INFO", "replication"], |info| info.contains("role:master")).await;
                n
            })
        });
        future::select_all(heirs).await.0
    }
}

// Fails when the primary is not found, a failover loses what a replica had, gives an id twice or makes a write twice, or
// the next primary is not found.
#[tokio::test(flavor = "multi_thread")]
async fn a_failover_in_the_middle_of_writes_loses_nothing() {
    let mut house = House::start(2).await;
    let level = Durability { aof: false, replicas: 1 };
    let store = RedisStore::open(settings_at(&house.url(), level)).await.unwrap();
    let mut writers = Vec::new();
    for _ in 0..8 {
        let new = new_session();
        store.create(new.clone()).await.unwrap();
        writers.push(Writer::of(new.id));
    }
    let over = AtomicBool::new(false);
    let before: Vec<usize> = writers.iter().map(Writer::acknowledged).collect();
    let work = future::join_all(writers.iter_mut().map(|writer| writer.work_on(&store, &over)));
    let accident = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        house.servers[0].kill();
        let heir = house.heir(0).await;
        house.servers[heir].until(&["INFO", "replication"], |info| info.contains("state=online")).await;
        tokio::time::sleep(Duration::from_secs(3)).await;
        over.store(true, Ordering::SeqCst);
    };
    future::join(work, accident).await;
    recovers(&store).await;
    for (writer, before) in writers.iter().zip(before) {
        assert!(writer.acknowledged() > before + 20, "{} written in all", writer.acknowledged() - before);
        writer.agrees(&store).await;
    }
}

// Fails when a primary that is still there, but is none any more, is written to until it refuses.
#[tokio::test(flavor = "multi_thread")]
async fn a_primary_that_is_replaced_is_left() {
    let house = House::start(1).await;
    let store = RedisStore::open(settings_at(&house.url(), Durability::MEMORY)).await.unwrap();
    let new = new_session();
    store.create(new.clone()).await.unwrap();
    for turn in 0..2 {
        // Refused as long as it has not looked at the replica anew.
        while house.sentinels[turn].try_ask::<()>(&["SENTINEL", "FAILOVER", "main"]).await.is_err() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        let heir = house.heir(turn).await;
        assert_eq!(heir, 1 - turn);
        let port = house.servers[heir].port;
        // Nobody writes or reads meanwhile: it is the sentinels that say so.
        let connected = |list: &str| list.matches(" name=rolecall:test:a/").count() == 2;
        house.servers[heir].until(&["CLIENT", "LIST"], connected).await;
        recovers(&store).await;
        goes_on(&store, &new.id).await;
        for sentinel in &house.sentinels {
            sentinel.until(&["INFO", "sentinel"], |told| told.contains(&format!("address=127.0.0.1:{port}"))).await;
        }
        house.servers[turn].until(&["INFO", "replication"], |info| info.contains("master_link_status:up")).await;
    }
    assert_eq!(store.read(&new.id, 1, 9).await.unwrap().len(), 2);
}

// Fails when sentinels that are wrong or gone are told as something else, or one that is left does not do.
#[tokio::test]
async fn sentinels_that_do_not_know_are_told() {
    let mut house = House::start(0).await;
    let unknown = house.url().replace("/main", "/other");
    let refused = fault(RedisStore::open(settings_at(&unknown, Durability::MEMORY)).await);
    assert!(refused.to_string().contains("know no service `other`"), "{refused}");
    let nobody = format!("redis+sentinel://127.0.0.1:{}/main", free_port());
    let refused = fault(RedisStore::open(settings_at(&nobody, Durability::MEMORY)).await);
    assert!(matches!(refused, RedisFault::Unreachable { .. }) && refused.to_string().contains("sentinel"), "{refused}");
    for sentinel in &mut house.sentinels[..2] {
        sentinel.kill();
    }
    let store = RedisStore::open(settings_at(&house.url(), Durability::MEMORY)).await.unwrap();
    store.create(new_session()).await.unwrap();
}
