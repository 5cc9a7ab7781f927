//! The store on the local disk: a log-structured database, written by one thread.
//!
//! A write is decided and made durable by [`writer`]; reads take a snapshot on the runtime's blocking
//! threads and see exactly what is durable, because a batch becomes visible after its fsync.

mod backup;
mod changes;
mod check;
mod claims;
#[cfg(unix)]
mod control;
mod copies;
#[cfg(test)]
mod damage;
mod directory;
#[cfg(test)]
pub(super) mod faults;
#[cfg(test)]
mod formats;
mod jobs;
mod journal;
mod keys;
#[cfg(test)]
mod lifetimes;
#[cfg(unix)]
mod outlet;
mod plan;
mod receipts;
mod record;
mod repair;
mod scratch;
mod seal;
mod source;
mod stopped;
mod tables;
#[cfg(test)]
mod tests;
mod walk;
mod writer;

use std::fmt;
use std::panic::{self, AssertUnwindSafe};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::{self, JoinHandle};

use async_trait::async_trait;
use futures_util::future::join_all;
use parking_lot::Mutex;
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::task;

pub use self::backup::{Copied, backup};
pub use self::check::{Checked, Stored, check};
use self::claims::Claims;
#[cfg(unix)]
use self::control::Control;
use self::directory::DataDirectory;
pub use self::repair::{Dropped, Repaired, repair};
pub use self::source::StoreSource;
use self::tables::{Tables, View};
use self::writer::{Operation, Poison, Queued, Writer};
use super::jobs::{Jobs, Queue};
use super::{
    Age, Commit, Committed, Enqueued, Fence, InboxItem, Interrupted, Leap, Lifetime, Lineage, LogEntry, Moment,
    NewSession, Node, Receipt, SessionRow, Store, StoreClock, StoreError,
};
use crate::ids::{Epoch, Seq, SessionId};

/// Writes that may wait for the writer; further ones wait in their callers.
const QUEUE: usize = 1_024;
/// KiB that may wait for the writer; beyond it, too, callers wait.
const QUEUE_KIB: u32 = 64 << 10;

/// Sessions that are looked at, and that are deleted, at once.
const SWEPT_AT_ONCE: usize = 4_096;
const ENDED_AT_ONCE: usize = 64;

/// A store in a directory of the local disk. See [`Store`] for what it promises.
pub struct EmbeddedStore {
    open: Mutex<Option<Open>>,
    lineage: Lineage,
    poison: Poison,
    expired: Arc<AtomicU64>,
    room: Arc<Semaphore>,
    claims: Arc<Claims>,
    queue: Arc<Mutex<Queue>>,
    clock: StoreClock,
    age: Arc<Age>,
    lifetime: Lifetime,
}

impl Shared {
    /// Closes the database, if nobody reads in it any more, and notes that it was closed in order.
    fn stop(self) {
        let Self { tables, directory } = self;
        let Some(tables) = Arc::into_inner(tables) else { return not_noted(directory.path()) };
        drop(tables);
        stopped::put(directory.path(), &directory.database());
    }
}

/// Somebody reads still: the journals may change behind whatever would be noted.
fn not_noted(path: &Path) {
    tracing::warn!(path = %path.display(), "the store stops under a reader; a journal that loses its end until the next start is not told");
}

/// What an open store holds.
struct Open {
    operations: mpsc::Sender<Queued>,
    shared: Arc<Shared>,
    writer: JoinHandle<()>,
    #[cfg(unix)]
    control: Option<Control>,
}

/// The database and, dropped behind it, the hold on its directory.
struct Shared {
    tables: Arc<Tables>,
    directory: DataDirectory,
}

impl EmbeddedStore {
    /// Opens the store in a directory, making it when there is none. Blocks while it recovers.
    ///
    /// # Errors
    /// [`StoreError::Directory`] when the directory cannot be used, is not a store or is in use;
    /// [`StoreError::Corrupt`] when what it holds cannot be read.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        Self::open_with(path, StoreClock::System, Lifetime::FOREVER)
    }

    /// Opens the store; it reads the time elsewhere.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_with_clock(path: &Path, clock: StoreClock) -> Result<Self, StoreError> {
        Self::open_with(path, clock, Lifetime::FOREVER)
    }

    /// Opens the store; it reads the time elsewhere, and keeps sessions that nobody uses for so long.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_with(path: &Path, clock: StoreClock, lifetime: Lifetime) -> Result<Self, StoreError> {
        let directory = DataDirectory::acquire(path)?;
        let lineage = copies::lineage(path)?;
        let tables = Arc::new(open_tables(path, &directory)?);
        seal::open(path, &tables)?;
        let noted_ms = tables.view().age()?;
        let age = Arc::new(Age::from(clock.clone(), noted_ms));
        let (poison, expired) = (Poison::default(), Arc::new(AtomicU64::new(0)));
        let (operations, queued) = mpsc::channel(QUEUE);
        let shared = Arc::new(Shared { tables, directory });
        let claims = Arc::new(Claims::new(Node::only()));
        let queue = Arc::new(Mutex::new(jobs::load(&shared.tables.view())?));
        let writer = Writer {
            shared: shared.clone(),
            clock: clock.clone(),
            queue: queue.clone(),
            born_in: lineage.id.as_str().into(),
            age: age.clone(),
            lifetime,
            noted_ms,
            poison: poison.clone(),
            expired: expired.clone(),
            claims: claims.clone(),
        };
        let writer = thread::Builder::new().name("store-writer".to_owned()).spawn(move || writer.run(queued)).map_err(
            |error| cannot_use(path, format!("the writer could not start ({error}); raise the limit on threads")),
        )?;
        #[cfg(unix)]
        let control = Control::start(path, &shared);
        let open = Open {
            operations,
            shared,
            writer,
            #[cfg(unix)]
            control,
        };
        Ok(Self {
            open: Mutex::new(Some(open)),
            lineage,
            poison,
            expired,
            room: Arc::new(Semaphore::new(QUEUE_KIB as usize)),
            claims,
            queue,
            clock,
            age,
            lifetime,
        })
    }

    async fn write<T>(
        &self,
        operation: impl FnOnce(oneshot::Sender<Result<T, StoreError>>) -> Operation,
    ) -> Result<T, StoreError> {
        if let Some(reason) = self.poison.get() {
            return Err(StoreError::Poisoned(reason.clone()));
        }
        let operations = self.open.lock().as_ref().map(|open| open.operations.clone()).ok_or(StoreError::Closed)?;
        let (answer, answered) = oneshot::channel();
        let operation = operation(answer);
        let size = u32::try_from(operation.bytes() / 1_024).unwrap_or(u32::MAX).saturating_add(1).min(QUEUE_KIB);
        let room = self.room.clone().acquire_many_owned(size).await.map_err(|_| StoreError::Closed)?;
        if operations.send(Queued { operation, room }).await.is_err() {
            return Err(self.writer_died());
        }
        drop(operations);
        answered.await.unwrap_or_else(|_| Err(self.writer_died()))
    }

    /// The writer only ends early by a panic, after which nothing about the last batch is known.
    fn writer_died(&self) -> StoreError {
        StoreError::Poisoned(self.poison.get_or_init(|| "the writing thread ended unexpectedly".into()).clone())
    }

    async fn view<T: Send + 'static>(
        &self,
        look: impl FnOnce(&View) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let shared = self.open.lock().as_ref().map(|open| open.shared.clone()).ok_or(StoreError::Closed)?;
        let looked = task::spawn_blocking(move || look(&shared.tables.view())).await;
        looked.unwrap_or_else(|_| Err(StoreError::corrupt("a stored block", "reading it failed")))
    }
}

#[async_trait]
impl Store for EmbeddedStore {
    async fn create(&self, new: NewSession) -> Result<(), StoreError> {
        self.write(|answer| Operation::Create(new, answer)).await
    }

    async fn session(&self, id: &SessionId) -> Result<Option<SessionRow>, StoreError> {
        let (id, claims) = (id.clone(), self.claims.clone());
        self.view(move |view| Ok(view.session(&id)?.map(|row| claims.seen(row)))).await
    }

    async fn claim(&self, id: &SessionId, _from: Option<&Node>, fence: Fence) -> Result<SessionRow, StoreError> {
        self.write(|answer| Operation::Claim(id.clone(), fence, answer)).await
    }

    async fn release(&self, id: &SessionId, fence: Fence) -> Result<(), StoreError> {
        self.claims.release(id, fence);
        Ok(())
    }

    async fn commit(&self, id: &SessionId, epoch: Epoch, commit: Commit) -> Result<Committed, StoreError> {
        self.write(|answer| Operation::Commit(id.clone(), epoch, Box::new(commit), answer)).await
    }

    async fn read(&self, id: &SessionId, from: Seq, limit: usize) -> Result<Vec<LogEntry>, StoreError> {
        let id = id.clone();
        self.view(move |view| view.read(&id, from, limit)).await
    }

    async fn enqueue(&self, id: &SessionId, item: InboxItem) -> Result<Enqueued, StoreError> {
        self.write(|answer| Operation::Enqueue(id.clone(), item, answer)).await
    }

    async fn inbox(&self, id: &SessionId, now_ms: u64, limit: usize) -> Result<Vec<InboxItem>, StoreError> {
        let id = id.clone();
        self.view(move |view| {
            view.position(&id)?;
            view.waiting(&id, now_ms).take(limit).collect()
        })
        .await
    }

    async fn receipt(&self, id: &SessionId, biz_id: &str) -> Result<(SessionRow, Receipt), StoreError> {
        let (id, biz_id, now_ms) = (id.clone(), biz_id.to_owned(), self.clock.now_ms());
        let (row, receipt) = self.view(move |view| receipts::receipt(view, &id, &biz_id, now_ms)).await?;
        Ok((self.claims.seen(row), receipt))
    }

    fn take_expired(&self) -> u64 {
        self.expired.swap(0, Ordering::Relaxed)
    }

    async fn advance_epoch(&self, id: &SessionId, epoch: Epoch, leap: Leap) -> Result<Epoch, StoreError> {
        self.write(|answer| Operation::AdvanceEpoch(id.clone(), epoch, leap, answer)).await
    }

    fn lifetime(&self) -> Lifetime {
        self.lifetime
    }

    async fn touch(&self, id: &SessionId) -> Result<(), StoreError> {
        self.write(|answer| Operation::Touch(id.clone(), answer)).await
    }

    async fn expire(&self) -> Result<u64, StoreError> {
        let (mut ended, mut behind) = (0u64, Some(Vec::new()));
        while let Some(from) = behind {
            let at = Moment::now(&self.clock, &self.age, self.lifetime);
            let (unused, next) = self.view(move |view| view.unused(&from, SWEPT_AT_ONCE, at)).await?;
            for some in unused.chunks(ENDED_AT_ONCE) {
                let ends = some.iter().map(|id| self.write(|answer| Operation::End(id.clone(), answer)));
                for outcome in join_all(ends).await {
                    ended = ended.saturating_add(outcome?.into());
                }
            }
            behind = next;
        }
        self.write(Operation::Age).await?;
        Ok(ended)
    }

    async fn interrupted(&self) -> Result<Vec<Interrupted>, StoreError> {
        let running = self.view(View::running).await?;
        Ok(running.into_iter().map(|id| self.claims.interrupted(id)).collect())
    }

    fn jobs(&self) -> &dyn Jobs {
        self
    }

    fn node(&self) -> &Node {
        self.claims.node()
    }

    fn lineage(&self, _id: &SessionId) -> Result<Lineage, StoreError> {
        Ok(self.lineage.clone())
    }

    fn healthy(&self) -> Result<(), StoreError> {
        if let Some(reason) = self.poison.get() {
            return Err(StoreError::Poisoned(reason.clone()));
        }
        match &*self.open.lock() {
            None => Err(StoreError::Closed),
            Some(open) if open.writer.is_finished() => Err(self.writer_died()),
            Some(_) => Ok(()),
        }
    }

    async fn close(&self) {
        let Some(open) = self.open.lock().take() else { return };
        let (poison, path) = (self.poison.clone(), open.shared.directory.path().to_owned());
        drop(open.operations);
        // The writer answers what is queued, then ends; the database is closed behind it and behind its readers.
        let closed = task::spawn_blocking(move || {
            let ended = open.writer.join();
            #[cfg(unix)]
            if let Some(control) = open.control {
                control.end();
            }
            // Of a write that failed nobody knows whether it is there.
            match Arc::into_inner(open.shared) {
                Some(shared) if ended.is_ok() && poison.get().is_none() => shared.stop(),
                Some(_) => {}
                None => not_noted(&path),
            }
            ended
        });
        if !matches!(closed.await, Ok(Ok(()))) {
            tracing::error!("the store's writing thread ended by a panic");
        }
    }
}

impl fmt::Debug for EmbeddedStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EmbeddedStore").field("poison", &self.poison).finish_non_exhaustive()
    }
}

/// Opens the database. It panics on some kinds of damage, which must not take the process down
/// without a word.
fn open_tables(path: &Path, directory: &DataDirectory) -> Result<Tables, StoreError> {
    let database = directory.database();
    stopped::take(path, &journal::inspect(&database)?)?;
    let tables = open_database(path, &database)?;
    directory.has_jobs()?;
    Ok(tables)
}

/// [`open_tables`], behind a look at the journals.
fn open_database(path: &Path, database: &Path) -> Result<Tables, StoreError> {
    let damaged = |detail: String| StoreError::corrupt(format!("the store in {}", path.display()), detail);
    match panic::catch_unwind(AssertUnwindSafe(|| Tables::open(database))) {
        Ok(Ok(tables)) => Ok(tables),
        Ok(Err(fjall::Error::Io(error))) => {
            Err(cannot_use(path, format!("{error}; check the disk and the permissions")))
        }
        Ok(Err(error)) => Err(damaged(error.to_string())),
        Err(_) => Err(damaged("the database found its files inconsistent".to_owned())),
    }
}

fn cannot_use(path: &Path, detail: String) -> StoreError {
    StoreError::Directory { path: path.display().to_string(), detail }
}
