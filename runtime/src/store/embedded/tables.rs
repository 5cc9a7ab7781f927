//! The tables of the embedded store and the keys in them.
//!
//! | table | key | value |
//! |---|---|---|
//! | `sessions` | id, `c` | what the session was created with |
//! | `sessions` | id, `p` | [`Position`] |
//! | `sessions` | id, `s` | the actor's state |
//! | `log` | id, seq | an entry |
//! | `inbox` | id, `w`, arrival | a waiting item |
//! | `inbox` | id, `e`, expiry ms, arrival | its `biz_id`: waiting items by expiry |
//! | `inbox` | id, `i`, `biz_id` | its [`Mark`] |
//! | `inbox` | id, `d`, ms, `biz_id` | nothing: delivered ids by age |
//! | `running` | id | nothing: sessions with an unfinished reply |
//! | `jobs` | id, job's id | a job of the inference queue, see [`jobs`](super::jobs) |
//! | `sessions` | `age` | how old the store is |
//!
//! Integers in keys are big-endian, so that byte order is their order.

use std::ops::Bound;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use fjall::{Database, Keyspace, KeyspaceCreateOptions, Readable, Snapshot};

use super::keys::Key;
use super::record::{self, Mark, Position};
use crate::ids::{Seq, SessionId};
use crate::store::{InboxItem, LogEntry, Moment, SessionRow, StoreError};

/// Block cache: reads beyond the connections' rings are resumes and diffs, which are rare.
const CACHE_BYTES: u64 = 32 << 20;
/// Write buffer per table.
const MEMTABLE_BYTES: u64 = 16 << 20;
/// Journals are written out into tables, and removed, when they take more than this on the disk.
const JOURNALS_BYTES: u64 = 128 << 20;

/// The one key that is no session's.
pub(super) const AGE_KEY: &[u8] = b"age";

/// Which table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Table {
    Sessions,
    Log,
    Inbox,
    Running,
    Jobs,
}

impl Table {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Sessions => "sessions",
            Self::Log => "log",
            Self::Inbox => "inbox",
            Self::Running => "running",
            Self::Jobs => "jobs",
        }
    }

    /// Its number between processes.
    pub(super) fn code(self) -> u8 {
        match self {
            Self::Sessions => 0,
            Self::Log => 1,
            Self::Inbox => 2,
            Self::Running => 3,
            Self::Jobs => 4,
        }
    }

    /// The inverse of [`code`](Self::code).
    pub(super) fn of(code: u8) -> Option<Self> {
        super::walk::TABLES.into_iter().find(|table| table.code() == code)
    }
}

/// The open database.
pub(super) struct Tables {
    pub(super) database: Database,
    sessions: Keyspace,
    log: Keyspace,
    inbox: Keyspace,
    running: Keyspace,
    jobs: Keyspace,
}

impl Tables {
    /// Makes a database.
    pub(super) fn create(path: &Path) -> fjall::Result<Self> {
        Self::with(database(path)?)
    }

    /// Opens a database, with all its tables: one that is missing is damage, not a reason for a new one. But for the jobs,
    /// which directories of format 2 lack: there it is made.
    pub(super) fn open(path: &Path) -> fjall::Result<Self> {
        let database = database(path)?;
        let missing = |table: &Table| *table != Table::Jobs && !database.keyspace_exists(table.name());
        let missing = super::walk::TABLES.into_iter().find(missing);
        if missing.is_some() {
            return Err(fjall::Error::Unrecoverable);
        }
        Self::with(database)
    }

    fn with(database: Database) -> fjall::Result<Self> {
        let open = |table: Table| {
            database.keyspace(table.name(), || KeyspaceCreateOptions::default().max_memtable_size(MEMTABLE_BYTES))
        };
        Ok(Self {
            sessions: open(Table::Sessions)?,
            log: open(Table::Log)?,
            inbox: open(Table::Inbox)?,
            running: open(Table::Running)?,
            jobs: open(Table::Jobs)?,
            database,
        })
    }

    pub(super) fn table(&self, table: Table) -> &Keyspace {
        match table {
            Table::Sessions => &self.sessions,
            Table::Log => &self.log,
            Table::Inbox => &self.inbox,
            Table::Running => &self.running,
            Table::Jobs => &self.jobs,
        }
    }

    /// A consistent view of everything committed.
    pub(super) fn view(self: &Arc<Self>) -> View {
        View { tables: self.clone(), snapshot: self.database.snapshot() }
    }
}

fn database(path: &Path) -> fjall::Result<Database> {
    let builder = Database::builder(path).cache_size(CACHE_BYTES).worker_threads(1);
    builder.max_journaling_size(JOURNALS_BYTES).open()
}

/// A consistent view of the tables.
pub(super) struct View {
    tables: Arc<Tables>,
    snapshot: Snapshot,
}

impl View {
    pub(super) fn position(&self, id: &SessionId) -> Result<Position, StoreError> {
        let bytes = self.get(Table::Sessions, position_key(id))?;
        let bytes = bytes.ok_or_else(|| StoreError::NoSession(id.clone()))?;
        Position::decode(&bytes, id)
    }

    pub(super) fn session(&self, id: &SessionId) -> Result<Option<SessionRow>, StoreError> {
        let Some(created) = self.get(Table::Sessions, created_key(id))? else { return Ok(None) };
        let (created, born_in) = record::decode_created(&created, id)?;
        let position = self.position(id)?;
        let state = self.get(Table::Sessions, state_key(id))?.unwrap_or_default();
        Ok(Some(SessionRow {
            created,
            epoch: position.epoch,
            head: position.head,
            floor: position.floor,
            state: Bytes::copy_from_slice(&state),
            running: position.running,
            hold: None,
            born_in,
        }))
    }

    /// How old the store was when that was written last, ms; 0 where no release has yet.
    pub(super) fn age(&self) -> Result<u64, StoreError> {
        let age = self.get(Table::Sessions, AGE_KEY.to_vec())?;
        age.map_or(Ok(0), |age| record::decode_age(&age))
    }

    /// Looks at sessions behind a key, at most `limit`, and gives those that may be over or that no release has noted a use of;
    /// with the last key it looked at, unless there are no more. A record that cannot be read is passed over: it is no
    /// reason to keep the others.
    pub(super) fn unused(
        &self,
        behind: &[u8],
        limit: usize,
        at: Moment,
    ) -> Result<(Vec<SessionId>, Option<Vec<u8>>), StoreError> {
        let (mut found, mut looked) = (Vec::new(), 0usize);
        for guard in self.scan(Table::Sessions, behind) {
            let (key, value) = guard.into_inner().map_err(|error| read_failure(&error))?;
            let Ok((id, Key::Position)) = Key::parse(Table::Sessions, &key) else { continue };
            match Position::decode(&value, &id) {
                Ok(position) if position.is_over(at) || position.used_ms > at.age_ms => found.push(id),
                Ok(_) => {}
                Err(error) => {
                    tracing::error!(session = %id, %error, "it is not known when a session was used; it stays");
                }
            }
            looked = looked.saturating_add(1);
            if looked >= limit {
                return Ok((found, Some(key.to_vec())));
            }
        }
        Ok((found, None))
    }

    /// The keys of a session in a table.
    pub(super) fn keys_of(&self, table: Table, id: &SessionId) -> Result<Vec<Vec<u8>>, StoreError> {
        let guards = self.snapshot.prefix(self.tables.table(table), id.as_str().as_bytes());
        guards.map(|guard| Ok(guard.key().map_err(|error| read_failure(&error))?.to_vec())).collect()
    }

    pub(super) fn read(&self, id: &SessionId, from: Seq, limit: usize) -> Result<Vec<LogEntry>, StoreError> {
        let position = self.position(id)?;
        let from = from.max(position.floor.saturating_add(1));
        let mut entries = Vec::new();
        if from > position.head {
            return Ok(entries);
        }
        let range = log_key(id, from)..=log_key(id, position.head);
        for guard in self.snapshot.range(self.tables.table(Table::Log), range).take(limit) {
            let (key, bytes) = guard.into_inner().map_err(|error| read_failure(&error))?;
            entries.push(LogEntry { seq: last_u64(&key, id)?, bytes: Bytes::copy_from_slice(&bytes) });
        }
        Ok(entries)
    }

    /// Waiting items that have not expired, in order of arrival.
    pub(super) fn waiting(
        &self,
        id: &SessionId,
        now_ms: u64,
    ) -> impl Iterator<Item = Result<InboxItem, StoreError>> + use<> {
        let id = id.clone();
        self.snapshot.prefix(self.tables.table(Table::Inbox), tagged(&id, b'w')).filter_map(move |guard| {
            let bytes = match guard.value().map_err(|error| read_failure(&error)) {
                Ok(bytes) => bytes,
                Err(error) => return Some(Err(error)),
            };
            match record::item_expiry(&bytes, &id) {
                Ok(expires_ms) if expires_ms <= now_ms => None,
                Ok(_) => Some(record::decode_item(&bytes, &id)),
                Err(error) => Some(Err(error)),
            }
        })
    }

    /// What waits, soonest expiry first, without the items themselves.
    pub(super) fn expiries(&self, id: &SessionId) -> impl Iterator<Item = Result<Expiry, StoreError>> + use<> {
        let id = id.clone();
        let prefix = tagged(&id, b'e');
        let skip = prefix.len();
        self.snapshot.prefix(self.tables.table(Table::Inbox), prefix).map(move |guard| {
            let (key, biz_id) = guard.into_inner().map_err(|error| read_failure(&error))?;
            let damaged = || StoreError::corrupt(format!("the expiry index of session {id}"), "a record is malformed");
            let at_ms = key.get(skip..).and_then(|rest| rest.first_chunk::<8>()).ok_or_else(damaged)?;
            let biz_id = str::from_utf8(&biz_id).map_err(|_| damaged())?.to_owned();
            Ok(Expiry { at_ms: u64::from_be_bytes(*at_ms), arrival: last_u64(&key, &id)?, biz_id })
        })
    }

    pub(super) fn mark(&self, id: &SessionId, biz_id: &str) -> Result<Option<Mark>, StoreError> {
        let bytes = self.get(Table::Inbox, mark_key(id, biz_id))?;
        bytes.map(|bytes| Mark::decode(&bytes, id)).transpose()
    }

    /// Delivered ids, oldest first.
    pub(super) fn done(&self, id: &SessionId) -> impl Iterator<Item = Result<(u64, String), StoreError>> + use<> {
        let id = id.clone();
        let prefix = tagged(&id, b'd');
        let skip = prefix.len();
        self.snapshot.prefix(self.tables.table(Table::Inbox), prefix).map(move |guard| {
            let key = guard.key().map_err(|error| read_failure(&error))?;
            let damaged = || StoreError::corrupt(format!("the delivery index of session {id}"), "a key is malformed");
            let (at_ms, biz_id) = key.get(skip..).and_then(|rest| rest.split_first_chunk::<8>()).ok_or_else(damaged)?;
            let biz_id = str::from_utf8(biz_id).map_err(|_| damaged())?;
            Ok((u64::from_be_bytes(*at_ms), biz_id.to_owned()))
        })
    }

    /// The sequence ids of the oldest entries behind a floor, at most `limit`.
    pub(super) fn oldest(&self, id: &SessionId, floor: Seq, limit: u64) -> Result<Vec<Seq>, StoreError> {
        let range = log_key(id, floor.saturating_add(1))..=log_key(id, Seq::MAX);
        let guards = self.snapshot.range(self.tables.table(Table::Log), range);
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        guards.take(limit).map(|guard| last_u64(&guard.key().map_err(|error| read_failure(&error))?, id)).collect()
    }

    /// Sessions with an unfinished reply. A key that names none is skipped: one damaged record must
    /// not keep every other session from starting.
    pub(super) fn running(&self) -> Result<Vec<SessionId>, StoreError> {
        let mut ids = Vec::new();
        for guard in self.snapshot.iter(self.tables.table(Table::Running)) {
            let key = guard.key().map_err(|error| read_failure(&error))?;
            match str::from_utf8(&key).ok().and_then(|text| text.parse().ok()) {
                Some(id) => ids.push(id),
                None => tracing::error!(
                    key = %key.escape_ascii(),
                    "the list of unfinished replies names no session here; skipped, its reply will not go on"
                ),
            }
        }
        Ok(ids)
    }

    /// Everything behind a key.
    pub(super) fn scan(&self, table: Table, from: &[u8]) -> fjall::Iter {
        let range = (Bound::Excluded(from.to_vec()), Bound::<Vec<u8>>::Unbounded);
        self.snapshot.range(self.tables.table(table), range)
    }

    pub(super) fn get(&self, table: Table, key: Vec<u8>) -> Result<Option<fjall::Slice>, StoreError> {
        self.snapshot.get(self.tables.table(table), key).map_err(|error| read_failure(&error))
    }
}

/// When a waiting item expires, and what it takes to remove it.
pub(super) struct Expiry {
    pub(super) at_ms: u64,
    pub(super) arrival: u64,
    pub(super) biz_id: String,
}

/// A read that the database could not answer.
pub(super) fn read_failure(error: &fjall::Error) -> StoreError {
    StoreError::corrupt("a stored block", error.to_string())
}

pub(super) fn created_key(id: &SessionId) -> Vec<u8> {
    tagged(id, b'c')
}

pub(super) fn position_key(id: &SessionId) -> Vec<u8> {
    tagged(id, b'p')
}

pub(super) fn state_key(id: &SessionId) -> Vec<u8> {
    tagged(id, b's')
}

pub(super) fn running_key(id: &SessionId) -> Vec<u8> {
    id.as_str().as_bytes().to_vec()
}

pub(super) fn job_key(id: &SessionId, job: &str) -> Vec<u8> {
    [id.as_str().as_bytes(), job.as_bytes()].concat()
}

pub(super) fn log_key(id: &SessionId, seq: Seq) -> Vec<u8> {
    let mut key = id.as_str().as_bytes().to_vec();
    key.extend_from_slice(&seq.to_be_bytes());
    key
}

pub(super) fn waiting_key(id: &SessionId, arrival: u64) -> Vec<u8> {
    let mut key = tagged(id, b'w');
    key.extend_from_slice(&arrival.to_be_bytes());
    key
}

pub(super) fn expiry_key(id: &SessionId, expires_ms: u64, arrival: u64) -> Vec<u8> {
    let mut key = tagged(id, b'e');
    key.extend_from_slice(&expires_ms.to_be_bytes());
    key.extend_from_slice(&arrival.to_be_bytes());
    key
}

pub(super) fn mark_key(id: &SessionId, biz_id: &str) -> Vec<u8> {
    let mut key = tagged(id, b'i');
    key.extend_from_slice(biz_id.as_bytes());
    key
}

pub(super) fn done_key(id: &SessionId, at_ms: u64, biz_id: &str) -> Vec<u8> {
    let mut key = tagged(id, b'd');
    key.extend_from_slice(&at_ms.to_be_bytes());
    key.extend_from_slice(biz_id.as_bytes());
    key
}

fn tagged(id: &SessionId, tag: u8) -> Vec<u8> {
    let mut key = id.as_str().as_bytes().to_vec();
    key.push(tag);
    key
}

fn last_u64(key: &[u8], id: &SessionId) -> Result<u64, StoreError> {
    key.last_chunk::<8>()
        .map(|bytes| u64::from_be_bytes(*bytes))
        .ok_or_else(|| StoreError::corrupt(format!("a key of session {id}"), "it is cut short"))
}
