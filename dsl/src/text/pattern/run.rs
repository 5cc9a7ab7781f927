//! A pattern that is bound to one end of a text.

use regex_automata::Anchored;
use regex_automata::dfa::Automaton;
use regex_automata::util::primitives::StateID;
use regex_automata::util::start;

use super::Pattern;
#[cfg(doc)]
use super::Use;

/// A pattern's automaton on its way through a text: for a pattern that the text must begin with
/// ([`Use::Start`]) or end with ([`Use::End`]).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Run(StateID);

impl Run {
    /// At the empty text.
    #[must_use]
    pub fn new(pattern: &Pattern) -> Self {
        let anchored = if pattern.purpose.is_anchored() { Anchored::Yes } else { Anchored::No };
        let config = start::Config::new().anchored(anchored);
        Self(pattern.dfa.start_state(&config).unwrap_or_default())
    }

    /// Takes the next character and says whether a match ended right before it, or surely with it.
    pub fn push(&mut self, pattern: &Pattern, c: char) -> bool {
        let mut bytes = [0; 4];
        let mut matched = false;
        for byte in c.encode_utf8(&mut bytes).bytes() {
            self.0 = pattern.dfa.next_state(self.0, byte);
            matched |= pattern.dfa.is_match_state(self.0);
        }
        matched || pattern.has_ended(self.0)
    }

    /// Whether a match ends here if the text does.
    #[must_use]
    pub fn matches(&self, pattern: &Pattern) -> bool {
        pattern.dfa.is_match_state(pattern.dfa.next_eoi_state(self.0))
    }

    /// Whether no further match can end.
    #[must_use]
    pub fn is_dead(&self, pattern: &Pattern) -> bool {
        pattern.dfa.is_dead_state(self.0)
    }

    /// Whether a match may end within so many further characters, as `max_chars` counts them.
    #[must_use]
    pub fn fits(&self, pattern: &Pattern, left: u64) -> bool {
        pattern.is_within(self.0, left)
    }

    pub(super) fn state(self) -> StateID {
        self.0
    }

    /// What the next character is read by.
    #[must_use]
    pub fn key(&self) -> u64 {
        u64::from(self.0.as_u32())
    }
}
