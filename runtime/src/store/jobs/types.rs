//! What the queue keeps and answers.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::memory::millis;
use crate::ids::{Seq, SessionId};

/// How urgent a job is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Priority {
    /// Before all others that came within a minute.
    High,
    /// The usual one.
    #[default]
    Normal,
    /// When there is nothing else to do, and after ten minutes like the others.
    Low,
}

impl Priority {
    /// Every priority, the most urgent first.
    pub const ALL: [Self; 3] = [Self::High, Self::Normal, Self::Low];

    /// How much later than its arrival a job counts as due, ms.
    #[must_use]
    pub fn patience_ms(self) -> u64 {
        match self {
            Self::High => 0,
            Self::Normal => 60 * 1_000,
            Self::Low => 10 * 60 * 1_000,
        }
    }

    /// As it is written.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::High => "high",
            Self::Normal => "normal",
            Self::Low => "low",
        }
    }
}

/// How a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum JobState {
    /// It waits for its first attempt.
    Queued,
    /// Somebody tries it.
    Running,
    /// An attempt failed; it waits for the next one.
    Retrying,
    /// Its reply is in the session.
    Done,
    /// Given up: its last error says why.
    Dead,
    /// Cancelled before it had a reply.
    Cancelled,
    /// Its time was over before it was tried.
    Expired,
}

impl JobState {
    /// Every state.
    pub const ALL: [Self; 7] =
        [Self::Queued, Self::Running, Self::Retrying, Self::Done, Self::Dead, Self::Cancelled, Self::Expired];

    /// As it is written.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Retrying => "retrying",
            Self::Done => "done",
            Self::Dead => "dead",
            Self::Cancelled => "cancelled",
            Self::Expired => "expired",
        }
    }

    /// Whether nothing happens to it any more, unless somebody asks for it.
    #[must_use]
    pub fn is_over(self) -> bool {
        matches!(self, Self::Done | Self::Dead | Self::Cancelled | Self::Expired)
    }
}

impl FromStr for JobState {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|state| state.name() == text).ok_or(())
    }
}

/// Why an attempt failed, as clients may see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobFault {
    /// A stable code.
    pub code: String,
    /// For people; without secrets.
    pub message: String,
}

/// A job as it is posted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewJob {
    /// Whose turn answers it.
    pub session: SessionId,
    /// The caller's idempotency key: 1–128 letters, digits and `.`, `_`, `:`, `~`, `-`.
    pub id: String,
    /// What is asked.
    pub text: String,
    /// How urgent it is.
    pub priority: Priority,
    /// For how long it is of use, measured from its arrival: it is not begun later.
    pub expires_in: Option<Duration>,
    /// Attempts after which it is given up, from 1.
    pub max_attempts: u32,
}

impl NewJob {
    /// As it is kept, before it has its place among the others.
    pub(in crate::store) fn queued(self, now_ms: u64) -> Job {
        let Self { session, id, text, priority, expires_in, max_attempts } = self;
        Job {
            session,
            id,
            text,
            priority,
            state: JobState::Queued,
            attempts: 0,
            interruptions: 0,
            max_attempts,
            created_ms: now_ms,
            updated_ms: now_ms,
            expires_ms: expires_in.map(|keeps| now_ms.saturating_add(millis(keeps))),
            due_ms: 0,
            arrival: 0,
            not_before_ms: 0,
            cancelling: false,
            token: None,
            lease_ms: None,
            error: None,
            reply: None,
        }
    }
}

/// A job as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    /// Whose turn answers it.
    #[serde(with = "as_text")]
    pub session: SessionId,
    /// The caller's idempotency key.
    pub id: String,
    /// What is asked; empty once it is done, cancelled or expired.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub text: String,
    /// How urgent it is.
    pub priority: Priority,
    /// How it stands.
    pub state: JobState,
    /// Attempts that ended with a failure.
    pub attempts: u32,
    /// Takers since its last attempt ended that never said what came of it: while there are any, its session may be
    /// answering it.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub interruptions: u32,
    /// Attempts after which it is given up.
    pub max_attempts: u32,
    /// When it was posted, ms since the Unix epoch. With session and id, this tells it from all others.
    pub created_ms: u64,
    /// When its state changed last.
    pub updated_ms: u64,
    /// From when on it is not begun any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_ms: Option<u64>,
    /// When its turn is: what is due first goes first.
    pub due_ms: u64,
    /// Its number in the order of arrival, for those that are due at once.
    pub arrival: u64,
    /// Before when it is not tried; 0 for at once.
    pub not_before_ms: u64,
    /// It runs and is to be cancelled.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cancelling: bool,
    /// Who tries it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// Until when, ms since the Unix epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lease_ms: Option<u64>,
    /// Why the last attempt failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<JobFault>,
    /// Where the end of its reply is in its session's log. As text: the numbers of a script have 53 bits.
    #[serde(default, with = "as_digits", skip_serializing_if = "Option::is_none")]
    pub reply: Option<Seq>,
}

impl Job {
    /// Its place among the dead letters, for [`Jobs::dead`](super::Jobs::dead).
    #[must_use]
    pub fn place(&self) -> String {
        format!("{:020}{}/{}", self.updated_ms, self.session, self.id)
    }

    /// What its taker says of it.
    #[must_use]
    pub fn claim(&self, token: &str) -> JobClaim {
        JobClaim { session: self.session.clone(), id: self.id.clone(), token: token.to_owned() }
    }
}

/// A job that somebody has taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobClaim {
    /// Its session.
    pub session: SessionId,
    /// Its id.
    pub id: String,
    /// What it was taken with.
    pub token: String,
}

/// How much may wait, jobs that run included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JobLimits {
    /// Of all sessions.
    pub all: usize,
    /// Of one session.
    pub session: usize,
}

/// The outcome of an add.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Added {
    /// It waits.
    Fresh(Job),
    /// There is one of this id already, which stands like this.
    Known(Job),
    /// As many wait as may; nothing was changed.
    Full(Waiting),
}

/// Whose jobs are too many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Waiting {
    /// Those of all sessions.
    All,
    /// Those of this session.
    Session,
}

/// The outcome of a retry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Retried {
    /// It waits again.
    Queued(Job),
    /// It is no dead letter; it stands like this.
    NotDead(Job),
    /// As many wait as may; nothing was changed.
    Full(Waiting),
    /// It is not known.
    Unknown,
}

/// The outcome of a cancellation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cancelled {
    /// It waited, and is over now.
    Ended(Job),
    /// It runs and is told so, or was over before; it stands like this.
    NotWaiting(Job),
    /// It is not known.
    Unknown,
}

/// What became of a job that was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Settlement {
    /// Its reply is in the session, with its end here in the log, where that is known.
    Done(Option<Seq>),
    /// It was cancelled before it had one.
    Cancelled,
    /// An attempt failed: it is tried again, not before so long from now, unless its attempts are used up or it is to be
    /// cancelled.
    Failed(JobFault, Duration),
    /// An attempt failed, and another one would too: it is a dead letter.
    Dead(JobFault),
    /// It was not tried: it waits again, for so long at least. One that an earlier taker may have begun stays running, and
    /// cancelling if it was: its session alone knows.
    PutBack(Duration),
}

/// How many jobs there are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Depth {
    /// By priority and state; those without any may be left out.
    pub counts: BTreeMap<(Priority, JobState), u64>,
    /// Since when the oldest waits that is neither done nor given up, ms since the Unix epoch.
    pub oldest_ms: Option<u64>,
}

impl fmt::Display for Waiting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::All => "the queue",
            Self::Session => "the session's queue",
        })
    }
}

fn is_zero(count: &u32) -> bool {
    *count == 0
}

mod as_digits {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    use crate::ids::Seq;

    pub(super) fn serialize<S: Serializer>(seq: &Option<Seq>, to: S) -> Result<S::Ok, S::Error> {
        match seq {
            Some(seq) => to.collect_str(seq),
            None => to.serialize_none(),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Seq>, D::Error> {
        let text = Option::<String>::deserialize(from)?;
        text.map(|text| text.parse().map_err(D::Error::custom)).transpose()
    }
}

mod as_text {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    use crate::ids::SessionId;

    pub(super) fn serialize<S: Serializer>(id: &SessionId, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(id.as_str())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<SessionId, D::Error> {
        String::deserialize(from)?.parse().map_err(D::Error::custom)
    }
}
