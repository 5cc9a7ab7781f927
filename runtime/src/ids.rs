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
///
/// It has no memory of its own: an idle session holds some ten copies.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SessionId([u8; LENGTH]);

const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
const DIGITS: usize = 26;
const LENGTH: usize = 2 + DIGITS;

/// A text that is not a session id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a session id: expected `s_` and {DIGITS} base32 characters")]
pub struct BadSessionId;

impl SessionId {
    /// Its bytes.
    pub const LENGTH: usize = LENGTH;

    /// A new id from the system's random generator.
    ///
    /// # Errors
    /// When the system has no randomness to give.
    pub fn random() -> Result<Self, getrandom::Error> {
        let mut id = *b"s_00000000000000000000000000";
        id.iter_mut().skip(2).zip(random_digits()?.bytes()).for_each(|(to, digit)| *to = digit);
        Ok(Self(id))
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // ASCII, since it was parsed or made here.
        std::str::from_utf8(&self.0).unwrap_or_default()
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
        let id = text.as_bytes().try_into().ok().filter(|_| well_formed);
        id.map(Self).ok_or(BadSessionId)
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
