use super::key::Algorithm;

/// Why a token, or the keys, were refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Not a JWT, or none with the claims of ours.
    #[error("the session token is malformed; present the `session_token` that POST /v1/sessions gave")]
    Malformed,
    /// Another algorithm than the named key's, `none` included.
    #[error("the session token's algorithm is not that of its key; present it exactly as it was given")]
    Algorithm,
    /// Signed by a key that this server does not have: foreign, retired or revoked.
    #[error("the session token's key is not, or no longer, one of this server's; create a new session")]
    UnknownKey,
    /// The signature does not fit.
    #[error("the session token's signature is wrong; present it exactly as it was given")]
    Signature,
    /// Its time is over.
    #[error("the session token has expired; create a new session")]
    Expired,
    /// The keys cannot be used.
    #[error("token keys in {path}: {fault}")]
    Keys {
        /// Their file.
        path: String,
        /// What is wrong and what to do.
        fault: KeyFault,
    },
    /// A configured key cannot be used.
    #[error("token-key, token-keys-old: {0}")]
    Setting(KeyFault),
    /// The token could not be signed.
    #[error("the session token could not be signed: {0}")]
    Signing(String),
}

/// What is wrong with keys.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyFault {
    /// The file is not there.
    #[error("there is no such file; `rolecall token rotate` makes it")]
    Missing,
    /// The file cannot be read or written.
    #[error("{0}; make it readable and its folder writable, or set ROLECALL_TOKEN_KEY")]
    Io(String),
    /// Somebody else is changing the file, or was killed at it.
    #[error("{draft} is there: another change is under way; remove it if none is")]
    Busy {
        /// What the next state of the file is written to.
        draft: String,
    },
    /// A line is no key.
    #[error(
        "line {line}: {detail}; write `hs256 SECRET` or `eddsa SEED`, behind it `until=SECONDS` for a key that only \
         verifies. To start with a new key, delete the file: sessions opened before then need new tokens"
    )]
    Line {
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        detail: &'static str,
    },
    /// There is none.
    #[error(
        "there is no key in it; put back the one that was there (a backup has it), or delete it: `rolecall token rotate` makes another, under which no token counts that was given out before"
    )]
    Empty,
    /// The key that signs would end by itself.
    #[error("the first key signs and must not have `until`; put a key without it first")]
    FirstEnds,
    /// A key is there twice.
    #[error("the key {0} is there twice; keep one")]
    Twice(String),
    /// More than a server looks through.
    #[error("there are more than {0} keys; remove old ones with `rolecall token revoke KID`")]
    TooMany(usize),
    /// No key has this name.
    #[error("there is no key {0}; `rolecall token keys` lists them")]
    NoSuchKey(String),
    /// The signing key cannot go without a successor.
    #[error("{0} is the key that signs; put a new one first with `rolecall token rotate`")]
    Signs(String),
    /// A key was refused by the library that would use it.
    #[error("an {0} key cannot be used: {1}")]
    Unusable(Algorithm, String),
    /// The system gave no randomness.
    #[error("the system gives no randomness for a key: {0}")]
    Random(String),
}

impl TokenError {
    /// A stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Expired => "token_expired",
            Self::Malformed => "token_invalid",
            Self::UnknownKey => "token_key_unknown",
            Self::Algorithm | Self::Signature => "token_refused",
            Self::Keys { .. } | Self::Setting(_) | Self::Signing(_) => "token_key",
        }
    }

    /// Whether it is the server's fault and not the bearer's.
    #[must_use]
    pub fn is_ours(&self) -> bool {
        matches!(self, Self::Keys { .. } | Self::Setting(_) | Self::Signing(_))
    }
}
