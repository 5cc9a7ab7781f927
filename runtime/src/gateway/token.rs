//! Session tokens: JWTs that let their bearer attach to one session.

use std::fmt;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, decode_header, encode};
use serde::{Deserialize, Serialize};

use crate::clock;
use crate::ids::{Epoch, SessionId};

/// What a token says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claims {
    /// The session it opens.
    pub sid: SessionId,
    /// The role that answers there.
    pub role: String,
    /// The session's epoch when the token was issued.
    pub epoch: Epoch,
    /// When it was issued, seconds since the Unix epoch.
    pub iat: u64,
    /// When it ends, seconds since the Unix epoch.
    pub exp: u64,
}

/// Issues and verifies session tokens under one HS256 key. Cloning shares the key.
#[derive(Clone)]
pub struct Tokens(Arc<Inner>);

struct Inner {
    kid: String,
    encoding: EncodingKey,
    decoding: DecodingKey,
    validation: Validation,
    ttl: Duration,
}

/// Why a token, or the key, was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Not a JWT, or not one of ours.
    #[error("the session token is malformed; present the `session_token` that POST /v1/sessions gave")]
    Malformed,
    /// Another algorithm than HS256, `none` included.
    #[error("the session token is not signed with HS256; present the `session_token` that POST /v1/sessions gave")]
    Algorithm,
    /// Signed by a key that this server does not have.
    #[error("the session token was signed with another key; create a new session")]
    UnknownKey,
    /// The signature does not fit.
    #[error("the session token's signature is wrong; present it exactly as it was given")]
    Signature,
    /// Its time is over.
    #[error("the session token has expired; create a new session")]
    Expired,
    /// The key file cannot be used.
    #[error("token key {path}: {detail}")]
    Key {
        /// The file.
        path: String,
        /// What is wrong and what to do.
        detail: String,
    },
    /// The token could not be signed.
    #[error("the session token could not be signed: {0}")]
    Signing(String),
}

impl TokenError {
    /// A stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Expired => "token_expired",
            Self::Malformed | Self::Algorithm | Self::UnknownKey | Self::Signature => "token_invalid",
            Self::Key { .. } | Self::Signing(_) => "token_key",
        }
    }
}

/// The claims as they are encoded.
#[derive(Serialize, Deserialize)]
struct Encoded {
    sid: String,
    role: String,
    epoch: Epoch,
    iat: u64,
    exp: u64,
}

/// The name of the key file in the data directory.
pub const KEY_FILE: &str = "token.key";

/// The longest token that is looked at, in bytes.
const MAX_TOKEN_BYTES: usize = 4_096;

impl Tokens {
    /// Tokens under a given key of at least 32 bytes.
    #[must_use]
    pub fn with_key(key: &[u8], ttl: Duration) -> Self {
        let mut validation = Validation::new(Algorithm::HS256);
        // The expiry is checked below, by this process's one clock.
        validation.validate_exp = false;
        let kid: String = blake3::hash(key).to_hex().chars().take(8).collect();
        let (encoding, decoding) = (EncodingKey::from_secret(key), DecodingKey::from_secret(key));
        Self(Arc::new(Inner { kid, encoding, decoding, validation, ttl }))
    }

    /// Tokens under the key in the data directory, generated there on first use.
    ///
    /// # Errors
    /// [`TokenError::Key`] when the file cannot be read, made or used.
    pub fn open(data: &Path, ttl: Duration) -> Result<Self, TokenError> {
        let path = data.join(KEY_FILE);
        let failed = |detail: String| TokenError::Key { path: path.display().to_string(), detail };
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => create_key(data, &path)
                .map_err(|e| failed(format!("{e}; make the data directory writable or set ROLECALL_TOKEN_KEY")))?,
            Err(error) => return Err(failed(format!("{error}; make the file readable or set ROLECALL_TOKEN_KEY"))),
        };
        let key = text.trim();
        if key.len() != 64 || !key.bytes().all(|b| b.is_ascii_hexdigit()) {
            let detail = "damaged: 64 hex digits are expected; restore it, or delete it to start with a new key \
                          (sessions opened before then need new tokens)";
            return Err(failed(detail.to_owned()));
        }
        Ok(Self::with_key(key.as_bytes(), ttl))
    }

    /// Tokens under a random key that ends with the process.
    ///
    /// # Errors
    /// When the system has no randomness to give.
    pub fn ephemeral(ttl: Duration) -> Result<Self, TokenError> {
        let key = random_hex().map_err(|e| TokenError::Signing(e.to_string()))?;
        Ok(Self::with_key(key.as_bytes(), ttl))
    }

    /// Signs a token for a session.
    ///
    /// # Errors
    /// [`TokenError::Signing`], never in practice.
    pub fn issue(&self, sid: &SessionId, role: &str, epoch: Epoch) -> Result<String, TokenError> {
        let now = clock::unix().as_secs();
        let exp = now.saturating_add(self.0.ttl.as_secs());
        let claims = Encoded { sid: sid.to_string(), role: role.to_owned(), epoch, iat: now, exp };
        let mut header = Header::new(Algorithm::HS256);
        header.kid = Some(self.0.kid.clone());
        encode(&header, &claims, &self.0.encoding).map_err(|e| TokenError::Signing(e.to_string()))
    }

    /// Verifies a token: algorithm, key, signature, shape, expiry, in this order.
    ///
    /// # Errors
    /// The bearer's fault, always.
    pub fn verify(&self, token: &str) -> Result<Claims, TokenError> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(TokenError::Malformed);
        }
        let header = decode_header(token).map_err(|error| refusal(error.kind()))?;
        if header.alg != Algorithm::HS256 {
            return Err(TokenError::Algorithm);
        }
        if header.kid.as_deref() != Some(self.0.kid.as_str()) {
            return Err(TokenError::UnknownKey);
        }
        let data = decode::<Encoded>(token, &self.0.decoding, &self.0.validation).map_err(|e| refusal(e.kind()))?;
        let Encoded { sid, role, epoch, iat, exp } = data.claims;
        if exp <= clock::unix().as_secs() {
            return Err(TokenError::Expired);
        }
        let sid = sid.parse().map_err(|_| TokenError::Malformed)?;
        Ok(Claims { sid, role, epoch, iat, exp })
    }
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tokens").field("kid", &self.0.kid).field("ttl", &self.0.ttl).finish_non_exhaustive()
    }
}

fn refusal(kind: &ErrorKind) -> TokenError {
    match kind {
        ErrorKind::InvalidSignature => TokenError::Signature,
        ErrorKind::InvalidAlgorithm | ErrorKind::InvalidAlgorithmName | ErrorKind::UnsupportedAlgorithm => {
            TokenError::Algorithm
        }
        ErrorKind::ExpiredSignature => TokenError::Expired,
        _ => TokenError::Malformed,
    }
}

/// Generates the key: written beside its place, readable by its owner only, and linked into place,
/// so that a crash or a second process starting at once leaves one whole key.
fn create_key(data: &Path, path: &Path) -> io::Result<String> {
    std::fs::create_dir_all(data)?;
    let key = random_hex().map_err(io::Error::other)?;
    let draft: PathBuf = data.join(format!("{KEY_FILE}.{}", std::process::id()));
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&draft)?;
    writeln!(file, "{key}")?;
    file.sync_all()?;
    let linked = std::fs::hard_link(&draft, path);
    std::fs::remove_file(&draft)?;
    match linked {
        Ok(()) => Ok(key),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => std::fs::read_to_string(path),
        Err(error) => Err(error),
    }
}

fn random_hex() -> Result<String, getrandom::Error> {
    let mut bytes = [0u8; 32];
    getrandom::fill(&mut bytes)?;
    Ok(blake3::Hash::from_bytes(bytes).to_hex().to_string())
}

#[cfg(test)]
mod tests;
