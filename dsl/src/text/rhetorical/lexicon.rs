//! The automaton that reads the cues.

use std::sync::LazyLock;

use regex_automata::Anchored;
use regex_automata::dfa::Automaton;
use regex_automata::dfa::dense::DFA;
use regex_automata::util::primitives::StateID;
use regex_automata::util::start;

use super::patterns::{OTHER, VARIANTS, letters};
pub(super) use super::patterns::{PATTERNS, Says};

/// The automaton as the build script wrote it, aligned as its reader wants it.
#[repr(C)]
struct Aligned<B: ?Sized> {
    alignment: [u32; 0],
    bytes: B,
}

static COMPILED: &Aligned<[u8]> =
    &Aligned { alignment: [], bytes: *include_bytes!(concat!(env!("OUT_DIR"), "/lexicon.dfa")) };

/// The patterns as one automaton over an alphabet of their own characters: every other character is
/// the same to them, which keeps the automaton small.
pub(super) struct Lexicon {
    pub(super) dfa: DFA<&'static [u32]>,
    pub(super) start: StateID,
}

pub(super) static LEXICON: LazyLock<Lexicon> = LazyLock::new(|| {
    #[allow(clippy::expect_used, reason = "the build script wrote it for this target")]
    let (dfa, _) = DFA::from_bytes(&COMPILED.bytes).expect("the automaton of the build");
    let start = dfa.start_state(&start::Config::new().anchored(Anchored::No)).unwrap_or_default();
    Lexicon { dfa, start }
});

/// The characters of the patterns outside ASCII, sorted, and the byte each is read as.
static LETTERS: LazyLock<Vec<(char, u8)>> = LazyLock::new(letters);

/// The byte that a normalised character is read as.
pub(in crate::text) fn byte(normal: char) -> u8 {
    match u8::try_from(normal) {
        Ok(ascii @ 0..0x80) => ascii,
        _ => {
            let found = LETTERS.binary_search_by_key(&normal, |letter| letter.0).ok();
            found.and_then(|index| LETTERS.get(index)).map_or(OTHER, |letter| letter.1)
        }
    }
}

/// Reads the automaton, which takes a moment, unless that was done before.
pub(crate) fn prepare() {
    LazyLock::force(&LEXICON);
}

/// The byte that stands for a character: characters with the same byte are the same to the patterns.
pub(crate) fn letter(c: char) -> u8 {
    byte(normal(c))
}

/// Every character that the patterns know, in all its variants.
pub(crate) fn alphabet() -> Vec<char> {
    let mut found: Vec<char> = LETTERS.iter().map(|letter| letter.0).collect();
    let ascii = PATTERNS.iter().flat_map(|(_, pattern)| pattern.chars());
    found.extend(ascii.filter(|c| c.is_ascii_lowercase() || *c == '\''));
    found.extend("?？⁇⁈⁉‽﹖.。!！…｡．⋯‥,，、;；:：—– ’".chars());
    found.sort_by_key(|c| (VARIANTS.iter().any(|(variant, _)| variant == c), *c));
    found.dedup();
    found
}

/// What a character does to whether the sentence asks if it ends here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::text) enum Asks {
    /// A question mark or `吗`.
    Yes,
    /// What may stand behind them takes nothing back.
    AsBefore,
    No,
}

impl Asks {
    pub(in crate::text) fn of(normal: char) -> Self {
        match normal {
            '?' | '吗' | '嗎' | '嘛' => Self::Yes,
            '.' | ' ' => Self::AsBefore,
            _ => Self::No,
        }
    }
}

/// The character as the patterns see it.
pub(in crate::text) fn normal(c: char) -> char {
    match c {
        '?' | '？' | '⁇' | '⁈' | '⁉' | '‽' | '﹖' => '?',
        '.' | '。' | '!' | '！' | '…' | '｡' | '．' | '⋯' | '‥' => '.',
        ',' | '，' | '、' | ';' | '；' | ':' | '：' | '—' | '–' | '\n' => ',',
        '\'' | '’' => '\'',
        c if c.is_alphanumeric() => c.to_ascii_lowercase(),
        _ => ' ',
    }
}
