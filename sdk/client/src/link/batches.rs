use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use super::Incoming;
use super::http::{Close, Place};

/// How long the server may take its time to answer.
const WAIT_MS: u64 = 20_000;
/// How long an answer may take on its way besides.
const PATIENCE: Duration = Duration::from_secs(10);

/// What the server says in answers to one request after another.
pub(super) struct Batches {
    place: Place,
    connection: String,
    /// The request under way. It is kept, for with it what the server has told it would be lost.
    asking: Option<Pin<Box<dyn Future<Output = Option<Batch>> + Send>>>,
    ready: VecDeque<Incoming>,
}

#[derive(Debug, Deserialize)]
struct Batch {
    frames: Vec<Value>,
    close: Option<Close>,
}

impl fmt::Debug for Batches {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Batches").field("connection", &self.connection).finish_non_exhaustive()
    }
}

impl Batches {
    pub(super) fn new(place: Place, connection: String) -> Self {
        Self { place, connection, asking: None, ready: VecDeque::new() }
    }

    /// The next thing that comes. Cancel-safe.
    pub(super) async fn next(&mut self) -> Incoming {
        if let Some(ready) = self.ready.pop_front() {
            return ready;
        }
        let (place, connection) = (&self.place, &self.connection);
        let asking = self.asking.get_or_insert_with(|| Box::pin(ask(place.clone(), connection.clone())));
        let answer = asking.as_mut().await;
        self.asking = None;
        let Some(Batch { frames, close }) = answer else { return Incoming::Gone };
        self.ready.extend(frames.into_iter().map(|frame| Incoming::Text(frame.to_string())));
        self.ready.extend(close.map(|close| Incoming::Closed(close.code)));
        self.ready.pop_front().unwrap_or(Incoming::Nothing)
    }
}

async fn ask(place: Place, connection: String) -> Option<Batch> {
    let patience = Duration::from_millis(WAIT_MS) + PATIENCE;
    let request = place.get(&format!("/poll?connection={connection}&wait_ms={WAIT_MS}"), patience);
    let response = request.send().await.ok()?.error_for_status().ok()?;
    response.json().await.ok()
}
