//! The keys in force: the first signs, all verify.

use super::error::KeyFault;
use super::key::{Algorithm, Key};

/// Keys at once. Rotating drops those that have ended, so more are a mistake.
const MOST: usize = 32;

/// At least one key, each under its own name.
#[derive(Debug)]
pub(super) struct Keyring {
    first: Key,
    older: Vec<Key>,
}

/// What may be shown of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyInfo {
    /// Its name.
    pub kid: String,
    /// How it signs.
    pub algorithm: Algorithm,
    /// Whether it signs; else it only verifies.
    pub signs: bool,
    /// When its tokens are refused, in seconds since the Unix epoch.
    pub until: Option<u64>,
}

impl Keyring {
    /// A key that signs, and older ones.
    pub(super) fn new(first: Key, older: Vec<Key>) -> Result<Self, KeyFault> {
        if first.until.is_some() {
            return Err(KeyFault::FirstEnds);
        }
        if older.len() >= MOST {
            return Err(KeyFault::TooMany(MOST));
        }
        let ring = Self { first, older };
        let mut kids: Vec<&str> = ring.keys().map(Key::kid).collect();
        kids.sort_unstable();
        let twice = kids.windows(2).find_map(|pair| match pair {
            [one, other] if one == other => Some((*one).to_owned()),
            _ => None,
        });
        twice.map_or(Ok(ring), |kid| Err(KeyFault::Twice(kid)))
    }

    /// The lines of a key file. Empty ones and those that begin with `#` are passed over.
    pub(super) fn parse(text: &str) -> Result<Self, KeyFault> {
        let mut keys = Vec::new();
        for (content, line) in text.lines().map(str::trim).zip(1..) {
            if !content.is_empty() && !content.starts_with('#') {
                keys.push(Key::parse(content).map_err(|detail| KeyFault::Line { line, detail })?);
            }
        }
        let mut keys = keys.into_iter();
        Self::new(keys.next().ok_or(KeyFault::Empty)?, keys.collect())
    }

    /// What [`parse`](Self::parse) reads.
    pub(super) fn text(&self) -> String {
        let mut text = String::from(
            "# Keys of session tokens, secret. The first signs, all verify; see `rolecall token --help`.\n",
        );
        for key in self.keys() {
            text.push_str(&key.line());
            text.push('\n');
        }
        text
    }

    /// The key that signs.
    pub(super) fn signing(&self) -> &Key {
        &self.first
    }

    /// The key of a name, ended or not. A token without a name is of the time when there was one key.
    pub(super) fn find(&self, kid: Option<&str>) -> Option<&Key> {
        match kid {
            None => Some(&self.first),
            Some(kid) => self.keys().find(|key| key.kid() == kid),
        }
    }

    /// Puts a new key first. The others verify until then; those that have ended go.
    pub(super) fn rotated(self, first: Key, now: u64, until: u64) -> Result<Self, KeyFault> {
        let mut older: Vec<Key> =
            std::iter::once(self.first).chain(self.older).filter(|key| key.is_live(now)).collect();
        for key in &mut older {
            // An older one ends when it was going to.
            key.until = Some(key.until.map_or(until, |earlier| earlier.min(until)));
        }
        Self::new(first, older)
    }

    /// Takes a key away that does not sign.
    pub(super) fn without(mut self, kid: &str) -> Result<Self, KeyFault> {
        if self.first.kid() == kid {
            return Err(KeyFault::Signs(kid.to_owned()));
        }
        let place = self.older.iter().position(|key| key.kid() == kid);
        self.older.remove(place.ok_or_else(|| KeyFault::NoSuchKey(kid.to_owned()))?);
        Ok(self)
    }

    /// The names of keys that were accepted and are not under the next keys, although their time was not over.
    pub(super) fn revoked_by(&self, next: &Self, now: u64) -> Vec<String> {
        let goes_on = |key: &&Key| next.find(Some(key.kid())).is_some_and(|key| key.is_live(now));
        let gone = self.keys().filter(|key| key.is_live(now) && !goes_on(key));
        gone.map(|key| key.kid().to_owned()).collect()
    }

    pub(super) fn infos(&self) -> Vec<KeyInfo> {
        let info = |(place, key): (usize, &Key)| KeyInfo {
            kid: key.kid().to_owned(),
            algorithm: key.algorithm(),
            signs: place == 0,
            until: key.until,
        };
        self.keys().enumerate().map(info).collect()
    }

    fn keys(&self) -> impl Iterator<Item = &Key> {
        std::iter::once(&self.first).chain(&self.older)
    }
}
