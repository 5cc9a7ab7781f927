//! What the server answers, as values or as the damage that it is.

use std::str::FromStr;

use redis::{FromRedisValue, Value};

use super::RedisFault;
use super::keys::Keys;
use crate::ids::{Epoch, Seq, SessionId};
use crate::store::{Hold, InboxItem, LogEntry, NewSession, SessionRow, StoreError};

/// The formats of a session's keys that are read: the scripts raise an earlier one with the first write.
const FORMATS: [&str; 2] = ["1", "2"];
/// The fields of a session's row, as [`row`] takes them.
pub(super) const ROW: [&str; 12] =
    ["format", "role", "user", "created", "epoch", "head", "floor", "state", "running", "owner", "fence", "line"];

/// A script's answer: a word, and what belongs to it.
pub(super) struct Answer {
    word: String,
    rest: std::vec::IntoIter<Value>,
    id: SessionId,
}

impl Answer {
    /// Reads an answer about a session; what every script may refuse is an error.
    pub(super) fn read(value: Value, id: &SessionId, keys: &Keys) -> Result<Self, StoreError> {
        let Value::Array(items) = value else { return Err(damaged(id, "is no list")) };
        let mut rest = items.into_iter();
        let word = rest.next().ok_or_else(|| damaged(id, "is empty")).and_then(|word| take(word, id))?;
        let mut answer = Self { word, rest, id: id.clone() };
        match answer.word.as_str() {
            "missing" => Err(StoreError::NoSession(id.clone())),
            "exhausted" => Err(StoreError::exhausted(id)),
            "format" => Err(RedisFault::Format { key: keys.state(id), found: answer.next()? }.into()),
            "foreign" => {
                let (key, kind): (String, String) = (answer.next()?, answer.next()?);
                Err(RedisFault::Foreign { key, kind: format!("a value of type {kind}") }.into())
            }
            _ => Ok(answer),
        }
    }

    pub(super) fn word(&self) -> &str {
        &self.word
    }

    pub(super) fn next<T: FromRedisValue>(&mut self) -> Result<T, StoreError> {
        let value = self.rest.next().ok_or_else(|| damaged(&self.id, "is cut short"))?;
        take(value, &self.id)
    }

    /// The next value, which is a text.
    fn parsed<T: FromStr>(&mut self) -> Result<T, StoreError> {
        parse(&self.next::<String>()?, &self.id)
    }

    /// The refusal that this is, or a damage: for words that a call does not expect.
    pub(super) fn refusal(mut self, epoch: Epoch, after: Option<Seq>) -> StoreError {
        let (id, word) = (self.id.clone(), std::mem::take(&mut self.word));
        let refusal = match word.as_str() {
            "exists" => Ok(StoreError::Exists(id)),
            "lost" => Ok(StoreError::Lost(id)),
            "owned" => self.parsed().map(|owner| StoreError::Owned { id, owner }),
            "fenced" => self.next().map(|actual| StoreError::Fenced { id, expected: epoch, actual }),
            "moved" => {
                let expected = after.unwrap_or_default();
                self.next().map(|actual| StoreError::Moved { id, expected, actual })
            }
            "full" => Ok(StoreError::InboxFull(id)),
            _ => Err(damaged(&id, &format!("is `{word}`"))),
        };
        refusal.unwrap_or_else(|error| error)
    }
}

/// A session's row from the values of [`ROW`]; `None` when there is none.
pub(super) fn row(values: Value, id: &SessionId, keys: &Keys) -> Result<Option<SessionRow>, StoreError> {
    let Value::Array(values) = values else { return Err(damaged(id, "is no list")) };
    let mut values = values.into_iter();
    let mut field = || values.next().unwrap_or_default();
    let Some(format) = take::<Option<String>>(field(), id)? else { return Ok(None) };
    if !FORMATS.contains(&format.as_str()) {
        return Err(RedisFault::Format { key: keys.state(id), found: format }.into());
    }
    let created = NewSession {
        id: id.clone(),
        role: take(field(), id)?,
        user: take(field(), id)?,
        created_ms: take(field(), id)?,
    };
    let (epoch, head, floor) = (take(field(), id)?, take(field(), id)?, take(field(), id)?);
    let state: Vec<u8> = take(field(), id)?;
    let running = take::<Option<Vec<u8>>>(field(), id)?.is_some();
    let (owner, fence) = (take::<Option<String>>(field(), id)?, take::<Option<String>>(field(), id)?);
    let hold = match owner.zip(fence) {
        Some((owner, fence)) => Some(Hold { owner: parse(&owner, id)?, fence: parse(&fence, id)? }),
        None => None,
    };
    let born_in = take::<Option<String>>(field(), id)?.unwrap_or_default().into();
    Ok(Some(SessionRow { created, epoch, head, floor, state: state.into(), running, hold, born_in }))
}

fn parse<T: FromStr>(text: &str, id: &SessionId) -> Result<T, StoreError> {
    text.parse().map_err(|_| damaged(id, &format!("has an owner `{text}`")))
}

/// Entries of the log.
pub(super) fn entries(value: Value, id: &SessionId) -> Result<Vec<LogEntry>, StoreError> {
    let mut found = Vec::new();
    for (key, fields) in take::<Vec<(String, Vec<Value>)>>(value, id)? {
        let seq = key.strip_suffix("-0").and_then(|seq| seq.parse().ok());
        let seq = seq.ok_or_else(|| damaged(id, &format!("has an entry {key}")))?;
        let bytes = fields.into_iter().nth(1).ok_or_else(|| damaged(id, "has an empty entry"))?;
        found.push(LogEntry { seq, bytes: take::<Vec<u8>>(bytes, id)?.into() });
    }
    Ok(found)
}

/// Items of the inbox, each with its place there.
pub(super) fn items(value: Value, id: &SessionId) -> Result<Vec<(String, InboxItem)>, StoreError> {
    let mut found = Vec::new();
    for (place, fields) in take::<Vec<(String, Vec<Value>)>>(value, id)? {
        let mut fields = fields.into_iter().skip(1).step_by(2);
        let mut field = || fields.next().ok_or_else(|| damaged(id, "has an item that is cut short"));
        let (biz_id, expires_ms) = (take(field()?, id)?, take(field()?, id)?);
        found.push((place, InboxItem { biz_id, expires_ms, bytes: take::<Vec<u8>>(field()?, id)?.into() }));
    }
    Ok(found)
}

/// A value of a type.
pub(super) fn take<T: FromRedisValue>(value: Value, id: &SessionId) -> Result<T, StoreError> {
    redis::from_redis_value(value).map_err(|error| damaged(id, &format!("cannot be read: {error}")))
}

fn damaged(id: &SessionId, how: &str) -> StoreError {
    StoreError::corrupt(format!("what Redis holds of session {id}"), how)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Nil),
            Just(Value::Okay),
            any::<i64>().prop_map(Value::Int),
            prop_oneof!["ok|lost|owned|fenced|moved|missing|full|1|[0-9]{1,25}(-0)?", ".{0,8}"]
                .prop_map(|text| Value::BulkString(text.into_bytes())),
            prop::collection::vec(any::<u8>(), 0..9).prop_map(Value::BulkString),
        ];
        leaf.prop_recursive(3, 24, 6, |inner| prop::collection::vec(inner, 0..6).prop_map(Value::Array))
    }

    proptest! {
        // Fails when what a server answers can take the process down.
        #[test]
        fn no_answer_panics(value in value(), values in prop::collection::vec(value(), 0..12)) {
            let keys = Keys::new("x", crate::store::Node::nameless().unwrap());
            let id = SessionId::random().unwrap();
            let _ = entries(value.clone(), &id);
            let _ = items(value.clone(), &id);
            let _ = row(Value::Array(values), &id, &keys);
            if let Ok(answer) = Answer::read(value, &id, &keys) {
                let _ = answer.refusal(1, Some(1));
            }
        }
    }
}
