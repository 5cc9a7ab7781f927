//! Identifiers that cross modules. Each is parsed once, at the edge.

use std::fmt;
use std::str::FromStr;

/// A sequence id: +1 per committed message of a session, from 1; 0 stands for "none yet".
pub type Seq = u64;

/// Counts how often a session's sequence had to restart on a new footing; from 1.
pub type Epoch = u32;

/// Counts how often a session's token was renewed; from 0.
pub type TokenGeneration = u32;

/// A session's id: `s_` and 26 characters of Crockford base32 (128 random bits, lower case).
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SessionId(Box<str>);

const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
const DIGITS: usize = 26;

/// A text that is not a session id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a session id: expected `s_` and {DIGITS} base32 characters")]
pub struct BadSessionId;

impl SessionId {
    /// A new id from the system's random generator.
    ///
    /// # Errors
    /// When the system has no randomness to give.
    pub fn random() -> Result<Self, getrandom::Error> {
        Ok(Self(format!("s_{}", random_digits()?).into()))
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// 26 characters of Crockford base32 (128 random bits, lower case), from the system's generator.
///
/// # Errors
/// When the system has no randomness to give.
pub fn random_digits() -> Result<String, getrandom::Error> {
    let mut bytes = [0u8; 16];
    getrandom::fill(&mut bytes)?;
    let mut value = u128::from_be_bytes(bytes);
    let mut text = String::with_capacity(DIGITS);
    for _ in 0..DIGITS {
        let digit = ALPHABET.get((value & 31) as usize).copied().unwrap_or(b'0');
        text.push(char::from(digit));
        value >>= 5;
    }
    Ok(text)
}

impl FromStr for SessionId {
    type Err = BadSessionId;

    fn from_str(text: &str) -> Result<Self, BadSessionId> {
        let digits = text.strip_prefix("s_").ok_or(BadSessionId)?;
        let well_formed = digits.len() == DIGITS && digits.bytes().all(|b| ALPHABET.contains(&b));
        well_formed.then(|| Self(text.into())).ok_or(BadSessionId)
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
