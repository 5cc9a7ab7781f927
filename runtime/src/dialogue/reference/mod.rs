//! Which things said before a user's turn refers to, and what each of them is.
//!
//! Two readers find the phrases ([`zh`], [`en`]) and say what they ask for; [`bind`] looks it up in the
//! state. What asks for something that is not there, or for more than one thing, is marked as
//! [`Target::Unknown`] and never guessed. What only looks like a reference (`第三方`, `一点也不`, `in the
//! first place`) is none: a phrase counts by the word behind it, by whose point it is, and, where it is
//! loose (`the second one`), by whether anything was listed.

mod ask;
mod bind;
mod en;
mod zh;

use std::ops::Range;

use super::stance::Stance;
use super::state::{Keep, State, beginning};

/// References read in one turn; further ones are left to the model.
pub const MAX_REFERENCES: usize = 8;
/// Bytes of a user's turn that are read: what is pasted behind them refers to itself.
const MAX_READ_BYTES: usize = 8 << 10;

/// A phrase of the user's that refers to something said before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// Where it stands, in bytes of the user's turn.
    pub phrase: Range<usize>,
    /// What it points to.
    pub target: Target,
}

/// What a reference points to. Replies and points count from 1, in the order said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// Points of one reply, by place.
    Points {
        /// The reply.
        reply: u64,
        /// Their places.
        points: Vec<usize>,
    },
    /// A whole reply.
    Reply(u64),
    /// What a reply said of something.
    About {
        /// The thing.
        name: String,
        /// The reply.
        reply: u64,
        /// The sentence.
        said: String,
        /// How the role stood to it last, where it took a stance.
        stance: Option<Stance>,
    },
    /// It must not be guessed.
    Unknown(Unknown),
}

/// Why a reference is not resolved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unknown {
    /// Nothing was said yet, or nothing of that kind.
    Nothing,
    /// The reply has fewer points, or bears other numbers.
    NoSuchPoint,
    /// It may mean more than one thing.
    Ambiguous,
    /// That was never spoken of.
    NeverSaid,
    /// It is too long ago.
    Forgotten,
}

/// The references in a user's turn, in order. Empty where the contract keeps nothing.
#[must_use]
pub fn resolve(user: &str, state: &State, keep: Keep) -> Vec<Reference> {
    if !keep.points && !keep.entities {
        return Vec::new();
    }
    let user = beginning(user, MAX_READ_BYTES);
    let mut asks = zh::asks(user);
    asks.extend(en::asks(user));
    // Of phrases that overlap, the one that begins first counts, and of those the longest.
    asks.sort_by_key(|ask| (ask.phrase.start, std::cmp::Reverse(ask.phrase.end)));
    let (mut found, mut end) = (Vec::new(), 0);
    for ask in asks {
        if ask.phrase.start < end || found.len() >= MAX_REFERENCES {
            continue;
        }
        if let Some(target) = bind::bind(&ask, state, keep) {
            end = ask.phrase.end;
            found.push(Reference { phrase: ask.phrase, target });
        }
    }
    found
}
