//! Authors' patterns, stepped character by character.
//!
//! A pattern is compiled to a DFA of bounded size. Where it must not occur, every start that can
//! still become a match is a thread, so that the earliest live start is exactly what must be held
//! back; where it must occur, one unanchored search is enough.

mod least;
mod letters;
mod run;
mod threads;
mod waiting;

use std::sync::{Arc, OnceLock};

use regex_automata::Anchored;
use regex_automata::dfa::dense::{self, DFA};
use regex_automata::dfa::{Automaton, StartKind};
use regex_automata::nfa::thompson;
use regex_automata::util::primitives::StateID;
use regex_automata::util::start;
use regex_syntax::ParserBuilder;
use regex_syntax::hir::{Hir, Look};
use rustc_hash::FxHashMap;

pub use letters::Letters;
pub use run::Run;
pub use threads::Threads;

/// The largest automaton, in bytes (1 MiB).
pub const SIZE_LIMIT: usize = 1 << 20;

/// Memory that building one may take, in bytes (8 MiB).
const BUILD_LIMIT: usize = 8 << 20;

/// What a pattern is used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Use {
    /// It must occur somewhere.
    Require,
    /// It must not occur.
    Forbid,
    /// The text must begin with a match.
    Start,
    /// The text must end with a match.
    End,
}

impl Use {
    /// Whether the automaton reads a match from its first character on.
    fn is_anchored(self) -> bool {
        matches!(self, Self::Forbid | Self::Start)
    }
}

/// A compiled pattern. Immutable; share it.
#[derive(Debug)]
pub struct Pattern {
    source: String,
    flags: String,
    /// What a match is called, for the patterns that come with the language.
    name: Option<&'static str>,
    purpose: Use,
    /// See [`Pattern::anywhere`]; built when it is first asked for.
    anywhere: OnceLock<Option<Arc<Pattern>>>,
    /// Whether nothing in it looks at what follows, so that a match is one as soon as its last character
    /// is read.
    ends_in_character: bool,
    /// How far from a match each state is; built when it is first asked for.
    least: OnceLock<FxHashMap<StateID, u64>>,
    dfa: DFA<Vec<u32>>,
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        (&self.source, &self.flags) == (&other.source, &other.flags)
    }
}

/// Why a pattern cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// It is not a regular expression.
    #[error("it is not a regular expression: {0}")]
    Syntax(String),
    /// It has a flag that is not known.
    #[error("the flag `{0}` is not known")]
    Flag(char),
    /// It matches the empty text.
    #[error("it matches the empty text, and so everywhere")]
    Empty,
    /// It needs a Unicode word boundary.
    #[error("the word boundary `\\b` depends on all of Unicode, where it fails next to Han characters")]
    WordBoundary,
    /// Its automaton is too large.
    #[error("its automaton would be larger than {} KiB", SIZE_LIMIT / 1024)]
    Size,
}

/// The search for a pattern that must occur.
#[derive(Debug, Clone, Copy)]
pub struct Finder {
    state: StateID,
    found: bool,
}

impl Pattern {
    /// Compiles a pattern. Flags: `i` ignores case, `m` makes `^` and `$` match at lines, `s` lets `.`
    /// match newlines, `x` ignores white space in the pattern.
    ///
    /// # Errors
    /// Says why it cannot be used.
    pub fn new(source: &str, flags: &str, purpose: Use) -> Result<Self, PatternError> {
        let hir = hir(source, flags)?;
        if hir.properties().minimum_len().unwrap_or(0) == 0 {
            return Err(PatternError::Empty);
        }
        let unicode = [Look::WordUnicode, Look::WordUnicodeNegate, Look::WordStartUnicode, Look::WordEndUnicode];
        let halves = [Look::WordStartHalfUnicode, Look::WordEndHalfUnicode];
        if unicode.iter().chain(&halves).any(|look| hir.properties().look_set().contains(*look)) {
            return Err(PatternError::WordBoundary);
        }
        let behind = |look| matches!(look, Look::Start | Look::StartLF);
        let ends_in_character = hir.properties().look_set().iter().all(behind);
        let nfa = thompson::Compiler::new()
            .configure(thompson::Config::new().nfa_size_limit(Some(SIZE_LIMIT)))
            .build_from_hir(&hir)
            .map_err(|_| PatternError::Size)?;
        let anchoring = if purpose.is_anchored() { StartKind::Anchored } else { StartKind::Unanchored };
        let config = dense::Config::new()
            .start_kind(anchoring)
            .match_kind(regex_automata::MatchKind::All)
            .dfa_size_limit(Some(SIZE_LIMIT))
            .determinize_size_limit(Some(BUILD_LIMIT));
        let dfa = dense::Builder::new().configure(config).build_from_nfa(&nfa).map_err(|_| PatternError::Size)?;
        Ok(Self {
            source: source.to_owned(),
            flags: flags.to_owned(),
            name: None,
            purpose,
            anywhere: OnceLock::new(),
            ends_in_character,
            least: OnceLock::new(),
            dfa,
        })
    }

    /// The pattern with a name for what it finds, such as `a web address`.
    #[must_use]
    pub fn named(self, name: &'static str) -> Self {
        Self { name: Some(name), ..self }
    }

    /// How messages call a match: the given name, or the pattern between slashes.
    #[must_use]
    pub fn name(&self) -> String {
        self.name.map_or_else(|| format!("`/{}/`", self.source), str::to_owned)
    }

    /// The pattern as written.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Its flags, as written.
    #[must_use]
    pub fn flags(&self) -> &str {
        &self.flags
    }

    /// The same pattern as one that may match anywhere, whatever it is used for; `None` when that
    /// automaton is too large.
    #[must_use]
    pub fn anywhere(&self) -> Option<Arc<Self>> {
        let build = || Self::new(&self.source, &self.flags, Use::Require).ok().map(Arc::new);
        self.anywhere.get_or_init(build).clone()
    }

    /// Whether it matches anywhere in a text.
    #[must_use]
    pub fn occurs_in(&self, text: &str) -> bool {
        let (mut threads, mut found) = (Threads::default(), false);
        if !self.purpose.is_anchored() {
            let mut finder = Finder::new(self);
            text.chars().for_each(|c| finder.push(self, c));
            return finder.found_at_end(self);
        }
        text.chars().for_each(|c| threads.push(self, c, false, &mut |_| found = true));
        threads.finish(self, &mut |_| found = true);
        found
    }

    /// Whether a match may end within so many characters, as `max_chars` counts them, behind a state.
    fn is_within(&self, state: StateID, left: u64) -> bool {
        let least = self.least.get_or_init(|| least::distances(self, Run::new(self).state()));
        least.get(&state).is_some_and(|distance| *distance <= left)
    }

    /// Whether a match has ended with the character just read, whatever follows. Where it matters what
    /// does, the automaton says so one byte later.
    fn has_ended(&self, state: StateID) -> bool {
        self.ends_in_character && self.dfa.is_match_state(self.dfa.next_eoi_state(state))
    }

    /// Where a thread of the anchored automaton begins; the dead state if it cannot.
    fn anchored_start(&self, previous: Option<u8>) -> Option<StateID> {
        let config = start::Config::new().anchored(Anchored::Yes).look_behind(previous);
        self.dfa.start_state(&config).ok()
    }
}

/// A pattern that comes with the language and must not occur.
#[allow(clippy::expect_used, reason = "the patterns are constants, and each is built by a test")]
pub(crate) fn builtin(name: &'static str, source: &str) -> Arc<Pattern> {
    Arc::new(Pattern::new(source, "", Use::Forbid).expect("a constant pattern compiles").named(name))
}

impl Finder {
    /// A search at the empty text.
    #[must_use]
    pub fn new(pattern: &Pattern) -> Self {
        let config = start::Config::new().anchored(Anchored::No);
        Self { state: pattern.dfa.start_state(&config).unwrap_or_default(), found: false }
    }

    /// Takes the next character.
    pub fn push(&mut self, pattern: &Pattern, c: char) {
        if self.found {
            return;
        }
        let mut bytes = [0; 4];
        for byte in c.encode_utf8(&mut bytes).bytes() {
            self.state = pattern.dfa.next_state(self.state, byte);
            self.found |= pattern.dfa.is_match_state(self.state);
        }
        self.found |= pattern.has_ended(self.state);
    }

    /// Whether it occurs if the text ends here.
    #[must_use]
    pub fn found_at_end(&self, pattern: &Pattern) -> bool {
        self.found || pattern.dfa.is_match_state(pattern.dfa.next_eoi_state(self.state))
    }

    /// Whether it occurs however the text goes on.
    #[must_use]
    pub fn found(&self) -> bool {
        self.found
    }

    /// Everything that the future depends on.
    #[must_use]
    pub fn key(&self) -> u64 {
        if self.found { 1 } else { u64::from(self.state.as_u32()) << 1 }
    }

    /// Whether it can no longer occur.
    #[must_use]
    pub fn is_dead(&self, pattern: &Pattern) -> bool {
        !self.found && pattern.dfa.is_dead_state(self.state)
    }

    /// Whether it may occur within so many further characters, as `max_chars` counts them.
    #[must_use]
    pub fn fits(&self, pattern: &Pattern, left: u64) -> bool {
        self.found || pattern.is_within(self.state, left)
    }
}

/// The pattern's syntax tree.
pub(super) fn hir(source: &str, flags: &str) -> Result<Hir, PatternError> {
    let mut parser = ParserBuilder::new();
    for flag in flags.chars() {
        match flag {
            'i' => parser.case_insensitive(true),
            'm' => parser.multi_line(true),
            's' => parser.dot_matches_new_line(true),
            'x' => parser.ignore_whitespace(true),
            other => return Err(PatternError::Flag(other)),
        };
    }
    parser.build().parse(source).map_err(|error| PatternError::Syntax(reason(&error)))
}

/// The last line of the parser's message, which is the reason without its drawing.
fn reason(error: &regex_syntax::Error) -> String {
    match error {
        regex_syntax::Error::Parse(error) => error.kind().to_string(),
        regex_syntax::Error::Translate(error) => error.kind().to_string(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Start and end of every match.
    fn found(pattern: &str, text: &str, longest: bool) -> Vec<(usize, usize)> {
        let pattern = Pattern::new(pattern, "", Use::Forbid).expect("a pattern");
        let (mut threads, mut found) = (Threads::default(), Vec::new());
        text.chars().for_each(|c| threads.push(&pattern, c, longest, &mut |span| found.push((span.start, span.end))));
        threads.finish(&pattern, &mut |span| found.push((span.start, span.end)));
        found
    }

    #[test]
    fn matches_are_found_wherever_they_start() {
        assert_eq!(found("ab+", "xabbab", true), [(1, 4), (4, 6)]);
        assert_eq!(found("ab+", "xabb", false), [(1, 3)]);
        // Threads that meet in one state become one, the earliest.
        assert_eq!(found("a+b", "aaab", true), [(0, 4)]);
        assert_eq!(found("算.", "算法", true), [(0, 6)]);
        assert_eq!(found(r"(?-u:\bAI\b)", "用AI做 said AI", true), [(3, 5), (14, 16)]);
        assert_eq!(found("(?m)^b$", "a\nb\nbb", true), [(2, 3)]);
    }

    #[test]
    fn what_is_held_starts_at_the_earliest_live_thread() {
        let pattern = Pattern::new("ab{2,3}c", "", Use::Forbid).expect("a pattern");
        let mut threads = Threads::default();
        let holds: Vec<Option<usize>> = "xabbbbab"
            .chars()
            .map(|c| {
                threads.push(&pattern, c, false, &mut |_| {});
                threads.hold()
            })
            .collect();
        assert_eq!(holds, [None, Some(1), Some(1), Some(1), Some(1), None, Some(6), Some(6)]);
    }

    #[test]
    fn required_patterns_are_found_or_lost() {
        let at = |pattern: &str, text: &str| {
            let pattern = Pattern::new(pattern, "", Use::Require).expect("a pattern");
            let mut finder = Finder::new(&pattern);
            text.chars().for_each(|c| finder.push(&pattern, c));
            (finder.found(), finder.found_at_end(&pattern), finder.is_dead(&pattern))
        };
        assert_eq!(at("好$", "你好"), (false, true, false));
        assert_eq!(at("好", "你好吗"), (true, true, false));
        assert_eq!(at("^好", "你好"), (false, false, true));
    }

    #[test]
    fn patterns_that_cannot_be_used_are_refused() {
        let error = |pattern: &str, flags: &str| Pattern::new(pattern, flags, Use::Forbid).err();
        assert_eq!(error("a*", ""), Some(PatternError::Empty));
        assert_eq!(error("$", ""), Some(PatternError::Empty));
        assert_eq!(error(r"\bAI\b", ""), Some(PatternError::WordBoundary));
        assert_eq!(error("a", "q"), Some(PatternError::Flag('q')));
        assert!(matches!(error("(", ""), Some(PatternError::Syntax(_))));
        assert!(matches!(error("a(?=b)", ""), Some(PatternError::Syntax(_))));
        assert_eq!(error(r"(\w{1,50}x){1,50}", ""), Some(PatternError::Size));
    }
}
