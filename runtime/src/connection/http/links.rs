//! Which connection a request belongs to.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};

use axum::http::StatusCode;
use parking_lot::Mutex;
use tokio::sync::{Notify, Semaphore, mpsc};

use super::link::{Close, HttpLink, Outgoing};
use crate::clock;
use crate::connection::link::Received;
use crate::gateway::token::Claims;
use crate::gateway::{ApiError, Forwarder};
use crate::ids::{SessionId, TokenGeneration, random_digits};
use crate::session::SessionError;

/// Connections over HTTP at once. Those that poll hold no socket between their requests.
const MOST: usize = 100_000;
/// Frames that may wait to be sent; a connection that takes nothing then waits with the rest.
const OUTGOING: usize = 64;
/// Connections that have ended and whose last word is kept.
const ENDED: usize = 10_000;
/// What may wait to be taken in; further requests wait.
const INCOMING: usize = 64;
/// How long the last word of a connection waits for a client that polls.
const LAST_WORD: Duration = Duration::from_secs(60);

/// The connections over HTTP. Cloning shares them.
#[derive(Debug, Clone)]
pub(crate) struct Links {
    table: Arc<Mutex<Table>>,
    /// What names end with: by it other servers know whose they are.
    suffix: Arc<str>,
}

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
    /// Of the token that opened it.
    generation: TokenGeneration,
    pub(super) incoming: mpsc::Sender<Received>,
    /// One request at a time is taken in.
    pub(super) taking: Arc<Semaphore>,
    /// How it ended, as far as it was told.
    pub(super) last_word: Option<Close>,
    /// For those that poll: what is said, one request at a time.
    pub(super) polled: Option<Arc<Polled>>,
}

/// What is said to a client that polls.
#[derive(Debug)]
pub(super) struct Polled {
    pub(super) said: tokio::sync::Mutex<mpsc::Receiver<Outgoing>>,
    /// Counts the requests: of them, only the newest waits.
    pub(super) requests: AtomicU64,
    pub(super) newer: Notify,
    /// When a request counted as a sign of life, in ms of the process's clock.
    pub(super) alive_ms: AtomicU64,
}

/// A connection's place among the others, until it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    links: Links,
    id: String,
}

impl Links {
    /// None yet, of the process that this one passes requests on for.
    pub(crate) fn of(forwarder: &Forwarder) -> Self {
        Self { table: Arc::default(), suffix: forwarder.suffix().into() }
    }

    /// A place for a further connection of a session: its link, its name, and what it says.
    pub(super) fn open(&self, claims: &Claims) -> Result<(HttpLink, String, mpsc::Receiver<Outgoing>), ApiError> {
        let no_chance = |error: getrandom::Error| {
            ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "no_randomness", format!("the system gives none: {error}"))
        };
        let id = format!("c_{}{}", random_digits().map_err(no_chance)?, self.suffix);
        let (sender, incoming) = mpsc::channel(INCOMING);
        let (outgoing, said) = mpsc::channel(OUTGOING);
        let mut table = self.table.lock();
        table.clear_up();
        if table.entries.len().saturating_sub(table.ended.len()) >= MOST {
            let message = "the server has as many connections as it can hold; try again later";
            return Err(ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "busy", message));
        }
        let taking = Arc::new(Semaphore::new(1));
        let (session, generation) = (claims.sid.clone(), claims.generation);
        let entry = Entry { session, generation, incoming: sender, taking, last_word: None, polled: None };
        table.entries.insert(id.clone(), entry);
        drop(table);
        let place = Place { links: self.clone(), id: id.clone() };
        Ok((HttpLink::new(incoming, outgoing, place), id, said))
    }

    /// Lets a client poll for what a connection says.
    pub(super) fn polls(&self, id: &str, said: mpsc::Receiver<Outgoing>) {
        let polled = Arc::new(Polled {
            said: tokio::sync::Mutex::new(said),
            requests: AtomicU64::new(0),
            newer: Notify::new(),
            alive_ms: AtomicU64::new(0),
        });
        if let Some(entry) = self.table.lock().entries.get_mut(id) {
            entry.polled = Some(polled);
        }
    }

    /// A session's connection of this name. The token that opened it finds it, and any newer one.
    ///
    /// # Errors
    /// 404 when there is none, or no longer; 401 for an older token.
    pub(super) fn find(&self, id: &str, claims: &Claims) -> Result<Entry, ApiError> {
        let found = self.table.lock().entries.get(id).filter(|entry| entry.session == claims.sid).cloned();
        let entry = found.ok_or_else(no_connection)?;
        if claims.generation < entry.generation {
            let (presented, used) = (claims.generation, entry.generation);
            return Err(SessionError::Replayed { presented, used }.into());
        }
        Ok(entry)
    }

    /// Keeps a last word that was told, for its answer may get lost.
    pub(super) fn told(&self, id: &str, close: Close) {
        if let Some(entry) = self.table.lock().entries.get_mut(id) {
            entry.last_word = Some(close);
        }
    }
}

impl Table {
    /// Forgets what nobody has asked for any more.
    fn clear_up(&mut self) {
        let now = clock::now();
        let old = |at: &Instant| now.duration_since(*at) > LAST_WORD;
        while self.ended.len() > ENDED || self.ended.front().is_some_and(|(at, _)| old(at)) {
            if let Some((_, id)) = self.ended.pop_front() {
                self.entries.remove(&id);
            }
        }
    }
}

impl Drop for Place {
    /// Of what nobody has asked for, only the last word is kept, and only where it may be asked for.
    fn drop(&mut self) {
        let mut table = self.links.table.lock();
        table.clear_up();
        let Some(entry) = table.entries.get_mut(&self.id) else { return };
        let Some(polled) = entry.polled.take() else {
            table.entries.remove(&self.id);
            return;
        };
        // A request that waits has it: it reads to the end.
        if let Ok(mut said) = polled.said.try_lock() {
            while let Ok(said) = said.try_recv() {
                if let Outgoing::Close(close) = said {
                    entry.last_word = Some(close);
                }
            }
        }
        table.ended.push_back((clock::now(), self.id.clone()));
    }
}

/// There is no such connection: the client opens another, and goes on where it was.
pub(super) fn no_connection() -> ApiError {
    let message = "this connection has ended; open another with `last_seq`";
    ApiError::new(StatusCode::NOT_FOUND, "no_connection", message)
}
