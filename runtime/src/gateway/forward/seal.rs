//! The proof that a request comes from a server on the same store, and its answer from the one that was meant.
//!
//! Each process draws a key at its start and tells it in the store. A seal is a MAC under the key of the process that the
//! request is for, over what the request asks and with which token: it cannot be moved to another request, session or
//! process. Who repeats a whole request that he saw asks what its sender asked, with its sender's token; a seal adds nothing.

use axum::http::{HeaderMap, HeaderValue, Request, header};

use crate::store::ContactKey;

/// On a request: it was passed on.
pub(super) const FORWARDED: &str = "x-rolecall-forwarded";
/// On an answer: the process that was meant gave it.
pub(super) const ANSWERED: &str = "x-rolecall-answered";

/// What the key that is told in the store is for.
const CONTEXT: &str = "rolecall 2026-11 requests passed on between servers";

/// A request's seal.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seal {
    key: [u8; 32],
    mac: blake3::Hash,
}

impl Seal {
    /// Of a request as it is said.
    pub(super) fn of(key: &ContactKey, method: &str, path_and_query: &str, authorization: &HeaderValue) -> Self {
        let key = blake3::derive_key(CONTEXT, key.reveal().as_bytes());
        let mut hasher = blake3::Hasher::new_keyed(&key);
        for part in [b"request", method.as_bytes(), path_and_query.as_bytes(), authorization.as_bytes()] {
            // With its length: no two requests read the same.
            hasher.update(&(part.len() as u64).to_le_bytes()).update(part);
        }
        Self { key, mac: hasher.finalize() }
    }

    /// That a request must have; `None` for one that is never passed on.
    pub(super) fn expected<B>(key: &ContactKey, request: &Request<B>) -> Option<Self> {
        let path = request.uri().path_and_query()?.as_str();
        Some(Self::of(key, request.method().as_str(), path, request.headers().get(header::AUTHORIZATION)?))
    }

    /// As a header's value.
    pub(super) fn value(&self) -> HeaderValue {
        text(&self.mac)
    }

    /// Whether a request has it, and no other one besides. Takes the same time whatever is there.
    pub(super) fn is_on(&self, headers: &HeaderMap) -> bool {
        let mut given = headers.get_all(FORWARDED).iter();
        let (given, more) = (given.next(), given.next());
        more.is_none() && given.is_some_and(|given| is(&self.mac, given))
    }

    /// What the answer has.
    pub(super) fn answer(&self) -> HeaderValue {
        text(&self.answer_mac())
    }

    /// Whether an answer is of the process that was meant, to this very request.
    pub(super) fn is_answered(&self, headers: &HeaderMap) -> bool {
        headers.get(ANSWERED).is_some_and(|given| is(&self.answer_mac(), given))
    }

    fn answer_mac(&self) -> blake3::Hash {
        blake3::Hasher::new_keyed(&self.key).update(b"answer").update(self.mac.as_bytes()).finalize()
    }
}

fn text(mac: &blake3::Hash) -> HeaderValue {
    // Hexadecimal digits, which headers may have.
    HeaderValue::from_str(mac.to_hex().as_str()).unwrap_or_else(|_| HeaderValue::from_static(""))
}

/// Hashes compare in constant time.
fn is(mac: &blake3::Hash, given: &HeaderValue) -> bool {
    given.to_str().ok().and_then(|given| blake3::Hash::from_hex(given).ok()).is_some_and(|given| given == *mac)
}
