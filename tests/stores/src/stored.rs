//! The stores that ship, used as the server uses them: every session is claimed, and every commit names its fence and the head
//! behind which it comes.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use rolecall::ids::{Epoch, Seq, SessionId};
use rolecall::store::{
    Commit, Durability, EmbeddedStore, Fence, MemoryStore, NewSession, Node, RedisAddress, RedisSettings, RedisStore,
    Store,
};
use rolecall_tests::committing::{Part, Subject};
use tokio::task::JoinSet;

use crate::content::Content;

/// Sessions that are made at the same time.
const AT_ONCE: usize = 256;

/// A store with its sessions.
pub(crate) struct Stored {
    store: Arc<dyn Store>,
    turns: bool,
    places: Vec<Place>,
}

/// Where a session stands.
pub(crate) struct Place {
    id: SessionId,
    fence: Fence,
    epoch: Epoch,
    head: Seq,
    running: bool,
}

impl Stored {
    pub(crate) async fn open(subject: &Subject, part: &Part) -> Result<Self> {
        let store: Arc<dyn Store> = match subject {
            Subject::Memory => Arc::new(MemoryStore::default()),
            Subject::Embedded(directory) => Arc::new(EmbeddedStore::open(directory)?),
            Subject::Redis { url, durability } => Arc::new(redis(url, durability).await?),
            Subject::Raw { .. } => anyhow::bail!("this is no store"),
        };
        let mut places = Vec::new();
        while places.len() < part.sessions {
            let mut begun = JoinSet::new();
            for _ in 0..AT_ONCE.min(part.sessions - places.len()) {
                begun.spawn(begin(Arc::clone(&store)));
            }
            for place in begun.join_all().await {
                places.push(place?);
            }
        }
        Ok(Self { store, turns: part.turns, places })
    }

    /// The sessions, for whoever commits.
    pub(crate) fn places(&mut self) -> Vec<Place> {
        std::mem::take(&mut self.places)
    }

    pub(crate) async fn commit(&self, place: &mut Place, number: usize, content: &Content) -> Result<()> {
        place.running = self.turns && !place.running;
        let commit = Commit {
            fence: Some(place.fence),
            after: Some(place.head),
            entries: vec![content.message(number)?],
            state: content.state(number),
            running: self.turns.then_some(place.running),
            ..Commit::default()
        };
        place.head = self.store.commit(&place.id, place.epoch, commit).await?.head;
        Ok(())
    }

    pub(crate) async fn close(&self) {
        self.store.close().await;
    }
}

async fn begin(store: Arc<dyn Store>) -> Result<Place> {
    let (id, fence) = (SessionId::random()?, Fence::random()?);
    let (role, user) = ("storyteller".to_owned(), "tester".to_owned());
    store.create(NewSession { id: id.clone(), role, user, created_ms: 1 }).await?;
    let row = store.claim(&id, None, fence).await?;
    Ok(Place { id, fence, epoch: row.epoch, head: row.head, running: false })
}

async fn redis(url: &str, durability: &str) -> Result<RedisStore> {
    let settings = RedisSettings {
        address: RedisAddress::parse(url)?,
        prefix: "rolecall:".to_owned(),
        durability: Durability::parse(durability).with_context(|| format!("no durability: {durability}"))?,
        node: Node::nameless()?,
        lease: Duration::from_secs(30),
        lifetime: rolecall::store::Lifetime::FOREVER,
    };
    Ok(RedisStore::open(settings).await?)
}
