//! Many clients at once, each a task.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::task::JoinSet;

use super::client::{Client, Work};

/// Clients that open a connection at the same time.
pub(crate) const AT_ONCE: usize = 64;

/// No work takes longer than this, or the bench fails.
const PATIENCE: Duration = Duration::from_secs(600);

/// Lets every client do this work, so many at the same time. Those that are done stay connected, and no message may come to
/// them, until the last one is.
pub(crate) async fn all(clients: Vec<Client>, at_once: usize, work: Work) -> Result<Vec<Client>> {
    let done = tokio::time::timeout(PATIENCE, together(clients, at_once, work)).await;
    done.with_context(|| format!("{work:?} takes longer than {PATIENCE:?}"))?
}

async fn together(clients: Vec<Client>, at_once: usize, work: Work) -> Result<Vec<Client>> {
    let count = clients.len();
    let places = Arc::new(Semaphore::new(at_once));
    let (done, mut finished) = mpsc::channel(count.max(1));
    let (end, ended) = watch::channel(false);
    let mut tasks = JoinSet::new();
    for (place, mut client) in clients.into_iter().enumerate() {
        let (places, done, mut ended) = (Arc::clone(&places), done.clone(), ended.clone());
        tasks.spawn(async move {
            let worked = match places.acquire().await {
                Ok(_place) => client.work(work).await,
                Err(_closed) => Ok(()),
            };
            // The receiver is gone only when another one's error has ended this.
            let _gone = done.send(worked).await;
            let stayed = tokio::select! {
                broken = client.quiet() => broken,
                _ = ended.changed() => Ok(()),
            };
            stayed.map(|()| (place, client))
        });
    }
    for _ in 0..count {
        tokio::select! {
            // What went wrong first, before what it led to.
            biased;
            worked = finished.recv() => worked.context("a client is missing")??,
            early = tasks.join_next() => match early {
                Some(Ok(Err(error))) => return Err(error.context("a client that had done its work")),
                other => bail!("a client ended early: {:?}", other.map(|ended| ended.map(|_| ()))),
            },
        }
    }
    // Nobody listens only when everybody has ended, which the next lines report.
    let _nobody = end.send(true);
    let mut clients = Vec::with_capacity(count);
    while let Some(client) = tasks.join_next().await {
        clients.push(client??);
    }
    clients.sort_by_key(|(place, _)| *place);
    Ok(clients.into_iter().map(|(_, client)| client).collect())
}
