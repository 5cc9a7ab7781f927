//! How records look on disk: a version byte, then big-endian integers and length-prefixed bytes.
//!
//! Every record carries its own version, so that a later release can read what an earlier one
//! wrote. Anything unexpected is a [`StoreError::Corrupt`] that names the record.

use std::sync::Arc;

use crate::ids::{Epoch, Seq, SessionId};
use crate::store::{InboxItem, Moment, NewSession, StoreError};

const VERSION: u8 = 2;
/// Of positions: since 3 they say when the session was used.
const POSITION_VERSION: u8 = 3;
/// Of descriptions: since 3 they say in which line of copies the session was created.
const CREATED_VERSION: u8 = 3;

/// Where a session's log and inbox stand. Rewritten by every commit, hence small.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Position {
    /// The current epoch.
    pub(super) epoch: Epoch,
    /// The last sequence id in use.
    pub(super) head: Seq,
    /// Everything up to here is gone from the log.
    pub(super) floor: Seq,
    /// Entries in the log. Not `head - floor`: a lost tail leaves a hole.
    pub(super) stored: u64,
    /// Whether a reply is unfinished.
    pub(super) running: bool,
    /// Items in the inbox, expired ones included.
    pub(super) waiting: u32,
    /// When the first of them expires, or earlier; so that looking for expired ones is rare.
    pub(super) next_expiry_ms: u64,
    /// The place of the next item to arrive.
    pub(super) next_arrival: u64,
    /// Delivered ids remembered.
    pub(super) done: u32,
    /// How old the store was when the session was used last, ms; `u64::MAX` where no release has noted it yet.
    pub(super) used_ms: u64,
}

impl Position {
    /// Of a new session.
    pub(super) const FRESH: Self = Self {
        epoch: 1,
        head: 0,
        floor: 0,
        stored: 0,
        running: false,
        waiting: 0,
        next_expiry_ms: u64::MAX,
        next_arrival: 0,
        done: 0,
        used_ms: u64::MAX,
    };

    /// Notes a use. Says whether it is worth being written.
    pub(super) fn touch(&mut self, at: Moment) -> bool {
        let is_worth_it = at.lifetime.is_worth_noting(self.used_ms, at.age_ms);
        if is_worth_it {
            self.used_ms = at.age_ms;
        }
        is_worth_it
    }

    /// Whether nobody has used the session for its lifetime.
    pub(super) fn is_over(&self, at: Moment) -> bool {
        !self.running && at.lifetime.is_over(self.used_ms, at.age_ms)
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = vec![POSITION_VERSION];
        out.extend_from_slice(&self.epoch.to_be_bytes());
        out.extend_from_slice(&self.head.to_be_bytes());
        out.extend_from_slice(&self.floor.to_be_bytes());
        out.extend_from_slice(&self.stored.to_be_bytes());
        out.push(u8::from(self.running));
        out.extend_from_slice(&self.waiting.to_be_bytes());
        out.extend_from_slice(&self.next_expiry_ms.to_be_bytes());
        out.extend_from_slice(&self.next_arrival.to_be_bytes());
        out.extend_from_slice(&self.done.to_be_bytes());
        out.extend_from_slice(&self.used_ms.to_be_bytes());
        out
    }

    pub(super) fn decode(bytes: &[u8], id: &SessionId) -> Result<Self, StoreError> {
        let (mut fields, version) = Fields::open_up_to(POSITION_VERSION, bytes, "position", id)?;
        let position = Self {
            epoch: fields.u32()?,
            head: fields.u64()?,
            floor: fields.u64()?,
            stored: fields.u64()?,
            running: fields.u8()? != 0,
            waiting: fields.u32()?,
            next_expiry_ms: fields.u64()?,
            next_arrival: fields.u64()?,
            done: fields.u32()?,
            used_ms: if version < POSITION_VERSION { u64::MAX } else { fields.u64()? },
        };
        fields.close()?;
        Ok(position)
    }
}

/// Encodes how old the store is, ms.
pub(super) fn encode_age(age_ms: u64) -> Vec<u8> {
    let mut out = vec![VERSION];
    out.extend_from_slice(&age_ms.to_be_bytes());
    out
}

/// The inverse of [`encode_age`].
pub(super) fn decode_age(bytes: &[u8]) -> Result<u64, StoreError> {
    let what = "the age of the store";
    match bytes.split_first() {
        Some((&VERSION, age)) => {
            let age = age.try_into().map_err(|_| StoreError::corrupt(what, "it has not eight bytes"))?;
            Ok(u64::from_be_bytes(age))
        }
        Some((&format, _)) if format > VERSION => Err(StoreError::Newer { what: what.to_owned(), format }),
        _ => Err(StoreError::corrupt(what, "it has no format")),
    }
}

/// What became of a `biz_id`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mark {
    /// It waits at this place of the inbox.
    Waiting { arrival: u64, expires_ms: u64 },
    /// It was delivered by this entry, then.
    Done { seq: Seq, at_ms: u64 },
}

impl Mark {
    pub(super) fn encode(self) -> Vec<u8> {
        let (tag, first, second) = match self {
            Self::Waiting { arrival, expires_ms } => (0, arrival, expires_ms),
            Self::Done { seq, at_ms } => (1, seq, at_ms),
        };
        let mut out = vec![VERSION, tag];
        out.extend_from_slice(&first.to_be_bytes());
        out.extend_from_slice(&second.to_be_bytes());
        out
    }

    pub(super) fn decode(bytes: &[u8], id: &SessionId) -> Result<Self, StoreError> {
        let mut fields = Fields::open(bytes, "delivery mark", id)?;
        let (tag, first, second) = (fields.u8()?, fields.u64()?, fields.u64()?);
        fields.close()?;
        match tag {
            0 => Ok(Self::Waiting { arrival: first, expires_ms: second }),
            1 => Ok(Self::Done { seq: first, at_ms: second }),
            other => Err(fields.damaged(&format!("unknown kind {other}"))),
        }
    }
}

/// Encodes what a session was created with, and in which line of copies; its id is the key.
pub(super) fn encode_created(new: &NewSession, born_in: &str) -> Vec<u8> {
    let mut out = vec![CREATED_VERSION];
    out.extend_from_slice(&new.created_ms.to_be_bytes());
    put_bytes(&mut out, new.role.as_bytes());
    put_bytes(&mut out, new.user.as_bytes());
    put_bytes(&mut out, born_in.as_bytes());
    out
}

/// The inverse of [`encode_created`].
pub(super) fn decode_created(bytes: &[u8], id: &SessionId) -> Result<(NewSession, Arc<str>), StoreError> {
    let (mut fields, version) = Fields::open_up_to(CREATED_VERSION, bytes, "description", id)?;
    let created_ms = fields.u64()?;
    let (role, user) = (fields.text()?, fields.text()?);
    let born_in = if version < CREATED_VERSION { String::new() } else { fields.text()? };
    fields.close()?;
    Ok((NewSession { id: id.clone(), role, user, created_ms }, born_in.into()))
}

/// Encodes an inbox item.
pub(super) fn encode_item(item: &InboxItem) -> Vec<u8> {
    let mut out = vec![VERSION];
    out.extend_from_slice(&item.expires_ms.to_be_bytes());
    put_bytes(&mut out, item.biz_id.as_bytes());
    put_bytes(&mut out, &item.bytes);
    out
}

/// The inverse of [`encode_item`].
pub(super) fn decode_item(bytes: &[u8], id: &SessionId) -> Result<InboxItem, StoreError> {
    let mut fields = Fields::open(bytes, "inbox item", id)?;
    let expires_ms = fields.u64()?;
    let biz_id = fields.text()?;
    let content = fields.bytes()?.to_vec();
    fields.close()?;
    Ok(InboxItem { biz_id, bytes: content.into(), expires_ms })
}

/// When an encoded inbox item expires, read without its content.
pub(super) fn item_expiry(bytes: &[u8], id: &SessionId) -> Result<u64, StoreError> {
    Fields::open(bytes, "inbox item", id)?.u64()
}

fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    // Lengths are bounded far below 4 GiB by the caps on requests.
    let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(bytes);
}

/// Takes a record apart.
struct Fields<'a> {
    rest: &'a [u8],
    record: &'static str,
    id: &'a SessionId,
}

impl<'a> Fields<'a> {
    fn open(bytes: &'a [u8], record: &'static str, id: &'a SessionId) -> Result<Self, StoreError> {
        Self::open_up_to(VERSION, bytes, record, id).map(|(fields, _)| fields)
    }

    /// Opens a record of any version that was ever written, up to one. Gives the version, too.
    fn open_up_to(
        newest: u8,
        bytes: &'a [u8],
        record: &'static str,
        id: &'a SessionId,
    ) -> Result<(Self, u8), StoreError> {
        let mut fields = Self { rest: bytes, record, id };
        match fields.u8()? {
            version if (VERSION..=newest).contains(&version) => Ok((fields, version)),
            version if version < VERSION => Err(fields.damaged("it has no format")),
            format => Err(StoreError::Newer { what: fields.name(), format }),
        }
    }

    fn name(&self) -> String {
        format!("the {} of session {}", self.record, self.id)
    }

    fn close(&self) -> Result<(), StoreError> {
        if self.rest.is_empty() { Ok(()) } else { Err(self.damaged("it is longer than its format")) }
    }

    fn damaged(&self, detail: &str) -> StoreError {
        StoreError::corrupt(self.name(), detail)
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], StoreError> {
        let (taken, rest) = self.rest.split_at_checked(length).ok_or_else(|| self.damaged("it is cut short"))?;
        self.rest = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], StoreError> {
        let taken = self.take(N)?;
        taken.try_into().map_err(|_| self.damaged("it is cut short"))
    }

    fn u8(&mut self) -> Result<u8, StoreError> {
        self.array().map(u8::from_be_bytes)
    }

    fn u32(&mut self) -> Result<u32, StoreError> {
        self.array().map(u32::from_be_bytes)
    }

    fn u64(&mut self) -> Result<u64, StoreError> {
        self.array().map(u64::from_be_bytes)
    }

    fn bytes(&mut self) -> Result<&'a [u8], StoreError> {
        let length = self.u32()?;
        self.take(usize::try_from(length).unwrap_or(usize::MAX))
    }

    fn text(&mut self) -> Result<String, StoreError> {
        let bytes = self.bytes()?;
        let text = str::from_utf8(bytes).map_err(|_| self.damaged("a text in it is not UTF-8"))?;
        Ok(text.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn id() -> SessionId {
        SessionId::random().unwrap()
    }

    proptest! {
        // Fails when a decoder indexes, overflows or allocates by an untrusted length.
        #[test]
        fn decoders_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..80), versioned: bool, newer: bool) {
            let mut bytes = bytes;
            if versioned { bytes.insert(0, VERSION); }
            if newer { bytes.insert(0, POSITION_VERSION); }
            let id = id();
            let _ = Position::decode(&bytes, &id);
            let _ = Mark::decode(&bytes, &id);
            let _ = decode_age(&bytes);
            let _ = decode_created(&bytes, &id);
            let _ = decode_item(&bytes, &id);
            let _ = item_expiry(&bytes, &id);
        }

        // Fails when a field is forgotten or two fields change places.
        #[test]
        fn records_round_trip(numbers: [u64; 5], small: [u32; 3], running: bool, role: String, user: String, content: Vec<u8>) {
            let id = id();
            let position = Position { epoch: small[0], head: numbers[0], floor: numbers[1], stored: numbers[3], running, waiting: small[1], next_expiry_ms: numbers[4], next_arrival: numbers[2], done: small[2], used_ms: numbers[0] };
            prop_assert_eq!(Position::decode(&position.encode(), &id).unwrap(), position);
            prop_assert_eq!(decode_age(&encode_age(numbers[2])).unwrap(), numbers[2]);
            for mark in [Mark::Waiting { arrival: numbers[3], expires_ms: numbers[4] }, Mark::Done { seq: numbers[3], at_ms: numbers[4] }] {
                prop_assert_eq!(Mark::decode(&mark.encode(), &id).unwrap(), mark);
            }
            let new = NewSession { id: id.clone(), role: role.clone(), user: user.clone(), created_ms: numbers[0] };
            prop_assert_eq!(decode_created(&encode_created(&new, &user), &id).unwrap(), (new, user.into()));
            let item = InboxItem { biz_id: role, bytes: content.into(), expires_ms: numbers[1] };
            prop_assert_eq!(item_expiry(&encode_item(&item), &id).unwrap(), item.expires_ms);
            prop_assert_eq!(decode_item(&encode_item(&item), &id).unwrap(), item);
        }

        // Fails when a damaged record is read as a shorter one.
        #[test]
        fn truncated_records_are_corrupt(cut in 0usize..62) {
            let id = id();
            let bytes = Position::FRESH.encode();
            let cut = cut.min(bytes.len() - 1);
            let outcome = Position::decode(&bytes[..cut], &id);
            let corrupt = matches!(outcome, Err(StoreError::Corrupt { .. }));
            prop_assert!(corrupt);
        }
    }
}
