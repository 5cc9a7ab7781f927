//! Reads every record of a store and says what is damaged.

use std::collections::BTreeMap;

use super::keys::Key;
use super::record::{self, Mark, Position};
use super::seal;
use super::source::StoreSource;
use super::tables::{AGE_KEY, Table};
use super::walk::Piece;
use crate::ids::SessionId;
use crate::store::jobs::Job;
use crate::store::{InboxItem, LogEntry, NewSession, StoreError};

/// What a store holds, record by record.
#[derive(Debug)]
pub enum Stored {
    /// A session as it was created. Its entries and messages come behind all sessions.
    Session(NewSession),
    /// Where a session stands.
    Position {
        /// The session.
        id: SessionId,
        /// Its epoch, from 1.
        epoch: u32,
        /// The last sequence id in use.
        head: u64,
        /// The highest sequence id that was dropped.
        floor: u64,
        /// Whether a reply is unfinished.
        running: bool,
    },
    /// A session's state.
    State(SessionId, Vec<u8>),
    /// A log entry.
    Entry(SessionId, LogEntry),
    /// A message that waits.
    Waiting(SessionId, InboxItem),
    /// A message that was delivered, by this entry.
    Delivered(SessionId, String, u64),
    /// A job of the inference queue.
    Job(Job),
}

/// What a check found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Checked {
    /// Sessions.
    pub sessions: u64,
    /// Log entries.
    pub entries: u64,
    /// Messages that wait.
    pub waiting: u64,
    /// Jobs, ended ones included.
    pub jobs: u64,
    /// Records of all kinds.
    pub records: u64,
    /// Damages told.
    pub damages: u64,
}

/// Reads every record, hands what it holds to `sink`, and tells what is damaged and where; then compares what each
/// session's records say about one another. Holds some 200 bytes for each session meanwhile.
///
/// # Errors
/// When the source breaks off, or the sink fails. Damage is none.
pub fn check(
    source: StoreSource,
    sink: &mut dyn FnMut(Stored) -> Result<(), StoreError>,
    damage: &mut dyn FnMut(&str),
) -> Result<Checked, StoreError> {
    let mut check = Check { checked: Checked::default(), sessions: BTreeMap::new(), damage };
    let (directory, mut torn) = (source.directory().to_owned(), false);
    source.pieces(&mut |piece| match piece {
        Piece::Record { table, key, value } => {
            check.checked.records = check.checked.records.saturating_add(1);
            match check.record(table, key, value) {
                Ok(Some(stored)) => sink(stored),
                Ok(None) => Ok(()),
                Err(error) => {
                    check.tell(&error.to_string());
                    Ok(())
                }
            }
        }
        Piece::Damage(text) => {
            torn = true;
            check.tell(&text);
            Ok(())
        }
    })?;
    // Where records could not be read, that they are missing is told already.
    if !torn {
        check.compare();
        if let Some(detail) = seal::broken(&directory, check.checked.records)? {
            check.tell(&detail);
        }
    }
    Ok(check.checked)
}

/// What a session's records add up to.
#[derive(Debug, Default)]
struct Sum {
    created: bool,
    position: Option<Position>,
    entries: u64,
    first: u64,
    last: u64,
    items: u32,
    expiries: u32,
    waiting: u32,
    done: u32,
    running: bool,
}

struct Check<'a> {
    checked: Checked,
    sessions: BTreeMap<SessionId, Sum>,
    damage: &'a mut dyn FnMut(&str),
}

impl Check<'_> {
    fn tell(&mut self, text: &str) {
        self.checked.damages = self.checked.damages.saturating_add(1);
        (self.damage)(text);
    }

    fn record(&mut self, table: Table, key: &[u8], value: &[u8]) -> Result<Option<Stored>, StoreError> {
        if table == Table::Sessions && key == AGE_KEY {
            return record::decode_age(value).map(|_| None);
        }
        let (id, key) = Key::parse(table, key)?;
        // A job may outlive its session.
        if let Key::Job(job) = key {
            self.checked.jobs = self.checked.jobs.saturating_add(1);
            return Ok(Some(Stored::Job(super::jobs::decode(value, &id, &job)?)));
        }
        let sum = self.sessions.entry(id.clone()).or_default();
        Ok(match key {
            Key::Created => {
                sum.created = true;
                self.checked.sessions = self.checked.sessions.saturating_add(1);
                Some(Stored::Session(record::decode_created(value, &id)?.0))
            }
            Key::Position => {
                let position = Position::decode(value, &id)?;
                let Position { epoch, head, floor, running, .. } = position;
                sum.position = Some(position);
                Some(Stored::Position { id, epoch, head, floor, running })
            }
            Key::State => Some(Stored::State(id, value.to_vec())),
            Key::Entry(seq) => {
                sum.entries = sum.entries.saturating_add(1);
                sum.first = if sum.first == 0 { seq } else { sum.first };
                sum.last = seq;
                self.checked.entries = self.checked.entries.saturating_add(1);
                Some(Stored::Entry(id, LogEntry { seq, bytes: value.to_vec().into() }))
            }
            Key::Waiting => {
                sum.items = sum.items.saturating_add(1);
                self.checked.waiting = self.checked.waiting.saturating_add(1);
                Some(Stored::Waiting(id.clone(), record::decode_item(value, &id)?))
            }
            Key::Expiry => {
                sum.expiries = sum.expiries.saturating_add(1);
                None
            }
            Key::Mark(biz_id) => match Mark::decode(value, &id)? {
                Mark::Waiting { .. } => {
                    sum.waiting = sum.waiting.saturating_add(1);
                    None
                }
                Mark::Done { seq, .. } => Some(Stored::Delivered(id, biz_id, seq)),
            },
            Key::Done => {
                sum.done = sum.done.saturating_add(1);
                None
            }
            Key::Running => {
                sum.running = true;
                None
            }
            Key::Job(_) => None,
        })
    }

    fn compare(&mut self) {
        for (id, sum) in std::mem::take(&mut self.sessions) {
            for problem in sum.problems() {
                self.tell(&format!("session {id}: {problem}"));
            }
        }
    }
}

impl Sum {
    /// What does not add up.
    fn problems(&self) -> Vec<String> {
        if !self.created {
            return vec!["it has records and no description".to_owned()];
        }
        let Some(position) = &self.position else {
            return vec!["where it stands is missing".to_owned()];
        };
        let mut problems = Vec::new();
        let mut differ = |what: &str, said: u64, found: u64| {
            if said != found {
                problems.push(format!("{what}: {said} by its position, {found} found"));
            }
        };
        differ("log entries", position.stored, self.entries);
        differ("waiting messages", position.waiting.into(), self.items.into());
        differ("expiries of waiting messages", position.waiting.into(), self.expiries.into());
        differ("marks of waiting messages", position.waiting.into(), self.waiting.into());
        differ("delivered ids", position.done.into(), self.done.into());
        if self.last > position.head || (self.entries > 0 && self.first <= position.floor) {
            let (first, last, floor, head) = (self.first, self.last, position.floor, position.head);
            problems.push(format!("entries {first} to {last} are not between its floor {floor} and its head {head}"));
        }
        if self.running != position.running {
            problems.push("its mark of an unfinished reply and its position disagree".to_owned());
        }
        problems
    }
}
