//! One key: what it signs, it verifies, and nothing else.

use std::fmt;
use std::str::FromStr;

use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::jwk::{AlgorithmParameters, Jwk};
use jsonwebtoken::{DecodingKey, EncodingKey, Header, Validation, decode, encode};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::error::{KeyFault, TokenError};
use crate::config::Secret;

/// The least bytes of a secret.
const LEAST_SECRET: usize = 32;
/// Hexadecimal digits of a key's name.
const KID_DIGITS: usize = 8;
/// What PKCS #8 puts in front of the seed of an Ed25519 key (RFC 8410 §7).
const PKCS8_ED25519: [u8; 16] =
    [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];

/// How a key signs. It belongs to the key: what a token's header says is only held against it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// HMAC with SHA-256 under a shared secret.
    Hs256,
    /// Ed25519.
    EdDsa,
}

/// A key.
pub(super) struct Key {
    kid: String,
    algorithm: Algorithm,
    /// As it stands in a file.
    secret: Secret,
    /// When its tokens are refused, in seconds since the Unix epoch; `None` for a key that does not end by itself.
    pub(super) until: Option<u64>,
    encoding: EncodingKey,
    decoding: DecodingKey,
    validation: Validation,
}

impl Algorithm {
    fn of_jwt(self) -> jsonwebtoken::Algorithm {
        match self {
            Self::Hs256 => jsonwebtoken::Algorithm::HS256,
            Self::EdDsa => jsonwebtoken::Algorithm::EdDSA,
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Hs256 => "hs256",
            Self::EdDsa => "eddsa",
        })
    }
}

impl FromStr for Algorithm {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        [Self::Hs256, Self::EdDsa].into_iter().find(|known| known.to_string() == text).ok_or("write hs256 or eddsa")
    }
}

impl Key {
    /// A shared secret, as it is written.
    pub(super) fn hs256(secret: Secret) -> Self {
        let bytes = secret.reveal().as_bytes();
        let (kid, encoding, decoding) = (kid(bytes), EncodingKey::from_secret(bytes), DecodingKey::from_secret(bytes));
        Self::with(Algorithm::Hs256, kid, secret, encoding, decoding)
    }

    /// An Ed25519 key by its seed, 64 hexadecimal digits.
    pub(super) fn eddsa(seed: Secret) -> Result<Self, KeyFault> {
        let unusable = |error: String| KeyFault::Unusable(Algorithm::EdDsa, error);
        let bytes = blake3::Hash::from_hex(seed.reveal()).map_err(|error| unusable(error.to_string()))?;
        let encoding = EncodingKey::from_ed_der(&[&PKCS8_ED25519[..], bytes.as_bytes()].concat());
        let jwk = Jwk::from_encoding_key(&encoding, jsonwebtoken::Algorithm::EdDSA);
        let jwk = jwk.map_err(|error| unusable(error.to_string()))?;
        let decoding = DecodingKey::from_jwk(&jwk).map_err(|error| unusable(error.to_string()))?;
        let AlgorithmParameters::OctetKeyPair(public) = &jwk.algorithm else {
            return Err(unusable("it has no public half".to_owned()));
        };
        let kid = kid(public.x.as_bytes());
        Ok(Self::with(Algorithm::EdDsa, kid, seed, encoding, decoding))
    }

    /// A new one.
    pub(super) fn generate(algorithm: Algorithm) -> Result<Self, KeyFault> {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes).map_err(|error| KeyFault::Random(error.to_string()))?;
        let digits = Secret::new(&blake3::Hash::from_bytes(bytes).to_hex());
        match algorithm {
            Algorithm::Hs256 => Ok(Self::hs256(digits)),
            Algorithm::EdDsa => Self::eddsa(digits),
        }
    }

    fn with(algorithm: Algorithm, kid: String, secret: Secret, encoding: EncodingKey, decoding: DecodingKey) -> Self {
        let mut validation = Validation::new(algorithm.of_jwt());
        // The expiry is checked by the process's one clock, and not for what is open already.
        validation.validate_exp = false;
        Self { kid, algorithm, secret, until: None, encoding, decoding, validation }
    }

    /// A line of a key file. 64 bare digits are a secret: so earlier releases wrote their only key.
    pub(super) fn parse(line: &str) -> Result<Self, &'static str> {
        let mut words = line.split_whitespace();
        let first = words.next().unwrap_or_default();
        let mut key = match (first.parse(), words.next()) {
            (Ok(Algorithm::Hs256), Some(secret)) if is_secret(secret) => Self::hs256(Secret::new(secret)),
            (Ok(Algorithm::Hs256), _) => return Err("a secret has at least 32 visible ASCII characters"),
            (Ok(Algorithm::EdDsa), Some(seed)) => {
                Self::eddsa(Secret::new(seed)).map_err(|_fault| "a seed has 64 hexadecimal digits")?
            }
            (Ok(Algorithm::EdDsa), None) => return Err("a seed has 64 hexadecimal digits"),
            (Err(_), None) if first.len() == 64 && first.bytes().all(|b| b.is_ascii_hexdigit()) => {
                Self::hs256(Secret::new(first))
            }
            (Err(_), _) => return Err("not a key"),
        };
        if let Some(word) = words.next() {
            let seconds = word.strip_prefix("until=").and_then(|seconds| seconds.parse().ok());
            key.until = Some(seconds.ok_or("what stands behind the key is not until=SECONDS")?);
        }
        if words.next().is_some() { Err("there is something behind the key") } else { Ok(key) }
    }

    /// The line that [`parse`](Self::parse) reads.
    pub(super) fn line(&self) -> String {
        let until = self.until.map_or_else(String::new, |until| format!(" until={until}"));
        format!("{} {}{until}", self.algorithm, self.secret.reveal())
    }

    /// Its name, which is no secret.
    pub(super) fn kid(&self) -> &str {
        &self.kid
    }

    pub(super) fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Whether its tokens are accepted at this second.
    pub(super) fn is_live(&self, now: u64) -> bool {
        self.until.is_none_or(|until| now < until)
    }

    pub(super) fn sign(&self, claims: &impl Serialize) -> Result<String, TokenError> {
        let mut header = Header::new(self.algorithm.of_jwt());
        header.kid = Some(self.kid.clone());
        encode(&header, claims, &self.encoding).map_err(|error| TokenError::Signing(error.to_string()))
    }

    /// The claims of a token that this key signed with its algorithm.
    pub(super) fn verify<T: DeserializeOwned>(&self, token: &str) -> Result<T, TokenError> {
        let data = decode::<T>(token, &self.decoding, &self.validation);
        data.map(|data| data.claims).map_err(|error| refusal(error.kind()))
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kid, algorithm, until, .. } = self;
        f.debug_struct("Key")
            .field("kid", kid)
            .field("algorithm", algorithm)
            .field("until", until)
            .finish_non_exhaustive()
    }
}

/// What a failed reading of a token means.
pub(super) fn refusal(kind: &ErrorKind) -> TokenError {
    match kind {
        ErrorKind::InvalidSignature => TokenError::Signature,
        ErrorKind::InvalidAlgorithm | ErrorKind::InvalidAlgorithmName | ErrorKind::UnsupportedAlgorithm => {
            TokenError::Algorithm
        }
        _ => TokenError::Malformed,
    }
}

/// A short fingerprint.
fn kid(bytes: &[u8]) -> String {
    blake3::hash(bytes).to_hex().chars().take(KID_DIGITS).collect()
}

fn is_secret(text: &str) -> bool {
    text.len() >= LEAST_SECRET && text.bytes().all(|byte| byte.is_ascii_graphic())
}
