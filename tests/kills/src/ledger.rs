//! What was acknowledged and what was read, by session; and what must be true of everything that is read next.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, ensure};
use rolecall::store::{InboxItem, LogEntry, SessionRow};

use crate::content::{Header, fingerprint};
use crate::report::Report;

/// A session as it was read.
#[derive(Debug)]
pub struct Read {
    /// What stands in front of it.
    pub row: SessionRow,
    /// Its whole log.
    pub log: Vec<LogEntry>,
    /// What waits.
    pub inbox: Vec<InboxItem>,
    /// Whether it is listed as interrupted.
    pub interrupted: bool,
}

/// What is known of a directory.
#[derive(Debug, Default)]
pub struct Ledger {
    sessions: BTreeMap<String, Session>,
    acknowledged: u64,
}

#[derive(Debug, Default)]
struct Session {
    /// Fingerprints by sequence id: acknowledged or read.
    entries: BTreeMap<u64, u64>,
    /// Fingerprints of messages taken in.
    messages: BTreeMap<String, u64>,
    /// Messages that an entry delivered.
    delivered: BTreeMap<String, u64>,
    epoch: u32,
    head: u64,
}

impl Ledger {
    /// Sessions that were acknowledged.
    pub fn sessions(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.sessions.keys().map(String::as_str)
    }

    /// Writes acknowledged.
    #[must_use]
    pub fn acknowledged(&self) -> u64 {
        self.acknowledged
    }

    /// What a session's log delivered, and by which entry.
    pub fn delivered(&self, session: &str) -> impl DoubleEndedIterator<Item = (&str, u64)> {
        let known = self.sessions.get(session);
        known.into_iter().flat_map(|session| session.delivered.iter().map(|(biz_id, seq)| (biz_id.as_str(), *seq)))
    }

    /// Notes what the writing process reported.
    ///
    /// # Errors
    /// When it reuses a sequence id or an epoch, or contradicts what was read.
    pub fn note(&mut self, report: &Report) -> Result<()> {
        match report {
            Report::Ready => return Ok(()),
            Report::Failed { error } => anyhow::bail!("a write was refused: {error}"),
            Report::Created { session } => {
                let fresh = Session { epoch: 1, ..Session::default() };
                ensure!(self.sessions.insert(session.clone(), fresh).is_none(), "{session} was made twice");
            }
            Report::Committed { session, first, head, entries } => {
                let known = self.session(session)?;
                ensure!(*first > known.head, "{session}: {first} was given out, {} was in use", known.head);
                ensure!(head - first + 1 == entries.len() as u64, "{session}: {entries:?} from {first} to {head}");
                for (seq, fingerprint) in (*first..).zip(entries) {
                    known.entry(session, seq, *fingerprint)?;
                }
                known.head = *head;
            }
            Report::Enqueued { session, biz_id, content } => {
                let again = self.session(session)?.messages.insert(biz_id.clone(), *content);
                ensure!(again.is_none(), "{session}: {biz_id} was taken in twice");
            }
            // Which entry it was is compared when the session is read next.
            Report::Delivered { session, biz_id, seq } => self.session(session)?.deliver(session, biz_id, *seq)?,
            Report::Leapt { session, epoch, resume_at } => {
                let known = self.session(session)?;
                ensure!(*epoch > known.epoch, "{session}: epoch {epoch} after {}", known.epoch);
                known.epoch = *epoch;
                known.head = known.head.max(resume_at.saturating_sub(1));
            }
        }
        self.acknowledged += 1;
        Ok(())
    }

    /// Compares a session with what is known of it, and learns what was written without being acknowledged.
    ///
    /// # Errors
    /// When anything acknowledged is missing or changed, or anything else is there in part.
    pub fn compare(&mut self, read: &Read) -> Result<()> {
        let name = read.row.created.id.to_string();
        let known = self.session(&name)?;
        known.compare_log(&name, read)?;
        known.compare_inbox(&name, &read.inbox)
    }

    fn session(&mut self, name: &str) -> Result<&mut Session> {
        self.sessions.get_mut(name).with_context(|| format!("{name} was never made"))
    }
}

impl Session {
    fn entry(&mut self, name: &str, seq: u64, fingerprint: u64) -> Result<()> {
        let before = self.entries.insert(seq, fingerprint);
        ensure!(before.is_none_or(|before| before == fingerprint), "{name}: {seq} shows something else than before");
        Ok(())
    }

    fn deliver(&mut self, name: &str, biz_id: &str, seq: u64) -> Result<()> {
        let before = self.delivered.insert(biz_id.to_owned(), seq);
        ensure!(before.is_none_or(|before| before == seq), "{name}: {biz_id} is delivered by {seq} and by {before:?}");
        Ok(())
    }

    fn compare_log(&mut self, name: &str, read: &Read) -> Result<()> {
        let row = &read.row;
        ensure!(row.epoch >= self.epoch, "{name}: the epoch went from {} to {}", self.epoch, row.epoch);
        ensure!(row.head >= self.head, "{name}: the head went from {} to {}", self.head, row.head);
        let seqs: Vec<u64> = read.log.iter().map(|entry| entry.seq).collect();
        ensure!(seqs.is_sorted_by(|a, b| a < b), "{name}: out of order: {seqs:?}");
        ensure!(seqs.last().is_none_or(|last| *last <= row.head), "{name}: an entry behind the head {}", row.head);
        let present: BTreeSet<u64> = seqs.iter().copied().collect();
        let lost: Vec<u64> = self.entries.keys().filter(|seq| !present.contains(seq)).copied().collect();
        ensure!(lost.is_empty(), "{name}: acknowledged and lost: {lost:?}");
        let mut steps: BTreeMap<u64, Vec<(u64, Header)>> = BTreeMap::new();
        for entry in &read.log {
            let header = Header::read(&entry.bytes).with_context(|| format!("{name}: entry {}", entry.seq))?;
            self.entry(name, entry.seq, fingerprint(&entry.bytes))?;
            steps.entry(header.token).or_default().push((entry.seq, header));
        }
        for step in steps.values() {
            self.compare_step(name, step)?;
        }
        self.compare_state(name, read)?;
        (self.epoch, self.head) = (row.epoch, row.head);
        Ok(())
    }

    /// A step is there with all its entries, side by side.
    fn compare_step(&mut self, name: &str, step: &[(u64, Header)]) -> Result<()> {
        let Some((first, header)) = step.first() else { return Ok(()) };
        ensure!(step.len() == header.count, "{name}: {} of {} entries of a step at {first}", step.len(), header.count);
        for (at, (seq, entry)) in step.iter().enumerate() {
            ensure!(*seq == first + at as u64 && entry.index == at, "{name}: entry {at} of a step is at {seq}");
        }
        let last = first + step.len() as u64 - 1;
        for biz_id in &header.delivered {
            self.deliver(name, biz_id, last)?;
        }
        Ok(())
    }

    /// The state and the mark of an unfinished reply are those of the last step that set them.
    fn compare_state(&self, name: &str, read: &Read) -> Result<()> {
        let headers = read.log.iter().rev().map(|entry| Header::read(&entry.bytes));
        let headers: Vec<Header> = headers.collect::<Result<_>>()?;
        let state = headers.iter().find(|header| header.state).map(|header| header.token.to_string());
        ensure!(
            read.row.state == state.clone().unwrap_or_default().as_bytes(),
            "{name}: the state is {:?} and was written last as {state:?}",
            read.row.state
        );
        let running = headers.first().is_some_and(|header| header.running);
        ensure!(read.row.running == running && read.interrupted == running, "{name}: running is not {running}");
        Ok(())
    }

    fn compare_inbox(&mut self, name: &str, inbox: &[InboxItem]) -> Result<()> {
        let mut waiting = BTreeSet::new();
        for item in inbox {
            Header::read(&item.bytes).with_context(|| format!("{name}: message {}", item.biz_id))?;
            ensure!(waiting.insert(&item.biz_id), "{name}: {} waits twice", item.biz_id);
            ensure!(!self.delivered.contains_key(&item.biz_id), "{name}: {} waits and is delivered", item.biz_id);
            let content = fingerprint(&item.bytes);
            let before = self.messages.insert(item.biz_id.clone(), content);
            ensure!(before.is_none_or(|before| before == content), "{name}: {} has changed", item.biz_id);
        }
        for biz_id in self.messages.keys() {
            let somewhere = waiting.contains(biz_id) || self.delivered.contains_key(biz_id);
            ensure!(somewhere, "{name}: message {biz_id} was acknowledged and lost");
        }
        Ok(())
    }
}
