//! Which connection a request belongs to.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::http::StatusCode;
use parking_lot::Mutex;
use tokio::sync::{Notify, mpsc};

use super::link::{HttpLink, Outgoing};
use crate::clock;
use crate::connection::link::Received;
use crate::gateway::ApiError;
use crate::ids::{SessionId, random_digits};

/// Connections over HTTP at once. Those that poll hold no socket between their requests.
const MOST: usize = 100_000;
/// What may wait to be sent; a connection that takes nothing then waits with the rest.
const OUTGOING: usize = 64;
/// What may wait to be taken in; further requests wait.
const INCOMING: usize = 64;
/// How long the last word of a connection waits for a client that polls.
const LAST_WORD: Duration = Duration::from_secs(60);

/// The connections over HTTP. Cloning shares them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Links(Arc<Mutex<Table>>);

#[derive(Debug, Default)]
struct Table {
    entries: HashMap<String, Entry>,
    /// Those that have ended and wait for their last word to be asked for, oldest first.
    ended: VecDeque<(Instant, String)>,
}

/// What requests need of a connection.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    session: SessionId,
    pub(super) incoming: mpsc::Sender<Received>,
    /// For those that poll: what is said, one request at a time.
    pub(super) polled: Option<Arc<Polled>>,
}

/// What is said to a client that polls.
#[derive(Debug)]
pub(super) struct Polled {
    pub(super) said: tokio::sync::Mutex<mpsc::Receiver<Outgoing>>,
    /// A newer request has come: the older one answers with what there is.
    pub(super) newer: Notify,
}

/// A connection's place among the others, until it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    links: Links,
    id: String,
}

impl Links {
    /// A place for a further connection of a session: its link, its name, and what it says.
    pub(super) fn open(&self, session: &SessionId) -> Result<(HttpLink, String, mpsc::Receiver<Outgoing>), ApiError> {
        let no_chance = |error: getrandom::Error| {
            ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "no_randomness", format!("the system gives none: {error}"))
        };
        let id = format!("c_{}", random_digits().map_err(no_chance)?);
        let (sender, incoming) = mpsc::channel(INCOMING);
        let (outgoing, said) = mpsc::channel(OUTGOING);
        let mut table = self.0.lock();
        table.clear_up();
        if table.entries.len() >= MOST {
            let message = "the server has as many connections as it can hold; try again later";
            return Err(ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "busy", message));
        }
        table.entries.insert(id.clone(), Entry { session: session.clone(), incoming: sender, polled: None });
        drop(table);
        let place = Place { links: self.clone(), id: id.clone() };
        Ok((HttpLink { incoming, outgoing: Some(outgoing), _place: place }, id, said))
    }

    /// Lets a client poll for what a connection says.
    pub(super) fn polls(&self, id: &str, said: mpsc::Receiver<Outgoing>) {
        let polled = Arc::new(Polled { said: tokio::sync::Mutex::new(said), newer: Notify::new() });
        if let Some(entry) = self.0.lock().entries.get_mut(id) {
            entry.polled = Some(polled);
        }
    }

    /// A session's connection of this name.
    ///
    /// # Errors
    /// 404 when there is none, or no longer.
    pub(super) fn find(&self, id: &str, session: &SessionId) -> Result<Entry, ApiError> {
        let found = self.0.lock().entries.get(id).filter(|entry| entry.session == *session).cloned();
        found.ok_or_else(no_connection)
    }

    /// Forgets a connection whose last word was told.
    pub(super) fn forget(&self, id: &str) {
        self.0.lock().entries.remove(id);
    }
}

impl Table {
    /// Forgets what nobody has asked for any more.
    fn clear_up(&mut self) {
        let now = clock::now();
        while let Some((_, id)) = self.ended.pop_front_if(|(at, _)| now.duration_since(*at) > LAST_WORD) {
            self.entries.remove(&id);
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut table = self.links.0.lock();
        table.clear_up();
        if table.entries.get(&self.id).is_some_and(|entry| entry.polled.is_some()) {
            table.ended.push_back((clock::now(), self.id.clone()));
        } else {
            table.entries.remove(&self.id);
        }
    }
}

/// There is no such connection: the client opens another, and goes on where it was.
pub(super) fn no_connection() -> ApiError {
    let message = "this connection has ended; open another with `last_seq`";
    ApiError::new(StatusCode::NOT_FOUND, "no_connection", message)
}
