//! Session tokens: JWTs that let their bearer attach to one session.
//!
//! A token names the key that signed it (`kid`). The first key of the [`KeyFile`] signs, all of it verify, each by its own
//! algorithm; what is changed there, a running server takes over. A token carries a generation, +1 with each renewal: once
//! a connection was opened with one, the session refuses lower ones (`PROTOCOL.md` §3.6).

mod error;
mod file;
mod key;
mod keyring;

use std::collections::VecDeque;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use jsonwebtoken::decode_header;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

pub use self::error::{KeyFault, TokenError};
pub use self::file::KeyFile;
pub use self::key::Algorithm;
pub use self::keyring::KeyInfo;

use self::file::Facts;
use self::key::{Key, refusal};
use self::keyring::Keyring;
use super::seen::Seen;
use crate::clock;
use crate::config::Secret;
use crate::ids::{Epoch, SessionId, TokenGeneration};

/// The name of the key file in the data directory.
pub const KEY_FILE: &str = "token.key";

/// The longest token that is looked at, in bytes.
const MAX_TOKEN_BYTES: usize = 4_096;
/// How often the key file is looked at, besides when a token names a key that is not known.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// Revoked keys that are remembered for connections which open at that moment; all others have heard of them.
const REVOKED: usize = 64;

/// What a token says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claims {
    /// The session it opens.
    pub sid: SessionId,
    /// The role that answers there.
    pub role: String,
    /// The session's epoch when the token was issued. It tells, and decides nothing: a client whose epoch is over must be
    /// let in to hear of the new one.
    pub epoch: Epoch,
    /// How often it was renewed.
    pub generation: TokenGeneration,
    /// When it was issued, seconds since the Unix epoch.
    pub iat: u64,
    /// When it ends, seconds since the Unix epoch.
    pub exp: u64,
    /// The key that signed it.
    pub kid: String,
}

/// Issues and verifies session tokens. Cloning shares the keys.
#[derive(Clone)]
pub struct Tokens(Arc<Inner>);

struct Inner {
    keys: ArcSwap<Keyring>,
    file: Option<Watched>,
    revoked: watch::Sender<VecDeque<String>>,
    ttl: Duration,
}

/// The file that keys come from, and how it was when it was last looked into, whatever came of it.
struct Watched {
    file: KeyFile,
    seen: Mutex<Seen<Facts>>,
}

/// Hears when the key of a connection's token is revoked.
#[derive(Debug)]
pub struct Revocation {
    kid: String,
    revoked: watch::Receiver<VecDeque<String>>,
}

/// The claims as they are encoded.
#[derive(Serialize, Deserialize)]
struct Encoded {
    sid: String,
    role: String,
    epoch: Epoch,
    /// Tokens of earlier releases have none.
    #[serde(default, rename = "gen")]
    generation: TokenGeneration,
    iat: u64,
    exp: u64,
}

impl Tokens {
    /// Tokens under a given secret, of at least 32 bytes; older ones verify.
    ///
    /// # Errors
    /// [`TokenError::Setting`] when one is there twice, or there are too many.
    pub fn under(secret: &Secret, older: &[Secret], ttl: Duration) -> Result<Self, TokenError> {
        let older = older.iter().cloned().map(Key::hs256).collect();
        let keys = Keyring::new(Key::hs256(secret.clone()), older).map_err(TokenError::Setting)?;
        Ok(Self::with(keys, None, ttl))
    }

    /// Tokens under the keys of a file.
    ///
    /// # Errors
    /// [`TokenError::Keys`] when the file is not there, or cannot be used.
    pub fn open(path: PathBuf, ttl: Duration) -> Result<Self, TokenError> {
        Self::watching(KeyFile::at(path), KeyFile::read, ttl)
    }

    /// The same; a file that is not there is made with a new key.
    ///
    /// # Errors
    /// [`TokenError::Keys`] when the file cannot be made or used.
    pub fn open_or_make(path: PathBuf, ttl: Duration) -> Result<Self, TokenError> {
        Self::watching(KeyFile::at(path), KeyFile::read_or_make, ttl)
    }

    /// Tokens under a random key that ends with the process.
    ///
    /// # Errors
    /// When the system has no randomness to give.
    pub fn ephemeral(ttl: Duration) -> Result<Self, TokenError> {
        let key = Key::generate(Algorithm::Hs256).map_err(|fault| TokenError::Signing(fault.to_string()))?;
        let keys = Keyring::new(key, Vec::new()).map_err(TokenError::Setting)?;
        Ok(Self::with(keys, None, ttl))
    }

    fn watching(
        file: KeyFile,
        read: impl FnOnce(&KeyFile) -> Result<Keyring, TokenError>,
        ttl: Duration,
    ) -> Result<Self, TokenError> {
        // Before the reading: what is written meanwhile is seen to differ.
        let seen = Mutex::new(Seen::at_start(file.facts()));
        let keys = read(&file)?;
        Ok(Self::with(keys, Some(Watched { file, seen }), ttl))
    }

    fn with(keys: Keyring, file: Option<Watched>, ttl: Duration) -> Self {
        let revoked = watch::Sender::new(VecDeque::new());
        Self(Arc::new(Inner { keys: ArcSwap::from_pointee(keys), file, revoked, ttl }))
    }

    /// Signs the first token of a session.
    ///
    /// # Errors
    /// [`TokenError::Signing`], never in practice.
    pub fn issue(&self, sid: &SessionId, role: &str, epoch: Epoch) -> Result<String, TokenError> {
        self.issue_generation(sid, role, epoch, 0).map(|(token, _claims)| token)
    }

    /// Signs a token of a session, of a given generation.
    ///
    /// # Errors
    /// [`TokenError::Signing`], never in practice.
    pub fn issue_generation(
        &self,
        sid: &SessionId,
        role: &str,
        epoch: Epoch,
        generation: TokenGeneration,
    ) -> Result<(String, Claims), TokenError> {
        let iat = clock::unix().as_secs();
        let exp = iat.saturating_add(self.0.ttl.as_secs());
        let encoded = Encoded { sid: sid.to_string(), role: role.to_owned(), epoch, generation, iat, exp };
        let keys = self.0.keys.load();
        let (token, kid) = (keys.signing().sign(&encoded)?, keys.signing().kid().to_owned());
        let Encoded { role, .. } = encoded;
        Ok((token, Claims { sid: sid.clone(), role, epoch, generation, iat, exp, kid }))
    }

    /// Verifies a token: key, algorithm, signature, shape, expiry, in this order.
    ///
    /// # Errors
    /// The bearer's fault, always.
    pub fn verify(&self, token: &str) -> Result<Claims, TokenError> {
        let claims = self.read(token, |key| key.is_live(clock::unix().as_secs()))?;
        if claims.exp <= clock::unix().as_secs() { Err(TokenError::Expired) } else { Ok(claims) }
    }

    /// The same for a request of a connection that is open: neither its token's time nor that of its key ends it, but
    /// to revoke the key does.
    ///
    /// # Errors
    /// The bearer's fault, always.
    pub fn verify_open(&self, token: &str) -> Result<Claims, TokenError> {
        self.read(token, |_key| true)
    }

    fn read(&self, token: &str, accepts: impl Fn(&Key) -> bool) -> Result<Claims, TokenError> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(TokenError::Malformed);
        }
        let header = decode_header(token).map_err(|error| refusal(error.kind()))?;
        let kid = header.kid.as_deref();
        let mut keys = self.0.keys.load_full();
        if keys.find(kid).is_none() {
            // Another server may sign with a key that is new here.
            self.look(false);
            keys = self.0.keys.load_full();
        }
        let key = keys.find(kid).filter(|key| accepts(key)).ok_or(TokenError::UnknownKey)?;
        let Encoded { sid, role, epoch, generation, iat, exp } = key.verify(token)?;
        let sid = sid.parse().map_err(|_| TokenError::Malformed)?;
        Ok(Claims { sid, role, epoch, generation, iat, exp, kid: key.kid().to_owned() })
    }

    /// What tells when a key is revoked, also when it was just now.
    #[must_use]
    pub fn revocation(&self, kid: &str) -> Revocation {
        Revocation { kid: kid.to_owned(), revoked: self.0.revoked.subscribe() }
    }

    /// Takes over what changes in the key file, until the stop signal.
    pub(crate) async fn stay_current(self, stop: CancellationToken) {
        if self.0.file.is_none() {
            return;
        }
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
            let this = self.clone();
            // Reading files blocks, on a network's file system for long.
            if let Err(error) = tokio::task::spawn_blocking(move || this.look(true)).await {
                tracing::error!(%error, "the token keys were not looked at");
            }
        }
    }

    /// Takes over the key file if it has changed. That costs a caller with an unknown key no more than a look at the
    /// file's facts, so he may come as often as he likes. What cannot be used is left, said once, and tried `again`
    /// every time by those who are not callers.
    fn look(&self, again: bool) {
        let Some(Watched { file, seen }) = &self.0.file else { return };
        // Held while it is read: who comes meanwhile finds the new keys.
        let mut seen = seen.lock();
        let found = file.facts();
        if !seen.calls_for(found.as_ref(), again) {
            return;
        }
        let read = file.read();
        let news = seen.note(found, read.is_ok());
        match read {
            Ok(keys) => self.take_over(keys),
            Err(error) if news => tracing::warn!(%error, "the changed token keys are not taken; those before stay"),
            Err(_) => {}
        }
    }

    fn take_over(&self, keys: Keyring) {
        // A file that was made at the start, touched or written anew with the same keys is no change.
        if self.0.keys.load().text() == keys.text() {
            return;
        }
        let next = Arc::new(keys);
        let before = self.0.keys.swap(Arc::clone(&next));
        let gone = before.revoked_by(&next, clock::unix().as_secs());
        let path = self.0.file.as_ref().map(|watched| watched.file.path());
        tracing::info!(?path, signs = next.signing().kid(), revoked = ?gone, "changed token keys are in force");
        self.0.revoked.send_if_modified(|revoked| {
            let revokes = !gone.is_empty();
            revoked.retain(|kid| next.find(Some(kid)).is_none());
            revoked.extend(gone);
            let surplus = revoked.len().saturating_sub(REVOKED);
            revoked.drain(..surplus);
            // Nobody is woken to learn that its key is still good.
            revokes
        });
    }
}

impl Revocation {
    /// Waits until the key is revoked; for ever while it is not. Cancel-safe.
    pub async fn happens(&mut self) {
        let Self { kid, revoked } = self;
        if revoked.wait_for(|gone| gone.contains(kid)).await.is_err() {
            // The process ends, and with it every connection.
            std::future::pending::<()>().await;
        }
    }
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { keys, ttl, .. } = &*self.0;
        f.debug_struct("Tokens").field("keys", &keys.load()).field("ttl", ttl).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
