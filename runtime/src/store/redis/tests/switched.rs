//! A place that leads to another server while a store connects.

use std::collections::VecDeque;

use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::*;

/// Leads each connection to the next of these ports, and all further ones to the last.
async fn leads_to(ports: &[u16]) -> (u16, JoinSet<()>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut ports: VecDeque<u16> = ports.iter().copied().collect();
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        let mut connections = JoinSet::new();
        while let Ok((mut near, _)) = listener.accept().await {
            let to = if ports.len() > 1 { ports.pop_front() } else { ports.front().copied() };
            let to = to.unwrap();
            connections.spawn(async move {
                let mut far = TcpStream::connect(("127.0.0.1", to)).await.unwrap();
                let _ = tokio::io::copy_bidirectional(&mut near, &mut far).await;
            });
        }
    });
    (port, tasks)
}

// Fails when writes go to one server and another one is asked whether they are durable: what it says acknowledges what
// nobody has.
#[tokio::test]
async fn two_connections_to_two_servers_are_refused() {
    let (first, second) = (Server::start().await, Server::start().await);
    // The first connection asks what is there, then come those for the work and for waiting.
    let (port, _tasks) = leads_to(&[first.port, first.port, second.port, first.port]).await;
    let settings = settings_at(&format!("redis://127.0.0.1:{port}"), Durability::AOF);
    let refused = fault(RedisStore::open(settings.clone()).await);
    assert!(matches!(refused, RedisFault::Unreachable { .. }), "{refused:?}");
    assert!(refused.to_string().contains("two servers"), "{refused}");
    // It passes by itself once the place leads to one.
    let store = RedisStore::open(settings).await.unwrap();
    let new = new_session();
    store.create(new.clone()).await.unwrap();
    assert_eq!(store.commit(&new.id, 1, entries(&["kept"])).await.unwrap().head, 1);
}
