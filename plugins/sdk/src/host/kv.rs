//! A small store of the policy's own: the grant `kv`.
//!
//! All instances of the policy in one server share it, whatever session they serve: what is kept of one
//! user's text can be read while another's is judged, so keep counts and caches, never texts. It holds 1,024
//! keys and 1 MiB of keys and values together, in memory; it outlives the exchange of the policy for another
//! version, and ends when the policy is no longer in force or the server stops. Where a policy is only tried, by the
//! cases of a contract or its own, each call begins with an empty store.

use std::fmt;

/// Why nothing was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KvError {
    /// The key has more than 256 bytes.
    KeyTooLong,
    /// There is no room; nothing is ever pushed out.
    Full,
}

impl fmt::Display for KvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::KeyTooLong => "the key has more than 256 bytes",
            Self::Full => "the policy's store is full: 1,024 keys, 1 MiB",
        })
    }
}

impl std::error::Error for KvError {}

/// The value of a key.
#[must_use]
pub fn get(key: &str) -> Option<Vec<u8>> {
    store::get(key)
}

/// Sets the value of a key. Of two instances that set it at once, the later one is kept.
///
/// # Errors
/// Nothing was written.
pub fn set(key: &str, value: &[u8]) -> Result<(), KvError> {
    store::set(key, value)
}

/// Adds to a counter in one step, and gives what it is then. A counter begins with 0 and stops at its ends.
///
/// # Errors
/// Nothing was written.
pub fn add(key: &str, by: i64) -> Result<i64, KvError> {
    store::add(key, by)
}

/// Forgets a key.
pub fn delete(key: &str) {
    store::delete(key);
}

#[cfg(target_arch = "wasm32")]
mod store {
    use super::KvError;
    use crate::bindings::host::rolecall::host::kv as host;

    pub(super) use host::{delete, get};

    pub(super) fn set(key: &str, value: &[u8]) -> Result<(), KvError> {
        host::set(key, value).map_err(error)
    }

    pub(super) fn add(key: &str, by: i64) -> Result<i64, KvError> {
        host::add(key, by).map_err(error)
    }

    fn error(error: host::KvError) -> KvError {
        match error {
            host::KvError::KeyTooLong => KvError::KeyTooLong,
            host::KvError::Full => KvError::Full,
        }
    }
}

#[cfg(not(target_arch = "wasm32"))]
use crate::testing::host::kv as store;
