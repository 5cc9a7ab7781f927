//! The inference queue: a few hashes and ordered sets in one slot, each step one script.
//!
//! The whole queue has one slot, because one order goes through all of its sessions: in a cluster one node carries it. That
//! is a few scripts per job, beside a model's call of seconds.
//!
//! What a session's own step does is as durable as asked ([`settling`](super::settling)); so is what is posted, settled,
//! cancelled or put back here. A lease is not: one that a failover forgets lets another process take the job, and the
//! session lets one of them through.

use std::time::Duration;

use async_trait::async_trait;
use redis::Value;

use super::scripts::{Call, Text, jobs};
use super::{RedisFault, RedisStore};
use crate::ids::SessionId;
use crate::store::StoreError;
use crate::store::jobs::memory::millis;
use crate::store::jobs::{
    Added, Cancelled, DEAD_KEPT_MS, DEAD_LIMIT, Depth, ENDED_KEPT_MS, ENDED_LIMIT, Job, JobClaim, JobFault, JobLimits,
    Jobs, NewJob, Priority, Retried, SWEPT, Settlement, Waiting,
};

/// A script's answer: a word, and what belongs to it.
struct Words {
    word: String,
    rest: std::vec::IntoIter<Value>,
}

impl Words {
    fn read(value: Value) -> Result<Self, StoreError> {
        let Value::Array(items) = value else { return Err(damaged("an answer is no list")) };
        let mut words = Self { word: String::new(), rest: items.into_iter() };
        words.word = words.next()?;
        if words.word == "foreign" {
            let (key, kind) = (words.next()?, words.next::<String>()?);
            return Err(RedisFault::Foreign { key, kind: format!("a value of type {kind}") }.into());
        }
        Ok(words)
    }

    fn next<T: redis::FromRedisValue>(&mut self) -> Result<T, StoreError> {
        let value = self.rest.next().ok_or_else(|| damaged("an answer is cut short"))?;
        redis::from_redis_value(value).map_err(|error| damaged(&format!("an answer cannot be read: {error}")))
    }

    /// A job: its JSON, and its text.
    fn job(&mut self) -> Result<Job, StoreError> {
        let job = self.textless()?;
        Ok(Job { text: self.next()?, ..job })
    }

    /// A job: its JSON alone.
    fn textless(&mut self) -> Result<Job, StoreError> {
        let json: Vec<u8> = self.next()?;
        serde_json::from_slice(&json).map_err(|error| damaged(&format!("a job: {error}")))
    }

    fn waiting(&mut self) -> Result<Waiting, StoreError> {
        let whose: String = self.next()?;
        Ok(if whose == "session" { Waiting::Session } else { Waiting::All })
    }

    /// A job, unless the word says that there is none.
    fn held(mut self) -> Result<Option<Job>, StoreError> {
        match self.word.as_str() {
            "held" | "taken" => self.job().map(Some),
            "lost" | "nothing" => Ok(None),
            _ => Err(self.unexpected()),
        }
    }

    fn unexpected(&self) -> StoreError {
        damaged(&format!("an answer is `{}`", self.word))
    }
}

fn damaged(detail: &str) -> StoreError {
    StoreError::corrupt("what Redis holds of the inference queue", detail)
}

fn key(session: &SessionId, id: &str) -> String {
    format!("{session}/{id}")
}

impl RedisStore {
    fn jobs_call(&self, text: &'static Text) -> Call {
        Call::of(text, self.keys.jobs()).number(self.clock.now_ms())
    }

    async fn looked(&self, call: Call) -> Result<Words, StoreError> {
        let _call = self.enter()?;
        self.told(call, Words::read).await
    }

    fn queue_look(&self, what: &'static str) -> Call {
        Call::of(&jobs::LOOK, self.keys.jobs()).arg(what)
    }
}

#[async_trait]
impl Jobs for RedisStore {
    async fn add(&self, new: NewJob, limits: JobLimits) -> Result<Added, StoreError> {
        let now_ms = self.clock.now_ms();
        // The text has a key of its own.
        let mut job = new.queued(now_ms);
        let text = std::mem::take(&mut job.text);
        let json = serde_json::to_vec(&job).map_err(|error| damaged(&error.to_string()))?;
        let call = Call::of(&jobs::ADD, self.keys.jobs())
            .number(now_ms)
            .arg(json)
            .arg(text)
            .number(limits.all)
            .number(limits.session)
            .number(ENDED_KEPT_MS)
            .number(ENDED_LIMIT)
            .number(DEAD_KEPT_MS)
            .number(DEAD_LIMIT)
            .number(SWEPT);
        self.step(None, call, |answer| {
            let mut words = Words::read(answer)?;
            match words.word.as_str() {
                "fresh" => words.job().map(Added::Fresh),
                "known" => words.job().map(Added::Known),
                "full" => words.waiting().map(Added::Full),
                _ => Err(words.unexpected()),
            }
        })
        .await
    }

    async fn job(&self, session: &SessionId, id: &str) -> Result<Option<Job>, StoreError> {
        self.looked(self.queue_look("job").arg(key(session, id))).await?.held()
    }

    async fn take(&self, token: &str, lease: Duration) -> Result<Option<Job>, StoreError> {
        let call = self.jobs_call(&jobs::TAKE).arg(token.to_owned()).number(millis(lease)).number(SWEPT);
        self.looked(call).await?.held()
    }

    async fn extend(&self, claim: &JobClaim, lease: Duration) -> Result<Option<Job>, StoreError> {
        let call = self.jobs_call(&jobs::RENEW).arg(key(&claim.session, &claim.id));
        self.looked(call.arg(claim.token.clone()).number(millis(lease))).await?.held()
    }

    async fn settle(&self, claim: &JobClaim, settlement: Settlement) -> Result<Option<Job>, StoreError> {
        let reply = if let Settlement::Done(reply) = &settlement { *reply } else { None };
        let (how, pause, error) = match settlement {
            Settlement::Done(_) => ("done", Duration::ZERO, None),
            Settlement::Cancelled => ("cancelled", Duration::ZERO, None),
            Settlement::Failed(error, pause) => ("failed", pause, Some(error)),
            Settlement::Dead(error) => ("dead", Duration::ZERO, Some(error)),
            Settlement::PutBack(pause) => ("back", pause, None),
        };
        let json = |error: JobFault| serde_json::to_vec(&error).map_err(|error| damaged(&error.to_string()));
        let error = error.map(json).transpose()?.unwrap_or_default();
        let call = self.jobs_call(&jobs::SETTLE).arg(key(&claim.session, &claim.id)).arg(claim.token.clone());
        let call =
            call.arg(how).number(millis(pause)).arg(error).arg(reply.map_or_else(String::new, |seq| seq.to_string()));
        self.step(None, call, |answer| Words::read(answer)?.held()).await
    }

    async fn cancel(&self, session: &SessionId, id: &str) -> Result<Cancelled, StoreError> {
        let call = self.jobs_call(&jobs::CANCEL).arg(key(session, id));
        self.step(None, call, |answer| {
            let mut words = Words::read(answer)?;
            match words.word.as_str() {
                "ended" => words.job().map(Cancelled::Ended),
                "held" => words.job().map(Cancelled::NotWaiting),
                "lost" => Ok(Cancelled::Unknown),
                _ => Err(words.unexpected()),
            }
        })
        .await
    }

    async fn retry(&self, session: &SessionId, id: &str, limits: JobLimits) -> Result<Retried, StoreError> {
        let call = self.jobs_call(&jobs::RETRY).arg(key(session, id)).number(limits.all).number(limits.session);
        self.step(None, call, |answer| {
            let mut words = Words::read(answer)?;
            match words.word.as_str() {
                "queued" => words.job().map(Retried::Queued),
                "other" => words.job().map(Retried::NotDead),
                "full" => words.waiting().map(Retried::Full),
                "lost" => Ok(Retried::Unknown),
                _ => Err(words.unexpected()),
            }
        })
        .await
    }

    async fn dead(&self, behind: Option<&str>, limit: usize) -> Result<Vec<Job>, StoreError> {
        let call = self.queue_look("dead").arg(behind.unwrap_or_default().to_owned()).number(limit.min(DEAD_LIMIT));
        let mut words = self.looked(call).await?;
        let mut found = Vec::new();
        while words.rest.len() > 0 {
            found.push(words.textless()?);
        }
        Ok(found)
    }

    async fn depth(&self) -> Result<Depth, StoreError> {
        let mut words = self.looked(self.queue_look("depth")).await?;
        let oldest: String = words.next()?;
        let mut depth = Depth { oldest_ms: oldest.parse().ok(), ..Depth::default() };
        while words.rest.len() > 0 {
            let (field, count) = (words.next::<String>()?, words.next::<i64>()?);
            let Some((priority, state)) = field.split_once(':') else { continue };
            let priority = Priority::ALL.into_iter().find(|known| known.name() == priority);
            if let (Some(priority), Ok(state), Ok(count)) = (priority, state.parse(), u64::try_from(count))
                && count > 0
            {
                depth.counts.insert((priority, state), count);
            }
        }
        Ok(depth)
    }
}
