//! The queue as a value: every rule of it, without clock, disk or task. The memory store keeps one, the embedded store one
//! beside its records, and the scripts of the Redis store are compared with it.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::memory::millis;
use super::{
    Added, Cancelled, DEAD_KEPT_MS, DEAD_LIMIT, Depth, ENDED_KEPT_MS, ENDED_LIMIT, Job, JobClaim, JobLimits, JobState,
    NewJob, Priority, Retried, SWEPT, Settlement, Waiting,
};
use crate::ids::SessionId;

/// Which job.
pub(in crate::store) type Key = (SessionId, String);

/// Jobs and their order.
#[derive(Debug, Default)]
pub(in crate::store) struct Queue {
    jobs: BTreeMap<Key, Job>,
    lines: HashMap<SessionId, Line>,
    /// Sessions whose job was taken, by when its lease is over.
    taken: BTreeSet<(u64, SessionId)>,
    /// Sessions whose first job may be tried, by when it was due and then by arrival.
    ready: BTreeSet<(u64, u64, SessionId)>,
    /// Sessions whose first job may be tried later, by when.
    later: BTreeSet<(u64, SessionId)>,
    /// Jobs that are not over, by arrival.
    pending: BTreeMap<u64, Key>,
    ended: BTreeSet<(u64, Key)>,
    dead: BTreeMap<String, Key>,
    counts: BTreeMap<(Priority, JobState), u64>,
    arrivals: u64,
    /// What changed since this was last asked.
    changed: BTreeSet<Key>,
}

/// A session's jobs.
#[derive(Debug, Default)]
struct Line {
    /// Those that wait, by when they are due and then by arrival.
    waiting: BTreeMap<(u64, u64), String>,
    /// The one that was taken.
    taken: Option<String>,
    place: Option<Place>,
}

/// In which order a session stands, and where.
#[derive(Debug, Clone, Copy)]
enum Place {
    Taken(u64),
    Ready(u64, u64),
    Later(u64),
}

impl Queue {
    /// The queue of jobs that were kept elsewhere. Those that ran do so no longer: whoever ran them is gone.
    pub(in crate::store) fn of(jobs: impl IntoIterator<Item = Job>) -> Self {
        let mut queue = Self::default();
        let mut sessions = BTreeSet::new();
        for mut job in jobs {
            queue.arrivals = queue.arrivals.max(job.arrival);
            if job.state == JobState::Running {
                job.lease_ms = Some(0);
            }
            sessions.insert(job.session.clone());
            let line = queue.lines.entry(job.session.clone()).or_default();
            match job.state {
                JobState::Running => line.taken = Some(job.id.clone()),
                JobState::Queued | JobState::Retrying => {
                    line.waiting.insert((job.due_ms, job.arrival), job.id.clone());
                }
                JobState::Done | JobState::Dead | JobState::Cancelled | JobState::Expired => {}
            }
            queue.index(&job);
            queue.jobs.insert(key(&job), job);
        }
        // Long ago, so that what waits to be tried again waits on.
        sessions.iter().for_each(|session| queue.arrange(session, 0));
        queue.changed.clear();
        queue
    }

    /// As [`of`](Self::of) makes it of its own jobs.
    #[cfg(test)]
    pub(in crate::store) fn restart(&mut self) {
        *self = Self::of(std::mem::take(&mut self.jobs).into_values());
    }

    /// What changed since: jobs as they are now, `None` for those that are forgotten.
    pub(in crate::store) fn changes(&mut self) -> Vec<(Key, Option<&Job>)> {
        let changed = std::mem::take(&mut self.changed);
        changed.into_iter().map(|key| (key.clone(), self.jobs.get(&key))).collect()
    }

    pub(in crate::store) fn job(&self, session: &SessionId, id: &str) -> Option<Job> {
        self.jobs.get(&(session.clone(), id.to_owned())).cloned()
    }

    pub(in crate::store) fn add(&mut self, new: NewJob, limits: JobLimits, now_ms: u64) -> Added {
        self.forget(now_ms);
        if let Some(job) = self.job(&new.session, &new.id) {
            return Added::Known(job);
        }
        if let Some(full) = self.full(&new.session, limits) {
            return Added::Full(full);
        }
        self.arrivals = self.arrivals.saturating_add(1);
        let due_ms = now_ms.saturating_add(new.priority.patience_ms());
        let job = Job { due_ms, arrival: self.arrivals, ..new.queued(now_ms) };
        self.wait(job.clone(), now_ms);
        Added::Fresh(job)
    }

    pub(in crate::store) fn take(&mut self, token: &str, lease_ms: u64, now_ms: u64) -> Option<Job> {
        for _ in 0..SWEPT {
            let session = self.next(now_ms)?;
            let line = self.lines.entry(session.clone()).or_default();
            let lapsed = line.taken.is_some();
            let id = line.taken.take().or_else(|| line.waiting.pop_first().map(|(_, id)| id))?;
            let mut job = self.remove(&(session.clone(), id))?;
            if !lapsed && job.expires_ms.is_some_and(|expires| expires <= now_ms) {
                self.end(job, JobState::Expired, now_ms);
                continue;
            }
            if !lapsed {
                (job.state, job.updated_ms) = (JobState::Running, now_ms);
            } else if job.token.is_some() {
                job.interruptions = job.interruptions.saturating_add(1);
            }
            (job.token, job.lease_ms) = (Some(token.to_owned()), Some(now_ms.saturating_add(lease_ms)));
            self.lines.entry(session.clone()).or_default().taken = Some(job.id.clone());
            self.put(job.clone());
            self.arrange(&session, now_ms);
            return Some(job);
        }
        None
    }

    /// Whether there is nothing to be tried now.
    pub(in crate::store) fn is_idle(&self, now_ms: u64) -> bool {
        let due = |set: &BTreeSet<(u64, SessionId)>| set.first().is_some_and(|(at, _)| *at <= now_ms);
        self.ready.is_empty() && !due(&self.taken) && !due(&self.later)
    }

    /// What a claim's renewal changed is not to be written down. Nothing else changed the job since [`changes`](Self::changes)
    /// was asked, as every step asks.
    pub(in crate::store) fn unchanged(&mut self, claim: &JobClaim) {
        self.changed.remove(&(claim.session.clone(), claim.id.clone()));
    }

    pub(in crate::store) fn renew(&mut self, claim: &JobClaim, lease_ms: u64, now_ms: u64) -> Option<Job> {
        let mut job = self.claimed(claim)?;
        job.lease_ms = Some(now_ms.saturating_add(lease_ms));
        self.put(job.clone());
        self.arrange(&job.session, now_ms);
        Some(job)
    }

    pub(in crate::store) fn settle(&mut self, claim: &JobClaim, how: Settlement, now_ms: u64) -> Option<Job> {
        let mut job = self.claimed(claim)?;
        if let Settlement::PutBack(pause) = how
            && job.interruptions > 0
        {
            (job.token, job.lease_ms) = (None, Some(now_ms.saturating_add(millis(pause))));
            self.put(job.clone());
            self.arrange(&job.session, now_ms);
            return Some(job);
        }
        self.lines.entry(job.session.clone()).or_default().taken = None;
        job.interruptions = 0;
        let (state, pause) = match how {
            Settlement::Done(reply) => {
                job.reply = reply;
                (JobState::Done, None)
            }
            Settlement::Cancelled => (JobState::Cancelled, None),
            Settlement::Dead(error) => {
                job.attempts = job.attempts.saturating_add(1);
                job.error = Some(error);
                (JobState::Dead, None)
            }
            Settlement::Failed(error, pause) => {
                job.attempts = job.attempts.saturating_add(1);
                job.error = Some(error);
                let used_up = job.attempts >= job.max_attempts;
                (if used_up { JobState::Dead } else { JobState::Retrying }, Some(pause))
            }
            Settlement::PutBack(pause) => {
                (if job.attempts == 0 { JobState::Queued } else { JobState::Retrying }, Some(pause))
            }
        };
        if state == JobState::Done || (state.is_over() && !job.cancelling) {
            return Some(self.end(job, state, now_ms));
        }
        if job.cancelling {
            return Some(self.end(job, JobState::Cancelled, now_ms));
        }
        (job.state, job.updated_ms) = (state, now_ms);
        (job.token, job.lease_ms) = (None, None);
        job.not_before_ms = now_ms.saturating_add(millis(pause.unwrap_or_default()));
        self.wait(job.clone(), now_ms);
        Some(job)
    }

    pub(in crate::store) fn cancel(&mut self, session: &SessionId, id: &str, now_ms: u64) -> Cancelled {
        let Some(mut job) = self.job(session, id) else { return Cancelled::Unknown };
        match job.state {
            JobState::Queued | JobState::Retrying => {
                let line = self.lines.entry(session.clone()).or_default();
                line.waiting.remove(&(job.due_ms, job.arrival));
                Cancelled::Ended(self.end(job, JobState::Cancelled, now_ms))
            }
            JobState::Running if !job.cancelling => {
                job.cancelling = true;
                self.put(job.clone());
                Cancelled::NotWaiting(job)
            }
            _ => Cancelled::NotWaiting(job),
        }
    }

    pub(in crate::store) fn retry(&mut self, session: &SessionId, id: &str, limits: JobLimits, now_ms: u64) -> Retried {
        let Some(mut job) = self.job(session, id) else { return Retried::Unknown };
        if job.state != JobState::Dead {
            return Retried::NotDead(job);
        }
        if let Some(full) = self.full(session, limits) {
            return Retried::Full(full);
        }
        self.arrivals = self.arrivals.saturating_add(1);
        self.remove(&key(&job));
        (job.state, job.updated_ms, job.attempts) = (JobState::Queued, now_ms, 0);
        (job.due_ms, job.arrival) = (now_ms.saturating_add(job.priority.patience_ms()), self.arrivals);
        // Whoever puts it back wants it answered, however late it is.
        (job.not_before_ms, job.error, job.expires_ms) = (0, None, None);
        self.wait(job.clone(), now_ms);
        Retried::Queued(job)
    }

    pub(in crate::store) fn dead(&self, behind: Option<&str>, limit: usize) -> Vec<Job> {
        let behind = behind.unwrap_or_default().to_owned();
        let places = self.dead.range((std::ops::Bound::Excluded(behind), std::ops::Bound::Unbounded));
        let textless = |job: &Job| Job { text: String::new(), ..job.clone() };
        places.filter_map(|(_, key)| self.jobs.get(key).map(textless)).take(limit).collect()
    }

    pub(in crate::store) fn depth(&self) -> Depth {
        let oldest = self.pending.first_key_value().and_then(|(_, key)| self.jobs.get(key));
        let counts = self.counts.iter().filter(|(_, count)| **count > 0).map(|(which, count)| (*which, *count));
        Depth { counts: counts.collect(), oldest_ms: oldest.map(|job| job.created_ms) }
    }

    /// The session to look at now, if any: first one whose job lapsed, then the one whose first job is due first.
    fn next(&mut self, now_ms: u64) -> Option<SessionId> {
        while let Some((_, session)) = self.later.first().filter(|(at, _)| *at <= now_ms).cloned() {
            self.arrange(&session, now_ms);
        }
        let lapsed = self.taken.first().filter(|(at, _)| *at <= now_ms).map(|(_, session)| session);
        lapsed.or_else(|| self.ready.first().map(|(_, _, session)| session)).cloned()
    }

    /// Whether no more jobs may wait.
    fn full(&self, session: &SessionId, limits: JobLimits) -> Option<Waiting> {
        let of_session =
            self.lines.get(session).map_or(0, |line| line.waiting.len() + usize::from(line.taken.is_some()));
        if of_session >= limits.session {
            Some(Waiting::Session)
        } else if self.pending.len() >= limits.all {
            Some(Waiting::All)
        } else {
            None
        }
    }

    fn claimed(&self, claim: &JobClaim) -> Option<Job> {
        self.job(&claim.session, &claim.id).filter(|job| job.token.as_deref() == Some(&claim.token))
    }

    /// Puts a job in its place among those of its session.
    fn wait(&mut self, job: Job, now_ms: u64) {
        let session = job.session.clone();
        let line = self.lines.entry(session.clone()).or_default();
        line.waiting.insert((job.due_ms, job.arrival), job.id.clone());
        self.put(job);
        self.arrange(&session, now_ms);
    }

    /// Nothing happens to a job any more, which is out of its line already.
    fn end(&mut self, mut job: Job, state: JobState, now_ms: u64) -> Job {
        self.remove(&key(&job));
        (job.state, job.updated_ms, job.cancelling) = (state, now_ms, false);
        (job.token, job.lease_ms) = (None, None);
        if state != JobState::Dead {
            job.text = String::new();
        }
        self.put(job.clone());
        self.arrange(&job.session, now_ms);
        job
    }

    /// Forgets what ended long ago, and what is too much.
    fn forget(&mut self, now_ms: u64) {
        for _ in 0..SWEPT {
            let Some((at_ms, key)) = self.ended.first().cloned() else { break };
            if now_ms.saturating_sub(at_ms) <= ENDED_KEPT_MS && self.ended.len() <= ENDED_LIMIT {
                break;
            }
            self.remove(&key);
        }
        for _ in 0..SWEPT {
            let Some(job) = self.dead.first_key_value().and_then(|(_, key)| self.jobs.get(key)) else { break };
            if now_ms.saturating_sub(job.updated_ms) <= DEAD_KEPT_MS && self.dead.len() <= DEAD_LIMIT {
                break;
            }
            let key = key(job);
            self.remove(&key);
        }
    }

    fn put(&mut self, job: Job) {
        let key = key(&job);
        self.remove(&key);
        self.index(&job);
        self.changed.insert(key.clone());
        self.jobs.insert(key, job);
    }

    fn index(&mut self, job: &Job) {
        let key = key(job);
        let count = self.counts.entry((job.priority, job.state)).or_default();
        *count = count.saturating_add(1);
        if job.state == JobState::Dead {
            self.dead.insert(job.place(), key);
        } else if job.state.is_over() {
            self.ended.insert((job.updated_ms, key));
        } else {
            self.pending.insert(job.arrival, key);
        }
    }

    /// Takes a job out of everything but its session's line.
    fn remove(&mut self, key: &Key) -> Option<Job> {
        let job = self.jobs.remove(key)?;
        self.changed.insert(key.clone());
        let count = self.counts.entry((job.priority, job.state)).or_default();
        *count = count.saturating_sub(1);
        self.dead.remove(&job.place());
        self.ended.remove(&(job.updated_ms, key.clone()));
        self.pending.remove(&job.arrival);
        Some(job)
    }

    /// Puts a session where it belongs in the agenda.
    fn arrange(&mut self, session: &SessionId, now_ms: u64) {
        let Some(line) = self.lines.get_mut(session) else { return };
        match line.place.take() {
            Some(Place::Taken(at)) => self.taken.remove(&(at, session.clone())),
            Some(Place::Ready(due, arrival)) => self.ready.remove(&(due, arrival, session.clone())),
            Some(Place::Later(at)) => self.later.remove(&(at, session.clone())),
            None => false,
        };
        let id = line.taken.as_ref().or_else(|| line.waiting.first_key_value().map(|(_, id)| id));
        let job = id.and_then(|id| self.jobs.get(&(session.clone(), id.clone())));
        let Some(job) = job else {
            self.lines.remove(session);
            return;
        };
        let place = match job.lease_ms {
            Some(until) => Place::Taken(until),
            None if job.not_before_ms > now_ms => Place::Later(job.not_before_ms),
            None => Place::Ready(job.due_ms, job.arrival),
        };
        line.place = Some(place);
        match place {
            Place::Taken(at) => self.taken.insert((at, session.clone())),
            Place::Ready(due, arrival) => self.ready.insert((due, arrival, session.clone())),
            Place::Later(at) => self.later.insert((at, session.clone())),
        };
    }
}

fn key(job: &Job) -> Key {
    (job.session.clone(), job.id.clone())
}
