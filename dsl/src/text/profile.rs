//! Everything that the machines ask about a character, looked up once.
//!
//! What a character is to a machine is defined beside that machine. Asking every machine's definition
//! anew for each character of a reply costs far more than the machines themselves do, so the answers
//! are kept here: for blocks of 256 code points, each filled in when its first character is met.

use std::sync::OnceLock;

use unicode_normalization::char::is_combining_mark;

use super::fold::{Alone, is_ignorable};
use super::rhetorical;
use super::sentence::{Class, class, flows};
use super::styles::{self, Mark, Sign};
use super::{characters, words};

/// What the machines ask about one character.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Profile {
    pub(crate) c: char,
    /// What it folds to, if that is one character wherever it stands.
    pub(super) fold: Option<Alone>,
    /// Its part in where sentences end.
    pub(super) class: Class,
    /// It may stand within a sentence without a word about where that ends.
    pub(super) flows: bool,
    /// Its part in a list marker.
    pub(super) sign: Sign,
    /// Its part in a quotation.
    pub(super) mark: Option<Mark>,
    /// The byte that the cues of rhetorical questions read it as.
    pub(super) letter: u8,
    /// What it does to a sentence that asks.
    pub(super) asks: rhetorical::Asks,
    /// How it counts as a character.
    pub(super) weight: characters::Weight,
    /// How it counts as a word.
    pub(super) role: words::Role,
    /// A straight quotation mark behind it closes.
    pub(super) closes: bool,
    /// It is seen.
    pub(super) shown: bool,
    /// A sentence that ends in it exclaims.
    pub(super) bang: bool,
    /// Behind an exclamation mark it takes the exclamation back.
    pub(super) goes_on: bool,
}

const BLOCK: usize = 256;

static BLOCKS: [OnceLock<Box<[Profile; BLOCK]>>; (char::MAX as usize + 1) / BLOCK] =
    [const { OnceLock::new() }; (char::MAX as usize + 1) / BLOCK];

/// The profile of a character.
#[inline]
pub(crate) fn of(c: char) -> &'static Profile {
    let code = c as usize;
    #[allow(clippy::indexing_slicing, reason = "no code point is above `char::MAX`, and a block has 256 entries")]
    &BLOCKS[code / BLOCK].get_or_init(|| block(code / BLOCK * BLOCK))[code % BLOCK]
}

/// The profiles from a code point on; a surrogate, which is no character, gets that of a replacement.
#[cold]
fn block(first: usize) -> Box<[Profile; BLOCK]> {
    let character = |offset: usize| u32::try_from(first + offset).ok().and_then(char::from_u32);
    Box::new(std::array::from_fn(|offset| Profile::new(character(offset).unwrap_or(char::REPLACEMENT_CHARACTER))))
}

impl Profile {
    fn new(c: char) -> Self {
        let letter = rhetorical::normal(c);
        Self {
            c,
            fold: Alone::of(c),
            class: class(c),
            flows: flows(c),
            sign: styles::sign(c),
            mark: styles::mark(c),
            letter: rhetorical::byte(letter),
            asks: rhetorical::Asks::of(letter),
            weight: characters::Weight::of(c),
            role: words::Role::of(c),
            closes: styles::closes(c),
            shown: !c.is_whitespace() && !is_ignorable(c),
            bang: styles::is_bang(c),
            goes_on: styles::goes_on(c),
        }
    }
}

/// Whether it is a mark on the character before it, or shows nothing at all.
pub(super) fn is_mark(c: char) -> bool {
    !c.is_ascii() && (is_combining_mark(c) || is_ignorable(c))
}
