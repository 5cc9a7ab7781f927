//! The store in memory.

use super::*;

#[tokio::test]
async fn conforms() {
    let clock = Arc::new(AtomicU64::new(START_MS));
    let store = MemoryStore::with_clock(StoreClock::Manual(clock.clone()));
    let store = Arc::new(store.with_lifetime(Lifetime::of(lifetimes::LIFETIME)));
    let other: Arc<dyn Store> = Arc::new(store.beside(&neighbours::Neighbours::new()));
    let subject = Subject { store, clock, other: Some(other), passing: None };
    all(&subject).await;
    closed(&subject).await;
}

#[tokio::test]
async fn no_clock_that_is_set_ends_sessions() {
    let (wall, steady) = (Arc::new(AtomicU64::new(START_MS)), Arc::new(AtomicU64::new(START_MS)));
    let store = MemoryStore::with_clock(StoreClock::Apart(wall.clone(), steady.clone()));
    let store = store.with_lifetime(Lifetime::of(lifetimes::LIFETIME));
    lifetimes::goes_by_no_wall_clock(&store, &wall, &steady).await;
}
